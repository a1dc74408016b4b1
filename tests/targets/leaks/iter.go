// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build go1.23

package main

import (
	"context"
	"iter"
	"sync"
)

var versionCases = []pattern{
	{"pull_not_stopped", pullNotStopped},
	{"after_func", afterFunc},
	{"once_value_recursion", onceValueRecursion},
}

func count(yield func(int) bool) {
	for i := 0; yield(i); i++ {
	}
}

// The coroutine of an iterator that is neither drained nor stopped. Go's own profile has no word of
// it: a goroutine of the runtime's, not one of ours.
func pullNotStopped(r *run) {
	next, stop := iter.Pull(iter.Seq[int](count))
	next()
	if r.fixed {
		stop()
	} else {
		r.extra++
	}
}

// AfterFunc's function waits for who never comes.
func afterFunc(r *run) {
	ctx, cancel := context.WithCancel(context.Background())
	done, began := make(chan struct{}), make(chan struct{})
	context.AfterFunc(ctx, func() {
		close(began)
		<-done
	})
	cancel()
	<-began
	if r.fixed {
		close(done)
	} else {
		r.extra++
	}
}

func onceValueRecursion(r *run) {
	var value func() int
	value = sync.OnceValue(func() int {
		if r.fixed {
			return 1
		}
		return value()
	})
	r.leak(func() { value() })
}
