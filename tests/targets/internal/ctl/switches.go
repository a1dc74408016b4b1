// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

package ctl

import "runtime/metrics"

// Of the times that a goroutine stops running, the runtime follows one in so many, goroutine by
// goroutine (gTrackingPeriod in runtime/runtime2.go, Go 1.17 to 1.27), until it runs again.
const trackingPeriod = 8

// Switches is how often goroutines stopped running and ran again, in steps of trackingPeriod: parks,
// preemptions, yields and system calls. It is the runtime's own count.
func Switches() (n int64) {
	sample := []metrics.Sample{{Name: "/sched/latencies:seconds"}}
	metrics.Read(sample)
	for _, count := range sample[0].Value.Float64Histogram().Counts {
		n += trackingPeriod * int64(count)
	}
	return n
}
