// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The formats of a flame, with names that are hard on them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "export/flame.h"
#include "export/flame_tree.h"
#include "export/pprof.pb-c.h"
#include "flame_program.h"

#define MS 1000000ULL

static const enum pc odd_stack[] = { PC_CHANRECV, PC_CHANRECV1, PC_ODD, PC_MAIN, PC_GOEXIT, 0 };
static const enum pc bytes_stack[] = { PC_CHANRECV, PC_CHANRECV1, PC_BYTES, PC_GOEXIT, 0 };
static const enum pc generic_stack[] = { PC_CHANRECV, PC_CHANRECV1, PC_GENERIC,
					 PC_WORK,     PC_GOEXIT,    0 };

struct fixture {
	struct program *program;
	struct target_facts facts;
	struct flame_binary binary;
	struct capture capture;
	struct flame flame;
	struct flame_source source;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->program = program_new();
	fixture->facts =
		(struct target_facts){ .pid = 12, .exe = "/srv/sh<o>p", .go_version = "go1.24" };
	fixture->binary =
		(struct flame_binary){ .start = 0x1000, .limit = 0x9000, .build_id = "ab12" };
	fixture->capture = (struct capture){ .probes = true, .wall_ns = 100 * FLAME_SECOND };
	fixture->source = (struct flame_source){ .facts = &fixture->facts,
						 .binary = &fixture->binary,
						 .capture = &fixture->capture,
						 .model = &fixture->program->model,
						 .flame = &fixture->flame };
	program_site(fixture->program, 1, "chan receive", 1, 2 * MS, odd_stack);
	program_site(fixture->program, 2, "chan receive", 2, 2 * MS, bytes_stack);
	program_site(fixture->program, 3, "IO wait", 3, 2 * MS, generic_stack);
	program_update(fixture->program, true, false);
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	flame_free(&fixture->flame);
	program_free(fixture->program);
	free(fixture);
	return 0;
}

static void make(struct fixture *fixture, enum flame_of of)
{
	const struct flame_options options = { .of = of, .labels = true };

	flame_free(&fixture->flame);
	assert_int_equal(flame_make(&fixture->program->model, NULL, &options, &fixture->flame), 0);
}

static char *text_of(struct fixture *fixture, int (*write)(FILE *, const struct flame_source *),
		     size_t *len)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, len);

	assert_non_null(out);
	assert_int_equal(write(out, &fixture->source), 0);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void folded_lines_keep_their_separators(void **state)
{
	struct fixture *fixture = *state;
	size_t len;
	char *text;

	make(fixture, FLAME_WAIT);
	text = text_of(fixture, flame_folded, &len);
	assert_string_equal(
		text,
		"main.main;main.struct { a int%3b b <T> }.\xc3\xa9\"&;runtime.chanrecv1;"
		"runtime.chanrecv 2000000\n"
		"main.work;main.inlined;main.(*queue[...]).pop;runtime.chanrecv1;runtime.chanrecv "
		"6000000\n"
		"main.\xef\xbf\xbd%0ax;runtime.chanrecv1;runtime.chanrecv 4000000\n");
	free(text);
}

static void speedscope_has_names_and_weights(void **state)
{
	struct fixture *fixture = *state;
	json_t *document, *profile, *frames;
	bool odd = false;

	make(fixture, FLAME_WAIT);
	document = flame_speedscope(&fixture->source);
	assert_non_null(document);
	profile = json_array_get(json_object_get(document, "profiles"), 0);
	frames = json_object_get(json_object_get(document, "shared"), "frames");
	assert_int_equal(json_integer_value(json_object_get(profile, "endValue")), 12 * MS);
	assert_int_equal(json_array_size(json_object_get(profile, "samples")), 3);
	assert_int_equal(json_array_size(json_object_get(profile, "weights")), 3);
	assert_string_equal(json_string_value(json_object_get(profile, "unit")), "nanoseconds");
	for (size_t i = 0; i < json_array_size(frames); i++)
		odd = odd ||
		      !strcmp(json_string_value(json_object_get(json_array_get(frames, i), "name")),
			      "main.struct { a int; b <T> }.\xc3\xa9\"&");
	assert_true(odd);
	json_decref(document);
}

static void the_picture_is_escaped(void **state)
{
	struct fixture *fixture = *state;
	size_t len;
	char *text;

	make(fixture, FLAME_WAIT);
	text = text_of(fixture, flame_svg, &len);
	assert_non_null(strstr(text, "sh&lt;o&gt;p (pid 12, go1.24)"));
	assert_non_null(strstr(text, "main.struct { a int; b &lt;T&gt; }.\xc3\xa9&quot;&amp;"));
	assert_non_null(strstr(text, "main.\xef\xbf\xbd x"));
	assert_null(strstr(text, "<T>"));
	assert_null(strstr(text, "src="));
	assert_null(strstr(text, "href"));
	free(text);
}

static void boxes_lie_within_their_parents(void **state)
{
	struct fixture *fixture = *state;
	struct flame_tree tree = { 0 };

	make(fixture, FLAME_WAIT);
	assert_int_equal(flame_tree_make(&fixture->flame, &tree), 0);
	assert_int_equal(tree.nodes.data[0].value, 12 * MS);
	for (size_t i = 1; i < tree.nodes.len; i++) {
		const struct flame_node *node = &tree.nodes.data[i];
		const struct flame_node *parent = &tree.nodes.data[node->parent];

		assert_true(node->parent < i);
		assert_true(node->start >= parent->start);
		assert_true(node->start + node->value <= parent->start + parent->value);
		assert_int_equal(node->depth, parent->depth + 1);
	}
	assert_int_equal(tree.reasons.len, 2);
	assert_string_equal(tree.reasons.data[0].text, "IO wait");
	flame_tree_free(&tree);
}

/* As any reader would: gunzip, and unpack by the field numbers. */
static Conctrace__Pprof__Profile *read_pprof(struct fixture *fixture)
{
	static uint8_t bytes[1 << 16];
	Conctrace__Pprof__Profile *profile;
	z_stream stream = { 0 };
	size_t len;
	char *text = text_of(fixture, flame_pprof, &len);

	stream.next_in = (uint8_t *)text;
	stream.avail_in = (uInt)len;
	stream.next_out = bytes;
	stream.avail_out = sizeof(bytes);
	assert_int_equal(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	profile = conctrace__pprof__profile__unpack(NULL, stream.total_out, bytes);
	inflateEnd(&stream);
	free(text);
	assert_non_null(profile);
	return profile;
}

static const char *function_of(const Conctrace__Pprof__Profile *profile, uint64_t location,
			       size_t line)
{
	const Conctrace__Pprof__Location *at = profile->location[location - 1];

	assert_true(line < at->n_line);
	return profile->string_table[profile->function[at->line[line]->function_id - 1]->name];
}

static void pprof_has_stacks_with_inlined_lines(void **state)
{
	struct fixture *fixture = *state;
	Conctrace__Pprof__Profile *profile;
	const Conctrace__Pprof__Sample *sample;

	make(fixture, FLAME_WAIT);
	profile = read_pprof(fixture);
	assert_string_equal(profile->string_table[0], "");
	assert_int_equal(profile->n_sample_type, 2);
	assert_string_equal(profile->string_table[profile->sample_type[0]->type], "contentions");
	assert_string_equal(profile->string_table[profile->sample_type[1]->unit], "nanoseconds");
	assert_int_equal(profile->duration_nanos, 10 * FLAME_SECOND);
	assert_int_equal(profile->time_nanos, 90 * FLAME_SECOND);
	assert_int_equal(profile->period, 1);
	assert_int_equal(profile->n_mapping, 1);
	assert_string_equal(profile->string_table[profile->mapping[0]->build_id], "ab12");
	assert_int_equal(profile->n_sample, 3);
	/* the greatest first: generic_stack */
	sample = profile->sample[0];
	assert_int_equal(sample->value[0], 3);
	assert_int_equal(sample->value[1], 6 * MS);
	assert_int_equal(sample->n_location_id, 4);
	assert_string_equal(function_of(profile, sample->location_id[2], 0),
			    "main.(*queue[go.shape.int]).pop");
	assert_string_equal(function_of(profile, sample->location_id[3], 0), "main.inlined");
	assert_string_equal(function_of(profile, sample->location_id[3], 1), "main.work");
	assert_int_equal(profile->location[sample->location_id[3] - 1]->address, PC_WORK + 0x20);
	assert_string_equal(profile->string_table[sample->label[0]->key], "wait_reason");
	assert_string_equal(profile->string_table[sample->label[0]->str], "IO wait");
	conctrace__pprof__profile__free_unpacked(profile, NULL);
}

static void pprof_leaves_out_what_go_does(void **state)
{
	static const enum pc mutex_stack[] = { PC_SEMACQUIRE, PC_SEMA_MUTEX, PC_MUTEX_LOCK,
					       PC_UPDATE,     PC_GOEXIT,     0 };
	struct fixture *fixture = *state;
	Conctrace__Pprof__Profile *profile;
	bool found = false;

	program_site(fixture->program, 4, "sync.Mutex.Lock", 3, 20 * MS, mutex_stack);
	program_update(fixture->program, true, false);
	make(fixture, FLAME_BLOCK);
	profile = read_pprof(fixture);
	for (size_t i = 0; i < profile->n_sample; i++) {
		const char *leaf = function_of(profile, profile->sample[i]->location_id[0], 0);

		assert_int_equal(profile->sample[i]->n_label, 0);
		assert_string_not_equal(leaf, "runtime.semacquire1");
		assert_string_not_equal(leaf, "runtime.chanrecv");
		found = found || !strcmp(leaf, "sync.(*Mutex).Lock");
	}
	assert_true(found);
	conctrace__pprof__profile__free_unpacked(profile, NULL);
}

static void add_label(struct snapshot *snapshot, struct goroutine *goroutine, const char *key,
		      const char *value)
{
	struct goroutine_label *label;
	const char *const texts[] = { "", key, value };
	uint32_t at[3];

	for (int i = 0; i < 3; i++) {
		at[i] = (uint32_t)snapshot->strings.len;
		for (const char *from = texts[i];; from++) {
			*(char *)vec_push(&snapshot->strings) = *from;
			if (!*from)
				break;
		}
	}
	goroutine->first_label = (uint32_t)snapshot->labels.len;
	goroutine->label_count = 1;
	label = vec_push(&snapshot->labels);
	assert_non_null(label);
	*label = (struct goroutine_label){ .key = at[1], .value = at[2] };
}

static void pprof_counts_goroutines_by_label(void **state)
{
	struct fixture *fixture = *state;
	struct snapshot *snapshot = &fixture->program->snapshot;
	Conctrace__Pprof__Profile *profile;
	int64_t total = 0;

	for (uint64_t goid = 1; goid <= 4; goid++) {
		struct goroutine *goroutine =
			program_goroutine(fixture->program, goid, "chan receive", 0, odd_stack);

		/* equal labels, though not the same ones in memory */
		if (goid > 1)
			add_label(snapshot, goroutine, "tenant", goid == 4 ? "b" : "a");
	}
	program_update(fixture->program, false, true);
	make(fixture, FLAME_TASKS);
	assert_int_equal(fixture->flame.stacks.len, 3);
	profile = read_pprof(fixture);
	assert_int_equal(profile->n_sample_type, 1);
	assert_string_equal(profile->string_table[profile->sample_type[0]->type], "goroutine");
	for (size_t i = 0; i < profile->n_sample; i++)
		total += profile->sample[i]->value[0];
	assert_int_equal(total, 4);
	assert_int_equal(profile->sample[0]->value[0], 2);
	assert_string_equal(profile->string_table[profile->sample[0]->label[0]->key], "tenant");
	assert_string_equal(profile->string_table[profile->sample[0]->label[0]->str], "a");
	conctrace__pprof__profile__free_unpacked(profile, NULL);
}

static void nothing_is_no_error(void **state)
{
	struct fixture *fixture = *state;
	Conctrace__Pprof__Profile *profile;
	json_t *document;
	size_t len;
	char *text;

	make(fixture, FLAME_SPAWN);
	assert_int_equal(fixture->flame.stacks.len, 0);
	text = text_of(fixture, flame_folded, &len);
	assert_int_equal(len, 0);
	free(text);
	text = text_of(fixture, flame_svg, &len);
	assert_non_null(strstr(text, "</svg>"));
	free(text);
	document = flame_speedscope(&fixture->source);
	assert_non_null(document);
	json_decref(document);
	profile = read_pprof(fixture);
	assert_int_equal(profile->n_sample, 0);
	conctrace__pprof__profile__free_unpacked(profile, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(folded_lines_keep_their_separators),
		TEST(speedscope_has_names_and_weights),
		TEST(the_picture_is_escaped),
		TEST(boxes_lie_within_their_parents),
		TEST(pprof_has_stacks_with_inlined_lines),
		TEST(pprof_leaves_out_what_go_does),
		TEST(pprof_counts_goroutines_by_label),
		TEST(nothing_is_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
