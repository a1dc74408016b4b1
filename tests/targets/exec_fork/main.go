// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program exec_fork does to itself, on command, what a tracer must survive. Meanwhile goroutines
// pass values, so that probes are being hit.
//
//	child      fork and exec a child of this program, wait for it; prints "child status=N"
//	children N the same N times over
//	exec       replace this process by a fresh run of itself, which prints "ready" again
//	become X   replace this process by another program
//	exit N     os.Exit(N)
//	kill       SIGKILL to itself
//	abort      SIGABRT to itself: Go prints its goroutines, status 2
//	panic      an unrecovered panic, status 2
//	fatal      a fatal error of the runtime (all goroutines blocked is not possible here; a
//	           concurrent map write is), status 2
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"

	"conctrace.test/targets/internal/ctl"
)

var childRun = flag.Bool("child", false, "be the child: pass some values and end with status 3")

var passed int64

func passValues(n int) {
	c := make(chan int)
	go func() {
		for i := 0; n == 0 || i < n; i++ {
			c <- i
		}
		close(c)
	}()
	for range c {
		atomic.AddInt64(&passed, 1)
	}
}

func child(string) {
	cmd := exec.Command("/proc/self/exe", "-child")
	cmd.Stderr = os.Stderr
	err := cmd.Run()
	if cmd.ProcessState == nil {
		ctl.Fatalf("child: %v", err)
	}
	fmt.Printf("child status=%d\n", cmd.ProcessState.ExitCode())
}

func children(arg string) {
	n, err := strconv.Atoi(arg)
	if err != nil {
		ctl.Fatalf("children: %v", err)
	}
	for i := 0; i < n; i++ {
		child("")
	}
}

func become(arg string) {
	words := strings.Fields(arg)
	if len(words) == 0 {
		words = []string{"/proc/self/exe"}
	}
	path, err := exec.LookPath(words[0])
	if err == nil {
		err = syscall.Exec(path, words, os.Environ())
	}
	ctl.Fatalf("exec: %v", err)
}

func exit(arg string) {
	status, err := strconv.Atoi(arg)
	if err != nil {
		ctl.Fatalf("exit: %v", err)
	}
	os.Exit(status)
}

func signal(number syscall.Signal) func(string) {
	return func(string) {
		if err := syscall.Kill(os.Getpid(), number); err != nil {
			ctl.Fatalf("kill: %v", err)
		}
		select {}
	}
}

func fatal(string) {
	m := map[int]int{}
	for i := 0; i < 2; i++ {
		go func() {
			for {
				m[1]++
			}
		}()
	}
	select {}
}

func main() {
	ctl.Parse()
	if *childRun {
		passValues(1000)
		os.Exit(3)
	}
	ctl.Run(ctl.Program{
		Endless: true,
		Go:      func() { go passValues(0) },
		Report:  func() interface{} { return map[string]int64{"passed": atomic.LoadInt64(&passed)} },
		Commands: map[string]func(string){
			"child":    child,
			"children": children,
			"exec":     func(string) { become("") },
			"become":   become,
			"exit":     exit,
			"kill":     signal(syscall.SIGKILL),
			"abort":    signal(syscall.SIGABRT),
			"panic":    func(string) { panic("on command") },
			"fatal":    fatal,
		},
	})
}
