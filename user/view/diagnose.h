/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The triage report as text. */
#ifndef VIEW_DIAGNOSE_H
#define VIEW_DIAGNOSE_H

#include "detect/diagnosis.h"
#include "detect/open_incidents.h"
#include "view/view.h"

/* 0 or -ENOMEM. Errors of the stream stay in it (ferror). */
int view_diagnose(const struct view *view, const struct diagnosis *diagnosis);

/* A line, and of one that begins what is known of it. diagnosis: of the look; NULL: the process is gone. */
void view_incident_event(const struct view *view, const struct diagnosis *diagnosis,
			 const struct open_incident *incident);

#endif
