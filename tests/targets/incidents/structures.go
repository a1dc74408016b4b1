// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

func init() {
	register("pool.miss", poolMiss)
	register("map.miss", mapMiss)
	register("atomic.value", atomicValue)
	register("ticker.drift", tickerDrift)
	register("ticker.drift/leak", tickerLeak)
}

// Buffers taken from a pool and given back only by the fixed program: 100,000 a second, and what a late
// tick missed is made up for.
func poolMiss(fixed bool) {
	pool := &sync.Pool{New: func() interface{} { return new([256]byte) }}
	go func() {
		start := time.Now()
		taken := 0
		place("site", 3)
		for range time.Tick(time.Millisecond) {
			for due := int(time.Since(start) / (10 * time.Microsecond)); taken < due; taken++ {
				buffer := pool.Get().(*[256]byte)
				buffer[0]++
				if fixed {
					pool.Put(buffer)
				}
			}
		}
	}()
}

// A million updates of counters a second, as far as the machine can: in a sync.Map whose values are
// replaced, or, fixed, in atomics that the map points to.
func mapMiss(fixed bool) {
	var counters sync.Map
	for w := 0; w < 2; w++ {
		go func(seed int) {
			for n := seed; ; n += 2 {
				if n%200 < 2 {
					time.Sleep(100 * time.Microsecond)
				}
				if fixed {
					addTo(&counters, n%5000)
				} else {
					replaceIn(&counters, n)
				}
			}
		}(w)
	}
}

var replaceSite sync.Once

func replaceIn(counters *sync.Map, n int) {
	replaceSite.Do(func() { place("site", 1) })
	counters.Store(n%5000, n)
	if n%16 == 0 {
		counters.Delete((n * 7) % 5000)
	}
}

func addTo(counters *sync.Map, key int) {
	counter, ok := counters.Load(key)
	if !ok {
		counter, _ = counters.LoadOrStore(key, new(int64))
	}
	atomic.AddInt64(counter.(*int64), 1)
}

// A counter kept in an atomic.Value; the fixed one is an atomic integer.
func atomicValue(fixed bool) {
	var boxed atomic.Value
	var plain int64
	boxed.Store(int64(0))
	go func() {
		var site sync.Once
		for {
			time.Sleep(time.Millisecond)
			for i := 0; i < 100; i++ {
				if fixed {
					atomic.AddInt64(&plain, 1)
					continue
				}
				site.Do(func() { place("site", 1) })
				boxed.Store(boxed.Load().(int64) + 1)
			}
		}
	}()
}

// A job that is to run every 50 ms and takes 40 itself.
func tickerDrift(fixed bool) {
	job := func() { <-time.After(40 * time.Millisecond) }
	go func() {
		if fixed {
			for range time.Tick(50 * time.Millisecond) {
				job()
			}
		}
		for {
			job()
			here()
			time.Sleep(50 * time.Millisecond)
		}
	}()
}

// Each request has a ticker of its own.
func tickerLeak(fixed bool) {
	every(20*time.Millisecond, func() {
		here()
		ticker := time.NewTicker(time.Second)
		if fixed {
			ticker.Stop()
		}
	})
}
