// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

// cases are ways to wait for each other, each with a twin without the fault (-fixed), in which the same
// goroutines wait, but for somebody who could come.
var cases = []struct {
	name string
	run  func()
}{
	{"self", runSelf},
	{"self-helper", runSelfHelper},
	{"self-read", runSelfRead},
	{"upgrade", runUpgrade},
	{"abba", runABBA},
	{"abba-rw", runABBAReadWrite},
	{"three", runThree},
	{"read-recursion", runReadRecursion},
	{"lock-chan", runLockChan},
	{"lock-full-chan", runLockFullChan},
	{"group-inside", runGroupInside},
	{"group-lock", runGroupLock},
	{"cond", runCond},
	{"chan-chain", runChanChain},
	{"lock-chain", runLockChain},
	{"convoy", runConvoy},
	{"readers", runReaders},
	{"once", runOnce},
	{"pool", runPool},
	{"handover", runHandover},
	{"again", runAgain},
	{"again-global", runAgainGlobal},
	{"again-field", runAgainField},
	{"again-closure", runAgainClosure},
	{"again-inner", runAgainInner},
	{"again-write", runAgainWrite},
	{"again-read-in-write", runAgainReadInWrite},
	{"again-write-in-read", runAgainWriteInRead},
	{"again-read", runAgainRead},
	{"again-between", runAgainBetween},
	{"again-between-call", runAgainBetweenCall},
	{"again-between-write", runAgainBetweenWrite},
	{"again-between-read", runAgainBetweenRead},
	{"again-traps", runAgainTraps},
}

func runCase() {
	for _, c := range cases {
		if c.name == *one {
			c.run()
			return
		}
	}
	ctl.Fatalf("there is no case %q", *one)
}

func stuck(names ...string) {
	if !*fixed {
		report.Stuck = append(report.Stuck, names)
	}
}

// gate is where a healthy goroutine waits: the main goroutine could open it at any time.
var gate = make(chan int)

// barrier makes goroutines take their first lock before any takes its second.
type barrier struct{ left int64 }

func newBarrier(n int64) *barrier { return &barrier{n} }

func (b *barrier) wait() {
	atomic.AddInt64(&b.left, -1)
	for atomic.LoadInt64(&b.left) > 0 {
		yield()
	}
}

//go:noinline
func lockTwice(mu *sync.Mutex) {
	mu.Lock()
	if *fixed {
		<-gate
	} else {
		mu.Lock()
		mu.Unlock()
	}
	mu.Unlock()
}

func runSelf() {
	mu := new(sync.Mutex)
	named("locker", func() { lockTwice(mu) })
	settle()
	named("other", func() { mu.Lock() })
	stuck("locker")
	report.Root, report.Behind = "locker", 1
}

type account struct {
	mu    sync.Mutex
	total int
}

//go:noinline
func (a *account) sum() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.total
}

//go:noinline
func (a *account) report() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	if *fixed {
		return a.total + <-gate
	}
	return a.sum() + 1
}

func runSelfHelper() {
	a := new(account)
	named("reporter", func() { a.report() })
	settle()
	named("other", func() { a.sum() })
	stuck("reporter")
	report.Root, report.Behind = "reporter", 1
}

//go:noinline
func readTwice(rw *sync.RWMutex, first chan int) {
	rw.RLock()
	defer rw.RUnlock()
	<-first
	if *fixed {
		<-gate
		return
	}
	rw.RLock()
	defer rw.RUnlock()
	<-gate
}

//go:noinline
func write(rw *sync.RWMutex) {
	rw.Lock()
	defer rw.Unlock()
	<-gate
}

// A reader that reads again behind a writer.
func runSelfRead() {
	rw, first := new(sync.RWMutex), make(chan int)
	named("reader", func() { readTwice(rw, first) })
	settle()
	named("writer", func() { write(rw) })
	settle()
	close(first)
	yield()
	settle()
	stuck("reader", "writer")
	report.Root, report.Behind = "reader", 1
}

//go:noinline
func upgrade(rw *sync.RWMutex) {
	rw.RLock()
	defer rw.RUnlock()
	if *fixed {
		<-gate
		return
	}
	rw.Lock()
	defer rw.Unlock()
	<-gate
}

func runUpgrade() {
	rw := new(sync.RWMutex)
	named("upgrader", func() { upgrade(rw) })
	stuck("upgrader")
	settle()
	named("other", func() { rw.Lock() })
}

//go:noinline
func lockBoth(first, second *sync.Mutex, b *barrier) {
	first.Lock()
	defer first.Unlock()
	b.wait()
	second.Lock()
	defer second.Unlock()
	<-gate
}

func runABBA() {
	a, b := new(sync.Mutex), new(sync.Mutex)
	if *fixed { // the same order: one holds both, the other waits
		named("ab", func() { lockBoth(a, b, newBarrier(1)) })
		settle()
		named("ba", func() { lockBoth(a, b, newBarrier(1)) })
		report.Root, report.Behind = "ab", 1
		return
	}
	both := newBarrier(2)
	named("ab", func() { lockBoth(a, b, both) })
	named("ba", func() { lockBoth(b, a, both) })
	settle()
	for i := 0; i < *count; i++ {
		parked = append(parked, spawn(func() { a.Lock() }))
	}
	report.Behind = *count
	stuck("ab", "ba")
}

//go:noinline
func readThenLock(rw *sync.RWMutex, mu *sync.Mutex, b *barrier) {
	rw.RLock()
	defer rw.RUnlock()
	b.wait()
	mu.Lock()
	defer mu.Unlock()
	<-gate
}

//go:noinline
func lockThenWrite(rw *sync.RWMutex, mu *sync.Mutex, b *barrier) {
	mu.Lock()
	defer mu.Unlock()
	b.wait()
	rw.Lock()
	defer rw.Unlock()
	<-gate
}

func runABBAReadWrite() {
	rw, mu := new(sync.RWMutex), new(sync.Mutex)
	if *fixed {
		named("reader", func() { readThenLock(rw, mu, newBarrier(1)) })
		settle()
		named("writer", func() { write(rw) })
		return
	}
	both := newBarrier(2)
	named("reader", func() { readThenLock(rw, mu, both) })
	named("writer", func() { lockThenWrite(rw, mu, both) })
	stuck("reader", "writer")
}

func runThree() {
	locks := make([]sync.Mutex, 3)
	n := int64(3)
	if *fixed {
		n = 1
	}
	all := newBarrier(n)
	for i, name := range []string{"first", "second", "third"} {
		a, b := &locks[i], &locks[(i+1)%3]
		if *fixed && i == 2 { // the last takes them in the order of the others
			a, b = b, a
		}
		named(name, func() { lockBoth(a, b, all) })
		if *fixed {
			settle()
		}
	}
	stuck("first", "second", "third")
}

func runReadRecursion() {
	rw, inner := new(sync.RWMutex), make(chan int)
	named("outer", func() { readOuter(rw, inner) })
	settle()
	named("writer", func() { write(rw) })
	settle()
	close(inner)
	yield()
	settle()
	if !*fixed { // in the twin it would get through the reading
		named("later", func() { rw.RLock() })
	}
	stuck("outer", "writer")
}

//go:noinline
func readOuter(rw *sync.RWMutex, inner chan int) {
	rw.RLock()
	<-inner
	if *fixed {
		<-gate
	} else {
		readInner(rw)
	}
	rw.RUnlock()
}

//go:noinline
func readInner(rw *sync.RWMutex) {
	rw.RLock()
	<-gate
	rw.RUnlock()
}

type queue struct {
	mu    sync.Mutex
	items chan int
	n     int
}

//go:noinline
func (q *queue) put(item int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.n++
	q.items <- item
}

//go:noinline
func (q *queue) putUnlocked(item int) {
	q.mu.Lock()
	q.n++
	q.mu.Unlock()
	q.items <- item
}

//go:noinline
func (q *queue) get(begin chan int) int {
	<-begin
	q.mu.Lock()
	q.n--
	q.mu.Unlock()
	return <-q.items
}

// knownQueue leads from what is alive to a queue: somebody might still come by it.
var knownQueue *queue

// crossed is true of the deadlock of getter and putter, unless the queue can be come by.
func crossed(q *queue) {
	if *known {
		knownQueue = q
	} else {
		stuck("getter", "putter")
	}
}

// It holds the lock until somebody takes its item, and who would take it needs the lock first.
func runLockChan() {
	q, begin := &queue{items: make(chan int)}, make(chan int)
	crossed(q)
	if *fixed {
		named("putter", func() { q.putUnlocked(1) })
		settle()
		return
	}
	named("getter", func() { q.get(begin) })
	settle()
	named("putter", func() { q.put(1) })
	settle()
	close(begin)
	yield()
	settle()
}

func runLockFullChan() {
	q, begin := &queue{items: make(chan int, 4)}, make(chan int)
	crossed(q)
	for i := 0; i < cap(q.items); i++ {
		q.items <- i
	}
	if *fixed {
		named("putter", func() { q.putUnlocked(1) })
		settle()
		return
	}
	named("getter", func() { q.get(begin) })
	settle()
	named("putter", func() { q.put(1) })
	settle()
	close(begin)
	yield()
	settle()
}

//go:noinline
func workAndWait(group *sync.WaitGroup) {
	defer group.Done()
	if *fixed {
		<-gate
		return
	}
	group.Wait()
}

func runGroupInside() {
	group := new(sync.WaitGroup)
	group.Add(1)
	named("worker", func() { workAndWait(group) })
	settle()
	named("waiter", func() { group.Wait() })
	stuck("worker")
	report.Root, report.Behind = "worker", 1
}

//go:noinline
func lockAndDone(mu *sync.Mutex, group *sync.WaitGroup) {
	defer group.Done()
	mu.Lock()
	mu.Unlock()
}

//go:noinline
func waitLocked(mu *sync.Mutex, group *sync.WaitGroup) {
	if *fixed {
		mu.Lock()
		<-gate
		mu.Unlock()
		group.Wait()
		return
	}
	mu.Lock()
	defer mu.Unlock()
	group.Wait()
}

// It waits, with a lock held, for workers that need the lock.
func runGroupLock() {
	mu, group := new(sync.Mutex), new(sync.WaitGroup)
	group.Add(2)
	named("waiter", func() { waitLocked(mu, group) })
	settle()
	named("one", func() { lockAndDone(mu, group) })
	named("two", func() { lockAndDone(mu, group) })
	stuck("waiter", "one", "two")
	report.Root, report.Behind = "waiter", 2
}

//go:noinline
func waitForItem(c *sync.Cond, n *int) {
	c.L.Lock()
	for *n == 0 {
		c.Wait()
	}
	*n--
	c.L.Unlock()
}

//go:noinline
func giveItem(c *sync.Cond, n *int) {
	<-gate
	c.L.Lock()
	*n++
	c.L.Unlock()
	c.Signal()
}

func runCond() {
	c, n := sync.NewCond(new(sync.Mutex)), new(int)
	named("waiter", func() { waitForItem(c, n) })
	if *fixed {
		named("giver", func() { giveItem(c, n) })
	}
}

//go:noinline
func pass(from, to chan int) {
	for v := range from {
		to <- v
	}
	close(to)
}

func runChanChain() {
	first := make(chan int)
	if !*fixed {
		report.Root, report.Behind = "source", 4
	}
	from := first
	named("source", func() {
		<-gate
		first <- 1
	})
	for _, name := range []string{"one", "two", "three", "four"} {
		to, in := make(chan int), from
		named(name, func() { pass(in, to) })
		from = to
	}
}

//go:noinline
func lockThenLock(held, wanted *sync.Mutex) {
	held.Lock()
	defer held.Unlock()
	wanted.Lock()
	defer wanted.Unlock()
	<-gate
}

//go:noinline
func lockThenGate(held *sync.Mutex) {
	held.Lock()
	defer held.Unlock()
	<-gate
}

func runLockChain() {
	a, b, c := new(sync.Mutex), new(sync.Mutex), new(sync.Mutex)
	named("end", func() { lockThenGate(c) })
	settle()
	named("middle", func() { lockThenLock(b, c) })
	settle()
	named("begin", func() { lockThenLock(a, b) })
	settle()
	for i := 0; i < 5; i++ {
		parked = append(parked, spawn(func() { a.Lock() }))
	}
	report.Root, report.Behind = "end", 7
}

var convoy struct {
	name string
	mu   sync.Mutex
	n    int
}

//go:noinline
func inConvoy() {
	convoy.mu.Lock()
	convoy.n++
	convoy.mu.Unlock()
}

func runConvoy() {
	n := *count
	if n == 0 {
		n = 3000
	}
	named("holder", func() { lockThenGate(&convoy.mu) })
	settle()
	for i := 0; i < n; i++ {
		parked = append(parked, spawn(inConvoy))
	}
	for i := 0; i < *bystanders; i++ {
		parked = append(parked, spawn(func() { bystand(i % 8) }))
	}
	report.Root, report.Behind = "holder", n
}

//go:noinline
func bystand(depth int) int {
	if depth > 0 {
		return bystand(depth-1) + 1
	}
	return <-gate
}

//go:noinline
func read(rw *sync.RWMutex) {
	rw.RLock()
	defer rw.RUnlock()
	<-gate
}

// Readers, a writer that waits for them, and readers that wait behind it.
func runReaders() {
	rw := new(sync.RWMutex)
	for _, name := range []string{"reader1", "reader2", "reader3"} {
		named(name, func() { read(rw) })
	}
	settle()
	named("writer", func() { write(rw) })
	settle()
	for i := 0; i < 4; i++ {
		parked = append(parked, spawn(func() { read(rw) }))
	}
}

//go:noinline
func onceInside(o *sync.Once) {
	o.Do(func() {
		if *fixed {
			<-gate
		} else {
			o.Do(func() {})
		}
	})
}

// sync.Once whose function calls itself.
func runOnce() {
	o := new(sync.Once)
	named("runner", func() { onceInside(o) })
	settle()
	named("other", func() { o.Do(func() {}) })
	stuck("runner")
	report.Root, report.Behind = "runner", 1
}

// Healthy: workers that wait for work, a collector that waits for results.
func runPool() {
	jobs, results := make(chan int), make(chan int)
	group := new(sync.WaitGroup)
	for _, name := range []string{"w1", "w2", "w3"} {
		group.Add(1)
		named(name, func() {
			defer group.Done()
			for job := range jobs {
				results <- job
			}
		})
	}
	named("collector", func() {
		for range results {
		}
	})
	named("closer", func() {
		group.Wait()
		close(results)
	})
	named("feeder", func() {
		<-gate
		for i := 0; i < 10; i++ {
			jobs <- i
		}
		close(jobs)
	})
}

// opened is closed by the command "open".
var (
	opened     = make(chan int)
	beforeOpen = func() {}
)

// A lock that goes from the first to the second when told to, while others wait for it.
func runHandover() {
	mu, took := new(sync.Mutex), make(chan int)
	spawn(func() {
		mu.Lock()
		close(took)
		<-opened
		mu.Unlock()
	})
	<-took
	beforeOpen = func() {
		named("second", func() { lockThenGate(mu) })
		settle()
		named("third", func() { lockThenGate(mu) })
		settle()
	}
}
