// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package ctl

import (
	"sync/atomic"
	"time"
)

const latest = 100000 // microseconds; later ones count as that late

// Heartbeat wants to run every millisecond: how late it is, is what others did to the program.
type Heartbeat struct {
	worst int64
	late  [latest + 1]int64 // beats by how many microseconds they were late
}

// Start begins to beat, for ever.
func (h *Heartbeat) Start() { go h.beat() }

func (h *Heartbeat) beat() {
	tick := time.NewTicker(time.Millisecond)
	last := time.Now()
	for range tick.C {
		now := time.Now()
		late := int64(now.Sub(last) - time.Millisecond)
		last = now
		if late > atomic.LoadInt64(&h.worst) {
			atomic.StoreInt64(&h.worst, late)
		}
		slot := late / 1000
		if slot < 0 {
			slot = 0
		}
		if slot > latest {
			slot = latest
		}
		atomic.AddInt64(&h.late[slot], 1)
	}
}

// Take is the record since the last call.
func (h *Heartbeat) Take() (beats, p99, worst int64) {
	var counts [latest + 1]int64
	for i := range counts {
		counts[i] = atomic.SwapInt64(&h.late[i], 0)
		beats += counts[i]
	}
	seen := int64(0)
	for i, count := range counts {
		seen += count
		if seen*100 >= beats*99 {
			p99 = int64(i) * 1000
			break
		}
	}
	return beats, p99, atomic.SwapInt64(&h.worst, 0)
}
