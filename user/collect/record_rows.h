/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tables of a recording that change from batch to batch, and the rows that are not a struct of
 * the probes or the snapshot already. What a column means is said once, in record_rows.c, and is
 * found again in the recording's own schema.
 */
#ifndef COLLECT_RECORD_ROWS_H
#define COLLECT_RECORD_ROWS_H

#include "collect/aggregates.h"
#include "collect/leak_scan.h"
#include "collect/record_table.h"
#include "collect/snapshot.h"
#include "probe/governor.h"
#include "target/facts.h"
#include "target/resources.h"

/* One batch. */
struct record_capture {
	uint64_t wall_ns, at_ns, age_ns, map_bytes;
	uint8_t keyframe, has_events, has_snapshot;
	uint64_t first_stack, first_label, first_case, first_text, first_event;
	struct governor_status status;
	uint64_t counters[CT_N_COUNTERS];
};

/* struct snapshot without its vectors. */
struct record_snapshot {
	uint64_t at_ns, took_ns, torn, unreadable, system, reused, ahead_left_out;
};

/* struct goroutine; stack, cases, labels and peer are numbers in other tables, 0: none. */
struct record_task {
	uint64_t g;
	struct goroutine goroutine;
	uint64_t stack, cases, labels, peer;
};

/* A look at the heap, without its vectors; why_not: "" when it was possible. */
struct record_look {
	uint64_t wall_ns;
	struct leak_scan scan;
	uint64_t by_state[16], system; /* goroutines that there were, as in struct model */
	char why_not[200];
};

/* A goroutine that it found; begins with what task_log has of others. */
struct record_leak {
	struct record_task task;
	struct chan_state chan; /* the one it waits for, or the first of its select; addr 0: none */
	uint8_t doubt;          /* enum leak_doubt */
	uint32_t cycle, place;  /* as in leak_found */
	char verdict[12], proof[256], why_not[160];
};

/* struct next_op, its goroutine by address; in their order when sorted by object, goroutine and n. */
struct record_next {
	uint64_t object, g, n;
	uint32_t frame;
	uint8_t what, certain;
};

/* struct ct_site, its pcs as a stack. */
struct record_wait {
	uint32_t site, reason;
	uint64_t stack, parks, waits, aborted, wait_ns_total, wait_ns_max;
	uint64_t hist[CT_HIST_SLOTS];
};

/* What the model made of the rows: for people, not for replaying. */
struct record_lock {
	uint64_t addr;
	char kind[24], symbol[128];
	uint64_t waiters, waits, wait_ns_total, wait_ns_max, releases;
};

struct record_chan {
	uint64_t addr;
	char symbol[128];
	uint8_t state_known, closed;
	uint64_t len, cap, senders_waiting, receivers_waiting;
	uint64_t sends, recvs, waits, send_wait_ns, recv_wait_ns, select_wait_ns;
};

/* The process and what of its Go version replaying needs. */
struct record_target {
	struct target_facts facts;
	int32_t minor, reasons_minor;
	uint8_t wrapper_id;
	char goroot_file[512];
	uint64_t code_start, code_limit,
		code_offset;                 /* of the code in memory and file; 0: unknown */
	char build_id[41], go_build_id[128]; /* "": none */
};

extern const struct record_table record_target_table, record_capture_table, record_snapshot_table,
	record_look_table, record_resources_table;

/* Tables with a key, which all change in the same way. */
enum record_kind {
	RECORD_TASK,
	RECORD_PROBE_TASK,
	RECORD_WAIT,
	RECORD_OBJECT,
	RECORD_CHAN_OP,
	RECORD_RELEASE,
	RECORD_SPAWN,
	RECORD_WAKE,
	RECORD_CHAN_STATE,
	RECORD_LOCK_WORDS,
	RECORD_NEXT,
	RECORD_LEAK,
	RECORD_LOCK,
	RECORD_CHAN,
	RECORD_KINDS
};
extern const struct record_table record_tables[RECORD_KINDS];

#endif
