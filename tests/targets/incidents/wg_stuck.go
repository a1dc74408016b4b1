// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import (
	"errors"
	"sync"

	"conctrace.test/targets/internal/ctl"
)

func init() { register("wg.stuck", wgStuck) }

// A worker that fails returns without Done, and the batch waits for ever; fixed, Done is deferred.
func wgStuck(fixed bool) {
	go func() {
		know("waiter", ctl.Goid())
		for runBatch(fixed) {
		}
	}()
}

func runBatch(fixed bool) bool {
	wg := new(sync.WaitGroup)
	for i := 0; i < 3; i++ {
		wg.Add(1)
		go importFile(wg, i, fixed)
	}
	here()
	wg.Wait()
	return !fixed
}

func importFile(wg *sync.WaitGroup, number int, fixed bool) {
	if fixed {
		defer wg.Done()
	}
	if err := readFile(number); err != nil {
		return
	}
	if !fixed {
		wg.Done()
	}
}

func readFile(number int) error {
	if number == 1 {
		return errors.New("no such file")
	}
	return nil
}
