// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/history.h"

#include <errno.h>

#include "base/hash.h"

struct entry {
	struct history_key key;
	uint64_t waits, ns;
	UT_hash_handle hh;
};

struct model_history {
	struct entry *entries;
};

struct model_history *history_new(void)
{
	return calloc(1, sizeof(struct model_history));
}

void history_free(struct model_history *history)
{
	if (!history)
		return;
	hash_free(history->entries);
	free(history);
}

int history_exchange(struct model_history *history, const struct history_key *key, uint64_t waits,
		     uint64_t ns, uint64_t *waits_before, uint64_t *ns_before)
{
	struct entry *entry = hash_entry(history->entries, key);

	if (!entry)
		return -ENOMEM;
	*waits_before = entry->waits;
	*ns_before = entry->ns;
	entry->waits = waits;
	entry->ns = ns;
	return 0;
}

int history_add(struct model_history *history, const struct history_key *key, uint64_t more,
		uint64_t *ns)
{
	struct entry *entry = hash_entry(history->entries, key);

	if (!entry)
		return -ENOMEM;
	entry->ns += more;
	*ns = entry->ns;
	return 0;
}
