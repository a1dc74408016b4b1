// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"sync"
	"time"
)

func init() { register("lock.starving", lockStarving) }

type ticketDesk struct {
	mu   sync.Mutex
	once sync.Once
	sold int
	log  []byte
}

// A desk that writes its whole log while it holds the lock, some 8 ms; fixed, it copies what it needs
// and writes outside. Either wants more than one CPU, which
// the lock does not let the first have.
func lockStarving(fixed bool) {
	desk := &ticketDesk{}
	for i := 0; i < 12; i++ {
		go func() {
			for {
				if fixed {
					desk.sellBriefly()
				} else {
					desk.sell()
				}
				time.Sleep(60 * time.Millisecond)
			}
		}()
	}
}

func (d *ticketDesk) sell() {
	d.once.Do(func() { place("site", 1) })
	d.mu.Lock()
	d.sold++
	writeLog()
	d.mu.Unlock()
}

func (d *ticketDesk) sellBriefly() {
	d.mu.Lock()
	d.sold++
	d.mu.Unlock()
	writeLog()
}

// writeLog computes for some milliseconds of CPU time, as an encoder does.
func writeLog() {
	for began := time.Now(); time.Since(began) < 8*time.Millisecond; {
		spin()
	}
}

//go:noinline
func spin() {
	for i := 0; i < 1000; i++ {
	}
}
