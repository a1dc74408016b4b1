// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program mutex_contention has some goroutines that want the same mutex all the time. With -cold
// each has a mutex of its own: the healthy twin. With -hold they sleep while they have it, and the report says
// how often they had it and for how long.
package main

import (
	"flag"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
)

var (
	workers = flag.Int("workers", 8, "goroutines")
	size    = flag.Int("size", 64, "entries changed while the lock is held")
	cold    = flag.Bool("cold", false, "one mutex each")
	hold    = flag.Duration("hold", 0, "sleep for so long while the lock is held")
)

type table struct {
	mu    sync.Mutex
	hits  map[int]int
	_     [64]byte
	total int64
	held  holds
}

// holds are of those who had the lock.
type holds struct {
	Count int64 `json:"count"`
	Ns    int64 `json:"ns"`
	Max   int64 `json:"max"`
}

var stopping int32

func (t *table) update() {
	t.mu.Lock()
	if *hold > 0 {
		began := time.Now()
		time.Sleep(*hold)
		ns := int64(time.Since(began))
		t.held.Count++
		t.held.Ns += ns
		if ns > t.held.Max {
			t.held.Max = ns
		}
	}
	for i := 0; i < *size; i++ {
		t.hits[i]++
	}
	t.total++
	t.mu.Unlock()
}

func worker(t *table, ops *int64) {
	for atomic.LoadInt32(&stopping) == 0 {
		t.update()
		atomic.AddInt64(ops, 1)
	}
}

func main() {
	ctl.Parse()
	tables := make([]*table, *workers)
	ops := make([]int64, 8**workers)
	for i := range tables {
		tables[i] = &table{hits: map[int]int{}}
		if !*cold {
			tables[i] = tables[0]
		}
	}
	rate := &ctl.Rate{Count: func() (n int64) {
		for i := 0; i < *workers; i++ {
			n += atomic.LoadInt64(&ops[8*i])
		}
		return n
	}}
	ctl.Run(ctl.Program{
		Endless: true,
		Go: func() {
			rate.Start()
			for i, t := range tables {
				go worker(t, &ops[8*i])
			}
		},
		Stop: func() {
			atomic.StoreInt32(&stopping, 1)
			rate.Stop()
		},
		Report: func() interface{} {
			tables[0].mu.Lock()
			held := tables[0].held
			tables[0].mu.Unlock()
			return map[string]interface{}{
				"held": held,
				"rate": rate.Totals(),
				"lock": fmt.Sprintf("%p", &tables[0].mu),
			}
		},
	})
}
