// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// Program http_server answers "hello" to every request: the smallest server a load generator can
// be pointed at.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"

	"conctrace.test/targets/internal/ctl"
)

var listen = flag.String("listen", "127.0.0.1:0", "`address` to serve on")

var requests int64

type greeter struct{}

func (greeter) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	atomic.AddInt64(&requests, 1)
	fmt.Fprintln(w, "hello")
}

func main() {
	ctl.Parse()
	listener, err := net.Listen("tcp", *listen)
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	fmt.Printf("listening http://%s/\n", listener.Addr())
	go http.Serve(listener, greeter{})
	ctl.Run(ctl.Program{
		Endless: true,
		Report: func() interface{} {
			return map[string]int64{"requests": atomic.LoadInt64(&requests)}
		},
	})
}
