/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events one by one, for a timeline. The configuration is constant to the verifier, which takes all
 * of this out where no timeline is wanted.
 */
#ifndef BPF_TIMELINE_H
#define BPF_TIMELINE_H

#include "maps.h"

static __always_inline void timeline_add(const struct ct_event *event)
{
	struct ct_event *slot;

	slot = bpf_ringbuf_reserve(&timeline, sizeof(*slot), 0);
	if (!slot) {
		count(CT_LOST_EVENT);
		return;
	}
	*slot = *event;
	bpf_ringbuf_submit(slot, BPF_RB_NO_WAKEUP);
}

#define TIMELINE(...)                                                                              \
	do {                                                                                       \
		if (config.timeline) {                                                             \
			const struct ct_event event = { __VA_ARGS__ };                             \
                                                                                                   \
			timeline_add(&event);                                                      \
		}                                                                                  \
	} while (0)

#endif
