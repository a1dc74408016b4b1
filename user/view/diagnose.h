/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The triage report as text. */
#ifndef VIEW_DIAGNOSE_H
#define VIEW_DIAGNOSE_H

#include "detect/diagnosis.h"
#include "view/view.h"

/* 0 or -ENOMEM. Errors of the stream stay in it (ferror). */
int view_diagnose(const struct view *view, const struct diagnosis *diagnosis);

#endif
