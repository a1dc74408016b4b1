// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Package ctl is how a test drives a target program, and how the program tells what is true.
//
// On stdout a program prints one line each:
//
//	ready pid=N      its set-up is done
//	started          a phase without an end is running (answer to "go")
//	done             a phase with an end is over (answer to "go")
//	stopped          that phase has ended (answer to "stop")
//	{...}            the program's own ground truth (answer to "report")
//	bye              the last line (answer to "quit", and at the end of stdin); exit status 0
//
// Commands come line by line on stdin. Reading stdin blocks in a system call and not in the
// scheduler, and commands run on the main goroutine: the protocol itself spawns nothing, parks
// nothing and takes no contended lock, so it does not show in what is measured.
package ctl

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	_ "net/http/pprof" // for -http
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Program is one target. Nil members are fine.
type Program struct {
	// Go runs the measured phase. When Endless is set it starts it and returns.
	Go      func()
	Endless bool
	// Stop ends an endless phase.
	Stop func()
	// Report gives the ground truth, to be written as one line of JSON.
	Report func() interface{}
	// Commands are the program's own: name to what it does with the rest of the line.
	Commands map[string]func(arg string)
}

var (
	rates    = flag.Bool("rates", true, "with -http: profile every contended lock and every wait")
	httpAddr = flag.String("http", "", "serve net/http/pprof on this loopback `address`, profile rates 1")
	seconds  = flag.Int("seconds", 0, "go at once, stop after so many `seconds`, report and quit; no commands")
	daemon   = flag.Bool("daemon", false, "go at once and run until SIGTERM or SIGINT; no commands")
)

// Parse reads the flags and, with -http, starts the pprof server.
func Parse() {
	flag.Parse()
	if flag.NArg() > 0 {
		Fatalf("unexpected argument %q", flag.Arg(0))
	}
	if *httpAddr == "" {
		return
	}
	host, _, err := net.SplitHostPort(*httpAddr)
	if err != nil {
		Fatalf("-http: %v", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		Fatalf("-http: %s is not a loopback address", host)
	}
	if *rates {
		runtime.SetMutexProfileFraction(1)
		runtime.SetBlockProfileRate(1)
	}
	listener, err := net.Listen("tcp", *httpAddr)
	if err != nil {
		Fatalf("-http: %v", err)
	}
	fmt.Printf("pprof http://%s/debug/pprof/\n", listener.Addr())
	go http.Serve(listener, nil)
}

// Run announces the program and obeys until it is told to quit. It does not return.
func Run(p Program) {
	fmt.Printf("ready pid=%d\n", os.Getpid())
	switch {
	case *daemon:
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
		p.start()
		<-stop
		p.quit()
	case *seconds > 0:
		p.start()
		if p.Endless {
			time.Sleep(time.Duration(*seconds) * time.Second)
			p.stop()
		}
		p.report()
		p.quit()
	}
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		name, arg, _ := strings.Cut(strings.TrimSpace(commands.Text()), " ")
		switch name {
		case "":
		case "go":
			p.start()
		case "stop":
			p.stop()
			fmt.Println("stopped")
		case "report":
			p.report()
		case "quit":
			p.quit()
		default:
			run, ok := p.Commands[name]
			if !ok {
				Fatalf("unknown command %q", name)
			}
			run(arg)
		}
	}
	p.quit()
}

func (p *Program) start() {
	if p.Go != nil {
		p.Go()
	}
	if p.Endless {
		fmt.Println("started")
	} else {
		fmt.Println("done")
	}
}

func (p *Program) stop() {
	if p.Stop != nil {
		p.Stop()
	}
}

func (p *Program) report() {
	var truth interface{}
	if p.Report != nil {
		truth = p.Report()
	}
	line, err := json.Marshal(truth)
	if err != nil {
		Fatalf("report: %v", err)
	}
	fmt.Printf("%s\n", line)
}

func (p *Program) quit() {
	p.stop()
	fmt.Println("bye")
	os.Exit(0)
}

// Fatalf ends the program with exit status 1.
func Fatalf(format string, args ...interface{}) {
	fmt.Fprintf(os.Stderr, "%s: %s\n", os.Args[0], fmt.Sprintf(format, args...))
	os.Exit(1)
}
