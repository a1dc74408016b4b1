// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "conctrace.test/targets/internal/ctl"

// cases are ways to wait for each other, each with a twin without the fault (-fixed).
var cases = []struct {
	name string
	run  func()
}{}

func runCase() {
	for _, c := range cases {
		if c.name == *one {
			c.run()
			return
		}
	}
	ctl.Fatalf("there is no case %q", *one)
}
