// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package main

import "sync/atomic"

// optional are the residents that not every Go version can house.
var optional []func()

func addOptional() {
	addFinalizer()
	for _, add := range optional {
		add()
	}
}

func (r *resident) goid() int64 { return atomic.LoadInt64(&r.Goid) }
