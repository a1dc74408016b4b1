// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The model from hand-made totals and snapshots. Code addresses are those of a small invented
 * program: one function every 0x100 bytes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model/select.h"

#define MINOR 24
#define GOROOT "/go/src/"

enum pc {
	PC_GOPARK = 0x100,
	PC_SEMACQUIRE = 0x200,
	PC_SEMA_MUTEX = 0x300,
	PC_MUTEX_LOCK = 0x400,
	PC_RWMUTEX_LOCK = 0x500,
	PC_RWMUTEX_RLOCK = 0x600,
	PC_CHANRECV = 0x700,
	PC_UPDATE = 0x800,
	PC_READ = 0x900,
	PC_WORK = 0xa00,
	PC_BGWORKER = 0xb00,
	PC_MAIN = 0xc00,
	PC_SEMA_RW = 0xd00,
};

static const struct {
	enum pc pc;
	const char *function, *file;
} program[] = {
	{ PC_GOPARK, "runtime.gopark", GOROOT "runtime/proc.go" },
	{ PC_SEMACQUIRE, "runtime.semacquire1", GOROOT "runtime/sema.go" },
	{ PC_SEMA_MUTEX, "internal/sync.runtime_SemacquireMutex", GOROOT "runtime/sema.go" },
	{ PC_SEMA_RW, "sync.runtime_SemacquireRWMutex", GOROOT "runtime/sema.go" },
	{ PC_MUTEX_LOCK, "sync.(*Mutex).Lock", GOROOT "sync/mutex.go" },
	{ PC_RWMUTEX_LOCK, "sync.(*RWMutex).Lock", GOROOT "sync/rwmutex.go" },
	{ PC_RWMUTEX_RLOCK, "sync.(*RWMutex).RLock", GOROOT "sync/rwmutex.go" },
	{ PC_CHANRECV, "runtime.chanrecv", GOROOT "runtime/chan.go" },
	{ PC_UPDATE, "main.update", "/app/store.go" },
	{ PC_READ, "main.read", "/app/store.go" },
	{ PC_WORK, "main.work", "/app/work.go" },
	{ PC_BGWORKER, "runtime.bgsweep", GOROOT "runtime/mgcsweep.go" },
	{ PC_MAIN, "main.main", "/app/main.go" },
};

static size_t look_up(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	(void)ctx;
	for (size_t i = 0; i < sizeof(program) / sizeof(program[0]) && max; i++) {
		if (pc < program[i].pc || pc >= (uint64_t)program[i].pc + 0x100)
			continue;
		frames[0] = (struct pclntab_frame){ .function = program[i].function,
						    .file = program[i].file,
						    .line = (int)(pc - program[i].pc) };
		return 1;
	}
	return 0;
}

#define STORE 0x5000

static const char *data(void *ctx, uint64_t addr, uint64_t *start)
{
	(void)ctx;
	*start = STORE;
	return addr >= STORE && addr < STORE + 0x40 ? "main.store" : NULL;
}

struct fixture {
	struct model model;
	struct aggregates aggregates;
	struct governor_status governor;
	struct snapshot snapshot;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	assert_int_equal(model_init(&fixture->model, layout_for_minor(MINOR), MINOR, look_up, data,
				    NULL, GOROOT "runtime/proc.go"),
			 0);
	/* always on: what the kernel counted is exact */
	fixture->governor = (struct governor_status){ .always_on = true,
						      .windows = 1,
						      .on_ns = 1000000000,
						      .elapsed_ns = 1000000000,
						      .counted_ns = 1000000000,
						      .event_weight = 1 };
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		fixture->governor.whole_ns[i] = fixture->governor.counted_ns;
	fixture->aggregates.at_ns = 10000000000;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	model_free(&fixture->model);
	aggregates_free(&fixture->aggregates);
	snapshot_free(&fixture->snapshot);
	free(fixture);
	return 0;
}

static unsigned reason(const char *text)
{
	int value = wait_reason_value(MINOR, text);

	assert_true(value >= 0);
	return (unsigned)value;
}

/* Return addresses, as the kernel keeps them; 0 ends. */
static void add_site(struct fixture *fixture, uint32_t index, const char *why, uint64_t waits,
		     uint64_t each_ns, const enum pc *pcs)
{
	struct site_row *row = vec_push(&fixture->aggregates.sites);

	assert_non_null(row);
	row->index = index;
	row->site.reason = reason(why);
	row->site.ready = 1;
	row->site.parks = row->site.waits = waits;
	row->site.wait_ns_total = waits * each_ns;
	row->site.wait_ns_max = each_ns;
	row->site.hist[10] = waits;
	for (int i = 0; pcs[i]; i++)
		row->site.pcs[i] = (uint64_t)pcs[i] + 0x21;
}

static void add_waits(struct fixture *fixture, uint64_t addr, uint32_t site,
		      enum ct_object_kind kind, uint64_t waits, uint64_t each_ns)
{
	struct object_row *row = vec_push(&fixture->aggregates.objects);

	assert_non_null(row);
	row->key = (struct ct_object_key){ .addr = addr, .site = site, .kind = kind };
	row->object.waits = waits;
	row->object.wait_ns_total = waits * each_ns;
	row->object.wait_ns_max = each_ns;
	row->object.hist[10] = waits;
}

static void add_goroutine(struct fixture *fixture, uint64_t goid, const char *why,
			  uint64_t wait_addr, const enum pc *pcs)
{
	struct goroutine *goroutine = vec_push(&fixture->snapshot.goroutines);

	assert_non_null(goroutine);
	goroutine->g = 0xc000000000 + goid * 0x200;
	goroutine->goid = goid;
	goroutine->status = G_WAITING;
	goroutine->wait_reason = (uint8_t)reason(why);
	goroutine->wait_kind = strstr(why, "chan") ? WAIT_CHAN_RECV : WAIT_SEMA;
	goroutine->wait_addr = wait_addr;
	goroutine->first_pc = fixture->snapshot.pcs.len;
	for (int i = 0; pcs[i]; i++) {
		uint64_t *pc = vec_push(&fixture->snapshot.pcs);

		assert_non_null(pc);
		*pc = (uint64_t)pcs[i] + 0x20;
		goroutine->pc_count++;
	}
}

static void add_event(struct fixture *fixture, uint64_t goid, enum ct_task_state what,
		      const char *why, uint64_t since_ns, uint32_t site)
{
	struct task_row *row = vec_push(&fixture->aggregates.tasks);

	assert_non_null(row);
	row->g = 0xc000000000 + goid * 0x200;
	row->task.goid = goid;
	row->task.state = what;
	row->task.reason = (uint8_t)reason(why);
	row->task.since_ns = since_ns;
	row->task.site = site;
}

static void update(struct fixture *fixture, bool events, bool snapshot)
{
	assert_int_equal(model_update(&fixture->model, events ? &fixture->aggregates : NULL,
				      events ? &fixture->governor : NULL,
				      snapshot ? &fixture->snapshot : NULL),
			 0);
}

static const enum pc mutex_stack[] = { PC_SEMACQUIRE, PC_SEMA_MUTEX, PC_MUTEX_LOCK,
				       PC_UPDATE,     PC_MAIN,       0 };
static const enum pc recv_stack[] = { PC_CHANRECV, PC_WORK, 0 };

static void the_lock_of_a_semaphore_is_named(void **state)
{
	struct fixture *fixture = *state;
	const struct model_lock *lock;

	add_site(fixture, 1, "sync.Mutex.Lock", 3, 1500, mutex_stack);
	/* sync.Mutex is { state int32; sema uint32 } */
	add_waits(fixture, STORE + 0x18 + 4, 1, CT_OBJ_SEMA, 3, 1500);
	update(fixture, true, false);
	assert_int_equal(fixture->model.locks.len, 1);
	lock = &fixture->model.locks.data[0];
	assert_int_equal(lock->addr, STORE + 0x18);
	assert_string_equal(lock->symbol, "main.store+0x18");
	assert_string_equal(model_lock_kind_name(lock->kind), "sync.Mutex");
	assert_int_equal(lock->stats.waits, 3);
	assert_int_equal(lock->stats.wait_ns_total, 4500);
	assert_int_equal(lock->site_count, 1);
	assert_string_equal(
		fixture->model.object_sites.data[lock->first_site].stack->site->function,
		"main.update");
}

static void an_rwmutex_is_one_row(void **state)
{
	static const enum pc writer_behind[] = { PC_SEMACQUIRE,   PC_SEMA_MUTEX, PC_MUTEX_LOCK,
						 PC_RWMUTEX_LOCK, PC_UPDATE,     0 };
	static const enum pc writer[] = { PC_SEMACQUIRE, PC_SEMA_RW, PC_RWMUTEX_LOCK, PC_UPDATE,
					  0 };
	static const enum pc reader[] = { PC_SEMACQUIRE, PC_SEMA_RW, PC_RWMUTEX_RLOCK, PC_READ, 0 };
	struct fixture *fixture = *state;

	add_site(fixture, 1, "sync.Mutex.Lock", 1, 1500, writer_behind);
	add_site(fixture, 2, "sync.RWMutex.Lock", 2, 1500, writer);
	add_site(fixture, 3, "sync.RWMutex.RLock", 4, 1500, reader);
	/* sync.RWMutex is { w Mutex; writerSem, readerSem uint32; ... } */
	add_waits(fixture, STORE + 4, 1, CT_OBJ_SEMA, 1, 1500);
	add_waits(fixture, STORE + 8, 2, CT_OBJ_SEMA, 2, 1500);
	add_waits(fixture, STORE + 12, 3, CT_OBJ_SEMA, 4, 1500);
	update(fixture, true, false);
	assert_int_equal(fixture->model.locks.len, 1);
	assert_int_equal(fixture->model.locks.data[0].addr, STORE);
	assert_string_equal(model_lock_kind_name(fixture->model.locks.data[0].kind),
			    "sync.RWMutex");
	assert_int_equal(fixture->model.locks.data[0].stats.waits, 7);
	assert_int_equal(fixture->model.locks.data[0].site_count, 3);
}

static void who_parked_before_the_attach_counts_at_the_same_site(void **state)
{
	static const enum pc with_gopark[] = { PC_GOPARK, PC_CHANRECV, PC_WORK, 0 };
	struct fixture *fixture = *state;
	const struct model_site *site;

	add_site(fixture, 1, "chan receive", 5, 1500, recv_stack);
	add_goroutine(fixture, 7, "chan receive", 0xc000010000, with_gopark);
	add_goroutine(fixture, 8, "chan receive", 0xc000010000, with_gopark);
	fixture->snapshot.at_ns = 9000000000;
	fixture->snapshot.goroutines.data[0].waitsince_ns = 4000000000;
	update(fixture, true, true);
	assert_int_equal(fixture->model.sites.len, 1);
	site = &fixture->model.sites.data[0];
	assert_int_equal(site->waiting_now, 2);
	assert_int_equal(site->stats.waits, 5);
	assert_int_equal(site->oldest_ns, 6000000000);
	assert_true(site->oldest_is_bound);
	assert_int_equal(fixture->model.chans.len, 1);
	assert_int_equal(fixture->model.chans.data[0].receivers_waiting, 2);
}

static void the_newer_of_event_and_snapshot_wins(void **state)
{
	struct fixture *fixture = *state;

	add_site(fixture, 1, "chan receive", 1, 1500, recv_stack);
	add_goroutine(fixture, 7, "chan receive", 0xc000010000, recv_stack);
	add_goroutine(fixture, 8, "chan receive", 0xc000010000, recv_stack);
	fixture->snapshot.at_ns = 9000000000;
	add_event(fixture, 7, CT_TASK_ACTIVE, "chan receive", 9500000000, 1);
	add_event(fixture, 8, CT_TASK_ACTIVE, "chan receive", 8500000000, 1);
	update(fixture, true, true);
	assert_int_equal(fixture->model.by_state[G_RUNNABLE], 1);
	assert_int_equal(fixture->model.by_state[G_WAITING], 1);
	assert_int_equal(fixture->model.disagreements, 1);
}

static void windows_do_not_tell_since_when(void **state)
{
	struct fixture *fixture = *state;

	add_site(fixture, 1, "chan receive", 1, 1500, recv_stack);
	add_goroutine(fixture, 7, "chan receive", 0xc000010000, recv_stack);
	fixture->snapshot.at_ns = 9000000000;
	add_event(fixture, 7, CT_TASK_WAITING, "chan receive", 2000000000, 1);
	update(fixture, true, true);
	assert_int_equal(fixture->model.tasks.data[0].since_ns, 2000000000);
	fixture->governor.always_on = false;
	fixture->governor.windows = 20;
	fixture->governor.on_ns = 100000000;
	fixture->governor.event_weight = 10;
	update(fixture, true, true);
	assert_true(fixture->model.estimated);
	assert_int_equal(fixture->model.tasks.data[0].since_ns, 0);
}

static void rates_are_of_the_interval(void **state)
{
	struct fixture *fixture = *state;

	fixture->aggregates.counters[CT_N_PARK] = 500;
	update(fixture, true, false);
	assert_true(fixture->model.rates.park > 499 && fixture->model.rates.park < 501);
	fixture->aggregates.counters[CT_N_PARK] = 700;
	fixture->aggregates.at_ns += 2000000000;
	fixture->governor.counted_ns += 2000000000;
	update(fixture, true, false);
	assert_true(fixture->model.rates.park > 99 && fixture->model.rates.park < 101);
}

/* The windows of the last interval saw none of the waits that the snapshots before had found. */
static void what_hurt_most_so_far_stays_ahead_of_what_windows_saw(void **state)
{
	struct fixture *fixture = *state;

	fixture->governor.always_on = false;
	fixture->governor.event_weight = 50;
	fixture->governor.elapsed_ns = fixture->governor.counted_ns = 1000000000;
	add_site(fixture, 1, "sync.Mutex.Lock", 1, 1500, mutex_stack);
	add_waits(fixture, STORE + 0x10 + 4, 1, CT_OBJ_SEMA, 1, 1500);
	add_waits(fixture, STORE + 0x18 + 4, 1, CT_OBJ_SEMA, 1, 1000);
	add_goroutine(fixture, 7, "sync.Mutex.Lock", STORE + 0x18 + 4, mutex_stack);
	fixture->snapshot.at_ns = 9000000000;
	update(fixture, true, true);
	assert_int_equal(fixture->model.locks.data[0].addr, STORE + 0x18);

	fixture->aggregates.objects.data[0].object.waits++;
	fixture->aggregates.objects.data[0].object.wait_ns_total += 1500;
	fixture->snapshot.goroutines.len = 0;
	fixture->snapshot.at_ns = fixture->aggregates.at_ns += 1000000000;
	fixture->governor.elapsed_ns = fixture->governor.counted_ns = 2000000000;
	update(fixture, true, true);
	assert_int_equal(fixture->model.locks.data[0].addr, STORE + 0x18);
	assert_int_equal(fixture->model.locks.data[0].waiters, 0);
}

static void what_could_not_be_kept_is_lost_and_early_wakeups_are_not(void **state)
{
	struct fixture *fixture = *state;

	fixture->aggregates.counters[CT_N_UNMATCHED] = 9;
	fixture->aggregates.counters[CT_LOST_TASK] = 2;
	fixture->aggregates.counters[CT_LOST_ORDER] = 3;
	update(fixture, true, false);
	assert_int_equal(model_lost(&fixture->model), 5);
}

static void alike_goroutines_are_one_group(void **state)
{
	const struct task_selection all = { 0 }, by_text = { .filter = "store.go" };
	struct selected_rows rows = { 0 };
	struct fixture *fixture = *state;

	for (uint64_t goid = 1; goid <= 3; goid++)
		add_goroutine(fixture, goid, "chan receive", 0xc000010000, recv_stack);
	add_goroutine(fixture, 4, "sync.Mutex.Lock", STORE + 4, mutex_stack);
	fixture->snapshot.goroutines.data[1].waitsince_ns = 4000000000;
	update(fixture, false, true);
	assert_int_equal(fixture->model.groups.len, 2);
	assert_int_equal(fixture->model.groups.data[0].count, 3);
	assert_int_equal(fixture->model.groups.data[0].oldest_since_ns, 4000000000);
	assert_true(fixture->model.groups.data[0].oldest_is_bound);
	assert_int_equal(model_select(&fixture->model, &all, false, &rows), 0);
	assert_int_equal(rows.len, 2);
	rows.len = 0;
	assert_int_equal(model_select(&fixture->model, &by_text, false, &rows), 0);
	assert_int_equal(rows.len, 1);
	assert_int_equal(fixture->model.groups.data[rows.data[0]].count, 1);
	vec_free(&rows);
}

static void idle_waits_come_after_those_that_hold_up(void **state)
{
	struct fixture *fixture = *state;
	const struct model *model = &fixture->model;

	add_site(fixture, 1, "IO wait", 100, 1000000, recv_stack);
	add_site(fixture, 2, "sync.Mutex.Lock", 1, 1500, mutex_stack);
	update(fixture, true, false);
	assert_string_equal(model_reason(model, model->sites.data[0].reason), "sync.Mutex.Lock");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(the_lock_of_a_semaphore_is_named),
		TEST(an_rwmutex_is_one_row),
		TEST(who_parked_before_the_attach_counts_at_the_same_site),
		TEST(the_newer_of_event_and_snapshot_wins),
		TEST(windows_do_not_tell_since_when),
		TEST(rates_are_of_the_interval),
		TEST(what_hurt_most_so_far_stays_ahead_of_what_windows_saw),
		TEST(what_could_not_be_kept_is_lost_and_early_wakeups_are_not),
		TEST(alike_goroutines_are_one_group),
		TEST(idle_waits_come_after_those_that_hold_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
