// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package semaphore stands in for golang.org/x/sync/semaphore, so that the targets build without a network: what
// its types have in memory and what its functions are called is the same.
package semaphore

import (
	"container/list"
	"context"
	"sync"
)

type waiter struct {
	n     int64
	ready chan<- struct{}
}

// Weighted has `size` to give, and has given `cur`.
type Weighted struct {
	size    int64
	cur     int64
	mu      sync.Mutex
	waiters list.List
}

// NewWeighted has all of n to give.
func NewWeighted(n int64) *Weighted { return &Weighted{size: n} }

// Acquire waits until n is there, in the order of asking, or until ctx is done.
func (s *Weighted) Acquire(ctx context.Context, n int64) error {
	s.mu.Lock()
	if s.take(n) {
		s.mu.Unlock()
		return nil
	}
	if n > s.size {
		s.mu.Unlock()
		<-ctx.Done()
		return ctx.Err()
	}
	ready := make(chan struct{})
	place := s.waiters.PushBack(waiter{n: n, ready: ready})
	s.mu.Unlock()

	select {
	case <-ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-ready:
		s.cur -= n
	default:
		s.waiters.Remove(place)
	}
	s.serve()
	return ctx.Err()
}

// TryAcquire takes n when it is there.
func (s *Weighted) TryAcquire(n int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(n)
}

// Release gives n back.
func (s *Weighted) Release(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cur -= n
	if s.cur < 0 {
		panic("semaphore: more was released than acquired")
	}
	s.serve()
}

func (s *Weighted) take(n int64) bool {
	free := s.waiters.Len() == 0 && n <= s.size-s.cur
	if free {
		s.cur += n
	}
	return free
}

// serve lets those go on who come first and find enough.
func (s *Weighted) serve() {
	for front := s.waiters.Front(); front != nil; front = s.waiters.Front() {
		first := front.Value.(waiter)
		if first.n > s.size-s.cur {
			return
		}
		s.cur += first.n
		s.waiters.Remove(front)
		close(first.ready)
	}
}
