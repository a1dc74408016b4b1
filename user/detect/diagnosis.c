// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/diagnosis.h"

#include <string.h>

int diagnosis_make(struct diagnosis *diagnosis)
{
	int status = waits_graph_build(diagnosis->input.model, &diagnosis->graph);

	diagnosis->input.graph = &diagnosis->graph;
	if (!status)
		status = detect_run(&diagnosis->input, &diagnosis->findings);
	if (status)
		return status;
	return timeline_make(&diagnosis->input, &diagnosis->findings, &diagnosis->timeline);
}

void diagnosis_free(struct diagnosis *diagnosis)
{
	findings_free(&diagnosis->findings);
	vec_free(&diagnosis->timeline);
	waits_graph_free(&diagnosis->graph);
}

bool diagnosis_judged(const struct diagnosis *diagnosis, const char *id)
{
	const struct findings *findings = &diagnosis->findings;

	for (size_t i = 0; i < findings->not_judged.len; i++)
		if (!strcmp(findings->not_judged.data[i].id, id))
			return false;
	return true;
}
