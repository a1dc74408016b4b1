// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"time"
)

func init() { register("ctx.ignored", ctxIgnored) }

// Requests are given up by their caller. The workers, whose pool passes the context on, wait for an
// answer all the same, but for the fixed ones.
func ctxIgnored(fixed bool) {
	every(100*time.Millisecond, func() {
		ctx, cancel := context.WithCancel(context.Background())
		answers := make(chan int)
		work := waitDeaf
		if fixed {
			work = waitListening
		}
		go work(ctx, answers)
		time.Sleep(20 * time.Millisecond)
		place("canceller", 1)
		cancel()
	})
}

//go:noinline
func waitDeaf(ctx context.Context, answers chan int) {
	here()
	answer := <-answers
	publish(ctx, answer)
}

func waitListening(ctx context.Context, answers chan int) {
	select {
	case answer := <-answers:
		publish(ctx, answer)
	case <-ctx.Done():
	}
}

//go:noinline
func publish(ctx context.Context, answer int) {
	if ctx.Err() == nil {
		sink = answer
	}
}
