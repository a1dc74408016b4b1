// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "time"

func init() { register("spawn.unbounded", spawnUnbounded) }

// Four hundred messages a second that take long, each in a goroutine of its own; fixed, twenty at a
// time and the rest waits in the queue.
func spawnUnbounded(fixed bool) {
	place("site", 9)
	go func() {
		slots := make(chan struct{}, 20)
		for range time.Tick(10 * time.Millisecond) {
			for i := 0; i < 4; i++ {
				if fixed {
					slots <- struct{}{}
					go handleInSlot(slots)
				} else {
					go handleMessage()
				}
			}
		}
	}()
}

func handleMessage() {
	body := make([]byte, 16<<10)
	for i := range body {
		body[i] = byte(i)
	}
	time.Sleep(40 * time.Second)
	_ = body[0]
}

func handleInSlot(slots chan struct{}) {
	time.Sleep(50 * time.Millisecond)
	<-slots
}
