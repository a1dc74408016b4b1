// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program zoo_cgo is linked by the C linker and keeps goroutines in C: one that never comes back,
// one that C called back into Go, and ones that go to and fro at full speed.
package main

/*
#include <stdint.h>
#include <unistd.h>

static void wait_in_c(void)
{
	for (;;)
		pause();
}

static uint64_t add_in_c(uint64_t a, uint64_t b)
{
	return a + b;
}

extern void fromC(int);

static void call_back(int n)
{
	fromC(n);
}
*/
import "C"

import (
	"runtime"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var (
	calls    int64
	stopping int32
	back     = make(chan int)
	goids    [3]int64
)

//go:noinline
func blockedInC() {
	atomic.StoreInt64(&goids[0], ctl.Goid())
	C.wait_in_c()
}

//go:noinline
func calledBack() {
	atomic.StoreInt64(&goids[1], ctl.Goid())
	C.call_back(1)
}

//export fromC
func fromC(C.int) { recvBelowC() }

//go:noinline
func recvBelowC() { <-back }

//go:noinline
func plainRecv(c chan int) {
	atomic.StoreInt64(&goids[2], ctl.Goid())
	<-c
}

func caller() {
	for sum := C.uint64_t(0); atomic.LoadInt32(&stopping) == 0; {
		sum = C.add_in_c(sum, 1)
		atomic.AddInt64(&calls, 1)
	}
}

type resident struct {
	Name   string      `json:"name"`
	Goid   int64       `json:"goid"`
	State  string      `json:"state"`
	Reason string      `json:"wait_reason,omitempty"`
	Stack  []ctl.Frame `json:"stack"`
}

func look() (all []resident, settled bool) {
	states := ctl.States()
	settled = true
	for i, name := range []string{"in_c", "called_back", "recv"} {
		id := atomic.LoadInt64(&goids[i])
		s := states[id]
		r := resident{Name: name, Goid: id, State: s.Reason, Stack: s.Stack}
		if ctl.Waiting(s.Reason) {
			r.State, r.Reason = "waiting", s.Reason
		}
		settled = settled && (r.State == "waiting" || i == 0 && r.State == "syscall")
		all = append(all, r)
	}
	return all, settled
}

func settle() []resident {
	for {
		if all, settled := look(); settled {
			return all
		}
		runtime.Gosched()
	}
}

func main() {
	ctl.Parse()
	go blockedInC()
	go calledBack()
	go plainRecv(make(chan int))
	settle()
	rate := &ctl.Rate{Count: func() int64 { return atomic.LoadInt64(&calls) }}
	ctl.Run(ctl.Program{
		Endless: true,
		Go: func() {
			rate.Start()
			go caller()
		},
		Stop: func() {
			atomic.StoreInt32(&stopping, 1)
			rate.Stop()
		},
		Report: func() interface{} {
			return map[string]interface{}{
				"go": runtime.Version(), "residents": settle(), "rate": rate.Totals(),
			}
		},
	})
}
