// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"time"

	"conctrace.test/targets/internal/ctl"
)

func init() { register("lock.held_blocked", lockHeldBlocked) }

type priceCache struct {
	mu     sync.Mutex
	prices map[string]int
	quotes chan int
}

// One goroutine waits for a quote that does not come while it holds the cache's lock, and everybody
// else queues behind it. Fixed, it waits without the lock.
func lockHeldBlocked(fixed bool) {
	cache := &priceCache{prices: map[string]int{}, quotes: make(chan int)}
	held := make(chan struct{})
	go func() {
		know("holder", ctl.Goid())
		if fixed {
			close(held)
			cache.refreshUnlocked()
		} else {
			cache.refresh(held)
		}
	}()
	<-held
	for i := 0; i < many(12); i++ {
		go func() {
			for {
				cache.look("tea")
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
}

func (c *priceCache) refresh(held chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(held)
	c.prices["tea"] = c.quote()
}

func (c *priceCache) refreshUnlocked() {
	price := c.quote()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.prices["tea"] = price
}

//go:noinline
func (c *priceCache) quote() int {
	here()
	return <-c.quotes
}

func (c *priceCache) look(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.prices[name]
}
