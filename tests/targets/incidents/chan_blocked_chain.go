// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"time"

	"conctrace.test/targets/internal/ctl"
)

func init() { register("chan.blocked_chain", chanBlockedChain) }

// The orders' half of a service hands each order to the ledger's half over unbuffered channels, by
// way of one dispatcher. The ledger dies; in the fixed version the dispatcher does not wait for it
// longer than it may.
func chanBlockedChain(fixed bool) {
	orders := make(chan int)
	entries := make(chan int)
	go runLedger(entries, fixed)
	go dispatch(orders, entries, fixed)
	for i := 0; i < many(30); i++ {
		go placeOrders(orders)
	}
}

func runLedger(entries chan int, fixed bool) {
	for i := 0; i < 5 || fixed; i++ {
		<-entries
	}
}

func dispatch(orders, entries chan int, fixed bool) {
	know("root", ctl.Goid())
	for order := range orders {
		if fixed {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			select {
			case entries <- order:
			case <-ctx.Done():
			}
			cancel()
			continue
		}
		bookOrder(entries, order)
	}
}

func bookOrder(entries chan int, order int) {
	here()
	entries <- order
}

func placeOrders(orders chan int) {
	for i := 0; ; i++ {
		orders <- i
		time.Sleep(50 * time.Millisecond)
	}
}
