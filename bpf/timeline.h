/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Events one by one, for a timeline. The configuration is constant to the verifier, which takes all
 * of this out where no timeline is wanted.
 */
#ifndef BPF_TIMELINE_H
#define BPF_TIMELINE_H

#include "maps.h"

/* What the event has is written where it belongs: programs have 512 bytes of stack for all calls. */
#define TIMELINE(...)                                                                              \
	do {                                                                                       \
		struct ct_event *slot =                                                            \
			config.timeline ? bpf_ringbuf_reserve(&timeline, sizeof(*slot), 0) : 0;    \
                                                                                                   \
		if (slot) {                                                                        \
			*slot = (struct ct_event){ __VA_ARGS__ };                                  \
			bpf_ringbuf_submit(slot, BPF_RB_NO_WAKEUP);                                \
		} else if (config.timeline) {                                                      \
			count(CT_LOST_EVENT);                                                      \
		}                                                                                  \
	} while (0)

#endif
