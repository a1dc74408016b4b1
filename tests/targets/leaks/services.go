// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"io"
	"sync"
	"time"
)

// Leaks as services have them: contexts, pools, subscribers, clients. The fixed twins of some keep
// goroutines that wait, for somebody who is reachable.
var serviceCases = []pattern{
	{"cancel_lost", cancelLost},
	{"context_values", contextValues},
	{"context_overwritten", contextOverwritten},
	{"pool_not_closed", poolNotClosed},
	{"subscriber_forgotten", subscriberForgotten},
	{"unsubscribe_deadlock", unsubscribeDeadlock},
	{"errgroup_first_error", errgroupFirstError},
	{"start_without_stop", startWithoutStop},
	{"request_without_server", requestWithoutServer},
	{"body_not_closed", bodyNotClosed},
	{"pipe_without_reader", pipeWithoutReader},
	{"registry_delete", registryDelete},
	{"after_in_loop", afterInLoop},
	{"watcher_backlog", watcherBacklog},
	{"leader_lease", leaderLease},
	{"batcher_flush", batcherFlush},
	{"retry_abandoned", retryAbandoned},
	{"singleflight_stuck", singleflightStuck},
	{"cache_loader", cacheLoader},
	{"idle_service", idleService},
}

// The function that cancels is thrown away.
func cancelLost(r *run) {
	ctx, cancel := context.WithCancel(context.Background())
	r.leak(func() { <-ctx.Done() })
	if r.fixed {
		cancel()
	}
}

type key struct{}

func contextValues(r *run) {
	ctx, cancel := context.WithCancel(context.Background())
	for i := 0; i < 5; i++ {
		ctx = context.WithValue(ctx, key{}, i)
	}
	child, stop := context.WithCancel(ctx)
	r.leak(func() {
		select {
		case <-child.Done():
		case <-ctx.Done():
		}
	})
	if r.fixed {
		stop()
		cancel()
	}
}

// ASPLOS 2019, figure 6: a second context takes the first one's variables; nobody can cancel it.
func contextOverwritten(r *run) {
	ctx, cancel := context.WithCancel(context.Background())
	first := ctx
	r.leak(func() { <-first.Done() })
	if r.fixed {
		cancel()
	}
	ctx, cancel = context.WithCancel(context.Background())
	cancel()
	<-ctx.Done()
}

type pool struct {
	jobs chan func()
	wg   sync.WaitGroup
}

func poolNotClosed(r *run) {
	p := &pool{jobs: make(chan func())}
	for i := 0; i < 4; i++ {
		p.wg.Add(1)
		r.leak(func() {
			defer p.wg.Done()
			for job := range p.jobs {
				job()
			}
		})
	}
	p.jobs <- func() {}
	if r.fixed {
		close(p.jobs)
		p.wg.Wait()
	}
}

type broker struct {
	mu          sync.Mutex
	subscribers map[chan string]bool
}

func (b *broker) subscribe() chan string {
	c := make(chan string, 1)
	b.mu.Lock()
	b.subscribers[c] = true
	b.mu.Unlock()
	return c
}

// The broker forgets a subscriber and does not close its channel.
func subscriberForgotten(r *run) {
	b := &broker{subscribers: map[chan string]bool{}}
	keep(b)
	for i := 0; i < 3; i++ {
		c := b.subscribe()
		r.leak(func() {
			for range c {
			}
		})
		b.mu.Lock()
		delete(b.subscribers, c)
		b.mu.Unlock()
		if r.fixed {
			close(c)
		}
	}
	staying := b.subscribe()
	r.live(func() {
		for range staying {
		}
	})
}

// The publisher sends while it has the lock that the subscriber takes to leave.
func unsubscribeDeadlock(r *run) {
	b := &broker{subscribers: map[chan string]bool{}}
	c := b.subscribe()
	c <- "fills the buffer"
	has := make(chan struct{})
	r.leak(func() {
		b.mu.Lock()
		close(has)
		if r.fixed {
			b.mu.Unlock()
			return
		}
		for c := range b.subscribers {
			c <- "news"
		}
		b.mu.Unlock()
	})
	r.leak(func() {
		<-has
		b.mu.Lock()
		delete(b.subscribers, c)
		b.mu.Unlock()
	})
}

// Wait returns the first error; the others still want to tell theirs.
func errgroupFirstError(r *run) {
	size := 0
	if r.fixed {
		size = 3
	}
	errs := make(chan error, size)
	r.live(func() { errs <- errFailed })
	<-errs
	for i := 0; i < 2; i++ {
		r.leak(func() { errs <- errFailed })
	}
}

type server struct {
	ticks, quit chan struct{}
	once        sync.Once
}

// A contract that callers do not know: who starts it must stop it.
func startWithoutStop(r *run) {
	s := &server{ticks: make(chan struct{}), quit: make(chan struct{})}
	r.leak(func() {
		for {
			select {
			case <-s.ticks:
			case <-s.quit:
				return
			}
		}
	})
	s.ticks <- struct{}{}
	if r.fixed {
		s.once.Do(func() { close(s.quit) })
	}
}

type request struct {
	body   string
	answer chan string
}

// The one that answers has ended with requests in its queue.
func requestWithoutServer(r *run) {
	requests := make(chan *request, 8)
	asked := make(chan struct{}, 3)
	for i := 0; i < 3; i++ {
		r.leak(func() {
			q := &request{"x", make(chan string)}
			requests <- q
			asked <- struct{}{}
			<-q.answer
		})
	}
	for i := 0; i < 3; i++ {
		<-asked
	}
	if r.fixed {
		for i := 0; i < 3; i++ {
			close((<-requests).answer)
		}
	}
}

type response struct {
	body   chan []byte
	closed chan struct{}
}

// As net/http's persistConn: the read loop waits until the body is read or closed, the write loop for
// the next request.
func bodyNotClosed(r *run) {
	res := &response{make(chan []byte), make(chan struct{})}
	writes := make(chan []byte)
	r.leak(func() {
		select {
		case res.body <- []byte("..."):
		case <-res.closed:
		}
		close(writes)
	})
	r.leak(func() {
		for range writes {
		}
	})
	if r.fixed {
		close(res.closed)
	}
}

func pipeWithoutReader(r *run) {
	in, out := io.Pipe()
	r.leak(func() {
		out.Write([]byte("nobody reads"))
		out.Close()
	})
	if r.fixed {
		in.Close()
	}
}

var sessions = struct {
	sync.Mutex
	byID map[int]chan struct{}
}{byID: map[int]chan struct{}{}}

// A table that everybody knows forgets the session, and what waited for it stays.
func registryDelete(r *run) {
	closing := make(chan struct{})
	sessions.Lock()
	sessions.byID[1] = closing
	sessions.Unlock()
	r.leak(func() { <-closing })
	sessions.Lock()
	if r.fixed {
		close(sessions.byID[1])
	}
	delete(sessions.byID, 1)
	sessions.Unlock()
}

// One that a timer will wake is none; its peer is.
func afterInLoop(r *run) {
	in, out := make(chan int), make(chan int, 1)
	keepGoing := make(chan struct{})
	if r.fixed {
		out = make(chan int, 2)
	}
	out <- 1
	r.live(func() {
		for {
			select {
			case <-in:
			case <-time.After(time.Hour):
				return
			case <-keepGoing:
				return
			}
		}
	})
	r.leak(func() { out <- 2 })
}

// etcd-like: a watcher's backlog is full, and its client is gone.
func watcherBacklog(r *run) {
	events := make(chan int, 2)
	cancelled := make(chan struct{})
	r.leak(func() {
		for i := 0; ; i++ {
			select {
			case events <- i:
			case <-cancelled:
				return
			}
		}
	})
	<-events
	if r.fixed {
		close(cancelled)
	}
}

type lease struct {
	mu      sync.Mutex
	revoked chan struct{}
	demoted *sync.Cond
	leader  bool
}

// The lease is revoked while the leader is waited for under another condition.
func leaderLease(r *run) {
	l := &lease{revoked: make(chan struct{}), leader: true}
	l.demoted = sync.NewCond(&l.mu)
	r.leak(func() { <-l.revoked })
	r.leak(func() {
		l.mu.Lock()
		for l.leader {
			l.demoted.Wait()
		}
		l.mu.Unlock()
	})
	if r.fixed {
		close(l.revoked)
		l.mu.Lock()
		l.leader = false
		l.mu.Unlock()
		l.demoted.Broadcast()
	}
}

type batch struct {
	items []int
	done  chan error
}

// Those of a batch that is never flushed, since fewer came than it takes.
func batcherFlush(r *run) {
	b := &batch{done: make(chan error)}
	added := make(chan struct{})
	for i := 0; i < 2; i++ {
		i := i
		r.leak(func() {
			added <- struct{}{}
			b.items = append(b.items, i)
			<-b.done
		})
		<-added
	}
	if r.fixed {
		close(b.done)
	}
}

func retryAbandoned(r *run) {
	attempts := make(chan int)
	results := make(chan error)
	r.leak(func() {
		for range attempts {
			results <- errFailed
		}
	})
	attempts <- 1
	<-results
	attempts <- 2
	if r.fixed {
		<-results
		close(attempts)
	}
}

type call struct {
	wg  sync.WaitGroup
	val int
}

// As x/sync/singleflight: the one that has the call panics, and the others wait for its result.
func singleflightStuck(r *run) {
	c := new(call)
	c.wg.Add(1)
	r.live(func() {
		defer func() {
			if recover() != nil && r.fixed {
				c.wg.Done()
			}
		}()
		panic(errFailed)
	})
	for i := 0; i < 3; i++ {
		r.leak(func() { c.wg.Wait() })
	}
}

type loader struct {
	mu    sync.RWMutex
	ready chan struct{}
}

// Readers behind a loader that waits, with the lock, for what one of the readers was to give.
func cacheLoader(r *run) {
	l := &loader{ready: make(chan struct{})}
	has := make(chan struct{})
	r.leak(func() {
		l.mu.Lock()
		close(has)
		if r.fixed {
			l.mu.Unlock()
		}
		<-l.ready
		if !r.fixed {
			l.mu.Unlock()
		}
	})
	for i := 0; i < 2; i++ {
		i := i
		r.leak(func() {
			<-has
			l.mu.RLock()
			l.mu.RUnlock()
			if i == 0 {
				close(l.ready)
			}
		})
	}
}

var service = struct {
	jobs   chan int
	mu     sync.Mutex
	wg     sync.WaitGroup
	reload chan struct{}
}{jobs: make(chan int), reload: make(chan struct{})}

// None of these is a leak: what they wait for is known to the whole program, or a timer.
func idleService(r *run) {
	cond := sync.NewCond(new(sync.Mutex))
	keep(cond)
	service.wg.Add(1)
	mu := new(sync.Mutex)
	mu.Lock()
	keep(mu)
	for i := 0; i < 4; i++ {
		r.live(func() {
			for range service.jobs {
			}
		})
	}
	r.live(func() {
		cond.L.Lock()
		cond.Wait()
		cond.L.Unlock()
	})
	r.live(func() { service.wg.Wait() })
	r.live(func() { mu.Lock() })
	r.live(func() { time.Sleep(time.Hour) })
	ticker := time.NewTicker(time.Hour)
	r.live(func() {
		select {
		case <-ticker.C:
		case <-service.reload:
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	_ = cancel
	r.live(func() { <-ctx.Done() })
}
