// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/json_diagnose.h"

#include "base/clock.h"
#include "export/json_parts.h"

/* Of each list of goroutines; how many there are is told beside it. */
#define GOIDS_MAX 1000

static json_t *goids(const uint64_t *ids, size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < GOIDS_MAX; i++)
		json_array_append_new(list, json_integer((json_int_t)ids[i]));
	return list;
}

static json_t *evidence(const struct finding *finding)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < finding->evidence.len; i++)
		json_array_append_new(lines, json_text(finding->evidence.data[i].text));
	return lines;
}

static json_t *object(const struct finding *finding)
{
	if (!finding->object_kind)
		return json_null();
	return json_pack("{s:s, s:o, s:o}", "kind", finding->object_kind, "addr",
			 json_address(finding->object_addr), "symbol",
			 finding->object_name[0] ? json_text(finding->object_name) : json_null());
}

static json_t *metric(const struct finding *finding)
{
	if (!finding->metric_unit)
		return json_null();
	return json_pack("{s:f, s:f, s:s}", "value", finding->metric, "limit", finding->limit,
			 "unit", finding->metric_unit);
}

/* Indices in incidents[] of those that this one explains. */
static json_t *effects(const struct findings *findings, size_t cause)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->rows.len; i++)
		if (findings->rows.data[i].effect_of == cause)
			json_array_append_new(list, json_integer((json_int_t)i));
	return list;
}

json_t *json_incident(const struct diagnosis *diagnosis, size_t index)
{
	const struct finding *finding = &diagnosis->findings.rows.data[index];
	uint64_t now_ns = diagnosis->input.model->at_ns;
	bool since = finding->since_ns && finding->since_ns <= now_ns;

	return json_pack(
		"{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, "
		"s:o, s:o, s:o}",
		"id", finding->id, "severity", severity_name(finding->severity), "certainty",
		certainty_name(finding->certainty), "certainty_why",
		json_text(finding->why_certain), "title", json_text(finding->title), "evidence",
		evidence(finding), "goids", goids(finding->goids.data, finding->goids.len),
		"goid_count", (json_int_t)finding->goids.len, "affected",
		goids(finding->affected.data, finding->affected.len), "affected_count",
		(json_int_t)finding->affected.len, "site", json_frame(finding->site), "stack",
		json_stack(finding->stack), "object", object(finding), "since",
		since ? json_time(detect_wall_ns(&diagnosis->input, finding->since_ns)) :
			json_null(),
		"age_ns",
		since ? json_integer((json_int_t)(now_ns - finding->since_ns)) : json_null(),
		"since_is_bound", finding->since_is_bound, "metric", metric(finding), "advice",
		json_text(finding->advice), "next", json_text(finding->next), "explained_by",
		finding->effect_of == NO_FINDING ? json_null() :
						   json_integer((json_int_t)finding->effect_of),
		"effects", effects(&diagnosis->findings, index));
}

static json_t *timeline_rows(const struct diagnosis *diagnosis)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < diagnosis->timeline.len; i++) {
		const struct timeline_row *row = &diagnosis->timeline.data[i];

		json_array_append_new(
			rows, json_pack("{s:o, s:b, s:b, s:o, s:o}", "time",
					json_time(detect_wall_ns(&diagnosis->input, row->at_ns)),
					"or_before", row->at_is_bound, "forecast", row->forecast,
					"id", row->id ? json_string(row->id) : json_null(), "text",
					json_text(row->text)));
	}
	return rows;
}

static json_t *known(uint64_t value)
{
	return value ? json_integer((json_int_t)value) : json_null();
}

static json_t *resources(const struct resources *now)
{
	return json_pack("{s:o, s:o, s:b, s:o}", "rss", known(now->rss), "memory_limit",
			 known(now->memory_limit), "memory_limit_is_cgroup",
			 now->memory_limit_is_cgroup, "cpu_quota",
			 now->cpu_quota > 0 ? json_real(now->cpu_quota) : json_null());
}

static json_t *checked(const struct diagnosis *diagnosis)
{
	size_t count;
	const struct detector *const *detectors = detect_detectors(&count);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		if (diagnosis_judged(diagnosis, detectors[i]->id))
			json_array_append_new(list, json_string(detectors[i]->id));
	return list;
}

static json_t *not_judged(const struct findings *findings)
{
	json_t *list = json_array();

	for (size_t i = 0; i < findings->not_judged.len; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:o}", "id", findings->not_judged.data[i].id,
					"reason", json_text(findings->not_judged.data[i].reason)));
	return list;
}

json_t *json_diagnose(const struct json_source *source, const struct diagnosis *diagnosis)
{
	const struct findings *findings = &diagnosis->findings;
	int worst = findings_worst(findings);
	json_t *document = json_document(source, "diagnose"), *incidents = json_array();

	for (size_t i = 0; i < findings->rows.len; i++)
		json_array_append_new(incidents, json_incident(diagnosis, i));
	json_object_set_new(document, "observed_ns",
			    json_integer((json_int_t)diagnosis->input.observed_ns));
	json_object_set_new(document, "healthy", json_boolean(worst < SEVERITY_WARNING));
	json_object_set_new(document, "worst",
			    worst < 0 ? json_null() :
					json_string(severity_name((enum severity)worst)));
	json_object_set_new(document, "gone", json_boolean(diagnosis->input.gone));
	json_object_set_new(document, "incidents", incidents);
	json_object_set_new(document, "timeline", timeline_rows(diagnosis));
	json_object_set_new(document, "checked", checked(diagnosis));
	json_object_set_new(document, "not_judged", not_judged(findings));
	json_object_set_new(document, "no_probes",
			    diagnosis->no_probes[0] ? json_text(diagnosis->no_probes) :
						      json_null());
	json_object_set_new(document, "resources", resources(diagnosis->input.now));
	return document;
}

json_t *json_incident_event(const struct json_source *source, const struct diagnosis *diagnosis,
			    const struct open_incident *incident)
{
	uint64_t now_ns = clock_now_ns();
	bool ended = incident->has_ended;

	return json_pack(
		"{s:s, s:s, s:o, s:i, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o}", "schema",
		"conctrace.incident/1", "event", ended ? "end" : "begin", "time", json_now(), "pid",
		(int)source->target->pid, "exe", json_text(source->target->exe), "id", incident->id,
		"severity", severity_name(incident->severity), "key", json_text(incident->key),
		"title", json_text(incident->title), "began",
		json_time(clock_wall_ns(incident->first_ns)), "lasted_ns",
		ended ? json_integer((json_int_t)(now_ns - incident->first_ns)) : json_null(),
		"incident",
		ended || !diagnosis ? json_null() : json_incident(diagnosis, incident->finding));
}
