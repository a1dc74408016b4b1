// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"sync"
	"time"
)

// Leaks over channels: after T. Tu et al., "Understanding Real-World Concurrency Bugs in Go" (ASPLOS
// 2019), G. Saioc et al., "Unveiling and Vanquishing Goroutine Leaks in Enterprise Microservices"
// (CGO 2024), and the kernels that the GoBench suite took from Kubernetes, etcd, Docker and others.
var channelCases = []pattern{
	{"early_return", earlyReturn},
	{"timeout_result", timeoutResult},
	{"double_send", doubleSend},
	{"ncast", ncast},
	{"unclosed_range", unclosedRange},
	{"pipeline_abandoned", pipelineAbandoned},
	{"fan_in_abandoned", fanInAbandoned},
	{"nil_receive", nilReceive},
	{"nil_send", nilSend},
	{"nil_select", nilSelect},
	{"empty_select", emptySelect},
	{"select_without_done", selectWithoutDone},
	{"select_without_default", selectWithoutDefault},
	{"done_never_closed", doneNeverClosed},
	{"buffer_full", bufferFull},
	{"slots_not_given_back", slotsNotGivenBack},
	{"self_send", selfSend},
	{"circular_channels", circularChannels},
	{"chain", chain},
	{"handshake_half", handshakeHalf},
	{"panic_before_send", panicBeforeSend},
	{"error_before_close", errorBeforeClose},
	{"future_dropped", futureDropped},
	{"token_bucket_dead", tokenBucketDead},
	{"timer_stopped", timerStopped},
	{"ticker_stopped", tickerStopped},
	{"struct_of_channels", structOfChannels},
	{"channel_of_channels", channelOfChannels},
}

var errFailed = errors.New("failed")

// The caller returns on an error before it takes the result.
func earlyReturn(r *run) {
	result := make(chan int)
	if r.fixed {
		result = make(chan int, 1)
	}
	r.leak(func() { result <- 1 })
	if err := errFailed; err != nil {
		return
	}
	<-result
}

// Kubernetes' finishRequest (ASPLOS 2019, figure 1): the timeout comes first, nobody takes the result.
func timeoutResult(r *run) {
	size := 0
	if r.fixed {
		size = 1
	}
	result := make(chan int, size)
	timeout := make(chan struct{})
	close(timeout)
	begin := make(chan struct{})
	r.leak(func() {
		<-begin
		result <- 1
	})
	select {
	case <-result:
	case <-timeout:
	}
	close(begin)
}

// After an error it goes on and sends a second time.
func doubleSend(r *run) {
	result := make(chan error)
	r.leak(func() {
		if err := errFailed; err != nil {
			result <- err
			if r.fixed {
				return
			}
		}
		result <- nil
	})
	<-result
}

// Many ask, the first answer is enough.
func ncast(r *run) {
	size := 0
	if r.fixed {
		size = 5
	}
	answers := make(chan int, size)
	first := make(chan struct{})
	r.live(func() {
		answers <- 0
		close(first)
	})
	<-answers
	<-first
	for i := 1; i < 5; i++ {
		i := i
		r.leak(func() { answers <- i })
	}
}

func unclosedRange(r *run) {
	items := make(chan int)
	r.leak(func() {
		for range items {
		}
	})
	items <- 1
	items <- 2
	if r.fixed {
		close(items)
	}
}

// Generator and squarer both stay when the consumer has had enough.
func pipelineAbandoned(r *run) {
	numbers, squares, done := make(chan int), make(chan int), make(chan struct{})
	stop := done
	if !r.fixed {
		stop = nil
	}
	r.leak(func() {
		for i := 0; ; i++ {
			select {
			case numbers <- i:
			case <-stop:
				return
			}
		}
	})
	r.leak(func() {
		for {
			select {
			case n := <-numbers:
				select {
				case squares <- n * n:
				case <-stop:
					return
				}
			case <-stop:
				return
			}
		}
	})
	<-squares
	<-squares
	close(done)
}

func fanInAbandoned(r *run) {
	out, done := make(chan int), make(chan struct{})
	wg := new(sync.WaitGroup)
	for i := 0; i < 2; i++ {
		i := i
		wg.Add(1)
		r.leak(func() {
			defer wg.Done()
			select {
			case out <- i:
			case <-done:
			}
		})
	}
	r.leak(func() {
		wg.Wait()
		close(out)
	})
	if r.fixed {
		close(done)
	}
}

func nilReceive(r *run) {
	var c chan int
	if r.fixed {
		c = make(chan int, 1)
		c <- 1
	}
	r.leak(func() { <-c })
}

func nilSend(r *run) {
	var c chan int
	if r.fixed {
		c = make(chan int, 1)
	}
	r.leak(func() { c <- 1 })
}

func nilSelect(r *run) {
	var a, b chan int
	if r.fixed {
		a = make(chan int, 1)
		a <- 1
	}
	r.leak(func() {
		select {
		case <-a:
		case <-b:
		}
	})
}

func emptySelect(r *run) {
	r.leak(func() {
		if r.fixed {
			return
		}
		select {}
	})
}

func selectWithoutDone(r *run) {
	jobs, events, done := make(chan int), make(chan int), make(chan struct{})
	r.leak(func() {
		for {
			select {
			case <-jobs:
			case <-events:
			case <-done:
				return
			}
		}
	})
	jobs <- 1
	events <- 1
	if r.fixed {
		close(done)
	}
}

// A notification that nobody waits for.
func selectWithoutDefault(r *run) {
	changed := make(chan struct{})
	r.leak(func() {
		if r.fixed {
			select {
			case changed <- struct{}{}:
			default:
			}
			return
		}
		changed <- struct{}{}
	})
}

func doneNeverClosed(r *run) {
	done := make(chan struct{})
	for i := 0; i < 3; i++ {
		r.leak(func() { <-done })
	}
	if r.fixed {
		close(done)
	}
}

func bufferFull(r *run) {
	items := make(chan int, 5)
	r.leak(func() {
		for i := 0; i < 10; i++ {
			items <- i
		}
	})
	for i := 0; i < 3 || r.fixed && i < 10; i++ {
		<-items
	}
}

// A channel as a semaphore: an error path forgets to give the slot back.
func slotsNotGivenBack(r *run) {
	slots := make(chan struct{}, 2)
	work := func(fails bool) {
		slots <- struct{}{}
		if fails && !r.fixed {
			return
		}
		<-slots
	}
	work(true)
	work(true)
	r.leak(func() { work(false) })
	r.leak(func() { work(false) })
}

func selfSend(r *run) {
	size := 0
	if r.fixed {
		size = 1
	}
	r.leak(func() {
		c := make(chan int, size)
		c <- 1
		<-c
	})
}

// Each waits for the other's first word.
func circularChannels(r *run) {
	ping, pong := make(chan int), make(chan int)
	r.leak(func() {
		if r.fixed {
			ping <- 1
			<-pong
			return
		}
		<-pong
		ping <- 1
	})
	r.leak(func() {
		<-ping
		pong <- 1
	})
}

// Each waits for the next one, and the last for nobody.
func chain(r *run) {
	last := make(chan struct{})
	next := last
	for i := 0; i < 10; i++ {
		from, to := next, make(chan struct{})
		r.leak(func() {
			<-from
			close(to)
		})
		next = to
	}
	if r.fixed {
		close(last)
	}
}

// Stop waits for a worker that has ended already.
func handshakeHalf(r *run) {
	size := 0
	if r.fixed {
		size = 1
	}
	stop, ended := make(chan chan struct{}, size), make(chan struct{})
	r.live(func() { close(ended) })
	<-ended
	r.leak(func() {
		answer := make(chan struct{}, 1)
		answer <- struct{}{}
		stop <- answer
		<-answer
	})
}

func panicBeforeSend(r *run) {
	result := make(chan int)
	r.leak(func() { <-result })
	r.live(func() {
		defer func() {
			if recover() != nil && r.fixed {
				close(result)
			}
		}()
		var m map[int]int
		m[1] = 1
		result <- 1
	})
}

func errorBeforeClose(r *run) {
	rows := make(chan int, 1)
	r.live(func() {
		if r.fixed {
			defer close(rows)
		}
		rows <- 1
		if err := errFailed; err != nil {
			return
		}
		if !r.fixed {
			close(rows)
		}
	})
	r.leak(func() {
		for range rows {
		}
	})
}

type future struct {
	value chan int
	err   chan error
}

func futureDropped(r *run) {
	f := &future{make(chan int), make(chan error, 1)}
	if r.fixed {
		f.value = make(chan int, 1)
	}
	r.leak(func() { f.value <- 1 })
}

// The one that fills the bucket has ended.
func tokenBucketDead(r *run) {
	tokens := make(chan struct{}, 4)
	r.live(func() {
		for i := 0; i < 4; i++ {
			tokens <- struct{}{}
		}
		if r.fixed {
			close(tokens)
		}
	})
	for i := 0; i < 5; i++ {
		if i < 4 {
			<-tokens
		}
	}
	r.leak(func() { <-tokens })
}

func timerStopped(r *run) {
	timer := time.NewTimer(time.Hour)
	if !r.fixed {
		timer.Stop()
	}
	r.leak(func() { <-timer.C })
}

// Stop does not close the channel.
func tickerStopped(r *run) {
	ticker := time.NewTicker(time.Hour)
	if !r.fixed {
		ticker.Stop()
	}
	r.leak(func() {
		for range ticker.C {
		}
	})
}

type node struct {
	next  *node
	ready chan struct{}
}

// A ring of nodes that only the goroutines of it know.
func structOfChannels(r *run) {
	first := &node{ready: make(chan struct{})}
	last := first
	for i := 0; i < 5; i++ {
		last.next = &node{ready: make(chan struct{})}
		last = last.next
	}
	last.next = first
	if r.fixed {
		keep(first)
	}
	for n, i := first, 0; i < 3; n, i = n.next, i+1 {
		n := n
		r.leak(func() {
			<-n.ready
			close(n.next.ready)
		})
	}
}

func channelOfChannels(r *run) {
	requests := make(chan chan int, 1)
	if r.fixed {
		r.live(func() { (<-requests) <- 1 })
	}
	r.leak(func() {
		answer := make(chan int)
		requests <- answer
		<-answer
	})
}
