/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A condition on the whole process, "goroutines>500", and whether it holds. */
#ifndef MODEL_THRESHOLD_H
#define MODEL_THRESHOLD_H

#include <stdbool.h>

#include "model/model.h"

enum threshold_what {
	THRESHOLD_NONE,
	THRESHOLD_GOROUTINES, /* that exist */
	THRESHOLD_RUNNABLE,   /* wait for a CPU */
	THRESHOLD_WAITING,    /* wait for anything else */
	THRESHOLD_OLDEST,     /* seconds that one waits for a Mutex or RWMutex by now */
};

struct threshold {
	enum threshold_what what;
	double more_than;
};

#define THRESHOLD_WANTED                                                                           \
	"goroutines>N, runnable>N, waiting>N or oldest>SECONDS (the longest lock wait)"

bool threshold_parse(const char *text, struct threshold *threshold);
/* The runtime's own goroutines do not count. */
double threshold_value(const struct threshold *threshold, const struct model *model);
bool threshold_holds(const struct threshold *threshold, const struct model *model);

#endif
