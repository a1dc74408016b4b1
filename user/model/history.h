/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Totals as the last update saw them, by a row's key, to tell what an interval added. */
#ifndef MODEL_HISTORY_H
#define MODEL_HISTORY_H

#include <stdint.h>

struct model_history;

struct history_key {
	uint64_t addr; /* 0: a site's totals */
	uint32_t site;
	uint32_t kind;
};

struct model_history *history_new(void);
void history_free(struct model_history *history);

/* Give the totals of before, and keep the new ones in their place. 0 or -ENOMEM. */
int history_exchange(struct model_history *history, const struct history_key *key, uint64_t waits,
		     uint64_t ns, uint64_t *waits_before, uint64_t *ns_before);

/* Add to what is kept under the key, and give the sum in *ns. 0 or -ENOMEM. */
int history_add(struct model_history *history, const struct history_key *key, uint64_t more,
		uint64_t *ns);

#endif
