// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"sync"
	"time"
)

func init() {
	register("select.spin", selectSpin)
	register("select.spin/check", selectCheck)
	register("chan.closed_spin", closedSpin)
	register("chan.closed_spin/range", closedRange)
}

func produce(jobs chan<- int) {
	for n := 0; ; n++ {
		time.Sleep(5 * time.Millisecond)
		jobs <- n
	}
}

// A consumer that polls its queue; the fixed one waits for it.
func selectSpin(fixed bool) {
	jobs := make(chan int, 16)
	go produce(jobs)
	if fixed {
		go func() {
			for job := range jobs {
				sink = job
			}
		}()
		return
	}
	go pollingConsumer(jobs)
}

func pollingConsumer(jobs <-chan int) {
	var site sync.Once
	for {
		site.Do(func() { place("site", 2) })
		select {
		case job := <-jobs:
			sink = job
		default:
		}
	}
}

// A computation that looks for its end once a round is healthy, for all its polls.
func selectCheck(fixed bool) {
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		defer cancel()
		total := uint64(0)
		for {
			select {
			case <-ctx.Done():
				return
			default:
			}
			for i := uint64(0); i < 100000; i++ {
				total += i * i
			}
			if total == 1 {
				sink = total
			}
		}
	}()
}

var quits []chan struct{}

// A consumer that does not see that its input has ended, but for the fixed one.
func closedSpin(fixed bool) {
	results, quit := make(chan int), make(chan struct{})
	quits = append(quits, quit)
	go deafConsumer(results, quit, fixed)
	go func() {
		for n := 0; n < 10; n++ {
			results <- n
		}
		close(results)
	}()
}

func deafConsumer(results chan int, quit chan struct{}, fixed bool) {
	var site sync.Once
	for {
		site.Do(func() { place("site", 1) })
		select {
		case v, ok := <-results:
			if !ok && fixed {
				results = nil
			}
			sink = v
		case <-quit:
			return
		}
	}
}

// The same by a plain receive.
func closedRange(fixed bool) {
	results := make(chan int)
	close(results)
	go func() {
		var site sync.Once
		for {
			site.Do(func() { place("site", 1) })
			v, ok := <-results
			if !ok && fixed {
				return
			}
			sink = v
		}
	}()
}
