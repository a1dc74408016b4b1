// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
module conctrace.test/targets

go 1.19
