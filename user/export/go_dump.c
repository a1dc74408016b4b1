// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* runtime/traceback.go: goroutineheader, traceback1, traceback2 and tracebackothers. */
#include "export/go_dump.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "export/go_dump_frame.h"

#define INNER_FRAMES 50 /* tracebackInnerFrames, tracebackOuterFrames: from 1.21 on */
#define OUTER_FRAMES 50
#define MAX_FRAMES 100 /* _TracebackMaxFrames: up to 1.20 */

struct dump {
	FILE *out;
	const struct go_dump_source *source;
	const struct snapshot *snapshot;
	struct dump_cache *cache;
	bool has_args; /* their values are known, and what they are of */
};

static size_t look_up(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	return target_frames(ctx, pc, frames, max);
}

static size_t look_up_args(void *ctx, uint64_t pc, struct pclntab_arg *args, size_t max)
{
	return target_args(ctx, pc, args, max);
}

void go_dump_source_init(struct go_dump_source *source, struct target *target)
{
	struct pclntab_func last;

	*source = (struct go_dump_source){
		.minor = target->build.version.minor,
		.reasons_minor = target->reasons_minor,
		.look_up = look_up,
		.look_up_args = look_up_args,
		.ctx = target,
	};
	/* the last of the special functions; the wrappers' number follows (internal/abi/symtab.go) */
	if (!pclntab_func_by_name(&target->pclntab, "runtime.systemstack_switch", &last))
		source->wrapper_id = last.func_id + 1;
}

static const char *status_word(const struct dump *dump, const struct goroutine *goroutine)
{
	static const char *const words[] = {
		[G_IDLE] = "idle",           [G_RUNNABLE] = "runnable",
		[G_RUNNING] = "running",     [G_SYSCALL] = "syscall",
		[G_WAITING] = "waiting",     [G_DEAD] = "dead",
		[G_COPYSTACK] = "copystack", [G_PREEMPTED] = "preempted",
		[G_LEAKED] = "leaked",       [G_DEADEXTRA] = "waiting for cgo callback",
	};
	const char *reason;

	if ((goroutine->status == G_WAITING || goroutine->status == G_LEAKED) &&
	    goroutine->wait_reason) {
		reason = wait_reason_text(dump->source->reasons_minor, goroutine->wait_reason);
		return reason ? reason : "unknown wait reason";
	}
	if (goroutine->status < sizeof(words) / sizeof(words[0]) && words[goroutine->status])
		return words[goroutine->status];
	return "???";
}

static void write_header(const struct dump *dump, const struct goroutine *goroutine)
{
	uint64_t now = dump->snapshot->at_ns, since = goroutine->waitsince_ns;
	bool waits = goroutine->status == G_WAITING || goroutine->status == G_SYSCALL;
	unsigned long long minutes = 0;

	if (waits && since && since < now)
		minutes = (now - since) / (60 * NSEC_PER_SEC);
	fprintf(dump->out, "goroutine %llu [%s", (unsigned long long)goroutine->goid,
		status_word(dump, goroutine));
	if (goroutine->status == G_LEAKED)
		fputs(" (leaked)", dump->out);
	if (goroutine->scan)
		fputs(" (scan)", dump->out);
	if (minutes)
		fprintf(dump->out, ", %llu minutes", minutes);
	if (goroutine->locked)
		fputs(", locked to thread", dump->out);
	fputs("]:\n", dump->out);
}

/* A place in a stack; printing goes on from there. */
struct position {
	const struct goroutine *goroutine;
	size_t at;                       /* pc */
	size_t arg;                      /* of the goroutine: the first value of that pc */
	const struct dump_frame *callee; /* the logical frame before */
	bool interrupted;                /* the frame at `at` was, by a signal */
};

static const struct dump_frames *frames_at(const struct dump *dump, const struct position *position)
{
	const struct goroutine *goroutine = position->goroutine;
	uint64_t pc = dump->snapshot->pcs.data[goroutine->first_pc + position->at];
	const struct dump_frames *frames;

	if (position->interrupted)
		return dump_cache_look_up(dump->cache, pc, 0);
	frames = dump_cache_look_up(dump->cache, pc, 1);
	/* the innermost one has not begun when it is at its function's entry */
	if (frames && !position->at && frames->entry == pc)
		return dump_cache_look_up(dump->cache, pc, 0);
	return frames;
}

static bool is_visible(const struct dump_frame *frame, bool is_first,
		       const struct dump_frame *callee)
{
	if (frame->is_wrapper && !(callee && callee->is_panic))
		return false;
	return (frame->is_gopanic && !is_first) || frame->shown;
}

static void write_frame(const struct dump *dump, const struct position *position,
			const struct dump_frames *frames, const struct dump_frame *frame)
{
	const struct goroutine *goroutine = position->goroutine;
	size_t behind = frame->args_at + strlen(DUMP_ARGS_UNKNOWN);

	if (frame->inlined || !dump->has_args ||
	    position->arg + frames->values > goroutine->arg_count) {
		fwrite_unlocked(frame->text, 1, frame->text_len, dump->out);
		return;
	}
	fwrite_unlocked(frame->text, 1, frame->args_at, dump->out);
	dump_args_write(dump->out, frames,
			dump->snapshot->args.data + goroutine->first_arg + position->arg);
	fwrite_unlocked(frame->text + behind, 1, frame->text_len - behind, dump->out);
}

/*
 * traceback2: skips `skip` frames that are to be seen, prints up to `max`, stops before one more.
 * Returns how many were skipped and printed; *last: how many of those in the pc it stopped in.
 */
static size_t write_frames(const struct dump *dump, struct position *position, bool show_runtime,
			   size_t skip, size_t max, size_t *last)
{
	size_t n = 0;

	for (; position->at < position->goroutine->pc_count; position->at++) {
		const struct dump_frames *frames = frames_at(dump, position);

		*last = 0;
		for (size_t i = 0; frames && i < frames->count; i++) {
			const struct dump_frame *frame = &frames->frames[i], *callee;

			callee = position->callee;
			position->callee = frame;
			if (!show_runtime && !is_visible(frame, !n, callee))
				continue;
			if (!skip && !max)
				return n;
			n++;
			(*last)++;
			if (skip) {
				skip--;
				continue;
			}
			max--;
			write_frame(dump, position, frames, frame);
		}
		position->arg += frames ? frames->values : 0;
		position->interrupted = position->callee && position->callee->is_injected;
	}
	*last = 0;
	return n;
}

/* From 1.21 on: the innermost and the outermost ones. */
static size_t write_stack(const struct dump *dump, const struct goroutine *goroutine,
			  bool show_runtime)
{
	struct position position = { .goroutine = goroutine }, rest;
	size_t last, ignored, remaining, elided,
		n = write_frames(dump, &position, show_runtime, 0, INNER_FRAMES, &last);

	if (n < INNER_FRAMES)
		return n;
	rest = position;
	remaining = write_frames(dump, &position, show_runtime, SIZE_MAX, 0, &ignored);
	elided = remaining > last + OUTER_FRAMES ? remaining - last - OUTER_FRAMES : 0;
	if (elided)
		fprintf(dump->out, "...%zu frames elided...\n", elided);
	write_frames(dump, &rest, show_runtime, last + elided, OUTER_FRAMES, &ignored);
	return n;
}

/* Up to 1.20: no more than so many pcs, with all that is inlined there. */
static size_t write_stack_to_120(const struct dump *dump, const struct goroutine *goroutine,
				 bool show_runtime)
{
	struct goroutine top = *goroutine;
	struct position position = { .goroutine = &top };
	size_t n, last;

	if (top.pc_count > MAX_FRAMES)
		top.pc_count = MAX_FRAMES;
	n = write_frames(dump, &position, show_runtime, 0, SIZE_MAX, &last);
	if (n == MAX_FRAMES)
		fputs("...additional frames elided...\n", dump->out);
	return n;
}

static void write_creator(const struct dump *dump, const struct goroutine *goroutine)
{
	const struct dump_creator *creator = dump_created_by(dump->cache, goroutine->gopc);

	if (!creator || !*creator->who)
		return;
	fputs_unlocked(creator->who, dump->out);
	if (goroutine->parent_goid)
		fprintf(dump->out, " in goroutine %llu",
			(unsigned long long)goroutine->parent_goid);
	fputs_unlocked(creator->place, dump->out);
}

static void write_goroutine(const struct dump *dump, const struct goroutine *goroutine)
{
	size_t (*stack)(const struct dump *, const struct goroutine *, bool) =
		dump->source->minor >= 21 ? write_stack : write_stack_to_120;

	write_header(dump, goroutine);
	if (!goroutine->pc_count)
		fputs("\tgoroutine running on other thread; stack unavailable\n", dump->out);
	else if (!stack(dump, goroutine, false))
		stack(dump, goroutine, true);
	if (goroutine->goid != 1)
		write_creator(dump, goroutine);
}

int go_dump_write(FILE *out, const struct go_dump_source *source, const struct snapshot *snapshot)
{
	struct dump dump = { .out = out,
			     .source = source,
			     .snapshot = snapshot,
			     .cache = dump_cache_new(source),
			     .has_args = snapshot->has_args && source->look_up_args };

	if (!dump.cache)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->goroutines.len; i++) {
		if (i)
			fputc('\n', out);
		write_goroutine(&dump, &snapshot->goroutines.data[i]);
	}
	dump_cache_free(dump.cache);
	return fflush(out) || ferror(out) ? -EIO : 0;
}
