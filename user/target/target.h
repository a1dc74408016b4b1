/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A running Go process: everything that is known once and stays true while it runs.
 * Addresses of code and data are the process's own ("run-time"); link-time = run-time - load_bias.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "target/buildinfo.h"
#include "target/elf_image.h"
#include "target/layout.h"
#include "target/pclntab.h"
#include "target/pclntab_args.h"

#define TARGET_TIME_TO_RUN_MOST 721

struct target {
	pid_t pid;
	uint64_t start_ticks; /* with pid: names this process for ever */
	int pidfd;            /* readable when the process has exited; -1: kernel without pidfd */
	char exe[512];        /* for people */
	char exe_path[64];    /* "/proc/PID/exe" */
	uint64_t exe_inode, exe_device;
	uint64_t exec_stamp; /* AT_RANDOM: another address after every exec; 0: unknown */
	struct elf_image image;
	struct buildinfo build;
	struct pclntab pclntab;
	uint64_t load_bias;
	bool stripped; /* no .symtab */
	bool cgo;
	struct layout layout;
	enum layout_origin layout_origin;
	int reasons_minor; /* whose wait reasons to use */
	/* run-time addresses of variables */
	uint64_t moduledata;
	uint64_t types, etypes; /* where types are; 0: unknown */
	uint64_t allglen, allgptr;
	uint64_t semtable;        /* 0: not found */
	uint64_t mheap;           /* 0: not found */
	uint64_t allfin;          /* runtime.allfin; 0: not found */
	uint64_t cleanups;        /* runtime.gcCleanups, from Go 1.25 on; 0: not found */
	uint64_t gomaxprocs_addr; /* 0: not found */
	uint32_t gomaxprocs;      /* 0: unknown */
	/* sched.timeToRun (runtime/histogram.go): so many 64-bit counters; 0: not found */
	uint64_t time_to_run;
	size_t time_to_run_len;
};

/* Everything from the PID; errors are those an engineer reads (exit status 1). */
int target_open(pid_t pid, struct target *target, struct err *err);
void target_close(struct target *target);
/* The process is still the one that was opened, and has not called exec since. */
bool target_alive(const struct target *target);

/* Frames of a run-time pc, innermost first, as pclntab_frames; their entries are run-time too. */
size_t target_frames(const struct target *target, uint64_t pc, struct pclntab_frame *frames,
		     size_t max);
/* The arguments of a run-time pc's outermost frame, as pclntab_args. */
size_t target_args(const struct target *target, uint64_t pc, struct pclntab_arg *args, size_t max);

#endif
