// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "time"

func init() { register("watch", comesAndGoes) }

// For those who watch: twelve callers queue for a semaphore of two until the command "mend".
func comesAndGoes(fixed bool) {
	ask := make(chan struct{})
	mended = func() { close(ask) }
	if fixed {
		return
	}
	held := make(chan struct{}, 2)
	for i := 0; i < 12; i++ {
		go queueUp(held, ask)
	}
}

func queueUp(held, ask chan struct{}) {
	here()
	held <- struct{}{}
	<-ask
	<-held
	time.Sleep(time.Millisecond)
}
