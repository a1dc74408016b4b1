// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/diagnosed.h"

#include "cmd/output.h"
#include "export/json_diagnose.h"
#include "export/report.h"
#include "view/diagnose.h"

static int write_report(struct shown *shown, const struct diagnosis *diagnosis,
			enum output_format format)
{
	const struct report_source source = { .facts = shown->json.target,
					      .capture = shown->json.capture,
					      .binary = &shown->binary,
					      .model = shown->json.model,
					      .diagnosis = diagnosis };

	switch (format) {
	case FORMAT_HTML:
		return report_html(shown->view.out, &source);
	case FORMAT_MERMAID:
		return report_mermaid(shown->view.out, &source);
	default:
		return view_diagnose(&shown->view, diagnosis);
	}
}

static int print(struct shown *shown, const struct diagnosis *diagnosis,
		 const struct options *options, struct err *err)
{
	struct output_text text;
	int status;

	if (options->format == FORMAT_JSON)
		return output_json(json_diagnose(&shown->json, diagnosis), false, options, err);
	status = output_text_open(&text, err);
	if (status)
		return status;
	shown->view.out = text.stream;
	if (write_report(shown, diagnosis, options->format)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

int diagnosed_print(struct diagnosis *diagnosis, struct shown *shown, const struct options *options,
		    bool *found, struct err *err)
{
	int status = diagnosis_make(diagnosis) ? output_no_memory(err) :
						 print(shown, diagnosis, options, err);

	*found = !status && (int)findings_worst(&diagnosis->findings) >= options->severity;
	return status;
}
