/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The flamegraph of a model, live or recorded, in any of its formats. */
#ifndef CMD_FLAME_H
#define CMD_FLAME_H

#include "cmd/options.h"
#include "export/flame.h"

/* By the name of -o, where -f does not say it. */
int flame_choose_format(struct options *options, struct err *err);
/* source->flame is made here. samples may be NULL. */
int flame_print(const struct flame_source *source, const struct flame_samples *samples,
		const struct options *options, struct err *err);

#endif
