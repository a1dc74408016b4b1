// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program spawn_storm creates goroutines one batch after the other and waits for each batch.
package main

import (
	"flag"
	"runtime"
	"sync"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var batch = flag.Int("batch", 100, "goroutines alive at the same time")

var (
	stopping int32
	spawned  int64
	exited   int64
)

func storm(ended chan<- struct{}) {
	for atomic.LoadInt32(&stopping) == 0 {
		var group sync.WaitGroup
		group.Add(*batch)
		for i := 0; i < *batch; i++ {
			go func() {
				atomic.AddInt64(&exited, 1)
				group.Done()
			}()
		}
		atomic.AddInt64(&spawned, int64(*batch))
		group.Wait()
	}
	close(ended)
}

func main() {
	ctl.Parse()
	rate := &ctl.Rate{Count: func() int64 { return atomic.LoadInt64(&exited) }}
	ended := make(chan struct{})
	before := 0 // goroutines, once started
	ctl.Run(ctl.Program{
		Endless: true,
		Go: func() {
			before = runtime.NumGoroutine()
			rate.Start()
			go storm(ended)
		},
		Stop: func() {
			atomic.StoreInt32(&stopping, 1)
			if before == 0 {
				return
			}
			<-ended
			rate.Stop()
			ctl.Settle(before)
		},
		Report: func() interface{} {
			return map[string]interface{}{
				"rate":    rate.Totals(),
				"spawned": atomic.LoadInt64(&spawned),
				"exited":  atomic.LoadInt64(&exited),
			}
		},
	})
}
