// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
)

func init() { register("race.suspect", raceSuspect) }

type hits struct {
	total int64
}

// Two goroutines count without a lock; fixed, with an atomic. Built with -race, the first says so.
func raceSuspect(fixed bool) {
	h := &hits{}
	for _, name := range []string{"first", "second"} {
		name := name
		go func() {
			know(name, ctl.Goid())
			for {
				if fixed {
					atomic.AddInt64(&h.total, 1)
				} else {
					h.count()
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
	}
}

//go:noinline
func (h *hits) count() {
	here()
	h.total++
}
