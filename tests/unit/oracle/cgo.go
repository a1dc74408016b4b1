// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

//go:build withcgo

package main

// int one(void) { return 1; }
import "C"

func init() {
	if C.one() != 1 {
		panic("C miscounts")
	}
}
