// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"time"
)

func init() { register("leak.growth", leakGrowth) }

// Every request starts a worker that waits for an answer. The caller gives up after a while; only
// the fixed worker listens to that.
func leakGrowth(fixed bool) {
	go func() {
		for range time.Tick(20 * time.Millisecond) {
			ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
			answers := make(chan int)
			if fixed {
				go listeningWorker(ctx, answers)
			} else {
				go deafWorker(answers)
			}
			go func() {
				<-ctx.Done()
				cancel()
			}()
		}
	}()
}

func deafWorker(answers chan int) {
	here()
	<-answers
}

func listeningWorker(ctx context.Context, answers chan int) {
	select {
	case <-answers:
	case <-ctx.Done():
	}
}
