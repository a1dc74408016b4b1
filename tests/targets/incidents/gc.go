// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"runtime"
	"sync"
	"time"
)

func init() {
	register("gc.pressure", gcPressure)
	register("gc.pressure/forced", gcForced)
}

type node struct {
	next *node
	data [6]uint64
}

// Requests that build what they need anew each time, on top of a heap of pointers that must be marked
// again and again; the fixed ones keep their buffers.
func gcPressure(fixed bool) {
	var live *node
	for i := 0; i < 100000; i++ {
		live = &node{next: live}
	}
	var pool = sync.Pool{New: func() interface{} { return new([4096]*node) }}
	for w := 0; w < 4; w++ {
		go func() {
			var site sync.Once
			for range time.Tick(2 * time.Millisecond) {
				for n := 0; n < 10; n++ {
					if fixed {
						buffer := pool.Get().(*[4096]*node)
						buffer[n] = live
						pool.Put(buffer)
						continue
					}
					answer(live, &site)
				}
			}
		}()
	}
	runtime.KeepAlive(live)
}

//go:noinline
func answer(live *node, site *sync.Once) {
	site.Do(func() { place("site", 1) })
	buffer := make([]*node, 4096)
	buffer[0] = live
	sink = buffer
}

// runtime.GC called where somebody thought that it helps.
func gcForced(fixed bool) {
	every(20*time.Millisecond, func() {
		if fixed {
			return
		}
		here()
		runtime.GC()
	})
}
