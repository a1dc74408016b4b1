// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build go1.24

package main

import (
	"runtime"
	"sync/atomic"
	"time"
)

func queueCleanups(number int) {
	var begun int64
	runtime.AddCleanup(&bell{}, func(int) {
		atomic.StoreInt64(&begun, 1)
		time.Sleep(time.Hour)
	}, 0)
	// up to Go 1.24 it has its turn after the finalizers
	if runtime.Version() >= "go1.25" {
		collect(func() bool { return atomic.LoadInt64(&begun) == 1 })
	}
	for i := 0; i < number; i++ {
		go await(func(b *bell) {
			runtime.AddCleanup(b, func(ring chan struct{}) { close(ring) }, b.ring)
		})
	}
}
