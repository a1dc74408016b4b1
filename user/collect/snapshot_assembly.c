// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/snapshot_assembly.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int take_stacks(struct snapshot_assembly *assembly, const struct chunk *chunk,
		       struct goroutine *goroutines)
{
	size_t count = chunk->stacks.stacks.len;
	uint32_t *moved = calloc(count + 1, sizeof(*moved));
	int status = moved ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !status; i++) {
		const struct stack_span *span = &chunk->stacks.stacks.data[i];

		status = stack_set_add(&assembly->stacks, chunk->stacks.pcs.data + span->first,
				       span->count, &moved[i]);
	}
	for (size_t i = 0; i < chunk->goroutines.len && !status; i++) {
		uint32_t stack = goroutines[i].first_pc;

		goroutines[i].first_pc =
			stack == CHUNK_NONE ? 0 : assembly->stacks.stacks.data[moved[stack]].first;
	}
	free(moved);
	return status;
}

static int take_cases(struct snapshot_assembly *assembly, const struct chunk *chunk,
		      struct goroutine *goroutines)
{
	struct snapshot *snapshot = assembly->snapshot;

	for (size_t i = 0; i < chunk->goroutines.len; i++) {
		struct goroutine *goroutine = &goroutines[i];
		bool is_new = chunk->origins.data[i] == CHUNK_NONE;
		const struct wait_case *from = is_new ? chunk->cases.data :
							assembly->last->cases.data;
		uint32_t first = goroutine->first_case;

		goroutine->first_case = snapshot->cases.len;
		if (vec_append(&snapshot->cases, from + first, goroutine->case_count))
			return -ENOMEM;
	}
	return 0;
}

/* Without their arguments the others' are complete. */
static int take_args(struct snapshot_assembly *assembly, const struct chunk *chunk,
		     struct goroutine *goroutines)
{
	struct snapshot *snapshot = assembly->snapshot;

	for (size_t i = 0; i < chunk->goroutines.len; i++) {
		struct goroutine *goroutine = &goroutines[i];
		bool is_new = chunk->origins.data[i] == CHUNK_NONE;
		const uint64_t *from = is_new ? chunk->args.data : assembly->last->args.data;
		uint32_t first = goroutine->first_arg;

		goroutine->first_arg = snapshot->args.len;
		if (goroutine->arg_count > SNAPSHOT_ARGS_MAX - snapshot->args.len)
			goroutine->arg_count = 0;
		if (vec_append(&snapshot->args, from + first, goroutine->arg_count))
			return -ENOMEM;
	}
	return 0;
}

int snapshot_assembly_take(struct snapshot_assembly *assembly, const struct chunk *chunk)
{
	struct snapshot *snapshot = assembly->snapshot;
	size_t first = snapshot->goroutines.len, first_cond = assembly->conds.len,
	       first_known = assembly->next->known.len;
	struct goroutine *goroutines;
	int status =
		vec_append(&snapshot->goroutines, chunk->goroutines.data, chunk->goroutines.len);

	if (!status)
		status = vec_append(&assembly->origins, chunk->origins.data, chunk->origins.len);
	if (!status)
		status = vec_append(&assembly->conds, chunk->conds.data, chunk->conds.len);
	if (!status)
		status = vec_append(&assembly->next->known, chunk->known.data, chunk->known.len);
	if (status)
		return status;
	for (size_t i = first_cond; i < assembly->conds.len; i++)
		assembly->conds.data[i].goroutine += first;
	for (size_t i = first_known; i < assembly->next->known.len; i++)
		if (assembly->next->known.data[i].goroutine != CHUNK_NONE)
			assembly->next->known.data[i].goroutine += first;
	for (size_t i = 0; i < chunk->origins.len; i++)
		snapshot->reused += chunk->origins.data[i] != CHUNK_NONE;
	snapshot->torn += chunk->torn;
	snapshot->unreadable += chunk->unreadable;
	snapshot->system += chunk->system;
	goroutines = snapshot->goroutines.data + first;
	status = take_stacks(assembly, chunk, goroutines);
	if (!status && snapshot->has_args)
		status = take_args(assembly, chunk, goroutines);
	return status ? status : take_cases(assembly, chunk, goroutines);
}

int snapshot_assembly_end(struct snapshot_assembly *assembly)
{
	struct stack_set *stacks = &assembly->stacks;

	return vec_append(&assembly->snapshot->pcs, stacks->pcs.data, stacks->pcs.len);
}

void snapshot_assembly_free(struct snapshot_assembly *assembly)
{
	stack_set_free(&assembly->stacks);
	vec_free(&assembly->origins);
	vec_free(&assembly->conds);
}
