// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The waits-for graph of hand-made models: who is stuck, in which cycle, and behind whom. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "model/graph.h"
#include "model/picture.h"

#define MINOR 24
#define OBJECTS 8
#define PARTIES 8

/* What the tests say, before it is laid out as a model has it. */
struct claim {
	size_t task;
	enum party_role role;
	bool certain;
};

struct fixture {
	struct model model;
	struct waits_graph graph;
	struct stack stacks[LOCK_SEMAPHORE + 1]; /* by lock operation */
	struct claim lock_claims[OBJECTS][PARTIES], chan_claims[OBJECTS][PARTIES];
	size_t lock_claim_count[OBJECTS], chan_claim_count[OBJECTS];
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	assert_non_null(fixture);
	fixture->model.layout = layout_for_minor(MINOR);
	fixture->model.reasons_minor = MINOR;
	for (unsigned i = 0; i <= LOCK_SEMAPHORE; i++)
		fixture->stacks[i].lock = i;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *fixture = *state;

	waits_graph_free(&fixture->graph);
	vec_free(&fixture->model.tasks);
	vec_free(&fixture->model.locks);
	vec_free(&fixture->model.chans);
	vec_free(&fixture->model.parties);
	free(fixture);
	return 0;
}

static size_t goroutine(struct fixture *fixture, uint8_t state)
{
	struct model_task *task = vec_push(&fixture->model.tasks);

	assert_non_null(task);
	*task = (struct model_task){ .goid = fixture->model.tasks.len, .state = state };
	return fixture->model.tasks.len - 1;
}

static size_t lock(struct fixture *fixture, enum lock_kind kind)
{
	struct model_lock *row = vec_push(&fixture->model.locks);

	assert_non_null(row);
	*row = (struct model_lock){ .addr = 0x1000 + 0x100 * fixture->model.locks.len,
				    .kind = kind };
	row->state.known = true;
	return fixture->model.locks.len - 1;
}

static size_t channel(struct fixture *fixture)
{
	struct model_chan *row = vec_push(&fixture->model.chans);

	assert_non_null(row);
	*row = (struct model_chan){ .addr = 0x9000 + 0x100 * fixture->model.chans.len };
	return fixture->model.chans.len - 1;
}

static size_t waits_for_lock(struct fixture *fixture, size_t row, enum lock_kind how)
{
	size_t index = goroutine(fixture, G_WAITING);
	struct model_task *task = &fixture->model.tasks.data[index];
	/* a semaphore as far behind the lock as the model goes back */
	uint64_t offset = 0 - model_lock_address(&fixture->model, how, 0);

	task->wait_kind = WAIT_SEMA;
	task->waiting_on = fixture->model.locks.data[row].addr + offset;
	task->stack = &fixture->stacks[how];
	return index;
}

static size_t waits_for_chan(struct fixture *fixture, size_t row, enum wait_kind kind)
{
	size_t index = goroutine(fixture, G_WAITING);
	struct model_task *task = &fixture->model.tasks.data[index];

	task->wait_kind = kind;
	task->waiting_on = fixture->model.chans.data[row].addr;
	return index;
}

static void claims_lock(struct fixture *fixture, size_t task, size_t row, enum party_role role)
{
	fixture->lock_claims[row][fixture->lock_claim_count[row]++] =
		(struct claim){ task, role, true };
}

static void claims_chan(struct fixture *fixture, size_t task, size_t row, enum party_role role)
{
	fixture->chan_claims[row][fixture->chan_claim_count[row]++] =
		(struct claim){ task, role, false };
}

static void lay_out(struct fixture *fixture, const struct claim *claims, size_t count,
		    size_t *first, size_t *party_count)
{
	*first = fixture->model.parties.len;
	*party_count = count;
	for (size_t i = 0; i < count; i++) {
		struct model_party *party = vec_push(&fixture->model.parties);

		assert_non_null(party);
		*party = (struct model_party){ .task = claims[i].task,
					       .role = claims[i].role,
					       .certain = claims[i].certain };
	}
}

static void build(struct fixture *fixture)
{
	struct model *model = &fixture->model;

	for (size_t i = 0; i < model->locks.len; i++)
		lay_out(fixture, fixture->lock_claims[i], fixture->lock_claim_count[i],
			&model->locks.data[i].first_party, &model->locks.data[i].party_count);
	for (size_t i = 0; i < model->chans.len; i++)
		lay_out(fixture, fixture->chan_claims[i], fixture->chan_claim_count[i],
			&model->chans.data[i].first_party, &model->chans.data[i].party_count);
	assert_int_equal(waits_graph_build(model, &fixture->graph), 0);
}

static enum waits_fate fate(struct fixture *fixture, size_t task)
{
	const struct waits_node *node = waits_node_of(&fixture->graph, task);

	assert_non_null(node);
	return node->fate;
}

static void two_locks_in_turn_are_a_deadlock(void **state)
{
	struct fixture *fixture = *state;
	size_t a = lock(fixture, LOCK_MUTEX), b = lock(fixture, LOCK_MUTEX);
	size_t has_a = waits_for_lock(fixture, b, LOCK_MUTEX);
	size_t has_b = waits_for_lock(fixture, a, LOCK_MUTEX);
	size_t behind = waits_for_lock(fixture, a, LOCK_MUTEX);
	size_t chain[8];

	claims_lock(fixture, has_a, a, PARTY_HOLDS);
	claims_lock(fixture, has_b, b, PARTY_HOLDS);
	build(fixture);
	assert_int_equal(fixture->graph.cycles.len, 1);
	assert_true(fixture->graph.cycles.data[0].certain);
	assert_int_equal(fixture->graph.cycles.data[0].count, 2);
	assert_int_equal(fixture->graph.cycles.data[0].blocked, 1);
	assert_int_equal(fate(fixture, behind), WAITS_STUCK);
	assert_int_equal(waits_node_of(&fixture->graph, behind)->cycle, WAITS_NOBODY);
	assert_int_equal(waits_chain(&fixture->graph, behind, chain, 8), 3);
	assert_int_equal(chain[1], has_a);
}

static void a_chain_has_its_root_at_the_end(void **state)
{
	struct fixture *fixture = *state;
	size_t a = lock(fixture, LOCK_MUTEX), b = lock(fixture, LOCK_MUTEX);
	size_t runs = goroutine(fixture, G_RUNNING);
	size_t middle = waits_for_lock(fixture, b, LOCK_MUTEX);

	for (int i = 0; i < 3; i++)
		waits_for_lock(fixture, a, LOCK_MUTEX);
	claims_lock(fixture, middle, a, PARTY_HOLDS);
	claims_lock(fixture, runs, b, PARTY_HOLDS);
	build(fixture);
	assert_int_equal(fixture->graph.cycles.len, 0);
	assert_int_equal(fixture->graph.roots.len, 1);
	assert_int_equal(fixture->graph.roots.data[0].task, runs);
	assert_int_equal(fixture->graph.roots.data[0].direct, 1);
	assert_int_equal(fixture->graph.roots.data[0].blocked, 4);
	assert_int_equal(fate(fixture, middle), WAITS_GOES_ON);
}

static void a_writer_needs_all_readers(void **state)
{
	struct fixture *fixture = *state;
	size_t rw = lock(fixture, LOCK_RWMUTEX_WRITER);
	size_t fine = goroutine(fixture, G_RUNNING);
	size_t writer = waits_for_lock(fixture, rw, LOCK_RWMUTEX_WRITER);
	size_t again = waits_for_lock(fixture, rw, LOCK_RWMUTEX_READER);

	claims_lock(fixture, fine, rw, PARTY_READS);
	claims_lock(fixture, again, rw, PARTY_READS);
	claims_lock(fixture, writer, rw, PARTY_WRITES_NEXT);
	build(fixture);
	/* one of two readers reads again behind the writer */
	assert_int_equal(fixture->graph.cycles.len, 1);
	assert_int_equal(fixture->graph.cycles.data[0].count, 2);
	assert_int_equal(fate(fixture, writer), WAITS_STUCK);
	assert_int_equal(fate(fixture, again), WAITS_STUCK);
}

static void a_group_waits_for_whoever_owes_a_done(void **state)
{
	struct fixture *fixture = *state;
	size_t group = lock(fixture, LOCK_WAITGROUP);
	size_t inside = waits_for_lock(fixture, group, LOCK_WAITGROUP);

	claims_lock(fixture, inside, group, PARTY_CALLS_DONE);
	fixture->model.locks.data[group].state.counter = 2;
	build(fixture);
	assert_int_equal(fixture->graph.cycles.len, 1);
	assert_true(fixture->graph.cycles.data[0].certain);

	/* it may call it, or not */
	fixture->model.parties.len = 0;
	fixture->lock_claims[group][0].certain = false;
	build(fixture);
	assert_int_equal(fate(fixture, inside), WAITS_MAY_BE_STUCK);
	assert_false(fixture->graph.cycles.data[0].certain);

	/* more than the counter says: something is not as it seems */
	fixture->model.parties.len = 0;
	fixture->lock_claims[group][0].certain = true;
	fixture->model.locks.data[group].state.counter = 0;
	build(fixture);
	assert_int_not_equal(fate(fixture, inside), WAITS_STUCK);
}

static void somebody_else_may_use_a_channel(void **state)
{
	struct fixture *fixture = *state;
	size_t mu = lock(fixture, LOCK_MUTEX), c = channel(fixture);
	size_t sender = waits_for_chan(fixture, c, WAIT_CHAN_SEND);
	size_t receiver = waits_for_lock(fixture, mu, LOCK_MUTEX);

	claims_lock(fixture, sender, mu, PARTY_HOLDS);
	claims_chan(fixture, receiver, c, PARTY_RECEIVES);
	build(fixture);
	assert_int_equal(fixture->graph.cycles.len, 1);
	assert_false(fixture->graph.cycles.data[0].certain);
	assert_int_equal(fate(fixture, sender), WAITS_MAY_BE_STUCK);
	assert_true(waits_has_possible_cycles(&fixture->graph));
}

static void nobody_else_can_when_nothing_alive_leads_to_it(void **state)
{
	struct fixture *fixture = *state;
	size_t mu = lock(fixture, LOCK_MUTEX), c = channel(fixture);
	size_t sender = waits_for_chan(fixture, c, WAIT_CHAN_SEND);
	size_t receiver = waits_for_lock(fixture, mu, LOCK_MUTEX);

	claims_lock(fixture, sender, mu, PARTY_HOLDS);
	claims_chan(fixture, receiver, c, PARTY_RECEIVES);
	fixture->model.tasks.data[sender].leaked = true;
	build(fixture);
	assert_int_equal(fixture->graph.cycles.len, 1);
	assert_true(fixture->graph.cycles.data[0].certain);
	assert_true(fixture->graph.cycles.data[0].proven);
	assert_int_equal(fate(fixture, sender), WAITS_STUCK);
	assert_int_equal(fate(fixture, receiver), WAITS_STUCK);
	assert_false(waits_has_possible_cycles(&fixture->graph));
}

static void any_counterpart_that_goes_on_is_enough(void **state)
{
	struct fixture *fixture = *state;
	size_t mu = lock(fixture, LOCK_MUTEX), c = channel(fixture);
	size_t sender = waits_for_chan(fixture, c, WAIT_CHAN_SEND);
	size_t receiver = waits_for_lock(fixture, mu, LOCK_MUTEX);
	size_t other = goroutine(fixture, G_SYSCALL);

	claims_lock(fixture, sender, mu, PARTY_HOLDS);
	claims_chan(fixture, receiver, c, PARTY_RECEIVES);
	claims_chan(fixture, other, c, PARTY_RECEIVES);
	build(fixture);
	assert_int_equal(fixture->graph.cycles.len, 0);
	assert_int_equal(fate(fixture, receiver), WAITS_GOES_ON);
}

static void nobody_known_is_nobody_stuck(void **state)
{
	struct fixture *fixture = *state;
	size_t mu = lock(fixture, LOCK_MUTEX), c = channel(fixture);
	size_t waiter = waits_for_lock(fixture, mu, LOCK_MUTEX);
	size_t receiver = waits_for_chan(fixture, c, WAIT_CHAN_RECV);

	build(fixture);
	assert_int_equal(fixture->graph.roots.len, 0);
	assert_int_equal(fate(fixture, waiter), WAITS_GOES_ON);
	assert_int_equal(fate(fixture, receiver), WAITS_GOES_ON);
}

static void many_that_wait_alike_are_one_box(void **state)
{
	struct fixture *fixture = *state;
	size_t mu = lock(fixture, LOCK_MUTEX), holder = goroutine(fixture, G_SYSCALL);
	struct picture picture = { 0 };
	uint64_t most = 0;

	for (int i = 0; i < 500; i++)
		waits_for_lock(fixture, mu, LOCK_MUTEX);
	claims_lock(fixture, holder, mu, PARTY_HOLDS);
	build(fixture);
	assert_int_equal(picture_make(&fixture->graph, &picture), 0);
	assert_int_equal(picture.boxes.len, 3);
	for (size_t i = 0; i < picture.boxes.len; i++)
		if (picture.boxes.data[i].count > most)
			most = picture.boxes.data[i].count;
	assert_int_equal(most, 500);
	for (size_t i = 0; i < picture.arrows.len; i++) {
		assert_true(picture.arrows.data[i].from < picture.boxes.len);
		assert_true(picture.arrows.data[i].to < picture.boxes.len);
	}
	picture_free(&picture);
}

static void a_long_chain_takes_no_long_time(void **state)
{
	struct fixture *fixture = *state;
	const size_t length = 20000;

	/* each holds the lock that the one before it waits for: claims do not fit the fixture's table */
	for (size_t i = 0; i < length; i++)
		lock(fixture, LOCK_MUTEX);
	for (size_t i = 0; i < length; i++)
		waits_for_lock(fixture, i, LOCK_MUTEX);
	for (size_t i = 0; i < length; i++) {
		struct claim claim = { (i + 1) % length, PARTY_HOLDS, true };

		lay_out(fixture, &claim, 1, &fixture->model.locks.data[i].first_party,
			&fixture->model.locks.data[i].party_count);
	}
	assert_int_equal(waits_graph_build(&fixture->model, &fixture->graph), 0);
	assert_int_equal(fixture->graph.cycles.len, 1);
	assert_int_equal(fixture->graph.cycles.data[0].count, length);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(two_locks_in_turn_are_a_deadlock),
		TEST(a_chain_has_its_root_at_the_end),
		TEST(a_writer_needs_all_readers),
		TEST(a_group_waits_for_whoever_owes_a_done),
		TEST(somebody_else_may_use_a_channel),
		TEST(nobody_else_can_when_nothing_alive_leads_to_it),
		TEST(any_counterpart_that_goes_on_is_enough),
		TEST(nobody_known_is_nobody_stuck),
		TEST(many_that_wait_alike_are_one_box),
		TEST(a_long_chain_takes_no_long_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
