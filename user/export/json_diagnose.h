/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The document conctrace.diagnose/1. */
#ifndef EXPORT_JSON_DIAGNOSE_H
#define EXPORT_JSON_DIAGNOSE_H

#include "detect/diagnosis.h"
#include "detect/open_incidents.h"
#include "export/json.h"

/* To be released with json_decref; NULL: no memory. */
json_t *json_diagnose(const struct json_source *source, const struct diagnosis *diagnosis);
/* One of its incidents. */
json_t *json_incident(const struct diagnosis *diagnosis, size_t index);

/* That one begins or ends, as an object; diagnosis: of the look, NULL: the process is gone. */
json_t *json_incident_event(const struct json_source *source, const struct diagnosis *diagnosis,
			    const struct open_incident *incident);

#endif
