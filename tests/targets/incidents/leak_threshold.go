// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "sync"

func init() { register("leak.threshold", leakThreshold) }

// Somebody may still send on it.
var subscriberEvents = make(chan int)

// A handler for each of 700 subscribers, or a pool of 20 that serves them all.
func leakThreshold(fixed bool) {
	subscribers := many(700)
	handlers := subscribers
	if fixed {
		handlers = 20
	}
	var started sync.WaitGroup
	started.Add(handlers)
	for i := 0; i < handlers; i++ {
		go func() {
			started.Done()
			serveSubscriber(subscriberEvents)
		}()
	}
	started.Wait()
}

func serveSubscriber(events chan int) {
	here()
	for range events {
	}
}
