// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "flame_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define GOROOT "/go/src/"

static const struct {
	enum pc pc;
	const char *function, *file;
} functions[] = {
	{ PC_GOPARK, "runtime.gopark", GOROOT "runtime/proc.go" },
	{ PC_SEMACQUIRE, "runtime.semacquire1", GOROOT "runtime/sema.go" },
	{ PC_SEMA_MUTEX, "internal/sync.runtime_SemacquireMutex", GOROOT "runtime/sema.go" },
	{ PC_MUTEX_LOCK, "sync.(*Mutex).Lock", GOROOT "sync/mutex.go" },
	{ PC_CHANRECV, "runtime.chanrecv", GOROOT "runtime/chan.go" },
	{ PC_CHANRECV1, "runtime.chanrecv1", GOROOT "runtime/chan.go" },
	{ PC_GOEXIT, "runtime.goexit", GOROOT "runtime/asm_amd64.s" },
	{ PC_UPDATE, "main.update", "/app/store.go" },
	{ PC_WORK, "main.work", "/app/work.go" },
	{ PC_MAIN, "main.main", "/app/main.go" },
	{ PC_RECURSE, "main.recurse", "/app/main.go" },
	{ PC_ODD, "main.struct { a int; b <T> }.\xc3\xa9\"&", "/app/o d;d.go" },
	{ PC_SEMRELEASE, "runtime.semrelease1", GOROOT "runtime/sema.go" },
	{ PC_MUTEX_UNLOCK, "sync.(*Mutex).Unlock", GOROOT "sync/mutex.go" },
	{ PC_BYTES, "main.\xff\nx", "/app/\xfe.go" },
	{ PC_GENERIC, "main.(*queue[go.shape.int]).pop", "/app/queue.go" },
};

static size_t look_up(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	size_t count = 0;

	(void)ctx;
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
		if (pc < functions[i].pc || pc >= (uint64_t)functions[i].pc + 0x100 || max < 2)
			continue;
		if (functions[i].pc == PC_WORK)
			frames[count++] = (struct pclntab_frame){ .function = "main.inlined",
								  .file = "/app/inlined.go",
								  .line = 7,
								  .inlined = true,
								  .entry = PC_WORK };
		frames[count++] = (struct pclntab_frame){ .function = functions[i].function,
							  .file = functions[i].file,
							  .line = (int)(pc - functions[i].pc),
							  .entry = functions[i].pc };
	}
	return count;
}

static const char *data(void *ctx, uint64_t addr, uint64_t *start)
{
	(void)ctx;
	*start = 0x5000;
	return addr >= 0x5000 && addr < 0x5040 ? "main.store" : NULL;
}

struct program *program_new(void)
{
	struct program *program = calloc(1, sizeof(*program));

	assert_non_null(program);
	assert_int_equal(model_init(&program->model, layout_for_minor(FLAME_MINOR), FLAME_MINOR,
				    look_up, data, NULL, GOROOT "runtime/proc.go"),
			 0);
	program->governor = (struct governor_status){ .always_on = true,
						      .windows = 1,
						      .on_ns = 10 * FLAME_SECOND,
						      .elapsed_ns = 10 * FLAME_SECOND,
						      .counted_ns = 10 * FLAME_SECOND,
						      .event_weight = 1 };
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		program->governor.whole_ns[i] = program->governor.counted_ns;
	program->aggregates.at_ns = program->snapshot.at_ns = 20 * FLAME_SECOND;
	return program;
}

void program_free(struct program *program)
{
	model_free(&program->model);
	aggregates_free(&program->aggregates);
	snapshot_free(&program->snapshot);
	free(program);
}

void program_in_windows(struct program *program)
{
	program->governor.always_on = false;
	program->governor.windows = 200;
	program->governor.on_ns = FLAME_SECOND;
	program->governor.event_weight = 10;
}

unsigned program_reason(const char *text)
{
	int value = wait_reason_value(FLAME_MINOR, text);

	assert_true(value >= 0);
	return (unsigned)value;
}

void program_site(struct program *program, uint32_t index, const char *reason, uint64_t waits,
		  uint64_t each_ns, const enum pc *pcs)
{
	struct site_row *row = vec_push(&program->aggregates.sites);

	assert_non_null(row);
	row->index = index;
	row->site.reason = *reason ? program_reason(reason) : CT_WAKER_REASON;
	row->site.ready = 1;
	row->site.parks = row->site.waits = waits;
	row->site.wait_ns_total = waits * each_ns;
	row->site.wait_ns_max = each_ns;
	row->site.hist[10] = waits;
	for (int i = 0; pcs[i] && i < CT_STACK_DEPTH; i++)
		row->site.pcs[i] = (uint64_t)pcs[i] + 0x21;
}

void program_waits(struct program *program, uint64_t addr, uint32_t site, uint64_t waits,
		   uint64_t each_ns)
{
	struct object_row *row = vec_push(&program->aggregates.objects);

	assert_non_null(row);
	row->key = (struct ct_object_key){ .addr = addr, .site = site, .kind = CT_OBJ_SEMA };
	row->object.waits = waits;
	row->object.wait_ns_total = waits * each_ns;
	row->object.wait_ns_max = each_ns;
	row->object.hist[10] = waits;
}

struct goroutine *program_goroutine(struct program *program, uint64_t goid, const char *reason,
				    uint64_t addr, const enum pc *pcs)
{
	struct goroutine *goroutine = vec_push(&program->snapshot.goroutines);

	assert_non_null(goroutine);
	goroutine->g = 0xc000000000 + goid * 0x200;
	goroutine->goid = goid;
	goroutine->status = G_WAITING;
	goroutine->wait_reason = (uint8_t)program_reason(reason);
	goroutine->wait_kind = strstr(reason, "chan") ? WAIT_CHAN_RECV : WAIT_SEMA;
	goroutine->wait_addr = addr;
	goroutine->first_pc = program->snapshot.pcs.len;
	for (int i = 0; pcs[i]; i++) {
		uint64_t *pc = vec_push(&program->snapshot.pcs);

		assert_non_null(pc);
		*pc = (uint64_t)pcs[i] + 0x20;
		goroutine->pc_count++;
	}
	return goroutine;
}

void program_spawn(struct program *program, uint64_t gopc, uint64_t start_pc, uint64_t spawned)
{
	struct spawn_row *row = vec_push(&program->aggregates.spawns);

	assert_non_null(row);
	row->gopc = gopc;
	row->spawn = (struct ct_spawn){ .spawned = spawned, .start_pc = start_pc };
}

void program_update(struct program *program, bool events, bool snapshot)
{
	assert_int_equal(model_update(&program->model, events ? &program->aggregates : NULL,
				      events ? &program->governor : NULL,
				      snapshot ? &program->snapshot : NULL),
			 0);
}

struct flame_samples *program_samples(struct program *program, const struct flame_options *options,
				      uint64_t begin_ns, uint64_t ns, unsigned count)
{
	struct flame_samples *samples = flame_samples_new(options, begin_ns);
	uint64_t at_ns = program->snapshot.at_ns;

	assert_non_null(samples);
	for (unsigned i = 1; i <= count; i++) {
		program->snapshot.at_ns = begin_ns + ns * i / count;
		assert_int_equal(flame_samples_add(samples, &program->model, &program->snapshot),
				 0);
	}
	program->snapshot.at_ns = at_ns;
	return samples;
}
