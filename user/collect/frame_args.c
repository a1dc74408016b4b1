// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/frame_args.h"

#include <stdlib.h>

#define PLANS 4096
#define PLANS_SHIFT 52

struct frame_args *frame_args_new(const struct target *target)
{
	struct frame_args *args = calloc(1, sizeof(*args));

	if (!args)
		return NULL;
	args->target = target;
	args->plans = calloc(PLANS, sizeof(*args->plans));
	if (args->plans)
		return args;
	free(args);
	return NULL;
}

void frame_args_free(struct frame_args *args)
{
	if (!args)
		return;
	vec_free(&args->values);
	free(args->plans);
	free(args);
}

static void fill(struct frame_args_plan *plan, const struct target *target, uint64_t pc)
{
	struct pclntab_arg parts[PCLNTAB_ARGS_MAX];
	size_t count = target_args(target, pc, parts, PCLNTAB_ARGS_MAX);

	*plan = (struct frame_args_plan){ .pc = pc };
	for (size_t i = 0; i < count; i++) {
		if (parts[i].kind != ARG_VALUE)
			continue;
		plan->values[plan->count].offset = parts[i].offset;
		plan->values[plan->count].size = parts[i].size;
		plan->count++;
	}
}

const struct frame_args_plan *frame_args_plan(struct frame_args *args, uint64_t pc)
{
	struct frame_args_plan *plan = &args->plans[(pc * 0x9e3779b97f4a7c15ULL) >> PLANS_SHIFT];

	if (plan->pc != pc)
		fill(plan, args->target, pc);
	return plan;
}
