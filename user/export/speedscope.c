// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A "sampled" profile: one sample a stack, as long as its weight. */
#include <string.h>
#include <uthash.h>

#include "export/flame_text.h"

struct known_frame {
	char *key;
	json_int_t index;
	UT_hash_handle hh;
};

struct frames {
	struct known_frame *known;
	json_t *array;
};

static json_t *text(const char *bytes)
{
	char clean[FLAME_NAME_MAX];

	flame_utf8(bytes, clean, sizeof(clean));
	return json_string(clean);
}

/* Index of the frame in the shared table, made when new; -1: no memory. */
static json_int_t index_of(struct frames *frames, const struct flame_frame *frame)
{
	const struct pclntab_frame *place = frame->frame;
	char name[FLAME_NAME_MAX], key[FLAME_NAME_MAX + 512];
	struct known_frame *known;
	json_t *row;

	flame_frame_name(frame, name, sizeof(name));
	snprintf(key, sizeof(key), "%s\n%.400s\n%d", name, place ? place->file : "",
		 place ? place->line : 0);
	HASH_FIND_STR(frames->known, key, known);
	if (known)
		return known->index;
	known = calloc(1, sizeof(*known));
	if (!known)
		return -1;
	known->key = strdup(key);
	known->index = (json_int_t)json_array_size(frames->array);
	if (!known->key) {
		free(known);
		return -1;
	}
	HASH_ADD_KEYPTR(hh, frames->known, known->key, strlen(known->key), known);
	row = json_pack("{s:o}", "name", text(name));
	if (place) {
		json_object_set_new(row, "file", text(place->file));
		json_object_set_new(row, "line", json_integer(place->line));
	}
	return json_array_append_new(frames->array, row) ? -1 : known->index;
}

static void frames_free(struct frames *frames)
{
	struct known_frame *known, *next;

	HASH_ITER(hh, frames->known, known, next) {
		HASH_DEL(frames->known, known);
		free(known->key);
		free(known);
	}
}

static json_t *sample_of(struct frames *frames, const struct flame *flame,
			 const struct flame_stack *stack)
{
	json_t *sample = json_array();

	for (size_t i = 0; i < stack->frame_count; i++) {
		json_int_t index = index_of(frames, &flame->frames.data[stack->first_frame + i]);

		if (index < 0 || json_array_append_new(sample, json_integer(index))) {
			json_decref(sample);
			return NULL;
		}
	}
	return sample;
}

static json_t *profile_name(const struct flame_source *source)
{
	char process[320], origin[400], name[800];

	flame_process(source, process, sizeof(process));
	flame_origin(source, origin, sizeof(origin));
	snprintf(name, sizeof(name), "%s: %s, %s", flame_subject(source->flame), process, origin);
	return text(name);
}

json_t *flame_speedscope(const struct flame_source *source)
{
	const struct flame *flame = source->flame;
	struct frames frames = { .array = json_array() };
	json_t *samples = json_array(), *weights = json_array();
	bool failed = false;

	for (size_t i = 0; i < flame->stacks.len && !failed; i++) {
		const struct flame_stack *stack = &flame->stacks.data[i];

		failed = json_array_append_new(samples, sample_of(&frames, flame, stack)) ||
			 json_array_append_new(weights,
					       json_integer((json_int_t)flame_value(flame, stack)));
	}
	frames_free(&frames);
	if (failed) {
		json_decref(frames.array);
		json_decref(samples);
		json_decref(weights);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:o, s:i, s:{s:o}, s:[{s:s, s:o, s:s, s:i, s:I, s:o, s:o}]}",
			 "$schema", "https://www.speedscope.app/file-format-schema.json",
			 "exporter", "conctrace " CONCTRACE_VERSION, "name", profile_name(source),
			 "activeProfileIndex", 0, "shared", "frames", frames.array, "profiles",
			 "type", "sampled", "name", profile_name(source), "unit",
			 flame->is_time ? "nanoseconds" : "none", "startValue", 0, "endValue",
			 (json_int_t)flame->value, "samples", samples, "weights", weights);
}
