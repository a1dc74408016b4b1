/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Incidents as alerts of Alertmanager's v2 API (POST /api/v2/alerts; its openapi.yaml, postableAlerts).
 * An alert is known by its labels, so those stay the same as long as the incident goes on; it must be
 * sent again before it expires, and ends with an endsAt that is past.
 */
#ifndef EXPORT_ALERTMANAGER_H
#define EXPORT_ALERTMANAGER_H

#include <jansson.h>

#include "detect/open_incidents.h"
#include "target/facts.h"

/* The array to send; expires_ns: how long those that go on are good for. NULL: no memory. */
json_t *alertmanager_alerts(const struct target_facts *facts, const struct open_incidents *open,
			    const struct diagnosis *diagnosis, uint64_t expires_ns);

#endif
