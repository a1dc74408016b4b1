// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program mutex_contention has some goroutines that want the same mutex all the time. With -cold
// each has a mutex of its own: the healthy twin.
package main

import (
	"flag"
	"fmt"
	"sync"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var (
	workers = flag.Int("workers", 8, "goroutines")
	size    = flag.Int("size", 64, "entries changed while the lock is held")
	cold    = flag.Bool("cold", false, "one mutex each")
)

type table struct {
	mu    sync.Mutex
	hits  map[int]int
	_     [64]byte
	total int64
}

var stopping int32

func (t *table) update() {
	t.mu.Lock()
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
			return map[string]interface{}{
				"rate": rate.Totals(),
				"lock": fmt.Sprintf("%p", &tables[0].mu),
			}
		},
	})
}
