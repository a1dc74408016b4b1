// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"time"
)

func init() { register("leak.proven", leakProven) }

// Seven lookups whose callers have given up: nobody has the channels of their answers any more. Fixed,
// an answer that nobody fetches has room.
func leakProven(fixed bool) {
	room := 0
	if fixed {
		room = 1
	}
	for i := 0; i < many(7); i++ {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		lookUp(ctx, room)
		cancel()
	}
	time.Sleep(100 * time.Millisecond)
}

//go:noinline
func lookUp(ctx context.Context, room int) int {
	answer := make(chan int, room)
	go ask(answer)
	select {
	case n := <-answer:
		return n
	case <-ctx.Done():
		return 0
	}
}

//go:noinline
func ask(answer chan int) {
	time.Sleep(50 * time.Millisecond)
	here()
	answer <- 42
}
