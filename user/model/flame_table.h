/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Sums by stack and what else tells the stacks of a flame apart. */
#ifndef MODEL_FLAME_TABLE_H
#define MODEL_FLAME_TABLE_H

#include <uthash.h>

#include "model/flame.h"

enum flame_object {
	FLAME_NO_OBJECT,
	FLAME_A_LOCK, /* of the kind that the stack waits for */
	FLAME_A_CHAN,
	FLAME_A_SELECT, /* which of its channels is not known */
	FLAME_A_START,  /* addr is where a created goroutine begins */
};

/* Zero it first: it is compared byte by byte. */
struct flame_key {
	const struct stack *stack; /* NULL: not known */
	const char *labels;        /* their text, kept once; NULL: none */
	uint64_t gopc;             /* 0: not known */
	uint64_t addr;
	uint32_t reason; /* wait reason; behind FLAME_STATE: a state */
	uint32_t object; /* enum flame_object */
};
#define FLAME_STATE 0x10000U
#define FLAME_NO_REASON UINT32_MAX

struct flame_entry {
	struct flame_key key;
	uint64_t count, ns, sampled_ns;
	bool whole;        /* of events: nearly every wait there that began was seen to end */
	uint64_t hits;     /* samples */
	uint64_t old_hits; /* those of them whose wait began before the time that is sampled */
	const struct goroutine *goroutine; /* one of them; NULL: none is known */
	UT_hash_handle hh;
};

struct flame_table {
	struct flame_entry *entries;
};

/* The entry of the key, made when new. NULL: no memory. */
struct flame_entry *flame_table_get(struct flame_table *table, const struct flame_key *key);
struct flame_entry *flame_table_find(const struct flame_table *table, const struct flame_key *key);
void flame_table_free(struct flame_table *table);

struct flame_samples {
	struct flame_table table; /* stacks in full */
	struct flame_options options;
	uint64_t begin_ns, end_ns; /* end_ns: the last sample */
	uint64_t count;
};

/* What a hit stands for. 0: there are none. */
double flame_samples_ns(const struct flame_samples *samples);

/* Lock or channel that a waiting goroutine waits for; into the key. */
void flame_object_of(const struct model *model, enum wait_kind kind, uint64_t wait_addr,
		     struct flame_key *key);
/* One of the channels of a select. */
bool flame_selects(const struct snapshot *snapshot, const struct goroutine *goroutine,
		   uint64_t chan);

#endif
