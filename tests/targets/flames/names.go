// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "conctrace.test/targets/internal/ctl"

var never = make(chan int)

type box[K comparable, V any] struct {
	key K
	val V
}

//go:noinline
func (b *box[K, V]) park() { <-never }

type größe int

//go:noinline
func (g größe) 待つ() { <-never }

type waiter struct{ c chan int }

//go:noinline
func (w waiter) park() { <-w.c }

type parker interface{ park() }

// The compiler makes a method of a type without a name, whose text has all that is difficult.
//
//go:noinline
func promoted() parker {
	return &struct {
		waiter
		n int `json:"<a&b>;\"c d\""`
	}{waiter: waiter{never}}
}

//go:noinline
func run(f func()) { f() }

// names parks goroutines; it reports how many pass through a function, by its name in Go's own dump.
func names() ctl.Program {
	local := func() { func() { <-never }() }
	wrapped := promoted()
	starts := []func(){
		(&box[string, struct{ a, b int }]{}).park,
		(&box[int, map[string]func(int) error]{}).park,
		größe(1).待つ,
		local,
		func() { run(waiter{never}.park) },
		func() { wrapped.park() },
	}
	return ctl.Program{
		Go: func() {
			for _, start := range starts {
				go start()
			}
			ctl.Settle(1 + len(starts))
		},
		Report: func() interface{} {
			return report{Names: map[string]int{
				"main.(*box[...]).park": 2,
				"main.größe.待つ":         1,
				"main.waiter.park":      2,
				"main.run":              1,
			}}
		},
	}
}
