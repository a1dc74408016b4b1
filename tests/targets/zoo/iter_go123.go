// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build go1.23

package main

import "iter"

// pulled is a goroutine that waits, as a coroutine, to be asked for its next value.
func pulled() {
	home := add(resident{Name: "iter_pull"})
	next, stop := iter.Pull(func(yield func(int) bool) {
		home.enter()
		yieldOn(yield)
	})
	next()
	kept = append(kept, next, stop)
}

//go:noinline
func yieldOn(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

func init() { optional = append(optional, pulled) }
