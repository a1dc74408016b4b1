// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/pc_cache.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES (1U << 15)

/* abi.FuncFlag (internal/abi/symtab.go, runtime/symtab.go) */
#define FLAG_TOP_FRAME 1
#define FLAG_SP_WRITE 2

struct pc_cache {
	struct pc_info entries[ENTRIES];
};

struct pc_cache *pc_cache_new(void)
{
	return calloc(1, sizeof(struct pc_cache));
}

void pc_cache_free(struct pc_cache *cache)
{
	free(cache);
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

/* By name: the numbers of the special functions (funcID) differ between versions. */
static void classify(struct pc_info *info, const char *name)
{
	/* runtime/traceback.go isInjectedCall */
	static const char *const injected[] = { "runtime.sigpanic", "runtime.asyncPreempt",
						"runtime.debugCallV2", NULL };
	/* runtime/traceback.go isSystemGoroutine: what starts in the runtime, but for these */
	static const char *const users[] = { "runtime.main", "runtime.corostart",
					     "runtime.handleAsyncEvent", NULL };
	/* the same: a user's while it runs a finalizer or cleanup (names to 1.24, and from 1.25) */
	static const char *const both[] = { "runtime.runfinq", "runtime.runFinalizers",
					    "runtime.runCleanups", NULL };

	info->in_runtime = !strncmp(name, "runtime.", strlen("runtime."));
	info->injects_call = is_one_of(name, injected);
	info->system_start = info->in_runtime && !is_one_of(name, users);
	info->system_when_idle = is_one_of(name, both);
	/* it switches stacks such that both can be walked through it */
	if (!strcmp(name, "runtime.cgocallback"))
		info->writes_sp = false;
}

static void fill(struct pc_info *info, const struct target *target, uint64_t pc)
{
	uint64_t link_time = pc - target->load_bias;
	struct pclntab_func func;

	memset(info, 0, sizeof(*info));
	info->pc = pc;
	info->frame_size = -1;
	if (pclntab_func_at(&target->pclntab, link_time, &func))
		return;
	info->known = true;
	info->is_entry = link_time == func.entry;
	info->top_frame = func.flag & FLAG_TOP_FRAME;
	info->writes_sp = func.flag & FLAG_SP_WRITE;
	classify(info, func.name);
	if (pclntab_frame_size(&target->pclntab, link_time, &info->frame_size) ||
	    info->frame_size < 0 || info->frame_size % 8)
		info->frame_size = -1;
}

const struct pc_info *pc_cache_look_up(struct pc_cache *cache, const struct target *target,
				       uint64_t pc)
{
	struct pc_info *info = &cache->entries[(pc * 0x9e3779b97f4a7c15ULL) >> 49];

	if (info->pc != pc || !pc)
		fill(info, target, pc);
	return info;
}
