/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The waits-for graph of a model, live or recorded, in any of its formats. */
#ifndef CMD_WAITS_H
#define CMD_WAITS_H

#include "cmd/observed_leaks.h"
#include "cmd/options.h"
#include "export/json.h"
#include "view/view.h"

/* leaks: of a look at the heap, marked in the model; NULL: nobody has looked. */
int waits_print(const struct json_source *source, struct view *view,
		const struct observed_leaks *leaks, const struct options *options, struct err *err);

#endif
