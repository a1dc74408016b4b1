/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_LAYOUT_DWARF_H
#define TARGET_LAYOUT_DWARF_H

#include "target/layout.h"

/*
 * Offsets from the DWARF of the executable at `path`; fields it lacks are LAYOUT_ABSENT.
 * 0; -ENOENT: no DWARF, or runtime.g is not in it.
 */
int layout_from_dwarf(const char *path, struct layout *layout);

#endif
