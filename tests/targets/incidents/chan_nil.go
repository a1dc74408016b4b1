// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "time"

func init() { register("chan.nil", chanNil) }

type feed struct {
	updates chan int
}

// The feed's channel is never made.
func chanNil(fixed bool) {
	f := &feed{}
	if fixed {
		f.updates = make(chan int)
		go func() {
			for i := 0; ; i++ {
				f.updates <- i
				time.Sleep(10 * time.Millisecond)
			}
		}()
	}
	for i := 0; i < 3; i++ {
		go f.follow()
	}
}

func (f *feed) follow() {
	here()
	for range f.updates {
	}
}
