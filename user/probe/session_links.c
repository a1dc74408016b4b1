// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/session_parts.h"

#include <errno.h>
#include <stdlib.h>

/* From what is hit most to what is hit least, in programs that are hit much; then the rest. */
static const enum ct_handler by_hits[] = {
	CT_ON_CHAN_RECV,    CT_ON_RECV,       CT_ON_POLL_SELECT,
	CT_ON_CHAN_SEND,    CT_ON_READY,      CT_ON_PARK,
	CT_ON_POLL_RECV,    CT_ON_POLL_SEND,  CT_ON_POOL_GET,
	CT_ON_POOL_PUT,     CT_ON_SPAWN,      CT_ON_EXIT,
	CT_ON_MAP_WRITE,    CT_ON_LOCK_WAIT,  CT_ON_POOL_NEW,
	CT_ON_LOCK_RELEASE, CT_ON_MAP_MISS,   CT_ON_READY_SCHEDULER,
	CT_ON_PARK_ABORTED, CT_ON_CHAN_CLOSE, CT_ON_SPIN,
};

static int rank(enum ct_handler handler)
{
	int count = sizeof(by_hits) / sizeof(by_hits[0]);

	for (int i = 0; i < count; i++)
		if (by_hits[i] == handler)
			return i;
	return count + (int)handler;
}

static int by_rank(const void *a, const void *b)
{
	const struct plan_site *const *x = a, *const *y = b;

	return rank((*x)->point->handler) - rank((*y)->point->handler);
}

int session_prepare_links(struct probe_session *session, const struct plan *plan)
{
	const struct plan_site **sites = calloc(plan->sites.len + 1, sizeof(*sites));
	size_t count = 0;

	if (!sites)
		return -ENOMEM;
	for (int pace = 0; pace < CT_PACES; pace++) {
		struct links *links = &session->links[pace];

		if (links_prepare(links, plan->sites.len)) {
			free(sites);
			return -ENOMEM;
		}
		links->count = 0;
		links->pid = session->pid;
		links->path = session->exe_path;
	}
	for (size_t i = 0; i < plan->sites.len; i++)
		if (plan->sites.data[i].address)
			sites[count++] = &plan->sites.data[i];
	qsort(sites, count, sizeof(*sites), by_rank);
	for (size_t i = 0; i < count; i++) {
		struct links *links = &session->links[sites[i]->point->pace];

		links->offsets[links->count] = sites[i]->file_offset;
		links->cookies[links->count++] = sites[i]->cookie;
		if (sites[i]->verdict == PLAN_STEPPED && links == &session->links[0])
			session->stepped = true;
	}
	free(sites);
	return 0;
}
