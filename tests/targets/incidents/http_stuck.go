// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"conctrace.test/targets/internal/ctl"
)

func init() {
	register("http.stuck", httpStuck)
	register("http.stuck/deadline", httpSlow)
}

// A downstream that takes requests and never answers. The broken client has no deadline; the fixed
// one gives up after a while, and asks for so much at a time only.
func httpStuck(fixed bool) {
	url := deafServer()
	client := &riskClient{http: &http.Client{Transport: &http.Transport{}}}
	if fixed {
		for i := 0; i < 8; i++ {
			go func() {
				for {
					client.scoreInTime(url)
				}
			}()
		}
		return
	}
	for i := 0; i < many(100); i++ {
		go client.score(url)
	}
	awaitRequests(many(100))
	know("stuck", many(100))
}

// The same with a deadline that is far away: half have it of the client, half of their context.
func httpSlow(fixed bool) {
	const patience = 5 * time.Minute
	url := deafServer()
	hasty := &riskClient{http: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	client := &riskClient{http: &http.Client{Transport: &http.Transport{}}}
	for i := 0; i < many(40); i++ {
		if i%2 == 0 {
			go hasty.score(url)
			continue
		}
		go func() {
			type key string
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			client.scoreWith(context.WithValue(ctx, key("tenant"), "blue"), url)
		}()
	}
	awaitRequests(many(40))
}

func deafServer() (url string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				ctl.Fatalf("%v", err)
			}
			go io.Copy(io.Discard, conn)
		}
	}()
	return "http://" + listener.Addr().String() + "/score"
}

func awaitRequests(count int) {
	for connected := 0; connected < count; {
		connected = 0
		for _, state := range ctl.States() {
			for _, frame := range state.Stack {
				if frame.Function == "net/http.(*persistConn).roundTrip" {
					connected++
				}
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
}

type riskClient struct {
	http *http.Client
}

func (c *riskClient) score(url string) {
	here()
	response, err := c.http.Get(url)
	if err == nil {
		response.Body.Close()
	}
}

func (c *riskClient) scoreInTime(url string) {
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	c.scoreWith(ctx, url)
}

func (c *riskClient) scoreWith(ctx context.Context, url string) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		ctl.Fatalf("%v", err)
	}
	response, err := c.http.Do(request)
	if err == nil {
		response.Body.Close()
	}
}
