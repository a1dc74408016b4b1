/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef TARGET_GOTYPE_H
#define TARGET_GOTYPE_H

#include "target/target.h"

struct gotype {
	char name[96];   /* "*errors.errorString", as Go prints it */
	unsigned kind;   /* reflect.Kind */
	bool text_first; /* a string, or a struct that begins with one, or a pointer to such */
};

/*
 * The type whose runtime._type is at a run-time address (internal/abi/type.go, Go 1.18 to 1.27), from
 * the process, or when that is gone, as far as the file has it. 0; -ENOENT: there is none.
 */
int gotype_read(const struct target *target, uint64_t addr, struct gotype *type);

#endif
