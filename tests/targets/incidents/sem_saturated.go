// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "time"

func init() { register("sem.saturated", semSaturated) }

// Forty callers for a semaphore of four slots that are each held for half a second; the fixed one
// has slots enough.
func semSaturated(fixed bool) {
	slots := 4
	if fixed {
		slots = 64
	}
	know("slots", slots)
	limiter := &limiter{slots: make(chan struct{}, slots)}
	for i := 0; i < many(40); i++ {
		go func() {
			for {
				limiter.call()
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
}

type limiter struct {
	slots chan struct{}
}

func (l *limiter) call() {
	l.acquire()
	time.Sleep(500 * time.Millisecond)
	<-l.slots
}

func (l *limiter) acquire() {
	here()
	l.slots <- struct{}{}
}
