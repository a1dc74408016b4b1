// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
module golang.org/x/sync

go 1.19
