// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

func init() {
	register("panic.recovered", panicRecovered)
	register("panic.fatal", panicFatal)
	register("panic.fatal/map", panicMap)
	register("wg.misuse", wgMisuse)
	register("atomic.value/type", atomicType)
	register("wg.misuse/inside", wgAddInside)
}

var sink interface{}

type order struct{ customer *customer }
type customer struct{ name string }

// every runs the work again and again.
func every(period time.Duration, work func()) {
	go func() {
		for range time.Tick(period) {
			work()
		}
	}()
}

// A handler whose middleware swallows panics; the fixed one checks for what is missing.
func panicRecovered(fixed bool) {
	var swallowed int64
	every(20*time.Millisecond, func() {
		defer func() {
			if recover() != nil {
				atomic.AddInt64(&swallowed, 1)
			}
		}()
		know("swallowed", atomic.LoadInt64(&swallowed))
		greet(&order{}, fixed)
	})
}

//go:noinline
func greet(o *order, fixed bool) {
	if fixed && o.customer == nil {
		sink = errors.New("no customer")
		return
	}
	here()
	sink = o.customer.name
}

// onUser runs the work when the process is told to by SIGUSR1.
func onUser(work func()) {
	told := make(chan os.Signal, 1)
	signal.Notify(told, syscall.SIGUSR1)
	go func() {
		<-told
		work()
	}()
}

// The process dies of a panic, when it is told to.
func panicFatal(fixed bool) {
	place("site", 3)
	onUser(func() {
		if err := settle(fixed); err != nil {
			panic(fmt.Errorf("settling failed: %w", err))
		}
	})
}

func settle(fixed bool) error {
	if fixed {
		return nil
	}
	return errors.New("no such account")
}

// Goroutines write to one map; the runtime sees it and gives up. The fixed ones take a lock.
func panicMap(fixed bool) {
	var mu sync.Mutex
	counts := map[int]int{}
	count := func(n int) {
		if fixed {
			mu.Lock()
			defer mu.Unlock()
		}
		counts[n%100]++
	}
	place("site", 10)
	onUser(func() {
		for i := 0; i < 4; i++ {
			go func() {
				for n := 0; n < 1<<30; n++ {
					if fixed {
						count(n)
						time.Sleep(time.Millisecond)
						continue
					}
					counts[n%100]++
				}
			}()
		}
	})
}

// Done is called once more than Add; the panic is recovered by a middleware.
func wgMisuse(fixed bool) {
	every(50*time.Millisecond, func() {
		defer func() { _ = recover() }()
		var wg sync.WaitGroup
		wg.Add(1)
		wg.Done()
		if !fixed {
			here()
			wg.Done()
		}
		wg.Wait()
	})
}

// Values of two types in one atomic.Value.
func atomicType(fixed bool) {
	every(50*time.Millisecond, func() {
		defer func() { _ = recover() }()
		var config atomic.Value
		config.Store("a")
		if fixed {
			config.Store("b")
			return
		}
		here()
		config.Store(7)
	})
}

// A batch whose goroutines count themselves in: Wait may come first. In the fixed one who starts them does; and
// there is what only looks alike.
func wgAddInside(fixed bool) {
	if !fixed {
		go func() {
			for range time.Tick(2 * time.Millisecond) {
				batchInside(4)
			}
		}()
		return
	}
	go func() {
		for range time.Tick(2 * time.Millisecond) {
			batch(4)
		}
	}()
	go handshakes()
	go nested()
	serveUntilClosed()
}

//go:noinline
func batchInside(n int) {
	// Wait panics when one counts itself in just as Wait returns; the program has to outlive that.
	defer func() { recover() }()
	var group sync.WaitGroup
	place("site", 3)
	for i := 0; i < n; i++ {
		go func() {
			group.Add(1)
			defer group.Done()
			work()
		}()
	}
	group.Wait()
}

//go:noinline
func batch(n int) {
	var group sync.WaitGroup
	for i := 0; i < n; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			work()
		}()
	}
	group.Wait()
}

//go:noinline
func work() {
	time.Sleep(200 * time.Microsecond)
}

// Each goroutine counts itself in and says so before anybody waits; round after round, on the same WaitGroup.
func handshakes() {
	var group sync.WaitGroup
	for range time.Tick(2 * time.Millisecond) {
		in := make(chan struct{})
		go func() {
			group.Add(1)
			close(in)
			group.Done()
		}()
		<-in
		group.Wait()
		group.Wait()
	}
}

// A goroutine that is counted counts others in.
func nested() {
	for range time.Tick(2 * time.Millisecond) {
		var group sync.WaitGroup
		group.Add(1)
		go func() {
			defer group.Done()
			group.Add(1)
			go func() {
				defer group.Done()
				work()
			}()
		}()
		group.Wait()
		group.Wait()
	}
}

// Requests count themselves in as they come, and who stops the server waits for them, once.
func serveUntilClosed() {
	var requests sync.WaitGroup
	stopped := make(chan struct{})
	go func() {
		for range time.Tick(time.Millisecond) {
			select {
			case <-stopped:
				return
			default:
			}
			requests.Add(1)
			go func() {
				defer requests.Done()
				work()
			}()
		}
	}()
	onUser(func() {
		close(stopped)
		requests.Wait()
	})
}
