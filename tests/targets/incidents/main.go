// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Incidents reproduces what conctrace's detectors must find, one case a file, and with -fixed its
// healthy twin: the same work with the fix that the post-mortem recommends.
//
// A case is under way when the program says that it is ready, and goes on until the program ends.
// The report has the place that must be named ("site") and what else the case knows.
package main

import (
	"flag"
	"fmt"
	"runtime"
	"sort"
	"strings"
	"sync"

	"conctrace.test/targets/internal/ctl"
)

// incident starts a case and returns when it is under way.
type incident func(fixed bool)

var incidents = map[string]incident{}

// register is called by the init function of each case's file.
func register(id string, start incident) {
	incidents[id] = start
}

// mended ends a case that can end, on the command "mend".
var mended = func() {}

var size = flag.Int("n", 0, "how `many`, where a case has a number; 0: its own")

// many is the size of a case.
func many(own int) int {
	if *size > 0 {
		return *size
	}
	return own
}

var truth = struct {
	sync.Mutex
	facts map[string]interface{}
}{facts: map[string]interface{}{}}

// know adds to what the program reports.
func know(name string, fact interface{}) {
	truth.Lock()
	truth.facts[name] = fact
	truth.Unlock()
}

// learn is asked before each report for what the case knows by then.
func learn(update func()) {
	updates = append(updates, update)
}

var updates []func()

// here says that the statement on the next line is the one that a report must name.
func here() {
	know("site", caller(1))
}

// place is here for another name than "site", and so many lines further down. In a function literal
// it speaks of the function around it.
func place(name string, down int) {
	know(name, caller(down))
}

func caller(down int) ctl.Frame {
	var pcs [1]uintptr
	runtime.Callers(3, pcs[:])
	frame, _ := runtime.CallersFrames(pcs[:]).Next()
	function := frame.Function
	if literal := strings.LastIndex(function, ".func"); literal > 0 {
		function = function[:literal]
	}
	return ctl.Frame{Function: function, File: frame.File, Line: frame.Line + down}
}

func report() interface{} {
	for _, update := range updates {
		update()
	}
	truth.Lock()
	defer truth.Unlock()
	facts := map[string]interface{}{"goroutines": runtime.NumGoroutine()}
	for name, fact := range truth.facts {
		facts[name] = fact
	}
	return facts
}

func main() {
	id := flag.String("case", "", "the incident's `id`")
	fixed := flag.Bool("fixed", false, "its healthy twin")
	list := flag.Bool("list", false, "print the ids")
	ctl.Parse()
	if *list {
		var ids []string
		for id := range incidents {
			ids = append(ids, id)
		}
		sort.Strings(ids)
		fmt.Println(strings.Join(ids, "\n"))
		return
	}
	start, ok := incidents[*id]
	if !ok {
		ctl.Fatalf("no case %q; -list has them", *id)
	}
	start(*fixed)
	ctl.Run(ctl.Program{Report: report, Commands: map[string]func(string){"mend": func(string) { mended() }}})
}
