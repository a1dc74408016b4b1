// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"conctrace.test/targets/internal/ctl"
)

// The outside world: a process that ends when its stdin does, so that it never outlives the shop.

type outsideProcess struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	shop  string
}

var outsideWorld outsideProcess

// startOutside gives the URL of the pricing service.
func startOutside(shop string) string {
	cmd := exec.Command("/proc/self/exe", "-outside",
		fmt.Sprintf("-load=%d", *load), fmt.Sprintf("-products=%d", *products),
		fmt.Sprintf("-pricing-latency=%s", *latency))
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	if err := cmd.Start(); err != nil {
		ctl.Fatalf("%v", err)
	}
	outsideWorld = outsideProcess{cmd: cmd, stdin: stdin, shop: shop}
	url, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		ctl.Fatalf("pricing service: %v", err)
	}
	return strings.TrimSpace(url)
}

// openDoors lets the customers in.
func (p *outsideProcess) openDoors() { fmt.Fprintln(p.stdin, p.shop) }

func (p *outsideProcess) end() {
	p.stdin.Close()
	_ = p.cmd.Wait()
}

func runOutside() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	fmt.Printf("http://%s\n", listener.Addr())
	go http.Serve(listener, http.HandlerFunc(handleQuote))
	commands := bufio.NewScanner(os.Stdin)
	for commands.Scan() {
		transport := &http.Transport{MaxIdleConnsPerHost: *load}
		for i := 0; i < *load; i++ {
			c := &customer{
				shop:   commands.Text(),
				client: http.Client{Transport: transport},
				random: rand.New(rand.NewSource(int64(i))),
				buyer:  i%2 == 0,
			}
			go c.visit()
		}
	}
}

func handleQuote(w http.ResponseWriter, _ *http.Request) {
	time.Sleep(*latency)
	fmt.Fprintln(w, `{"cents":1999}`)
}

// customer looks at products all the time or, as a buyer, orders one after the other.
type customer struct {
	shop   string
	client http.Client
	random *rand.Rand
	buyer  bool
}

func (c *customer) visit() {
	for {
		product := c.random.Intn(*products)
		if c.buyer {
			c.finish(c.client.Post(fmt.Sprintf("%s/orders/%d", c.shop, product), "", nil))
		} else {
			c.finish(c.client.Get(fmt.Sprintf("%s/products/%d", c.shop, product)))
		}
		time.Sleep(time.Duration(5+c.random.Intn(20)) * time.Millisecond)
	}
}

func (c *customer) finish(resp *http.Response, err error) {
	if err != nil {
		// The shop may be closing.
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
}
