// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build go1.25

package main

import "runtime"

// From Go 1.25 on cleanups have goroutines of their own; before, they would wait behind the
// finalizer.
func addCleanup() {
	home := add(resident{Name: "cleanup"})
	c := make(chan int)
	home.On = at("chan", c)
	makeCleaned(c, home)
	for home.goid() == 0 {
		runtime.GC()
		runtime.Gosched()
	}
}

//go:noinline
func makeCleaned(c chan int, home *resident) {
	runtime.AddCleanup(&finalized{c: c}, func(c chan int) {
		home.enter()
		cleanUp(c)
	}, c)
}

//go:noinline
func cleanUp(c chan int) { <-c }

func init() { optional = append(optional, addCleanup) }
