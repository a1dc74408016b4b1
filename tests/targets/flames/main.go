// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program flames waits in known shares and under names that are hard on file formats.
//
//	-case shares  workers that each wait 50 : 30 : 15 : 5 units of time in four functions, in turn
//	-case names   goroutines parked in functions whose names have spaces, quotes, semicolons, <, > and
//	              letters beyond ASCII; each is told with the number of goroutines
//	-case labels  goroutines with runtime/pprof labels
//	-case deep    a mutex handed on under stacks far deeper than a tracer looks
package main

import (
	"context"
	"flag"
	"os"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"time"

	"conctrace.test/targets/internal/ctl"
)

var (
	which   = flag.String("case", "shares", "what to do: shares, names, labels or deep")
	workers = flag.Int("workers", 8, "goroutines, each, of shares, labels and deep")
	unit    = flag.Duration("unit", 200*time.Microsecond, "of the shares")
)

// The four sites of -case shares, and what was waited in them by this program's clock.
var waited [4]int64

//go:noinline
func waitReceive(d time.Duration) { <-time.NewTimer(d).C }

//go:noinline
func waitSelect(d time.Duration, never chan int) {
	select {
	case <-time.NewTimer(d).C:
	case <-never:
	}
}

//go:noinline
func waitSleep(d time.Duration) { time.Sleep(d) }

//go:noinline
func waitRead(d time.Duration, pipe *os.File) {
	var buf [1]byte
	if err := pipe.SetReadDeadline(time.Now().Add(d)); err != nil {
		ctl.Fatalf("pipe: %v", err)
	}
	if _, err := pipe.Read(buf[:]); !os.IsTimeout(err) {
		ctl.Fatalf("pipe: %v", err)
	}
}

func timed(site int, wait func()) {
	begin := time.Now()
	wait()
	atomic.AddInt64(&waited[site], int64(time.Since(begin)))
}

func worker(begin time.Duration, stop chan struct{}) {
	read, _, err := os.Pipe()
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	never := make(chan int)
	time.Sleep(begin)
	for {
		timed(0, func() { waitReceive(50 * *unit) })
		timed(1, func() { waitSelect(30**unit, never) })
		timed(2, func() { waitSleep(15 * *unit) })
		timed(3, func() { waitRead(5**unit, read) })
		select {
		case <-stop:
			return
		default:
		}
	}
}

type report struct {
	Waited map[string]int64 `json:"waited,omitempty"`
	Names  map[string]int   `json:"names,omitempty"`
}

func shares() ctl.Program {
	stop := make(chan struct{})
	var once sync.Once
	return ctl.Program{
		Endless: true,
		Go: func() {
			for i := 0; i < *workers; i++ {
				// not all at the same site at the same time
				go worker(100**unit*time.Duration(i)/time.Duration(*workers), stop)
			}
		},
		Stop: func() { once.Do(func() { close(stop) }) },
		Report: func() interface{} {
			r := report{Waited: map[string]int64{}}
			for i, name := range []string{"main.waitReceive", "main.waitSelect",
				"main.waitSleep", "main.waitRead"} {
				r.Waited[name] = atomic.LoadInt64(&waited[i])
			}
			return r
		},
	}
}

func labelled() ctl.Program {
	never := make(chan int)
	return ctl.Program{Go: func() {
		for i := 0; i < *workers; i++ {
			tenant := []string{"red", "blue; <green>"}[i%2]
			go pprof.Do(context.Background(), pprof.Labels("tenant", tenant), func(context.Context) {
				<-never
			})
		}
		ctl.Settle(1 + *workers)
	}}
}

//go:noinline
func dive(depth int, mu *sync.Mutex) {
	if depth > 0 {
		dive(depth-1, mu)
		return
	}
	mu.Lock()
	time.Sleep(200 * time.Microsecond)
	mu.Unlock()
}

func deep() ctl.Program {
	var mu sync.Mutex
	var stop int32
	return ctl.Program{
		Endless: true,
		Go: func() {
			for i := 0; i < *workers; i++ {
				go func() {
					for atomic.LoadInt32(&stop) == 0 {
						dive(30, &mu)
					}
				}()
			}
		},
		Stop: func() { atomic.StoreInt32(&stop, 1) },
	}
}

func main() {
	ctl.Parse()
	cases := map[string]func() ctl.Program{
		"shares": shares, "names": names, "labels": labelled, "deep": deep,
	}
	make, ok := cases[*which]
	if !ok {
		ctl.Fatalf("no case %q", *which)
	}
	ctl.Run(make())
}
