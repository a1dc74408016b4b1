// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is written to a recording comes out of it again, and a file that lies does no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/recording.h"
#include "collect/recording_db.h"
#include "collect/replay.h"
#include "collect/replay_events.h"
#include "export/json.h"
#include "model/capture.h"
#include "model/leaks.h"
#include "model/model.h"

#define MINOR 24
#define ODD "it's \"odd\"; DROP TABLE task_log; -- \xc3\xbc\n"

static const char odd_name[] = "main." ODD;

static size_t look_up(void *ctx, uint64_t pc, struct pclntab_frame *frames, size_t max)
{
	static const char *const names[] = { "runtime.chanrecv1",
					     "main.(*queue[go.shape.int]).pop.func1", "main.Grüße",
					     odd_name };

	(void)ctx;
	if (pc < 0x1000 || pc >= 0x2000 || !max)
		return 0;
	frames[0] = (struct pclntab_frame){ .function = names[pc / 0x100 % 4],
					    .file = pc / 0x100 % 4 ? "/app/" ODD :
								     "/go/src/runtime/chan.go",
					    .line = (int)(pc & 0xff),
					    .entry = pc & ~0xffULL };
	return 1;
}

static const char *variable(void *ctx, uint64_t addr, uint64_t *start)
{
	(void)ctx;
	*start = 0x5000;
	return addr >= 0x5000 && addr < 0x5100 ? "main.store" : NULL;
}

struct fixture {
	char path[64];
	struct target_facts facts;
	struct recording_source source;
	struct aggregates aggregates;
	struct governor_status status;
	struct snapshot snapshot;
};

static int set_up(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	int fd;

	assert_non_null(fixture);
	strcpy(fixture->path, "/tmp/test-recording.XXXXXX");
	fd = mkstemp(fixture->path);
	assert_true(fd >= 0);
	close(fd);
	fixture->facts = (struct target_facts){ .pid = 77, .gomaxprocs = 8, .stripped = true };
	strcpy(fixture->facts.exe, "/srv/" ODD);
	strcpy(fixture->facts.go_version, "go1.24.4");
	fixture->source = (struct recording_source){ .facts = &fixture->facts,
						     .layout = layout_for_minor(MINOR),
						     .minor = MINOR,
						     .reasons_minor = MINOR,
						     .goroot_file = "/go/src/runtime/proc.go",
						     .look_up = look_up,
						     .variable = variable };
	fixture->status = (struct governor_status){ .always_on = true,
						    .windows = 1,
						    .on_ns = 1000000000,
						    .elapsed_ns = 1000000000,
						    .counted_ns = 1000000000,
						    .event_weight = 1 };
	for (int i = 0; i < CT_HIST_SLOTS; i++)
		fixture->status.whole_ns[i] = fixture->status.counted_ns;
	fixture->aggregates.at_ns = 10 * NSEC_PER_SEC;
	fixture->snapshot.at_ns = 10 * NSEC_PER_SEC;
	*state = fixture;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const tails[] = { "", "-wal", "-shm", "-reserve" };
	struct fixture *fixture = *state;
	char name[96];

	for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
		snprintf(name, sizeof(name), "%s%s", fixture->path, tails[i]);
		unlink(name);
	}
	aggregates_free(&fixture->aggregates);
	snapshot_free(&fixture->snapshot);
	free(fixture);
	return 0;
}

static uint32_t string(struct snapshot *snapshot, const char *text)
{
	uint32_t at = (uint32_t)snapshot->strings.len;

	do {
		char *slot = vec_push(&snapshot->strings);

		assert_non_null(slot);
		*slot = *text;
	} while (*text++);
	return at;
}

static void add_goroutine(struct snapshot *snapshot, uint64_t goid, uint32_t index, uint64_t chan)
{
	struct goroutine *goroutine = vec_push(&snapshot->goroutines);
	struct wait_case *wait_case = vec_push(&snapshot->cases);
	struct goroutine_label *label = vec_push(&snapshot->labels);

	*goroutine = (struct goroutine){ .g = 0xc000000000 + goid * 0x200,
					 .goid = goid,
					 .gopc = 0x1101,
					 .startpc = 0x1200,
					 .since_ns = 5 * NSEC_PER_SEC + goid,
					 .wait_addr = chan,
					 .first_case = (uint32_t)snapshot->cases.len - 1,
					 .case_count = 1,
					 .index = index,
					 .first_pc = (uint32_t)snapshot->pcs.len,
					 .pc_count = 2,
					 .first_label = (uint32_t)snapshot->labels.len - 1,
					 .label_count = 1,
					 .fd = -1,
					 .wait_kind = WAIT_CHAN_RECV,
					 .status = G_WAITING,
					 .wait_reason = (uint8_t)wait_reason_value(
						 MINOR, "chan receive") };
	*wait_case = (struct wait_case){ .chan = chan, .sudog = 0x99, .direction = DIRECTION_RECV };
	label->key = string(snapshot, "request");
	label->value = string(snapshot, ODD);
	*(uint64_t *)vec_push(&snapshot->pcs) = 0x1003;
	*(uint64_t *)vec_push(&snapshot->pcs) = 0x1100 + (goid % 3) * 0x100;
}

static void add_chan(struct snapshot *snapshot, uint64_t addr)
{
	struct chan_state *chan = vec_push(&snapshot->chans);

	*chan = (struct chan_state){
		.addr = addr, .len = 2, .cap = 4, .receivers = 1, .read_ok = true
	};
}

static void take_snapshot(struct fixture *fixture, uint64_t first_goid, size_t count)
{
	struct snapshot *snapshot = &fixture->snapshot;

	snapshot->goroutines.len = snapshot->pcs.len = snapshot->cases.len = 0;
	snapshot->chans.len = snapshot->labels.len = snapshot->strings.len = 0;
	snapshot->at_ns += NSEC_PER_SEC;
	snapshot->took_ns = 12345;
	string(snapshot, "");
	for (size_t i = 0; i < count; i++)
		add_goroutine(snapshot, first_goid + i, (uint32_t)(first_goid + i), 0x5010);
	snapshot->goroutines.data[0].peer = string(snapshot, "10.0.0.1:443 '");
	snapshot->goroutines.data[0].wait_kind = WAIT_NETWORK;
	snapshot->goroutines.data[0].fd = 7;
	add_chan(snapshot, 0x5010);
}

/* Totals after `round` rounds. */
static void count(struct fixture *fixture, uint64_t round)
{
	struct aggregates *aggregates = &fixture->aggregates;
	struct object_row *object;
	struct site_row *site;
	struct task_row *task;
	struct spawn_row *spawn;

	aggregates->at_ns += NSEC_PER_SEC;
	fixture->status.elapsed_ns = fixture->status.counted_ns = fixture->status.on_ns =
		round * NSEC_PER_SEC;
	aggregates->counters[CT_N_HITS] = 100 * round;
	aggregates->counters[CT_N_PARK] = 50 * round;
	aggregates->tasks.len = aggregates->sites.len = aggregates->objects.len = 0;
	aggregates->spawns.len = 0;
	site = vec_push(&aggregates->sites);
	site->index = 1;
	site->site = (struct ct_site){ .parks = 10 * round,
				       .waits = 10 * round,
				       .wait_ns_total = 12345678 * round,
				       .wait_ns_max = 8000000,
				       .pcs = { 0x1004, 0x1201 },
				       .reason = (uint32_t)wait_reason_value(MINOR, "chan receive"),
				       .ready = 1 };
	site->site.hist[20] = 10 * round;
	object = vec_push(&aggregates->objects);
	object->key = (struct ct_object_key){
		.addr = 0x5010, .site = 1, .kind = CT_OBJ_CHAN, .op = CT_OP_RECV
	};
	object->object =
		(struct ct_object){ .waits = 10 * round, .wait_ns_total = 12345678 * round };
	object->object.hist[20] = 10 * round;
	task = vec_push(&aggregates->tasks);
	task->g = 0xc000000000 + 0x200;
	task->task = (struct ct_task){
		.goid = 1, .state = CT_TASK_ACTIVE, .since_ns = 3, .spawned_ns = 2
	};
	spawn = vec_push(&aggregates->spawns);
	spawn->gopc = 0x1101;
	spawn->spawn = (struct ct_spawn){ .spawned = 5 * round, .start_pc = 0x1200 };
}

static struct recording_moment moment_of(const struct fixture *fixture)
{
	static const struct record_chan chan = { .addr = 0x5010 };

	return (struct recording_moment){ .chans = &chan,
					  .chan_count = 1,
					  .wall_ns = fixture->aggregates.at_ns,
					  .age_ns = 42,
					  .aggregates = &fixture->aggregates,
					  .status = &fixture->status,
					  .snapshot = &fixture->snapshot };
}

/* A look at the heap that finds every goroutine of the snapshot but the first; every other one a suspect. */
struct look {
	struct record_look row;
	struct record_leak leaks[16];
	struct leak_found found[16];
};

static void look_at_heap(const struct fixture *fixture, uint64_t round, struct look *look)
{
	struct leak_scan *scan = &look->row.scan;

	memset(look, 0, sizeof(*look));
	look->row.wall_ns = round;
	scan->snapshot = fixture->snapshot;
	scan->looks = 2;
	scan->apart_ns = 7 * round;
	scan->found.data = look->found;
	scan->found.len = fixture->snapshot.goroutines.len - 1;
	for (size_t i = 0; i < scan->found.len; i++) {
		look->found[i].goroutine = (uint32_t)i + 1;
		look->found[i].doubt = look->leaks[i].doubt = i % 2 ? LEAK_RAN : LEAK_NO_DOUBT;
		strcpy(look->leaks[i].proof, ODD);
	}
}

/* Every view of a model as one text, and what no view of them shows. */
static char *all_views(struct model *model, const struct target_facts *facts,
		       const struct capture *capture)
{
	const struct task_selection each = { .each = true };
	struct json_source source = { .target = facts, .capture = capture, .model = model };
	json_t *documents[] = { json_top(&source), json_tasks(&source, &each),
				json_chans(&source) };
	json_t *all = json_array();
	char *text;

	for (size_t i = 0; i < 3; i++)
		json_array_append_new(all, documents[i]);
	for (size_t i = 0; i < model->tasks.len; i++)
		json_array_append_new(all,
				      json_integer((json_int_t)model->tasks.data[i].spawned_ns));
	text = json_dumps(all, JSON_INDENT(1));
	json_decref(all);
	assert_non_null(text);
	return text;
}

#define ROUNDS 4

/* Record some rounds, and give the live model's views after each. */
static void record(struct fixture *fixture, char *views[ROUNDS])
{
	const struct recording_options options = { 0 };
	struct recording *recording;
	struct model model;
	struct err err;

	assert_int_equal(
		recording_create(fixture->path, &fixture->source, &options, &recording, &err), 0);
	assert_int_equal(model_init(&model, fixture->source.layout, MINOR, look_up, variable, NULL,
				    fixture->source.goroot_file),
			 0);
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		struct recording_moment moment = moment_of(fixture);
		struct ct_event event = { .ns = clock_now_ns(),
					  .wait_ns = round,
					  .goid = round,
					  .type = CT_EVENT_WAIT,
					  .site = 1 };
		struct capture capture;
		struct look look;

		count(fixture, round);
		/* the third round has the snapshot of the second */
		if (round != 3)
			take_snapshot(fixture, round, 10 - round);
		moment.wall_ns = fixture->aggregates.at_ns;
		/* none in the first round, and the fourth has that of the third */
		if (round == 2 || round == 3) {
			look_at_heap(fixture, round, &look);
			moment.look = &look.row;
			moment.leaks = look.leaks;
		}
		assert_int_equal(model_update(&model, &fixture->aggregates, &fixture->status,
					      &fixture->snapshot),
				 0);
		capture_note(&capture, &model, &fixture->status, &fixture->snapshot, 0,
			     moment.wall_ns);
		views[round - 1] = all_views(&model, &fixture->facts, &capture);
		assert_int_equal(recording_add_event(recording, &event, &err), 0);
		assert_int_equal(recording_add(recording, &moment, &err), 0);
	}
	assert_int_equal(recording_close(recording, "complete", &err), 0);
	model_free(&model);
}

/* cmocka shows the begin of long texts, not where they differ. */
static void assert_same_text(const char *is, const char *was)
{
	size_t at = 0;

	while (is[at] && is[at] == was[at])
		at++;
	if (is[at] == was[at])
		return;
	at = at > 200 ? at - 200 : 0;
	fail_msg("is %.400s\nwas %.400s", is + at, was + at);
}

/* As it was recorded in the round, or the one before. */
static void assert_look(struct replay *replay, uint64_t round)
{
	const struct leak_scan *scan;
	struct record_look look;
	struct err err;

	if (round == 1) {
		assert_int_equal(replay_look(replay, &look, &err), 0);
		return;
	}
	round = round > 3 ? 3 : round;
	assert_int_equal(replay_look(replay, &look, &err), 1);
	scan = &look.scan;
	assert_int_equal(look.wall_ns, round);
	assert_int_equal(scan->apart_ns, 7 * round);
	/* the snapshot of round 2, which has the goroutines from 2 on */
	assert_int_equal(scan->found.len, 7);
	assert_int_equal(scan->snapshot.goroutines.len, 7);
	for (size_t i = 0; i < scan->found.len; i++) {
		const struct leak_found *found = &scan->found.data[i];
		const struct goroutine *goroutine =
			&scan->snapshot.goroutines.data[found->goroutine];

		assert_int_equal(found->doubt, i % 2 ? LEAK_RAN : LEAK_NO_DOUBT);
		assert_int_equal(goroutine->goid, 3 + i);
		assert_int_equal(goroutine->pc_count, 2);
		assert_int_equal(scan->snapshot.pcs.data[goroutine->first_pc], 0x1003);
	}
	assert_int_equal(scan->snapshot.chans.len, 1);
	assert_int_equal(snapshot_chan(&scan->snapshot, 0x5010)->cap, 4);
	leak_scan_free(&look.scan);
}

static void every_moment_comes_back(void **state)
{
	struct fixture *fixture = *state;
	char *views[ROUNDS];
	struct replay_moment moment;
	struct replay *replay;
	struct model model;
	struct err err;
	size_t batches;

	record(fixture, views);
	assert_int_equal(replay_open(fixture->path, &replay, &err), 0);
	replay_batches(replay, &batches);
	assert_int_equal(batches, ROUNDS);
	assert_string_equal(replay_ended(replay), "complete");
	assert_string_equal(replay_target(replay)->facts.exe, fixture->facts.exe);
	assert_int_equal(replay_target(replay)->facts.stripped, 1);
	assert_memory_equal(replay_layout(replay), fixture->source.layout, sizeof(struct layout));
	assert_int_equal(model_init(&model, replay_layout(replay), MINOR, replay_frames,
				    replay_variable, replay, replay_target(replay)->goroot_file),
			 0);
	for (int round = 0; round < ROUNDS; round++) {
		struct target_facts facts = replay_target(replay)->facts;
		struct capture capture;
		char *text;

		assert_int_equal(replay_next(replay, &moment, &err), 1);
		assert_int_equal(
			model_update(&model, moment.aggregates, moment.status, moment.snapshot), 0);
		capture_note(&capture, &model, moment.status, moment.snapshot,
			     moment.capture->map_bytes, moment.capture->wall_ns);
		text = all_views(&model, &facts, &capture);
		assert_same_text(text, views[round]);
		assert_look(replay, (uint64_t)round + 1);
		free(text);
		free(views[round]);
	}
	assert_int_equal(replay_next(replay, &moment, &err), 0);
	model_free(&model);
	replay_close(replay);
}

static int count_event(void *ctx, const struct ct_event *event)
{
	uint64_t *sum = ctx;

	assert_int_equal(event->type, CT_EVENT_WAIT);
	assert_int_equal(event->goid, event->wait_ns);
	*sum = *sum * 10 + event->goid;
	return 0;
}

static void events_come_back_in_order(void **state)
{
	struct fixture *fixture = *state;
	char *views[ROUNDS];
	struct replay *replay;
	uint64_t sum = 0;
	struct err err;

	record(fixture, views);
	for (int i = 0; i < ROUNDS; i++)
		free(views[i]);
	assert_int_equal(replay_open(fixture->path, &replay, &err), 0);
	assert_int_equal(replay_events(replay, count_event, &sum, &err), 0);
	assert_int_equal(sum, 1234);
	replay_close(replay);
}

/* Everything that can be asked of a file, whatever it says. */
static void read_all(const char *path)
{
	struct replay_moment moment;
	struct record_look look;
	struct leaks leaks = { 0 };
	struct replay *replay;
	struct model model;
	struct err err;
	char text[512];

	if (replay_open(path, &replay, &err))
		return;
	assert_int_equal(model_init(&model, replay_layout(replay),
				    replay_target(replay)->reasons_minor, replay_frames,
				    replay_variable, replay, replay_target(replay)->goroot_file),
			 0);
	while (replay_next(replay, &moment, &err) == 1)
		if (model_update(&model, moment.aggregates, moment.status, moment.snapshot))
			break;
	if (replay_look(replay, &look, &err) == 1) {
		assert_int_equal(model_update(&model, NULL, NULL, &look.scan.snapshot), 0);
		assert_int_equal(leaks_build(&model, &look.scan, &leaks), 0);
		for (size_t i = 0; i < leaks.rows.len; i++) {
			leaks_proof(&model, &leaks, &leaks.rows.data[i], text, sizeof(text));
			leaks_doubt(leaks.rows.data[i].doubt, text, sizeof(text));
		}
		leaks_free(&leaks);
		leak_scan_free(&look.scan);
	}
	model_free(&model);
	replay_close(replay);
}

static void damage_does_no_harm(void **state)
{
	struct fixture *fixture = *state;
	char *views[ROUNDS], damaged[96];
	struct stat known;
	uint8_t *bytes;
	FILE *file;

	record(fixture, views);
	for (int i = 0; i < ROUNDS; i++)
		free(views[i]);
	assert_int_equal(stat(fixture->path, &known), 0);
	bytes = malloc((size_t)known.st_size);
	file = fopen(fixture->path, "r");
	assert_int_equal(fread(bytes, 1, (size_t)known.st_size, file), known.st_size);
	fclose(file);
	snprintf(damaged, sizeof(damaged), "%s-damaged", fixture->path);
	srand(7);
	for (int i = 0; i < 150; i++) {
		size_t len = i % 5 ? (size_t)known.st_size : (size_t)rand() % (size_t)known.st_size;
		size_t at[8];
		uint8_t old[8];

		for (int j = 0; j < 8; j++) {
			at[j] = 100 + (size_t)rand() % ((size_t)known.st_size - 100);
			old[j] = bytes[at[j]];
			bytes[at[j]] = (uint8_t)rand();
		}
		file = fopen(damaged, "w");
		fwrite(bytes, 1, len, file);
		fclose(file);
		for (int j = 7; j >= 0; j--)
			bytes[at[j]] = old[j];
		read_all(damaged);
	}
	unlink(damaged);
	free(bytes);
}

/* A file that is fine for SQLite, but whose numbers lead nowhere. */
static void lies_do_no_harm(void **state)
{
	static const char *const lies[] = {
		"UPDATE task_log SET stack = 99, cases = 98, label = 97, peer = 96, status = 77",
		"UPDATE task_log SET wait_kind = 200, wait_reason = 250",
		"UPDATE leak_log SET stack = 99, cases = 98, label = 97, doubt = 200 WHERE place % 2",
		"UPDATE leak_log SET wait_kind = 200, wait_reason = 250, status = 77, chan = place",
		"DROP TABLE leak_log",
		"UPDATE wait_log SET site = 4000000000, reason = 63",
		"UPDATE wait_log SET site = 1000000",
		"UPDATE object_log SET site = 4000000000",
		"UPDATE layout SET value = 4294967295",
		"UPDATE capture SET whole_ns = '[1,2,x', keyframe = 0",
		"UPDATE wait_log SET hist = 'nothing'",
		"DELETE FROM frame",
		"DELETE FROM snapshot",
		"DELETE FROM stack WHERE depth = 0",
		"UPDATE select_case SET direction = 77",
		"UPDATE target SET reasons_minor = 99",
		"UPDATE capture SET on_ns = -1, counted_ns = -1, event_weight = 'x'",
		"DROP TABLE label",
		"DROP TABLE wait_log",
	};
	struct fixture *fixture = *state;

	for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
		char *views[ROUNDS];
		sqlite3 *db;

		record(fixture, views);
		for (int j = 0; j < ROUNDS; j++)
			free(views[j]);
		assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, lies[i], NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		read_all(fixture->path);
	}
}

static void other_files_are_refused(void **state)
{
	struct fixture *fixture = *state;
	struct replay *replay;
	char *views[ROUNDS];
	struct err err;
	sqlite3 *db;

	/* an empty file is none, and may be written over */
	assert_int_not_equal(replay_open(fixture->path, &replay, &err), 0);
	record(fixture, views);
	for (int i = 0; i < ROUNDS; i++)
		free(views[i]);
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 99", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_not_equal(replay_open(fixture->path, &replay, &err), 0);
	assert_non_null(strstr(err.why, "schema version 99"));
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA user_version = 1", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_not_equal(replay_open(fixture->path, &replay, &err), 0);
	assert_non_null(strstr(err.why, "schema version 1"));
	assert_int_equal(sqlite3_open(fixture->path, &db), SQLITE_OK);
	sqlite3_exec(db, "PRAGMA application_id = 1", NULL, NULL, NULL);
	sqlite3_close(db);
	assert_int_not_equal(replay_open(fixture->path, &replay, &err), 0);
	assert_non_null(strstr(err.why, "no recording"));
	/* and is not written over either */
	assert_int_not_equal(recording_create(fixture->path, &fixture->source,
					      &(struct recording_options){ 0 },
					      (struct recording *[1]){ NULL }, &err),
			     0);
	assert_non_null(strstr(err.why, "no recording"));
}

/* With a limit on the age only what is older than a keyframe that is old enough goes. */
static void old_things_are_dropped(void **state)
{
	const struct recording_options options = { .keep_ns = 300000000 };
	struct fixture *fixture = *state;
	struct recording *recording;
	struct replay_moment moment;
	const struct replay_batch *first;
	struct replay *replay;
	struct err err;
	size_t batches;
	uint64_t begin_ns = clock_now_ns(), round;

	assert_int_equal(
		recording_create(fixture->path, &fixture->source, &options, &recording, &err), 0);
	fixture->aggregates.at_ns = begin_ns;
	for (round = 1; clock_now_ns() < begin_ns + 1500000000; round++) {
		struct ct_event event = { .ns = clock_now_ns(),
					  .goid = round,
					  .type = CT_EVENT_EXIT };
		struct recording_moment now;

		count(fixture, round);
		take_snapshot(fixture, round, 5);
		fixture->aggregates.at_ns = clock_now_ns();
		now = moment_of(fixture);
		assert_int_equal(recording_add_event(recording, &event, &err), 0);
		assert_int_equal(recording_add(recording, &now, &err), 0);
		usleep(3000);
	}
	assert_int_equal(recording_close(recording, "complete", &err), 0);
	assert_int_equal(replay_open(fixture->path, &replay, &err), 0);
	first = replay_batches(replay, &batches);
	assert_true(first->at_ns > begin_ns + 400000000);
	assert_true(batches > 2 && batches < round - 1);
	while (replay_next(replay, &moment, &err) == 1)
		assert_int_equal(moment.snapshot->goroutines.len, 5);
	assert_int_equal(moment.snapshot->goroutines.data[0].goid, round - 1);
	assert_int_equal(moment.snapshot->goroutines.data[0].pc_count, 2);
	/* totals are of the time that is kept */
	assert_int_equal(moment.aggregates->sites.data[0].site.waits,
			 10 * (round - 1 - first->number));
	assert_int_equal(moment.aggregates->sites.data[0].site.hist[20],
			 10 * (round - 1 - first->number));
	assert_int_equal(moment.aggregates->objects.data[0].object.wait_ns_total,
			 12345678 * (round - 1 - first->number));
	assert_int_equal(moment.aggregates->counters[CT_N_PARK], 50 * (round - 1 - first->number));
	/* the longest wait was before, so none of these is known to be longer than its slot */
	assert_int_equal(moment.aggregates->sites.data[0].site.wait_ns_max, 1 << 21);
	replay_close(replay);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_moment_comes_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(events_come_back_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(damage_does_no_harm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lies_do_no_harm, set_up, tear_down),
		cmocka_unit_test_setup_teardown(other_files_are_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(old_things_are_dropped, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
