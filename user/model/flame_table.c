// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/flame_table.h"

#include "base/hash.h"

struct flame_entry *flame_table_find(const struct flame_table *table, const struct flame_key *key)
{
	struct flame_entry *entry;

	HASH_FIND(hh, table->entries, key, sizeof(*key), entry);
	return entry;
}

struct flame_entry *flame_table_get(struct flame_table *table, const struct flame_key *key)
{
	return hash_entry(table->entries, key);
}

void flame_table_free(struct flame_table *table)
{
	hash_free(table->entries);
}

void flame_object_of(const struct model *model, enum wait_kind kind, uint64_t wait_addr,
		     struct flame_key *key)
{
	switch (kind) {
	case WAIT_CHAN_SEND:
	case WAIT_CHAN_RECV:
		key->object = FLAME_A_CHAN;
		key->addr = wait_addr;
		break;
	case WAIT_SELECT:
		key->object = FLAME_A_SELECT;
		break;
	case WAIT_SEMA:
	case WAIT_COND:
		key->object = FLAME_A_LOCK;
		if (wait_addr && key->stack)
			key->addr = model_lock_address(model, key->stack->lock, wait_addr);
		break;
	default:
		break;
	}
}

bool flame_selects(const struct snapshot *snapshot, const struct goroutine *goroutine,
		   uint64_t chan)
{
	for (uint32_t i = 0; i < goroutine->case_count; i++)
		if (snapshot->cases.data[goroutine->first_case + i].chan == chan)
			return true;
	return false;
}
