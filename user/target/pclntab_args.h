/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What of a function's arguments Go prints in a stack, and where in the frame they are: its
 * FUNCDATA_ArgInfo, a small program that prints them (cmd/compile/internal/ssagen/ssa.go emitArgInfo,
 * runtime/traceback.go printArgs; read in 1.19.8, 1.21.13, 1.22.12, 1.23.5, 1.24.4, 1.25.12, 1.26.10
 * and 1.27.3, which are the same but for one pc, see pclntab_args.c).
 */
#ifndef TARGET_PCLNTAB_ARGS_H
#define TARGET_PCLNTAB_ARGS_H

#include "target/pclntab.h"

/* abi.TraceArgsMaxLen is 171 bytes with the end. */
#define PCLNTAB_ARGS_MAX 170
/* abi.TraceArgsLimit: so many of them are values at most. */
#define PCLNTAB_ARG_VALUES_MAX 10

enum pclntab_arg_kind {
	ARG_VALUE,
	ARG_OPEN, /* what follows, up to ARG_CLOSE, are the fields of one */
	ARG_CLOSE,
	ARG_MORE,    /* there are more than are printed */
	ARG_TOO_FAR, /* one that the table cannot describe */
};

struct pclntab_arg {
	uint8_t kind;   /* enum pclntab_arg_kind */
	uint8_t offset; /* ARG_VALUE: from the byte behind the frame's return address on */
	uint8_t size;   /* bytes, at most 8 */
	/* It came in a register, and its place on the stack was not written or is used for something
	   else where the frame is: what is there may be anything. */
	bool stale;
};

/*
 * Of the function whose code pc is in, at that pc (that of the call, see pclntab_frames). Returns how
 * many were written: none as well when the function has no such table, as that of assembly. A
 * damaged table ends where it makes no sense.
 */
size_t pclntab_args(const struct pclntab *tab, uint64_t pc, struct pclntab_arg *args, size_t max);

#endif
