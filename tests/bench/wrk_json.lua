-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
-- wrk's own summary as one line of JSON, times in microseconds.
done = function(summary, latency, requests)
	io.write(string.format('{"requests": %d, "duration_us": %d, "p99_us": %d, "errors": %d}\n',
		summary.requests, summary.duration, latency:percentile(99),
		summary.errors.connect + summary.errors.read + summary.errors.write +
		summary.errors.status + summary.errors.timeout))
end
