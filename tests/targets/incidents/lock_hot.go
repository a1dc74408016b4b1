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

// Some twelve thousand operations a second on one map behind one mutex, each of 75 us on whatever CPU:
// nine tenths of one. Fixed, on a map of 64 shards.
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
				time.Sleep(4 * time.Millisecond)
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

func renew(session string) string {
	buffer := make([]byte, 64)
	copy(buffer, session)
	for began := time.Now(); time.Since(began) < 75*time.Microsecond; {
		for i := range buffer {
			buffer[i] += byte(i)
		}
	}
	return string(buffer)
}
