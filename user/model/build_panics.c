// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "model/build.h"

#define KIND_INT 2 /* reflect.Kind */
#define KIND_UINTPTR 12
#define KIND_STRING 24

static void copy_text(struct model_panic *to, const char *text, size_t len)
{
	size_t used = 0;

	if (len > CT_TEXT_MAX)
		len = CT_TEXT_MAX;
	for (; used < len; used++) {
		unsigned char c = text[used];

		to->text[used] = c < ' ' || c == 0x7f ? ' ' : c;
	}
	to->text[used] = '\0';
}

/* runtime.boundsError (runtime/error.go): the index, the length, and what went wrong with them. */
static void bounds_text(struct model_panic *to, const struct ct_panic *panic)
{
	snprintf(to->text, sizeof(to->text), "index or slice bound %lld out of range, limit %llu",
		 (long long)panic->words[0], (unsigned long long)panic->words[1]);
}

static void value_text(struct model_panic *to, const struct ct_panic *panic,
		       const struct model_type *type)
{
	if (!strcmp(type->name, "runtime.boundsError") && panic->words_ok)
		bounds_text(to, panic);
	else if (type->text_first && panic->text_len)
		copy_text(to, panic->text, panic->text_len);
	else if (type->kind >= KIND_INT && type->kind <= KIND_UINTPTR && panic->words_ok)
		snprintf(to->text, sizeof(to->text), "%lld", (long long)panic->words[0]);
}

static void note_value(struct model *model, struct model_panic *to, const struct panic_row *row)
{
	struct model_type type = { 0 };

	if (row->key.type == CT_FATAL_ERROR) {
		to->is_fatal_error = true;
		copy_text(to, row->panic.text, row->panic.text_len);
		return;
	}
	if (!model->look_up_type || !model->look_up_type(model->type_ctx, row->key.type, &type))
		return;
	snprintf(to->type, sizeof(to->type), "%s", type.name);
	value_text(to, &row->panic, &type);
}

static int add_panic(struct build *build, const struct panic_row *row)
{
	struct model *model = build->model;
	uint64_t over_ns = model->steady_ns[CT_PACE_RARE];
	struct model_panic *to;

	if (!row->panic.count)
		return 0;
	to = vec_push(&model->panics);
	if (!to)
		return -ENOMEM;
	to->stack = build_site_stack(build, row->key.site);
	to->count = row->panic.count;
	to->recovered = row->panic.recovered;
	to->fatal = row->panic.fatal;
	to->goid = row->panic.last_goid;
	to->first_ns = row->panic.first_ns;
	to->last_ns = row->panic.last_ns;
	to->per_second = over_ns ? (double)to->count * 1e9 / (double)over_ns : 0;
	note_value(model, to, row);
	return 0;
}

static int add_cancel(struct build *build, const struct cancel_row *row)
{
	struct model_cancel *cancel = vec_push(&build->model->cancels);

	if (!cancel)
		return -ENOMEM;
	*cancel = (struct model_cancel){ .context = row->context,
					 .at_ns = row->cancel.at_ns,
					 .goid = row->cancel.goid,
					 .stack = build_site_stack(build, row->cancel.site) };
	return 0;
}

static int by_harm(const void *a, const void *b, void *ctx)
{
	const struct model_panic *x = a, *y = b;

	(void)ctx;
	if (!x->fatal != !y->fatal)
		return x->fatal ? -1 : 1;
	return x->count < y->count ? 1 : x->count > y->count ? -1 : 0;
}

static int latest_first(const void *a, const void *b, void *ctx)
{
	const struct model_cancel *x = a, *y = b;

	(void)ctx;
	return x->at_ns < y->at_ns ? 1 : x->at_ns > y->at_ns ? -1 : 0;
}

int build_panics(struct build *build)
{
	const struct aggregates *aggregates = build->aggregates;
	int status = 0;

	for (size_t i = 0; aggregates && i < aggregates->panics.len && !status; i++)
		status = add_panic(build, &aggregates->panics.data[i]);
	for (size_t i = 0; aggregates && i < aggregates->cancels.len && !status; i++)
		status = add_cancel(build, &aggregates->cancels.data[i]);
	vec_sort(&build->model->panics, by_harm, NULL);
	vec_sort(&build->model->cancels, latest_first, NULL);
	return status;
}
