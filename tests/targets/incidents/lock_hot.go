// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"sync/atomic"
	"time"
)

func init() { register("lock.hot", lockHot) }

const sessionShards = 64

type sessionShard struct {
	mu       sync.Mutex
	sessions map[int]string
}

type sessionStore struct {
	shards []*sessionShard
	served int64
	once   sync.Once
}

// Some twelve thousand operations a second on one map behind one mutex; fixed, on a map of 64 shards.
func lockHot(fixed bool) {
	count := 1
	if fixed {
		count = sessionShards
	}
	store := &sessionStore{}
	for i := 0; i < count; i++ {
		store.shards = append(store.shards, &sessionShard{sessions: map[int]string{}})
	}
	const callers = 48
	for caller := 0; caller < callers; caller++ {
		go func(caller int) {
			for i := 0; ; i++ {
				store.touch(caller*1000 + i%1000)
				time.Sleep(2 * time.Millisecond)
			}
		}(caller)
	}
	go func() {
		for range time.Tick(time.Second) {
			know("operations_per_second", atomic.SwapInt64(&store.served, 0))
		}
	}()
}

func (s *sessionStore) touch(id int) {
	s.once.Do(func() { place("site", 2) })
	shard := s.shards[id%len(s.shards)]
	shard.mu.Lock()
	shard.sessions[id] = renew(shard.sessions[id])
	shard.mu.Unlock()
	atomic.AddInt64(&s.served, 1)
}

//go:noinline
func renew(session string) string {
	buffer := make([]byte, 2048)
	for i := range buffer {
		for j := 0; j < 16; j++ {
			buffer[i] += byte(i ^ j)
		}
	}
	return string(buffer[:64])
}
