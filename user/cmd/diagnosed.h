/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The result of a diagnosis, in each of its formats; of a live process and of a recording alike. */
#ifndef CMD_DIAGNOSED_H
#define CMD_DIAGNOSED_H

#include "cmd/shown.h"
#include "detect/diagnosis.h"

#define FORMATS_DIAGNOSE (FORMATS_TEXT_JSON | FORMAT_BIT(FORMAT_HTML) | FORMAT_BIT(FORMAT_MERMAID))

/* Run the detectors on diagnosis->input, and print. *found: one of at least the options' severity. */
int diagnosed_print(struct diagnosis *diagnosis, struct shown *shown, const struct options *options,
		    bool *found, struct err *err);

#endif
