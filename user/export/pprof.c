// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* All that the message refers to is allocated on its own, so that protobuf-c's own function frees it. */
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <zlib.h>

#include "export/flame_text.h"
#include "export/pprof.pb-c.h"

#define PAGE_REST 0xfffULL

typedef Conctrace__Pprof__Profile Profile;
typedef Conctrace__Pprof__ValueType ValueType;
typedef Conctrace__Pprof__Sample Sample;
typedef Conctrace__Pprof__Label Label;
typedef Conctrace__Pprof__Mapping Mapping;
typedef Conctrace__Pprof__Location Location;
typedef Conctrace__Pprof__Line Line;
typedef Conctrace__Pprof__Function Function;

/* What there is already, by text: a string itself, a function's or a location's description. */
struct known {
	char *key;
	int64_t id;
	UT_hash_handle hh;
};

struct builder {
	const struct flame_source *source;
	Profile *profile;
	struct known *strings, *functions, *locations;
	bool failed; /* no memory */
};

/* The array with room for one more, or NULL. */
static void *grown(struct builder *builder, void *array, size_t count, size_t size)
{
	/* a power of two of elements is full */
	void *more = count & (count - 1) ? array : reallocarray(array, count ? 2 * count : 1, size);

	if (!more)
		builder->failed = true;
	return more;
}

#define APPEND(builder, array, count, element)                                                     \
	do {                                                                                       \
		void *more_ = grown(builder, array, count, sizeof(*(array)));                      \
                                                                                                   \
		if (more_) {                                                                       \
			(array) = more_;                                                           \
			(array)[(count)++] = (element);                                            \
		}                                                                                  \
	} while (0)

static void *fresh(struct builder *builder, size_t size)
{
	void *message = calloc(1, size);

	if (!message)
		builder->failed = true;
	return message;
}

static struct known *find(struct known *table, const char *key)
{
	struct known *known;

	HASH_FIND_STR(table, key, known);
	return known;
}

static void remember(struct builder *builder, struct known **table, const char *key, int64_t id)
{
	struct known *known = fresh(builder, sizeof(*known));

	if (!known)
		return;
	known->id = id;
	known->key = strdup(key);
	if (!known->key) {
		builder->failed = true;
		free(known);
		return;
	}
	HASH_ADD_KEYPTR(hh, *table, known->key, strlen(known->key), known);
}

static void known_free(struct known *table)
{
	struct known *known, *next;

	HASH_ITER(hh, table, known, next) {
		HASH_DEL(table, known);
		free(known->key);
		free(known);
	}
}

static int64_t string(struct builder *builder, const char *bytes)
{
	Profile *profile = builder->profile;
	char text[FLAME_NAME_MAX];
	struct known *known;
	char *copy;
	int64_t id;

	flame_utf8(bytes, text, sizeof(text));
	known = find(builder->strings, text);
	if (known)
		return known->id;
	id = (int64_t)profile->n_string_table;
	copy = strdup(text);
	if (!copy) {
		builder->failed = true;
		return 0;
	}
	APPEND(builder, profile->string_table, profile->n_string_table, copy);
	if (builder->failed)
		free(copy);
	else
		remember(builder, &builder->strings, text, id);
	return builder->failed ? 0 : id;
}

static uint64_t function(struct builder *builder, const char *name, const char *file,
			 int32_t start_line)
{
	char key[2 * FLAME_NAME_MAX];
	struct known *known;
	Function *message;

	snprintf(key, sizeof(key), "%s\n%.1000s\n%d", name, file, start_line);
	known = find(builder->functions, key);
	if (known)
		return (uint64_t)known->id;
	message = fresh(builder, sizeof(*message));
	if (!message)
		return 0;
	conctrace__pprof__function__init(message);
	message->id = builder->profile->n_function + 1;
	message->name = message->system_name = string(builder, name);
	message->filename = string(builder, file);
	message->start_line = start_line;
	APPEND(builder, builder->profile->function, builder->profile->n_function, message);
	remember(builder, &builder->functions, key, (int64_t)message->id);
	return message->id;
}

static void add_line(struct builder *builder, Location *location, const char *name,
		     const struct pclntab_frame *place)
{
	Line *line = fresh(builder, sizeof(*line));

	if (!line)
		return;
	conctrace__pprof__line__init(line);
	line->function_id =
		function(builder, name, place ? place->file : "", place ? place->start_line : 0);
	line->line = place ? place->line : 0;
	APPEND(builder, location->line, location->n_line, line);
}

/* Known by the key, or made and appended. *is_new: its lines are to be added. */
static Location *location(struct builder *builder, const char *key, uint64_t *id)
{
	struct known *known = find(builder->locations, key);
	Location *message;

	if (known) {
		*id = (uint64_t)known->id;
		return NULL;
	}
	message = fresh(builder, sizeof(*message));
	if (!message)
		return NULL;
	conctrace__pprof__location__init(message);
	*id = message->id = builder->profile->n_location + 1;
	APPEND(builder, builder->profile->location, builder->profile->n_location, message);
	remember(builder, &builder->locations, key, (int64_t)*id);
	return message;
}

/* A pc, and which of the frames there are shown: those from `frames` on. */
static uint64_t location_of_pc(struct builder *builder, uint64_t pc,
			       const struct pclntab_frame *const *frames, size_t count)
{
	char key[64];
	uint64_t id = 0;
	Location *message;

	snprintf(key, sizeof(key), "%llx %zu", (unsigned long long)pc, count);
	message = location(builder, key, &id);
	if (!message)
		return id;
	message->address = pc;
	message->mapping_id = 1;
	/* with type arguments, as Go's own profiles have it */
	for (size_t i = 0; i < count; i++)
		add_line(builder, message, frames[i]->function, frames[i]);
	return id;
}

/* What is no code: a lock, a channel, a remark. */
static uint64_t location_of_text(struct builder *builder, const char *text)
{
	char key[FLAME_NAME_MAX];
	uint64_t id = 0;
	Location *message;

	snprintf(key, sizeof(key), "text %s", text);
	message = location(builder, key, &id);
	if (message)
		add_line(builder, message, text, NULL);
	return id;
}

static void append_location(struct builder *builder, Sample *sample, uint64_t id)
{
	APPEND(builder, sample->location_id, sample->n_location_id, id);
}

/* The frames that the stack has of one of its pcs, after the first `from`. */
static size_t frames_of_pc(struct builder *builder, const struct stack *stack, size_t pc,
			   size_t from)
{
	const struct pclntab_frame *frames;
	size_t count = symbols_frames(builder->source->model->symbols, stack->pcs[pc], &frames);
	size_t end = from;

	while (end < stack->frame_count && stack->frames[end] >= frames &&
	       stack->frames[end] < frames + count)
		end++;
	return end - from;
}

/*
 * What the compiler made to call the rest. Go's goroutine profile leaves it out, and up to 1.22, when
 * they began to follow frame pointers, block and mutex profiles do so too (runtime/mprof.go).
 */
static bool is_left_out(const struct builder *builder, const struct pclntab_frame *frame)
{
	const struct flame_source *source = builder->source;
	enum flame_of of = source->flame->of;
	bool skips =
		of == FLAME_TASKS || of == FLAME_LEAKS ||
		((of == FLAME_BLOCK || of == FLAME_MUTEX) && source->model->reasons_minor <= 22);

	return skips && source->binary->wrapper_id && frame->func_id == source->binary->wrapper_id;
}

#define INLINED_MAX 64

/* All that is at a pc, whatever the model leaves out. */
static uint64_t location_in_full(struct builder *builder, uint64_t pc)
{
	const struct pclntab_frame *frames, *all[INLINED_MAX];
	size_t count = symbols_frames(builder->source->model->symbols, pc, &frames);

	if (count > INLINED_MAX)
		count = INLINED_MAX;
	for (size_t i = 0; i < count; i++)
		all[i] = &frames[i];
	return location_of_pc(builder, pc, all, count);
}

/*
 * Go's goroutine profile has gopark and goparkunlock, which are in no stack of the model. Returns of
 * how many of its pcs the frames are added, and in *frame how many of its frames those are.
 */
static size_t add_parked(struct builder *builder, Sample *sample, const struct flame_stack *from,
			 size_t *frame)
{
	struct model *model = builder->source->model;
	const struct goroutine *goroutine = from->goroutine;
	const struct pclntab_frame *frames;
	uint64_t pc;

	if (!goroutine || !goroutine->pc_count || !from->stack || !from->stack->pc_count)
		return 0;
	pc = model->snapshot->pcs.data[goroutine->first_pc];
	if (symbols_frames(model->symbols, pc, &frames) != 1 ||
	    strcmp(frames->function, "runtime.gopark") != 0)
		return 0;
	append_location(builder, sample, location_in_full(builder, pc));
	append_location(builder, sample, location_in_full(builder, from->stack->pcs[0]));
	*frame = frames_of_pc(builder, from->stack, 0, 0);
	return 1;
}

static void add_code(struct builder *builder, Sample *sample, const struct flame_stack *from)
{
	const struct stack *stack = from->stack;
	size_t frame = 0, pc = add_parked(builder, sample, from, &frame);

	for (; stack && pc < stack->pc_count; pc++) {
		size_t count = frames_of_pc(builder, stack, pc, frame), first = frame, end;

		frame += count;
		end = frame;
		if (first < from->hidden)
			first = from->hidden < frame ? from->hidden : frame;
		if (first < end && is_left_out(builder, stack->frames[end - 1]))
			end--;
		if (first < end)
			append_location(
				builder, sample,
				location_of_pc(builder, stack->pcs[pc],
					       (const struct pclntab_frame *const *)stack->frames +
						       first,
					       end - first));
	}
}

static void add_creator(struct builder *builder, Sample *sample, const struct flame_stack *from)
{
	append_location(builder, sample,
			model_created_by(builder->source->model, from->gopc) ?
				location_in_full(builder, from->gopc - 1) :
				location_of_text(builder, from->creator));
}

static void add_label(struct builder *builder, Sample *sample, const char *key, const char *value)
{
	Label *label = fresh(builder, sizeof(*label));

	if (!label)
		return;
	conctrace__pprof__label__init(label);
	label->key = string(builder, key);
	label->str = string(builder, value);
	APPEND(builder, sample->label, sample->n_label, label);
}

static void add_labels(struct builder *builder, Sample *sample, const struct flame_stack *from)
{
	const struct flame *flame = builder->source->flame;
	const struct snapshot *snapshot = builder->source->model->snapshot;

	for (uint32_t i = 0; from->goroutine && i < from->goroutine->label_count; i++) {
		const struct goroutine_label *label =
			&snapshot->labels.data[from->goroutine->first_label + i];

		add_label(builder, sample, snapshot->strings.data + label->key,
			  snapshot->strings.data + label->value);
	}
	/* Go's own profiles have no more than that */
	if (flame->of != FLAME_WAIT && flame->of != FLAME_LOCK && flame->of != FLAME_CHAN)
		return;
	add_label(builder, sample, "wait_reason", from->reason);
	if (from->object)
		add_label(builder, sample, flame->of == FLAME_LOCK ? "lock" : "chan", from->object);
}

static void add_sample(struct builder *builder, const struct flame_stack *from)
{
	const struct flame *flame = builder->source->flame;
	Sample *sample = fresh(builder, sizeof(*sample));

	if (!sample)
		return;
	conctrace__pprof__sample__init(sample);
	if (from->object)
		append_location(builder, sample, location_of_text(builder, from->object));
	add_code(builder, sample, from);
	if (from->cut)
		append_location(builder, sample, location_of_text(builder, FLAME_CUT_TEXT));
	if (from->creator)
		add_creator(builder, sample, from);
	if (!sample->n_location_id)
		append_location(builder, sample, location_of_text(builder, FLAME_NO_STACK_TEXT));
	APPEND(builder, sample->value, sample->n_value, (int64_t)from->count);
	if (flame->is_time)
		APPEND(builder, sample->value, sample->n_value, (int64_t)from->ns);
	add_labels(builder, sample, from);
	APPEND(builder, builder->profile->sample, builder->profile->n_sample, sample);
}

static ValueType *value_type(struct builder *builder, const char *type, const char *unit)
{
	ValueType *value = fresh(builder, sizeof(*value));

	if (!value)
		return NULL;
	conctrace__pprof__value_type__init(value);
	value->type = string(builder, type);
	value->unit = string(builder, unit);
	return value;
}

static void add_types(struct builder *builder)
{
	const struct flame *flame = builder->source->flame;
	Profile *profile = builder->profile;
	const char *counted = flame->of == FLAME_TASKS ? "goroutine" :
			      flame->of == FLAME_LEAKS ? "goroutineleak" :
			      flame->of == FLAME_SPAWN ? "spawns" :
							 "contentions";
	ValueType *type = value_type(builder, counted, "count");

	APPEND(builder, profile->sample_type, profile->n_sample_type, type);
	if (flame->is_time) {
		type = value_type(builder, "delay", "nanoseconds");
		APPEND(builder, profile->sample_type, profile->n_sample_type, type);
	}
	profile->period_type = value_type(builder, counted, "count");
	profile->period = 1;
}

void flame_binary_of(struct target *target, struct flame_binary *binary)
{
	const struct elf_image *image = &target->image;
	struct pclntab_func last;

	*binary = (struct flame_binary){ 0 };
	/* the last of the special functions; the wrappers' number follows (internal/abi/symtab.go) */
	if (!pclntab_func_by_name(&target->pclntab, "runtime.systemstack_switch", &last))
		binary->wrapper_id = last.func_id + 1;
	snprintf(binary->build_id, sizeof(binary->build_id), "%s", image->build_id);
	snprintf(binary->go_build_id, sizeof(binary->go_build_id), "%s", image->go_build_id);
	for (size_t i = 0; i < image->segment_count; i++) {
		const struct elf_segment *code = &image->segments[i];
		uint64_t addr = code->vaddr + target->load_bias;

		if (!(code->flags & PF_X))
			continue;
		/* the kernel maps whole pages */
		binary->start = addr & ~PAGE_REST;
		binary->limit = (addr + code->memsz + PAGE_REST) & ~PAGE_REST;
		binary->offset = code->offset & ~PAGE_REST;
		return;
	}
}

static void add_mapping(struct builder *builder)
{
	const struct flame_binary *binary = builder->source->binary;
	Mapping *mapping = fresh(builder, sizeof(*mapping));

	if (!mapping)
		return;
	conctrace__pprof__mapping__init(mapping);
	mapping->id = 1;
	mapping->memory_start = binary->start;
	mapping->memory_limit = binary->limit;
	mapping->file_offset = binary->offset;
	mapping->filename = string(builder, builder->source->facts->exe);
	mapping->build_id =
		string(builder, binary->build_id[0] ? binary->build_id : binary->go_build_id);
	mapping->has_functions = mapping->has_filenames = true;
	mapping->has_line_numbers = mapping->has_inline_frames = true;
	APPEND(builder, builder->profile->mapping, builder->profile->n_mapping, mapping);
}

static void add_comment(struct builder *builder, const char *text)
{
	int64_t id = string(builder, text);

	APPEND(builder, builder->profile->comment, builder->profile->n_comment, id);
}

static void add_comments(struct builder *builder)
{
	const struct flame_source *source = builder->source;
	char text[FLAME_NAME_MAX], part[400];

	flame_process(source, part, sizeof(part));
	snprintf(text, sizeof(text), "%s: %s", flame_subject(source->flame), part);
	add_comment(builder, text);
	flame_origin(source, part, sizeof(part));
	add_comment(builder, part);
	if (!source->binary->go_build_id[0])
		return;
	snprintf(text, sizeof(text), "Go build id %s", source->binary->go_build_id);
	add_comment(builder, text);
}

static void build(struct builder *builder)
{
	const struct flame_source *source = builder->source;

	string(builder, "");
	add_types(builder);
	add_mapping(builder);
	builder->profile->duration_nanos = (int64_t)source->flame->duration_ns;
	builder->profile->time_nanos =
		(int64_t)(source->capture->wall_ns - source->flame->duration_ns);
	add_comments(builder);
	for (size_t i = 0; i < source->flame->stacks.len && !builder->failed; i++)
		add_sample(builder, &source->flame->stacks.data[i]);
}

static int write_gzip(FILE *out, uint8_t *bytes, size_t len)
{
	z_stream stream = { .next_in = bytes, .avail_in = (uInt)len };
	uint8_t buffer[16384];
	int status;

	/* 16: a gzip header, without a name and a time */
	if (len > UINT32_MAX || deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
					     MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	do {
		stream.next_out = buffer;
		stream.avail_out = sizeof(buffer);
		status = deflate(&stream, Z_FINISH);
		fwrite(buffer, 1, sizeof(buffer) - stream.avail_out, out);
	} while (status == Z_OK);
	deflateEnd(&stream);
	return status == Z_STREAM_END ? 0 : -ENOMEM;
}

static int write_profile(FILE *out, const Profile *profile)
{
	size_t len = conctrace__pprof__profile__get_packed_size(profile);
	uint8_t *bytes = malloc(len);
	int status;

	if (!bytes)
		return -ENOMEM;
	conctrace__pprof__profile__pack(profile, bytes);
	status = write_gzip(out, bytes, len);
	free(bytes);
	return status;
}

int flame_pprof(FILE *out, const struct flame_source *source)
{
	struct builder builder = { .source = source, .profile = malloc(sizeof(Profile)) };
	int status = -ENOMEM;

	if (!builder.profile)
		return -ENOMEM;
	conctrace__pprof__profile__init(builder.profile);
	build(&builder);
	if (!builder.failed)
		status = write_profile(out, builder.profile);
	known_free(builder.strings);
	known_free(builder.functions);
	known_free(builder.locations);
	conctrace__pprof__profile__free_unpacked(builder.profile, NULL);
	return status;
}
