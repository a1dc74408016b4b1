// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package ctl

import (
	"fmt"
	"time"
)

// Rate prints "ops/s=N" for every second of an endless phase and keeps the totals.
type Rate struct {
	// Count reads how many operations there were so far. It is called from another goroutine.
	Count func() int64

	begin time.Time
	stop  chan struct{}
	ended chan struct{}
	ops   int64
	ns    int64
}

// Start begins to count.
func (r *Rate) Start() {
	r.begin = time.Now()
	r.stop, r.ended = make(chan struct{}), make(chan struct{})
	go r.print()
}

func (r *Rate) print() {
	defer close(r.ended)
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	last, at := int64(0), r.begin
	for {
		select {
		case <-r.stop:
			return
		case now := <-tick.C:
			count := r.Count()
			fmt.Printf("ops/s=%.0f\n", float64(count-last)/now.Sub(at).Seconds())
			last, at = count, now
		}
	}
}

// Stop ends the counting; more calls do nothing.
func (r *Rate) Stop() {
	if r.stop == nil {
		return
	}
	r.ops, r.ns = r.Count(), int64(time.Since(r.begin))
	close(r.stop)
	<-r.ended
	r.stop = nil
	fmt.Printf("total ops=%d seconds=%.3f\n", r.ops, float64(r.ns)/1e9)
}

// Totals are those of the phase that ended, or so far; switches are since the program's start.
func (r *Rate) Totals() map[string]int64 {
	if r.stop != nil {
		r.ops, r.ns = r.Count(), int64(time.Since(r.begin))
	}
	return map[string]int64{"ops": r.ops, "duration_ns": r.ns, "switches": Switches()}
}
