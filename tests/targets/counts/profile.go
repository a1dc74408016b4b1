// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/pprof"
	"sort"
	"strings"

	"conctrace.test/targets/internal/ctl"
)

// profileRow is Go's own count for one function of this program.
type profileRow struct {
	Function string `json:"function"`
	Count    int64  `json:"count"`
	DelayNs  int64  `json:"delay_ns"`
}

// profiles reads the block and the mutex profile, by the innermost function of package main.
func profiles() (block, mutex []profileRow) {
	perSecond := cyclesPerSecond()
	return rows(runtime.BlockProfile, perSecond), rows(runtime.MutexProfile, perSecond)
}

// cyclesPerSecond is only told in the text form.
func cyclesPerSecond() float64 {
	var text bytes.Buffer
	var n int64
	if err := pprof.Lookup("block").WriteTo(&text, 1); err != nil {
		ctl.Fatalf("block profile: %v", err)
	}
	line := text.String()[strings.Index(text.String(), "cycles/second="):]
	if _, err := fmt.Sscanf(line, "cycles/second=%d", &n); err != nil {
		ctl.Fatalf("block profile: %v", err)
	}
	return float64(n)
}

func rows(read func([]runtime.BlockProfileRecord) (int, bool), perSecond float64) []profileRow {
	n, _ := read(nil)
	records := make([]runtime.BlockProfileRecord, n+64)
	n, ok := read(records)
	if !ok {
		ctl.Fatalf("profile grew while it was read")
	}
	by := map[string]*profileRow{}
	for _, r := range records[:n] {
		name := function(r.Stack())
		if by[name] == nil {
			by[name] = &profileRow{Function: name}
		}
		by[name].Count += r.Count
		by[name].DelayNs += int64(float64(r.Cycles) / perSecond * 1e9)
	}
	var all []profileRow
	for _, r := range by {
		all = append(all, *r)
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Function < all[j].Function })
	return all
}

func function(stack []uintptr) string {
	frames := runtime.CallersFrames(stack)
	for {
		f, more := frames.Next()
		if strings.HasPrefix(f.Function, "main.") {
			return f.Function
		}
		if !more {
			return "(none)"
		}
	}
}
