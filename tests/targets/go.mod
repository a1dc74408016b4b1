// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
module conctrace.test/targets

go 1.19

require golang.org/x/sync v0.0.0

replace golang.org/x/sync => ./xsync
