// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program lock_names has a goroutine waiting for each of some locks, which lie where locks lie in programs: in
// variables, in structs in the heap, behind pointers, in slices. Its report says what each is called.
package main

import (
	"fmt"
	"sync"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

// named is a lock: its address, its kind, and what it is called.
type named struct {
	Lock   string `json:"lock"`
	Kind   string `json:"kind"`
	Name   string `json:"name"`
	Source string `json:"source"`
	Place  string `json:"place"` // the function that locks it
	Goid   int64  `json:"goid"`  // who holds it; 0: nobody is to be named
	Lost   bool   `json:"lost"`  // the compiler forgets where its pointer is: the place will do
}

var (
	locks   = []named{}
	waiters []*int64
	gate    = make(chan int) // nobody ever sends
)

// waits starts a goroutine that is to wait for a lock that is held by now.
func waits(f func()) {
	goid := new(int64)
	waiters = append(waiters, goid)
	go func() {
		atomic.StoreInt64(goid, ctl.Goid())
		f()
	}()
}

func settle() {
	for done := false; !done; {
		states := ctl.States()
		done = true
		for _, goid := range waiters {
			s, ok := states[atomic.LoadInt64(goid)]
			done = done && ok && ctl.Waiting(s.Reason)
		}
	}
}

func known(lock interface{}, kind, name, source, place string) {
	locks = append(locks, named{Lock: fmt.Sprintf("%p", lock), Kind: kind, Name: name, Source: source, Place: place})
}

type shard struct {
	data map[string]int
	mu   sync.Mutex
}

type stats struct {
	hits int
	lock sync.RWMutex
}

type store struct {
	name   string
	first  sync.Mutex
	inner  stats
	shards [4]shard
	more   []shard
	next   *stats
	cond   *sync.Cond
	once   sync.Once
	group  sync.WaitGroup
	sync.Mutex
}

type box[T any] struct {
	value T
	mu    sync.Mutex
}

var (
	plain  sync.Mutex
	global = struct {
		n     int
		inner stats
		mu    [3]sync.Mutex
	}{}
)

//go:noinline
func lockPlain(n *int) {
	plain.Lock()
	*n++
	plain.Unlock()
}

//go:noinline
func lockGlobal(n *int) {
	global.mu[2].Lock()
	*n++
	global.mu[2].Unlock()
}

//go:noinline
func readGlobal(n *int) {
	global.inner.lock.RLock()
	*n++
	global.inner.lock.RUnlock()
}

//go:noinline
func (s *store) lockFirst() {
	s.first.Lock()
	s.name += "."
	s.first.Unlock()
}

//go:noinline
func (s *store) lockEmbedded() {
	s.Lock()
	defer s.Unlock()
	s.name += "."
}

//go:noinline
func (s *store) lockInner() {
	s.inner.lock.Lock()
	s.inner.hits++
	s.inner.lock.Unlock()
}

//go:noinline
func (s *store) lockShard(i int) {
	s.shards[i].mu.Lock()
	s.shards[i].data["x"]++
	s.shards[i].mu.Unlock()
}

//go:noinline
func (s *store) lockMore(i int) {
	s.more[i].mu.Lock()
	s.more[i].data["x"]++
	s.more[i].mu.Unlock()
	s.name += "."
}

//go:noinline
func (s *store) lockNext() {
	s.next.lock.Lock()
	s.next.hits++
	s.next.lock.Unlock()
	s.name += "."
}

//go:noinline
func (s *store) await() {
	s.cond.L.Lock()
	for s.name != "never" {
		s.cond.Wait()
	}
	s.cond.L.Unlock()
}

//go:noinline
func (s *store) load() {
	s.once.Do(func() {
		for i := range locks {
			if locks[i].Kind == "sync.Once" {
				locks[i].Goid = ctl.Goid()
			}
		}
		<-gate
		s.name = "loaded"
	})
	s.name += "."
}

//go:noinline
func (s *store) join() {
	s.group.Wait()
	s.name += "."
}

//go:noinline
func (b *box[T]) put(value T) {
	b.mu.Lock()
	b.value = value
	b.mu.Unlock()
}

//go:noinline
func locals() {
	var mu sync.Mutex
	n := 0
	mu.Lock()
	known(&mu, "sync.Mutex", "main.locals.mu", "debug info", "main.locals.func1")
	waits(func() {
		mu.Lock()
		n++
		mu.Unlock()
	})
}

// lockOf takes its lock by a pointer that is no part of anything: it has no name.
//
//go:noinline
func lockOf(mu *sync.Mutex, n *int) {
	mu.Lock()
	*n++
	mu.Unlock()
}

func variables() {
	n := new(int)
	plain.Lock()
	known(&plain, "sync.Mutex", "main.plain", "variable", "main.lockPlain")
	waits(func() { lockPlain(n) })
	global.mu[2].Lock()
	known(&global.mu[2], "sync.Mutex", "main.global.mu[2]", "variable", "main.lockGlobal")
	waits(func() { lockGlobal(n) })
	global.inner.lock.Lock()
	known(&global.inner.lock, "sync.RWMutex", "main.global.inner.lock", "variable", "main.readGlobal")
	waits(func() { readGlobal(n) })
	alone := new(sync.Mutex)
	alone.Lock()
	known(alone, "sync.Mutex", "main.lockOf", "place", "main.lockOf")
	waits(func() { lockOf(alone, n) })
}

func fields() {
	s := &store{more: make([]shard, 5), next: new(stats)}
	s.cond = sync.NewCond(new(sync.Mutex))
	field := func(lock interface{}, kind, name, place string, f func()) {
		known(lock, kind, name, "debug info", place)
		waits(f)
	}
	s.first.Lock()
	field(&s.first, "sync.Mutex", "main.store.first", "main.(*store).lockFirst", s.lockFirst)
	s.Lock()
	field(&s.Mutex, "sync.Mutex", "main.store.Mutex", "main.(*store).lockEmbedded", s.lockEmbedded)
	s.inner.lock.Lock()
	field(&s.inner.lock, "sync.RWMutex", "main.store.inner.lock", "main.(*store).lockInner", s.lockInner)
	lost := func() { locks[len(locks)-1].Lost = true }
	s.shards[3].mu.Lock()
	field(&s.shards[3].mu, "sync.Mutex", "main.store.shards[3].mu", "main.(*store).lockShard",
		func() { s.lockShard(3) })
	lost()
	s.more[2].mu.Lock()
	field(&s.more[2].mu, "sync.Mutex", "main.shard.mu", "main.(*store).lockMore", func() { s.lockMore(2) })
	s.next.lock.Lock()
	field(&s.next.lock, "sync.RWMutex", "main.stats.lock", "main.(*store).lockNext", s.lockNext)
	field(s.cond, "sync.Cond", "main.store.cond", "main.(*store).await", s.await)
	s.group.Add(1)
	field(&s.group, "sync.WaitGroup", "main.store.group", "main.(*store).join", s.join)
	b := new(box[int])
	b.mu.Lock()
	field(&b.mu, "sync.Mutex", "main.box[...].mu", "main.(*box[...]).put", func() { b.put(7) })
	lost()

	known(&s.once, "sync.Once", "main.store.once", "debug info", "main.(*store).load")
	waits(s.load)
	settle()
	waits(s.load)
}

func main() {
	ctl.Parse()
	variables()
	fields()
	locals()
	settle()
	ctl.Run(ctl.Program{Report: func() interface{} { return map[string][]named{"locks": locks} }})
}
