// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Detectors of what probes count, each on a model made by hand: what they find, and what they leave alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "detect/detect.h"

extern const struct detector detector_panic, detector_spin, detector_gc, detector_ctx,
	detector_pool, detector_map, detector_value, detector_wg_misuse, detector_ticker,
	detector_sched, detector_leak_growth;

static const struct pclntab_frame place = { .function = "main.work",
					    .file = "/app/main.go",
					    .line = 12 };
static const struct pclntab_frame library = { .function = "context.(*cancelCtx).Done",
					      .file = "/go/src/context/context.go",
					      .line = 3 };
static const struct pclntab_frame gc_frame = { .function = "runtime.GC",
					       .file = "/go/src/runtime/mgc.go",
					       .line = 9 };

struct fixture {
	struct model model;
	struct stack stack;
	const struct pclntab_frame *frames[2];
	struct series *series;
	struct limits limits;
	struct resources before, now;
	struct run_queue queue;
	held_contexts contexts;
	struct detect_input input;
	struct findings findings;
};

static size_t look_up(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	(void)ctx;
	(void)pc;
	(void)frames;
	(void)max;
	return 0;
}

static int set_up(void **state)
{
	struct fixture *f = test_calloc(1, sizeof(*f));

	f->model.layout = layout_for_minor(24);
	f->model.reasons_minor = 24;
	f->model.symbols = symbols_new(look_up, NULL, NULL, "/go/src/runtime/proc.go");
	f->model.at_ns = 100 * NSEC_PER_SEC;
	f->model.hit_cost_ns = 600;
	f->frames[0] = &place;
	f->stack = (struct stack){ .frames = f->frames, .frame_count = 1, .site = &place };
	limits_init(&f->limits);
	f->series = series_new();
	f->now.cpu_ns = 10 * NSEC_PER_SEC;
	f->now.cpus = 4;
	f->input = (struct detect_input){ .model = &f->model,
					  .series = f->series,
					  .limits = &f->limits,
					  .before = &f->before,
					  .now = &f->now,
					  .run_queue = &f->queue,
					  .contexts = &f->contexts,
					  .observed_ns = 10 * NSEC_PER_SEC,
					  .gomaxprocs = 4 };
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	symbols_free(f->model.symbols);
	vec_free(&f->model.tallies);
	vec_free(&f->model.panics);
	vec_free(&f->model.cancels);
	vec_free(&f->model.tasks);
	vec_free(&f->model.groups);
	vec_free(&f->model.group_tasks);
	vec_free(&f->contexts);
	series_free(f->series);
	findings_free(&f->findings);
	test_free(f);
	return 0;
}

/* So many a second, for ten seconds. */
static struct model_tally *tally(struct fixture *f, enum ct_tally_kind kind, double per_second)
{
	struct model_tally *row = vec_push(&f->model.tallies);

	*row = (struct model_tally){ .kind = kind,
				     .stack = &f->stack,
				     .count = (uint64_t)(per_second * 10),
				     .goid = 7,
				     .value = 0xc000010000,
				     .first_ns = 90 * NSEC_PER_SEC,
				     .last_ns = 100 * NSEC_PER_SEC,
				     .over_ns = 10 * NSEC_PER_SEC,
				     .per_second = per_second };
	return row;
}

/* The only finding; NULL: there is none. */
static const struct finding *run(struct fixture *f, const struct detector *detector)
{
	f->findings.running = detector->id;
	assert_int_equal(detector->check(&f->input, &f->findings), 0);
	assert_false(f->findings.no_memory);
	assert_true(f->findings.rows.len <= 1);
	return f->findings.rows.len ? &f->findings.rows.data[0] : NULL;
}

static void expect(struct fixture *f, const struct detector *detector, const char *id,
		   enum severity severity)
{
	const struct finding *finding = run(f, detector);

	assert_non_null(finding);
	assert_string_equal(finding->id, id);
	assert_int_equal(finding->severity, severity);
	assert_true(finding->title[0] && finding->advice[0] && finding->why_certain[0]);
}

static void expect_nothing(struct fixture *f, const struct detector *detector)
{
	assert_null(run(f, detector));
}

/* ---- panics ------------------------------------------------------------------------------------ */

static struct model_panic *panic(struct fixture *f, const char *type, const char *text)
{
	struct model_panic *row = vec_push(&f->model.panics);

	*row = (struct model_panic){ .stack = &f->stack,
				     .count = 3,
				     .recovered = 3,
				     .goid = 7,
				     .first_ns = 91 * NSEC_PER_SEC,
				     .last_ns = 92 * NSEC_PER_SEC };
	snprintf(row->type, sizeof(row->type), "%s", type);
	snprintf(row->text, sizeof(row->text), "%s", text);
	return row;
}

static void a_swallowed_error_of_the_runtime(void **state)
{
	panic(*state, "runtime.errorString", "invalid memory address or nil pointer dereference");
	expect(*state, &detector_panic, "panic.recovered", SEVERITY_WARNING);
}

static void a_panic_that_only_unwinds(void **state)
{
	panic(*state, "parser.bailout", "");
	expect(*state, &detector_panic, "panic.recovered", SEVERITY_INFO);
}

static void a_fatal_panic(void **state)
{
	struct model_panic *row = panic(*state, "string", "no account");

	row->fatal = row->count = 1;
	row->recovered = 0;
	expect(*state, &detector_panic, "panic.fatal", SEVERITY_CRITICAL);
}

static void a_fatal_error(void **state)
{
	struct model_panic *row = panic(*state, "", "concurrent map writes");

	row->fatal = row->is_fatal_error = true;
	expect(*state, &detector_panic, "panic.fatal", SEVERITY_CRITICAL);
}

static void the_text_tells_the_incident(void **state)
{
	panic(*state, "string", "sync: negative WaitGroup counter");
	expect(*state, &detector_panic, "wg.misuse", SEVERITY_WARNING);
}

static void an_atomic_value_of_two_types(void **state)
{
	panic(*state, "string", "sync/atomic: store of inconsistently typed value into Value");
	expect(*state, &detector_panic, "atomic.value", SEVERITY_WARNING);
}

/* ---- loops that poll --------------------------------------------------------------------------- */

static struct model_tally *polls(struct fixture *f, enum ct_tally_kind kind, double per_second,
				 unsigned round_slot)
{
	struct model_tally *row = tally(f, kind, per_second);

	row->hist[round_slot] = row->count;
	row->sum = (uint64_t)(0.8 * (double)row->over_ns);
	return row;
}

static void a_busy_poll(void **state)
{
	polls(*state, CT_TALLY_POLL_RECV, 500000, 10)->hits = 100;
	expect(*state, &detector_spin, "select.spin", SEVERITY_WARNING);
}

static void a_poll_that_mostly_finds_something(void **state)
{
	struct model_tally *row = polls(*state, CT_TALLY_POLL_RECV, 500000, 10);

	row->hits = row->count / 2;
	expect_nothing(*state, &detector_spin);
}

static void work_that_looks_for_its_end(void **state)
{
	polls(*state, CT_TALLY_POLL_RECV, 20000, 15);
	expect_nothing(*state, &detector_spin);
}

static void a_poll_now_and_then(void **state)
{
	polls(*state, CT_TALLY_POLL_SEND, 1000, 10)->sum = 1000;
	expect_nothing(*state, &detector_spin);
}

static void a_loop_on_a_closed_channel(void **state)
{
	polls(*state, CT_TALLY_RECV_CLOSED, 500000, 10);
	expect(*state, &detector_spin, "chan.closed_spin", SEVERITY_WARNING);
}

static void many_that_receive_once_from_a_closed_channel(void **state)
{
	tally(*state, CT_TALLY_RECV_CLOSED, 50000);
	expect_nothing(*state, &detector_spin);
}

/* ---- the collector ----------------------------------------------------------------------------- */

static void too_many_collections(void **state)
{
	tally(*state, CT_TALLY_GC_CYCLE, 30);
	tally(*state, CT_TALLY_GC_ACTIVE, 30)->sum = 4 * NSEC_PER_SEC;
	expect(*state, &detector_gc, "gc.pressure", SEVERITY_WARNING);
}

static void collections_are_long_where_others_have_the_machine(void **state)
{
	struct fixture *f = *state;

	tally(f, CT_TALLY_GC_CYCLE, 150);
	tally(f, CT_TALLY_GC_ACTIVE, 150)->sum = 3 * NSEC_PER_SEC / 2;
	f->now.cpu_delay_ns = f->now.cpu_ns;
	expect_nothing(f, &detector_gc);
}

static void a_healthy_collector(void **state)
{
	tally(*state, CT_TALLY_GC_CYCLE, 2);
	tally(*state, CT_TALLY_GC_ACTIVE, 2)->sum = NSEC_PER_SEC / 2;
	tally(*state, CT_TALLY_ASSIST, 100)->sum = NSEC_PER_SEC / 100;
	expect_nothing(*state, &detector_gc);
}

static void assists_on_the_way_of_requests(void **state)
{
	tally(*state, CT_TALLY_GC_CYCLE, 2);
	tally(*state, CT_TALLY_ASSIST, 1000)->sum = 3 * NSEC_PER_SEC; /* of 10 s of CPU time */
	expect(*state, &detector_gc, "gc.pressure", SEVERITY_WARNING);
}

static void collections_that_are_asked_for(void **state)
{
	struct fixture *f = *state;

	f->frames[0] = &gc_frame;
	f->frames[1] = &place;
	f->stack.frame_count = 2;
	tally(f, CT_TALLY_GC_CYCLE, 5);
	expect(f, &detector_gc, "gc.pressure", SEVERITY_WARNING);
	assert_non_null(strstr(f->findings.rows.data[0].title, "runtime.GC"));
}

/* ---- contexts ---------------------------------------------------------------------------------- */

static void hold(struct fixture *f, uint64_t goid, bool cancelled)
{
	struct model_task *task = vec_push(&f->model.tasks);
	struct held_context *held = vec_push(&f->contexts);

	*task = (struct model_task){ .goid = goid,
				     .state = G_WAITING,
				     .wait_kind = WAIT_CHAN_RECV,
				     .stack = &f->stack,
				     .since_ns = 95 * NSEC_PER_SEC };
	*held = (struct held_context){ .goid = goid, .context = 0xc0, .cancelled = cancelled };
}

static void cancel(struct fixture *f, uint64_t goid, uint64_t at_ns)
{
	struct model_cancel *row = vec_push(&f->model.cancels);

	*row = (struct model_cancel){
		.context = 0xc0, .at_ns = at_ns, .goid = goid, .stack = &f->stack
	};
}

static void one_does_not_listen(void **state)
{
	hold(*state, 7, true);
	cancel(*state, 3, 96 * NSEC_PER_SEC);
	expect(*state, &detector_ctx, "ctx.ignored", SEVERITY_WARNING);
}

static void the_canceller_holds_it_too(void **state)
{
	hold(*state, 7, true);
	cancel(*state, 7, 96 * NSEC_PER_SEC);
	expect_nothing(*state, &detector_ctx);
}

static void still_within_its_grace(void **state)
{
	hold(*state, 7, true);
	cancel(*state, 3, 100 * NSEC_PER_SEC - NSEC_PER_SEC / 2);
	expect_nothing(*state, &detector_ctx);
}

static void not_cancelled(void **state)
{
	hold(*state, 7, false);
	expect_nothing(*state, &detector_ctx);
}

static void cancelled_before_and_alone(void **state)
{
	hold(*state, 7, true);
	expect(*state, &detector_ctx, "ctx.ignored", SEVERITY_INFO);
}

static void cancelled_before_and_many(void **state)
{
	for (uint64_t goid = 7; goid < 12; goid++)
		hold(*state, goid, true);
	expect(*state, &detector_ctx, "ctx.ignored", SEVERITY_WARNING);
	assert_int_equal(((struct fixture *)*state)->findings.rows.data[0].goids.len, 5);
}

/* ---- pools, maps, values, timers --------------------------------------------------------------- */

static void a_pool_without_use(void **state)
{
	tally(*state, CT_TALLY_POOL_GET, 500000);
	tally(*state, CT_TALLY_POOL_NEW, 490000);
	expect(*state, &detector_pool, "pool.miss", SEVERITY_WARNING);
}

static void a_pool_that_keeps(void **state)
{
	tally(*state, CT_TALLY_POOL_GET, 500000);
	tally(*state, CT_TALLY_POOL_NEW, 10000);
	tally(*state, CT_TALLY_POOL_PUT, 500000);
	expect_nothing(*state, &detector_pool);
}

static void a_pool_hardly_used(void **state)
{
	tally(*state, CT_TALLY_POOL_GET, 10);
	tally(*state, CT_TALLY_POOL_NEW, 10);
	expect_nothing(*state, &detector_pool);
}

static void a_map_of_many_misses(void **state)
{
	struct fixture *f = *state;

	f->model.layout = layout_for_minor(23);
	tally(f, CT_TALLY_MAP_MISS, 200000);
	expect(f, &detector_map, "map.miss", SEVERITY_WARNING);
}

static void a_map_of_many_writes(void **state)
{
	tally(*state, CT_TALLY_MAP_WRITE, 1000000);
	expect(*state, &detector_map, "map.miss", SEVERITY_WARNING);
}

static void a_map_that_is_read(void **state)
{
	tally(*state, CT_TALLY_MAP_WRITE, 200);
	expect_nothing(*state, &detector_map);
}

static void a_value_stored_in_a_loop(void **state)
{
	tally(*state, CT_TALLY_VALUE_STORE, 50000);
	expect(*state, &detector_value, "atomic.value", SEVERITY_WARNING);
}

static void the_library_stores_in_values(void **state)
{
	struct fixture *f = *state;

	f->frames[0] = &library;
	f->frames[1] = &place;
	f->stack.frame_count = 2;
	tally(f, CT_TALLY_VALUE_STORE, 50000);
	expect_nothing(f, &detector_value);
}

static void a_group_that_is_added_to_too_late(void **state)
{
	expect_nothing(*state, &detector_wg_misuse);
	tally(*state, CT_TALLY_PASSED_WAIT, 3);
	tally(*state, CT_TALLY_LATE_ADD, 3);
	expect(*state, &detector_wg_misuse, "wg.misuse", SEVERITY_WARNING);
}

static void sleeps(struct fixture *f, uint64_t wanted_ms, uint64_t got_ms)
{
	struct model_tally *row = tally(f, CT_TALLY_SLEEP, 5);

	row->hits = row->count - 1;
	row->base = row->hits * wanted_ms * 1000000;
	row->sum = row->hits * got_ms * 1000000;
}

static void a_loop_that_drifts(void **state)
{
	sleeps(*state, 50, 90);
	expect(*state, &detector_ticker, "ticker.drift", SEVERITY_WARNING);
}

static void a_loop_that_keeps_pace(void **state)
{
	sleeps(*state, 50, 52);
	expect_nothing(*state, &detector_ticker);
}

static void a_loop_paced_by_something_else(void **state)
{
	sleeps(*state, 20, 500);
	expect_nothing(*state, &detector_ticker);
}

static void tickers_that_stay(void **state)
{
	struct fixture *f = *state;

	f->model.layout = layout_for_minor(22);
	tally(f, CT_TALLY_TICKER, 5);
	expect(f, &detector_ticker, "ticker.drift", SEVERITY_WARNING);
}

static void tickers_that_are_stopped(void **state)
{
	struct model_tally *row = tally(*state, CT_TALLY_TICKER, 5);

	row->hits = row->count;
	expect_nothing(*state, &detector_ticker);
}

/* ---- the scheduler ----------------------------------------------------------------------------- */

static unsigned slot_above(uint64_t ns)
{
	unsigned slot = 0;

	while (run_queue_slot_ns(slot) < ns)
		slot++;
	return slot;
}

static void run_queue_of(struct fixture *f, uint64_t ns)
{
	f->queue.known = true;
	f->queue.counts[slot_above(ns)] = 1000;
}

static void quantiles_of_the_run_queue(void **state)
{
	struct run_queue queue = { .known = true };

	(void)state;
	for (unsigned i = 1; i < RUN_QUEUE_SLOTS; i++)
		assert_true(run_queue_slot_ns(i) >= run_queue_slot_ns(i - 1));
	queue.counts[slot_above(1000)] = 98;
	queue.counts[slot_above(1000000)] = 2;
	assert_true(run_queue_quantile(&queue, 0.5) <= 1280);
	assert_true(run_queue_quantile(&queue, 0.99) >= 1000000);
	assert_int_equal(run_queue_total(&queue), 100);
}

static void more_work_than_processors(void **state)
{
	struct fixture *f = *state;

	run_queue_of(f, NSEC_PER_SEC / 10);
	f->now.cpu_ns = 39 * NSEC_PER_SEC;
	expect(f, &detector_sched, "sched.latency", SEVERITY_WARNING);
}

static void too_few_processors(void **state)
{
	struct fixture *f = *state;

	run_queue_of(f, NSEC_PER_SEC / 10);
	f->input.gomaxprocs = 1;
	expect(f, &detector_sched, "sched.latency", SEVERITY_WARNING);
	assert_non_null(strstr(f->findings.rows.data[0].advice, "raise GOMAXPROCS"));
}

static void stopped_by_the_quota(void **state)
{
	struct fixture *f = *state;

	f->now.cpu_quota = 1;
	f->now.periods = 100;
	f->now.throttled = 60;
	f->now.throttled_ns = 3 * NSEC_PER_SEC;
	expect(f, &detector_sched, "sched.latency", SEVERITY_WARNING);
	assert_non_null(strstr(f->findings.rows.data[0].title, "quota"));
}

static void others_have_the_machine(void **state)
{
	struct fixture *f = *state;

	run_queue_of(f, NSEC_PER_SEC / 10);
	f->before.machine_cpu_ns = 1;
	f->now.machine_cpu_ns = 40 * NSEC_PER_SEC;
	expect(f, &detector_sched, "sched.latency", SEVERITY_INFO);
}

static void runs_at_once(void **state)
{
	run_queue_of(*state, 10000);
	expect_nothing(*state, &detector_sched);
}

/* More goroutines of one go statement at the place, in a state. */
static void add_group(struct fixture *f, struct model_group group)
{
	struct model *model = &f->model;

	group.stack = &f->stack;
	group.gopc = 77;
	group.first_task = model->tasks.len;
	for (size_t i = 0; i < group.count; i++) {
		*(size_t *)vec_push(&model->group_tasks) = model->tasks.len;
		*(struct model_task *)vec_push(&model->tasks) =
			(struct model_task){ .goid = model->tasks.len,
					     .state = group.state,
					     .wait_kind = group.wait_kind,
					     .since_ns = group.oldest_since_ns,
					     .stack = &f->stack };
	}
	*(struct model_group *)vec_push(&model->groups) = group;
	model->by_state[group.state] = group.count;
}

/*
 * So many sleep at the place, at a time; their sleep began then, 0: since the snapshot before. And so
 * many of the same go statement run, whose goids follow.
 */
static void snapshot_of(struct fixture *f, uint64_t at_s, size_t sleepers, uint64_t since_ns,
			size_t running)
{
	struct snapshot snapshot = { .at_ns = at_s * NSEC_PER_SEC };
	struct model *model = &f->model;

	model->snapshot = &snapshot;
	model->tasks.len = model->group_tasks.len = model->groups.len = 0;
	memset(model->by_state, 0, sizeof(model->by_state));
	add_group(f, (struct model_group){ .state = G_WAITING,
					   .wait_kind = WAIT_TIMER,
					   .reason = (uint8_t)wait_reason_value(24, "sleep"),
					   .oldest_since_ns = since_ns,
					   .count = sleepers });
	if (running)
		add_group(f, (struct model_group){ .state = G_RUNNING, .count = running });
	assert_int_equal(series_add(f->series, model, false, &f->now), 0);
	model->snapshot = NULL;
}

static void a_loop_that_tries_again_for_ever(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 6; i++)
		snapshot_of(f, 90 + 2 * i, 20 + 10 * i, 0, 0);
	expect(f, &detector_leak_growth, "leak.growth", SEVERITY_WARNING);
}

static void more_and_more_that_sleep_once(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 6; i++)
		snapshot_of(f, 90 + 2 * i, 20 + 10 * i, 89 * NSEC_PER_SEC, 0);
	expect_nothing(f, &detector_leak_growth);
}

/* The same ones: at first most of them run, then ever more of them sleep. */
static void a_pool_that_comes_to_rest(void **state)
{
	struct fixture *f = *state;

	for (uint64_t i = 0; i < 6; i++)
		snapshot_of(f, 90 + 2 * i, 20 + 10 * i, 0, 50 - 10 * i);
	expect_nothing(f, &detector_leak_growth);
}

/* A loop of 50 ms comes every 90. */
static void late(struct fixture *f)
{
	struct model_tally *row = tally(f, CT_TALLY_SLEEP, 11);

	row->hits = 110;
	row->base = row->hits * 50000000;
	row->sum = row->hits * 90000000;
	row->max = 100000000;
}

static void a_loop_that_is_late_by_its_work(void **state)
{
	late(*state);
	expect(*state, &detector_ticker, "ticker.drift", SEVERITY_WARNING);
}

static void a_loop_that_is_late_for_want_of_cpus(void **state)
{
	struct fixture *f = *state;

	late(f);
	f->now.cpu_delay_ns = f->now.cpu_ns;
	expect_nothing(f, &detector_ticker);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_swallowed_error_of_the_runtime),
		TEST(a_panic_that_only_unwinds),
		TEST(a_fatal_panic),
		TEST(a_fatal_error),
		TEST(the_text_tells_the_incident),
		TEST(an_atomic_value_of_two_types),
		TEST(a_busy_poll),
		TEST(a_poll_that_mostly_finds_something),
		TEST(work_that_looks_for_its_end),
		TEST(a_poll_now_and_then),
		TEST(a_loop_on_a_closed_channel),
		TEST(many_that_receive_once_from_a_closed_channel),
		TEST(too_many_collections),
		TEST(a_healthy_collector),
		TEST(collections_are_long_where_others_have_the_machine),
		TEST(assists_on_the_way_of_requests),
		TEST(collections_that_are_asked_for),
		TEST(one_does_not_listen),
		TEST(the_canceller_holds_it_too),
		TEST(still_within_its_grace),
		TEST(not_cancelled),
		TEST(cancelled_before_and_alone),
		TEST(cancelled_before_and_many),
		TEST(a_loop_that_tries_again_for_ever),
		TEST(more_and_more_that_sleep_once),
		TEST(a_pool_that_comes_to_rest),
		TEST(a_loop_that_is_late_by_its_work),
		TEST(a_loop_that_is_late_for_want_of_cpus),
		TEST(a_pool_without_use),
		TEST(a_pool_that_keeps),
		TEST(a_pool_hardly_used),
		TEST(a_map_of_many_misses),
		TEST(a_map_of_many_writes),
		TEST(a_map_that_is_read),
		TEST(a_value_stored_in_a_loop),
		TEST(the_library_stores_in_values),
		TEST(a_loop_that_drifts),
		TEST(a_loop_that_keeps_pace),
		TEST(a_loop_paced_by_something_else),
		TEST(tickers_that_stay),
		TEST(tickers_that_are_stopped),
		TEST(quantiles_of_the_run_queue),
		TEST(more_work_than_processors),
		TEST(too_few_processors),
		TEST(stopped_by_the_quota),
		TEST(others_have_the_machine),
		TEST(runs_at_once),
		TEST(a_group_that_is_added_to_too_late),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
