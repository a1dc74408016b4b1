// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Races is built with -race by the test that runs it: two goroutines count without a lock; with -fixed,
// with an atomic. It needs little of the standard library, all of which is built anew for -race. Its
// report has the place that must be named, and the goroutines.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

type hits struct {
	total int64
	line  int64 // of the statement that counts; 0: it did not yet
	file  atomic.Value
}

//go:noinline
func (h *hits) count() {
	h.here()
	h.total++
}

// here says that the statement on the next line is the one that a report must name.
func (h *hits) here() {
	if atomic.LoadInt64(&h.line) != 0 {
		return
	}
	_, file, line, _ := runtime.Caller(1)
	h.file.Store(file)
	atomic.StoreInt64(&h.line, int64(line+1))
}

func goid() (id int64) {
	var head [64]byte
	runtime.Stack(head[:], false)
	fmt.Sscanf(string(head[:]), "goroutine %d ", &id)
	return id
}

func main() {
	fixed := flag.Bool("fixed", false, "the healthy twin")
	flag.Parse()
	h, ids := &hits{}, make(chan int64, 2)
	for i := 0; i < 2; i++ {
		go func() {
			ids <- goid()
			for {
				if *fixed {
					atomic.AddInt64(&h.total, 1)
				} else {
					h.count()
				}
				time.Sleep(20 * time.Millisecond)
			}
		}()
	}
	first, second := <-ids, <-ids
	fmt.Printf("ready pid=%d\n", os.Getpid())
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		file, _ := h.file.Load().(string)
		fmt.Printf("{\"first\": %d, \"second\": %d, \"site\": {\"file\": %q, \"line\": %d}}\n", first, second,
			file, atomic.LoadInt64(&h.line))
	}
}
