/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a goroutine waits for and how it is labelled, in a few words for people. */
#ifndef VIEW_WAITING_ON_H
#define VIEW_WAITING_ON_H

#include <stddef.h>

#include "model/model.h"

/*
 * "chan 0xc000094070 8/8", "select <-0xc000012345, 0xc0000543e0<-, 2 more", "network 10.0.0.1:443",
 * "timer ends in 12.0s", "sync.Mutex 0xc000202030"; "": nothing, or not known. Into `to`, cut to `size`.
 */
const char *format_waiting_on(char *to, size_t size, const struct model *model,
			      const struct model_task *task);
/* "request=checkout,tenant=blue"; "": none. */
const char *format_labels(char *to, size_t size, const struct model *model,
			  const struct model_task *task);

#endif
