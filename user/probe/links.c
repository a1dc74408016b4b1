// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/links.h"

#include <errno.h>
#include <stdlib.h>

int links_prepare(struct links *links, size_t count)
{
	links->offsets = calloc(count + 1, sizeof(*links->offsets));
	links->cookies = calloc(count + 1, sizeof(*links->cookies));
	if (!links->offsets || !links->cookies) {
		links_free(links);
		return -ENOMEM;
	}
	links->count = count;
	return 0;
}

static int keep(struct links *links, struct bpf_link *link)
{
	struct bpf_link **slot;

	if (!link)
		return errno ? -errno : -EINVAL;
	slot = vec_push(&links->held);
	if (!slot) {
		bpf_link__destroy(link);
		return -ENOMEM;
	}
	*slot = link;
	return 0;
}

static int attach_multi(struct links *links)
{
	LIBBPF_OPTS(bpf_uprobe_multi_opts, opts, .offsets = links->offsets,
		    .cookies = links->cookies, .cnt = links->count);

	return keep(links, bpf_program__attach_uprobe_multi(links->program, links->pid, links->path,
							    NULL, &opts));
}

static int attach_each(struct links *links)
{
	int status = 0;

	for (size_t i = 0; i < links->count && !status; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .bpf_cookie = links->cookies[i]);

		status = keep(links, bpf_program__attach_uprobe_opts(links->program, links->pid,
								     links->path, links->offsets[i],
								     &opts));
	}
	return status;
}

int links_attach(struct links *links)
{
	int status;

	if (!links->count)
		return 0;
	status = links->multi ? attach_multi(links) : attach_each(links);
	if (status)
		links_detach(links);
	return status;
}

/*
 * A perf event takes a grace period of the kernel to go, alone (event_mutex), so that some probes
 * stay for up to a second.
 */
void links_detach(struct links *links)
{
	for (size_t i = 0; i < links->held.len; i++)
		bpf_link__destroy(links->held.data[i]);
	links->held.len = 0;
}

void links_free(struct links *links)
{
	links_detach(links);
	vec_free(&links->held);
	free(links->offsets);
	free(links->cookies);
	links->offsets = NULL;
	links->cookies = NULL;
	links->count = 0;
}
