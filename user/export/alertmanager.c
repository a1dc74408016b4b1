// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/alertmanager.h"

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "export/json_parts.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static json_t *labels(const struct target_facts *facts, const struct open_incident *incident)
{
	char host[256] = "";
	json_t *labels;

	gethostname(host, sizeof(host) - 1);
	labels = json_pack("{s:o, s:s, s:s, s:o, s:o, s:o}", "alertname",
			   json_sprintf("conctrace:%s", incident->id), "incident", incident->id,
			   "severity", severity_name(incident->severity), "instance",
			   json_text(host), "exe", json_text(base_name(facts->exe)), "pid",
			   json_sprintf("%d", (int)facts->pid));
	if (incident->place[0])
		json_object_set_new(labels, "site", json_text(incident->place));
	if (incident->object_addr)
		json_object_set_new(labels, "object", json_address(incident->object_addr));
	return labels;
}

static json_t *description(const struct finding *finding)
{
	char text[4096] = "";
	size_t used = 0;

	for (size_t i = 0; i < finding->evidence.len && used < sizeof(text); i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s", i ? "\n" : "",
					 finding->evidence.data[i].text);
	return json_text(text);
}

static json_t *annotations(const struct open_incident *incident, const struct finding *finding)
{
	json_t *annotations = json_pack("{s:o}", "summary", json_text(incident->title));

	if (!finding)
		return annotations;
	json_object_set_new(annotations, "description", description(finding));
	json_object_set_new(annotations, "advice", json_text(finding->advice));
	json_object_set_new(annotations, "next", json_text(finding->next));
	return annotations;
}

json_t *alertmanager_alerts(const struct target_facts *facts, const struct open_incidents *open,
			    const struct diagnosis *diagnosis, uint64_t expires_ns)
{
	json_t *alerts = json_array();
	uint64_t now_ns = clock_now_ns();

	for (size_t i = 0; i < open->rows.len; i++) {
		const struct open_incident *incident = &open->rows.data[i];
		const struct finding *finding =
			incident->finding == NO_FINDING || !diagnosis ?
				NULL :
				&diagnosis->findings.rows.data[incident->finding];
		uint64_t ends_ns = incident->has_ended ? now_ns : now_ns + expires_ns;

		json_array_append_new(
			alerts, json_pack("{s:o, s:o, s:o, s:o}", "labels", labels(facts, incident),
					  "annotations", annotations(incident, finding), "startsAt",
					  json_time(clock_wall_ns(incident->first_ns)), "endsAt",
					  json_time(clock_wall_ns(ends_ns))));
	}
	return alerts;
}
