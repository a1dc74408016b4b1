// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/live.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/find.h"
#include "cmd/output.h"
#include "cmd/pause.h"
#include "export/flame.h"
#include "export/go_dump.h"
#include "probe/spin_cost.h"
#include "target/elf_image.h"
#include "target/gotype.h"
#include "target/proc.h"

/* Waits at least this long keep the stack of who ended them. */
#define WAKER_STACK_MIN_NS 1000000
/* Events of a timeline that we may be behind with: about 600,000. */
#define TIMELINE_BYTES (32U << 20)
/* Snapshots take at most one part in so many of our time. */
#define SNAPSHOT_SHARE 10

static size_t look_up_frames(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	return target_frames(&((struct live *)ctx)->target, pc, frames, max);
}

static const char *look_up_data(void *ctx, uint64_t addr, uint64_t *start)
{
	struct live *live = ctx;
	struct target *target = &live->target;
	const struct lock_name *lock = lock_names_known(live->names, addr);
	const char *name;

	if (lock) {
		*start = lock->source == LOCK_NAME_VARIABLE ? addr : 0;
		return lock->text;
	}
	name = elf_data_symbol_at(&target->image, addr - target->load_bias, start);
	*start += target->load_bias;
	return name;
}

static bool name_lock(void *ctx, uint64_t addr, enum lock_kind kind, const struct goroutine *waiter)
{
	struct live *live = ctx;

	return live->debug_names &&
	       lock_names_find(live->names, addr, model_lock_kind_name(kind), waiter);
}

static bool look_up_type(void *ctx, uint64_t addr, struct model_type *type)
{
	struct gotype found;

	if (gotype_read(ctx, addr, &found))
		return false;
	snprintf(type->name, sizeof(type->name), "%s", found.name);
	type->kind = found.kind;
	type->text_first = found.text_first;
	return true;
}

/* The source file of gopark: the standard library lies around it. */
static const char *goroot_file(struct target *target)
{
	struct pclntab_frame frame;
	struct pclntab_func func;

	if (pclntab_func_by_name(&target->pclntab, "runtime.gopark", &func) ||
	    !pclntab_frames(&target->pclntab, func.entry, &frame, 1))
		return NULL;
	return frame.file;
}

static bool wants_probes(const struct options *options, uint32_t roles)
{
	return roles && !options->no_probes && options->max_overhead_pct != 0;
}

int live_attach(struct live *live, const struct options *options, uint32_t roles,
		const struct probe_options *special, struct err *err)
{
	struct probe_options probes = { .waker_stack_min_ns = WAKER_STACK_MIN_NS,
					.turns = roles & ROLE_BIT(ROLE_SPIN),
					.timeline_bytes = options->timeline ? TIMELINE_BYTES : 0 };
	int status;

	if (!wants_probes(options, roles))
		return 0;
	if (special)
		probes = *special;
	probes.max_tasks = (uint32_t)options->max_tasks;
	status = plan_make(&live->target, roles, &live->plan, err);
	if (!status)
		status = probe_session_open(&live->target, &live->plan, &probes, &live->session,
					    err);
	if (!status)
		status = governor_start(live->session, options->max_overhead_pct, &live->governor,
					err);
	live->model.turns_counted = !status && probes.turns;
	live->model.spins_counted = !status && roles & ROLE_BIT(ROLE_SPIN) &&
				    !(plan_missing_roles(&live->plan, roles) & ROLE_BIT(ROLE_SPIN));
	if (live->model.spins_counted)
		live->model.spin_round_ns = spin_round_ns();
	return status;
}

int live_model(struct live *live, struct model *model, struct err *err)
{
	if (!live->names)
		live->names = lock_names_new(&live->target);
	if (!live->names ||
	    model_init(model, &live->target.layout, live->target.reasons_minor, look_up_frames,
		       look_up_data, live, goroot_file(&live->target)))
		return output_no_memory(err);
	model->look_up_type = look_up_type;
	model->type_ctx = &live->target;
	model->name_lock = name_lock;
	model->name_ctx = live;
	return 0;
}

static void close_probes(struct live *live)
{
	governor_stop(live->governor);
	live->governor = NULL;
	probe_session_close(live->session);
	live->session = NULL;
	plan_free(&live->plan);
	aggregates_free(&live->aggregates);
}

int live_renew(struct live *live, struct err *err)
{
	close_probes(live);
	live->status = (struct governor_status){ 0 };
	live->has_snapshot = false;
	live->next_snapshot_ns = 0;
	model_free(&live->model);
	return live_model(live, &live->model, err);
}

int live_open(struct live *live, const struct options *options, uint32_t roles, struct err *err)
{
	pid_t pid;
	int status;

	memset(live, 0, sizeof(*live));
	live->signal_fd = -1;
	live->target.pidfd = -1;
	live->ahead = AHEAD_OF_ALL;
	live->debug_names = true;
	status = find_target(options, &pid, err);
	if (status)
		return status;
	status = target_open(pid, &live->target, err);
	if (status)
		return status;
	target_facts_of(&live->target, &live->facts);
	status = pause_open(&live->signal_fd, err);
	if (!status)
		status = live_model(live, &live->model, err);
	if (!status)
		status = live_attach(live, options, roles, NULL, err);
	if (status)
		live_close(live);
	return status;
}

void live_close(struct live *live)
{
	close_probes(live);
	snapshot_free(&live->snapshot);
	snapshot_reader_free(live->reader);
	live->reader = NULL;
	if (live->model.symbols)
		model_free(&live->model);
	lock_names_free(live->names);
	live->names = NULL;
	pause_close(live->signal_fd);
	live->signal_fd = -1;
	target_close(&live->target);
}

static int take_snapshot(struct live *live, const struct options *options, struct err *err)
{
	const struct snapshot_options wanted = { .stacks = true,
						 .system = options->system,
						 .ahead = live->ahead,
						 .ahead_steps = live->ahead_steps,
						 .last = live->last_look,
						 .peers = true };
	int status;

	if (!live->reader)
		live->reader = snapshot_reader_new(&live->target);
	if (!live->reader)
		return output_no_memory(err);
	status = snapshot_read(live->reader, &wanted, &live->snapshot, err);
	if (!status) {
		live->has_snapshot = true;
		live->next_snapshot_ns = clock_now_ns() + SNAPSHOT_SHARE * live->snapshot.took_ns;
		return 0;
	}
	live->has_snapshot = false;
	if (target_alive(&live->target))
		return status;
	live->gone = true;
	return 0;
}

int live_glance(struct live *live, const struct options *options, struct err *err)
{
	int status = take_snapshot(live, options, err);

	live->next_snapshot_ns = 0;
	return status;
}

int live_update(struct live *live, const struct options *options, bool snapshot, struct err *err)
{
	bool events = live->session;
	int status = 0;

	if (snapshot && !live->gone && clock_now_ns() >= live->next_snapshot_ns)
		status = take_snapshot(live, options, err);
	if (!status && events) {
		if (live->governor)
			governor_status(live->governor, &live->status);
		status = aggregates_read(probe_session_maps(live->session), &live->aggregates, err);
	}
	if (status)
		return status;
	proc_age_ns(live->target.pid, &live->facts.age_ns);
	if (model_update(&live->model, events ? &live->aggregates : NULL,
			 events ? &live->status : NULL,
			 live->has_snapshot ? &live->snapshot : NULL))
		return output_no_memory(err);
	capture_note(&live->capture, &live->model, events ? &live->status : NULL,
		     live->has_snapshot ? &live->snapshot : NULL,
		     events ? probe_session_map_bytes(live->session) : 0,
		     clock_wall_ns(clock_now_ns()));
	return 0;
}

bool live_pause(struct live *live, uint64_t until_ns)
{
	enum pause_end end = pause_until(live->signal_fd, &live->target, until_ns);

	live->gone = live->gone || end == PAUSE_GONE;
	return end == PAUSE_TIME;
}

void live_detach(struct live *live)
{
	/* the last look is due, however long the ones before took */
	live->next_snapshot_ns = 0;
	if (!live->governor)
		return;
	governor_status(live->governor, &live->status);
	governor_stop(live->governor);
	live->governor = NULL;
}

void live_say_gone(const struct live *live, const struct options *options)
{
	if (live->gone && !options->quiet)
		fprintf(stderr,
			"conctrace: process %d exited or became another program; this is the last of it\n",
			(int)live->target.pid);
}

struct recording_source live_source(struct live *live)
{
	struct flame_binary binary;
	struct go_dump_source dump;

	go_dump_source_init(&dump, &live->target);
	flame_binary_of(&live->target, &binary);
	return (struct recording_source){ .facts = &live->facts,
					  .layout = &live->target.layout,
					  .minor = dump.minor,
					  .reasons_minor = live->target.reasons_minor,
					  .wrapper_id = dump.wrapper_id,
					  .goroot_file = goroot_file(&live->target),
					  .code_start = binary.start,
					  .code_limit = binary.limit,
					  .code_offset = binary.offset,
					  .build_id = live->target.image.build_id,
					  .go_build_id = live->target.image.go_build_id,
					  .look_up = look_up_frames,
					  .variable = look_up_data,
					  .ctx = live };
}

struct json_source live_json(struct live *live, const struct options *options)
{
	return (struct json_source){ .target = &live->facts,
				     .capture = &live->capture,
				     .model = &live->model,
				     .system = options->system };
}

struct view live_view(struct live *live, const struct options *options, FILE *out)
{
	return (struct view){ .out = out,
			      .style = output_style(options),
			      .target = &live->facts,
			      .capture = &live->capture,
			      .model = &live->model };
}
