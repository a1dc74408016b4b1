// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package ctl

import (
	"bytes"
	"runtime"
	"strconv"
	"strings"
)

// Goid is the calling goroutine's id.
func Goid() int64 {
	var buf [64]byte
	head := buf[:runtime.Stack(buf[:], false)]
	head = bytes.TrimPrefix(head, []byte("goroutine "))
	id, err := strconv.ParseInt(string(head[:bytes.IndexByte(head, ' ')]), 10, 64)
	if err != nil {
		Fatalf("goroutine id: %v", err)
	}
	return id
}

// State is what Go's own dump says of a goroutine.
type State struct {
	// Reason is the status or wait reason, in Go's words.
	Reason string
	// Locked says that it is locked to its thread.
	Locked bool
	// Stack is innermost first.
	Stack []Frame
}

// Frame is one line pair of the dump. The names are shortened as Go prints them: "[...]" stands
// for type arguments.
type Frame struct {
	Function string `json:"function"`
	File     string `json:"file"`
	Line     int    `json:"line"`
}

// App is the innermost frame of package main.
func (s State) App() (Frame, bool) {
	for _, f := range s.Stack {
		if strings.HasPrefix(f.Function, "main.") {
			return f, true
		}
	}
	return Frame{}, false
}

var dump = make([]byte, 1<<20)

// States takes a dump of all goroutines. The world is stopped for it, so a goroutine that is
// shown as waiting has parked for good: it cannot take the park back any more. Not for use by
// two goroutines at once.
func States() map[int64]State {
	n := runtime.Stack(dump, true)
	for n == len(dump) {
		dump = make([]byte, 2*len(dump))
		n = runtime.Stack(dump, true)
	}
	states := make(map[int64]State)
	for _, block := range strings.Split(string(dump[:n]), "\n\n") {
		lines := strings.Split(block, "\n")
		head := strings.TrimPrefix(lines[0], "goroutine ")
		open := strings.Index(head, "[")
		shut := strings.LastIndex(head, "]")
		if open < 0 || shut < open {
			continue
		}
		// Between the id and the bracket Go 1.23 and later may print gp= and m=.
		id, err := strconv.ParseInt(strings.Fields(head[:open])[0], 10, 64)
		if err != nil {
			continue
		}
		var s State
		for i, word := range strings.Split(head[open+1:shut], ", ") {
			if i == 0 {
				s.Reason = word
			}
			s.Locked = s.Locked || word == "locked to thread"
		}
		for i := 1; i+1 < len(lines); i += 2 {
			if strings.HasPrefix(lines[i], "...") { // frames left out: a line without a place
				i++
			}
			if i+1 == len(lines) {
				break
			}
			if f, ok := frame(lines[i], lines[i+1]); ok {
				s.Stack = append(s.Stack, f)
			}
		}
		states[id] = s
	}
	return states
}

// frame reads "main.f(0x1, ...)" and "\t/dir/file.go:12 +0x34".
func frame(call, place string) (f Frame, ok bool) {
	paren := strings.LastIndex(call, "(")
	if paren <= 0 || strings.HasPrefix(call, "created by ") {
		return f, false
	}
	f.Function = call[:paren]
	place = strings.TrimPrefix(place, "\t")
	if space := strings.LastIndex(place, " +0x"); space > 0 {
		place = place[:space]
	}
	colon := strings.LastIndex(place, ":")
	if colon < 0 {
		return f, false
	}
	f.File = place[:colon]
	line, err := strconv.Atoi(place[colon+1:])
	f.Line = line
	return f, err == nil
}

// Settle waits until the process has so many goroutines. One that is out of its function is
// counted until it has left the runtime too, so that by then a tracer has seen it end.
func Settle(goroutines int) {
	for runtime.NumGoroutine() > goroutines {
		runtime.Gosched()
	}
}

// Waiting says whether a status of a dump is a wait that only an event can end.
func Waiting(reason string) bool {
	switch reason {
	case "", "running", "runnable", "syscall", "idle", "dead", "copystack", "preempted":
		return false
	}
	return !strings.HasPrefix(reason, "GC ")
}
