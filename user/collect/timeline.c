// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/timeline.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define EVENTS_AT_ONCE 4096

struct timeline {
	struct ring_buffer *ring;
	timeline_sink sink;
	void *ctx;
	int taken;
	int status; /* of the sink */
};

static int take(void *ctx, void *data, size_t size)
{
	struct timeline *timeline = ctx;

	if (size < sizeof(struct ct_event))
		return 0;
	timeline->status = timeline->sink(timeline->ctx, data);
	/* a negative result stops the draining; the event is taken all the same */
	return timeline->status || ++timeline->taken == EVENTS_AT_ONCE ? -EAGAIN : 0;
}

int timeline_open(const struct probe_maps *maps, timeline_sink sink, void *ctx,
		  struct timeline **out, struct err *err)
{
	struct timeline *timeline = calloc(1, sizeof(*timeline));

	if (timeline) {
		timeline->sink = sink;
		timeline->ctx = ctx;
		timeline->ring = ring_buffer__new(maps->timeline, take, timeline, NULL);
	}
	if (!timeline || !timeline->ring) {
		int status = timeline ? errno : ENOMEM;

		free(timeline);
		return err_set(err, status, "reading the timeline", "free some memory", "%s",
			       strerror(status));
	}
	*out = timeline;
	return 0;
}

void timeline_close(struct timeline *timeline)
{
	if (!timeline)
		return;
	ring_buffer__free(timeline->ring);
	free(timeline);
}

int timeline_drain(struct timeline *timeline, bool *more)
{
	timeline->taken = timeline->status = 0;
	ring_buffer__consume(timeline->ring);
	*more = timeline->taken == EVENTS_AT_ONCE;
	return timeline->status;
}
