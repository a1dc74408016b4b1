// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program collections makes the garbage collector run, by itself and by runtime.GC, with goroutines
// that must assist it, and tells how often it ran by the runtime's own account.
package main

import (
	"flag"
	"runtime"
	"sync"

	"conctrace.test/targets/internal/ctl"
)

var (
	workers = flag.Int("workers", 4, "goroutines that allocate")
	trees   = flag.Int("trees", 60, "trees that each of them builds and forgets")
	forced  = flag.Int("forced", 5, "calls of runtime.GC")
)

type node struct {
	left, right *node
	_           [48]byte
}

//go:noinline
func grow(depth int) *node {
	if depth == 0 {
		return &node{}
	}
	return &node{left: grow(depth - 1), right: grow(depth - 1)}
}

func (n *node) count() int {
	if n == nil {
		return 0
	}
	return 1 + n.left.count() + n.right.count()
}

func allocate() {
	var group sync.WaitGroup
	for i := 0; i < *workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for j := 0; j < *trees; j++ {
				if got := grow(12).count(); got != 1<<13-1 {
					ctl.Fatalf("a tree of %d nodes", got)
				}
			}
		}()
	}
	group.Wait()
}

func main() {
	var before, after runtime.MemStats

	ctl.Parse()
	ctl.Run(ctl.Program{
		Go: func() {
			runtime.ReadMemStats(&before)
			allocate()
			// the last one waits for a cycle that is under way
			for i := 0; i < *forced; i++ {
				runtime.GC()
			}
			runtime.ReadMemStats(&after)
		},
		Report: func() interface{} {
			return map[string]interface{}{
				"cycles": after.NumGC - before.NumGC,
				"forced": after.NumForcedGC - before.NumForcedGC,
			}
		},
	})
}
