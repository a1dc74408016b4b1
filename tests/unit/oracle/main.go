// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Oracle prints what Go's own runtime says of program counters of this very binary. It is the
// independent reader that test_pclntab compares with. One line a logical frame, tab-separated:
//
//	main	PC                       entry of main.main: tells the load bias
//	stack	NAME                     a stack follows, innermost frame first
//	PC	FUNCTION	FILE	LINE     PC is a return address
//
// With arguments, it reads link-time offsets from main.main (decimal, one a line) from stdin and
// prints the innermost frame of each instead.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sort"
	"strconv"
)

var out = bufio.NewWriter(os.Stdout)

type adder interface{ add(n int) int }

type counter struct{ n int }

type outer struct{ counter }

func entryOf(name string) uintptr {
	pcs := make([]uintptr, 64)
	pcs = pcs[:runtime.Callers(1, pcs)]
	for _, pc := range pcs {
		if fn := runtime.FuncForPC(pc); fn != nil && fn.Name() == name {
			return fn.Entry()
		}
	}
	panic("not called from " + name)
}

func printFrame(pc uintptr) {
	frame, _ := runtime.CallersFrames([]uintptr{pc}).Next()
	fmt.Fprintf(out, "%d\t%s\t%s\t%d\n", pc, frame.Function, frame.File, frame.Line)
}

//go:noinline
func printStack(name string) int {
	pcs := make([]uintptr, 128)
	pcs = pcs[:runtime.Callers(2, pcs)]
	fmt.Fprintf(out, "stack\t%s\n", name)
	for _, pc := range pcs {
		printFrame(pc)
	}
	return len(pcs)
}

func inlined(name string) int { return printStack(name) + 1 }

func inlinedTwice(name string) int { return inlined(name) + 1 }

func inlinedThrice(name string) int {
	return inlinedTwice(name) +
		1
}

//go:noinline
func deep(depth int, name string) int {
	if depth == 0 {
		return inlinedThrice(name)
	}
	return deep(depth-1, name) + 1
}

func (c *counter) add(n int) int { return printStack("method") + n }

func (c counter) value(n int) int { return inlinedTwice("method value") + n }

func apply[T any](value T, f func(T) int) int { return f(value) + 1 }

//go:noinline
func applyAll[K comparable, V any](values map[K]V, f func(K, V) int) int {
	sum := 0
	for key, value := range values {
		sum += f(key, value)
	}
	return sum
}

func closures() int {
	sum := 0
	add := func(name string) { sum += inlined(name) }
	add("closure")
	func() {
		defer func() { sum += inlinedThrice("deferred closure") }()
		func() { add("nested closure") }()
	}()
	return sum
}

func recovered() (sum int) {
	defer func() {
		if recover() != nil {
			sum = inlinedTwice("panic")
		}
	}()
	var nothing *counter
	return nothing.n
}

func stacks() {
	fmt.Fprintf(out, "main\t%d\n", entryOf("main.main"))
	inlinedThrice("inlined thrice")
	deep(5, "recursion")
	closures()
	recovered()
	apply(3, func(n int) int { return inlined("generic closure") + n })
	apply("x", func(s string) int { return inlinedThrice("generic closure of another type") })
	applyAll(map[string]counter{"a": {1}}, func(k string, v counter) int { return v.value(len(k)) })
	f := counter{1}.value
	f(2)
	var a adder = &outer{}
	a.add(1)
	g := a.add
	g(2)
	h := (*outer).add
	h(&outer{}, 3)
	less := func(i, j int) bool { return inlined("callback from the library") > 0 && i < j }
	sort.Slice([]int{2, 1}, less)
	done := make(chan bool)
	go func() {
		inlinedTwice("goroutine")
		close(done)
	}()
	<-done
}

func frames() {
	base := entryOf("main.main")
	fmt.Fprintf(out, "main\t%d\n", base)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		offset, err := strconv.Atoi(lines.Text())
		if err != nil {
			panic(err)
		}
		printFrame(base + uintptr(offset))
	}
}

func main() {
	defer out.Flush()
	if len(os.Args) > 1 {
		frames()
	} else {
		stacks()
	}
}
