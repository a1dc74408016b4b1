// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Batches by the clock, events as they come. With --keep the file has the last minutes only, and is
 * copied when SIGUSR1 or the condition of --dump-when says so.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "cmd/command.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/recorder.h"
#include "cmd/shown.h"
#include "model/format.h"

/* How often events are taken: the kernel has room for those of some tenths of a second. */
#define DRAIN_NS (20 * 1000000ULL)

struct session {
	struct recorder recorder;
	const struct options *options;
	const struct shown_view *view; /* to print in the end; NULL: none */
	int dump_fd;                   /* readable: SIGUSR1; -1: no --keep */
	uint64_t end_ns, next_batch_ns;
	uint64_t may_dump_ns; /* the condition is heeded from then on */
	bool held;            /* the condition held at the last batch */
	unsigned dumps;
	bool progress;
};

/* Blocked before any thread starts, lest one of them gets it and ends the process. */
static int watch_for_dumps(struct session *session, struct err *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	session->dump_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (session->dump_fd >= 0)
		return 0;
	return err_set(err, errno, "watching for signals", "raise the limit of open files", "%s",
		       strerror(errno));
}

static bool is_dump_asked_for(const struct session *session)
{
	struct signalfd_siginfo info;

	return session->dump_fd >= 0 &&
	       read(session->dump_fd, &info, sizeof(info)) == (ssize_t)sizeof(info);
}

/* "x.db" and 20:15:03 gives "x-20261125T201503Z.db"; a second one in that second has a number. */
static void dump_name(const struct session *session, char *name, size_t size)
{
	const char *output = session->options->output, *slash = strrchr(output, '/');
	const char *dot = strrchr(slash ? slash : output, '.');
	int stem = dot && dot != output ? (int)(dot - output) : (int)strlen(output);
	char stamp[32];

	clock_text(clock_wall_ns(clock_now_ns()), "%Y%m%dT%H%M%SZ", stamp, sizeof(stamp));
	snprintf(name, size, "%.*s-%s%s", stem, output, stamp, output + stem);
	for (int i = 2; !access(name, F_OK) && i < 100; i++)
		snprintf(name, size, "%.*s-%s-%d%s", stem, output, stamp, i, output + stem);
}

/* With what is leaked by now. */
static int dump_to(struct session *session, const char *name, struct err *err)
{
	struct recorder *recorder = &session->recorder;
	int status = 0;

	if (session->options->leaks) {
		recorder_look_now(recorder);
		status = recorder_add(recorder, session->options, err);
	}
	return status ? status : recording_dump(recorder->recording, name, err);
}

/* A dump that fails is said, and the recording goes on. */
static void dump(struct session *session, const char *why)
{
	struct err err = { 0 };
	char name[PATH_MAX];

	dump_name(session, name, sizeof(name));
	if (session->progress)
		progress_end();
	if (dump_to(session, name, &err)) {
		fprintf(stderr, "conctrace: %s failed: %s; %s\n", err.what, err.why, err.todo);
		return;
	}
	session->dumps++;
	if (!session->options->quiet)
		fprintf(stderr, "conctrace: %s: dumped to %s\n", why, name);
}

/* When it begins to hold, and not more often than all that is dumped is new. */
static void dump_when(struct session *session)
{
	const struct threshold *condition = &session->options->dump_when;
	const struct model *model = &session->recorder.live.model;
	bool holds = threshold_holds(condition, model), begins = holds && !session->held;
	uint64_t now = clock_now_ns();
	char why[96];

	session->held = holds;
	if (!begins || now < session->may_dump_ns)
		return;
	session->may_dump_ns = now + session->options->keep_ns;
	snprintf(why, sizeof(why), "the condition holds (%.6g)", threshold_value(condition, model));
	dump(session, why);
}

static void show_progress(const struct session *session)
{
	const struct recorder *recorder = &session->recorder;
	const struct capture *capture = &recorder->live.capture;
	uint64_t now = clock_now_ns();
	char left[48] = "", size[32], events[24];

	if (!session->progress)
		return;
	if (session->end_ns != UINT64_MAX)
		snprintf(left, sizeof(left), ", %llu s left",
			 (unsigned long long)(session->end_ns > now ?
						      (session->end_ns - now + NSEC_PER_SEC - 1) /
							      NSEC_PER_SEC :
						      0));
	fprintf(stderr, "\rrecording%s; %s events, %llu lost, %s; Ctrl-C ends it\033[K", left,
		format_count(events, sizeof(events),
			     recorder->timeline ? recording_events(recorder->recording) :
						  capture->events),
		(unsigned long long)capture->lost,
		format_bytes(size, sizeof(size), recording_bytes(recorder->recording)));
}

/* Until the next batch is due. False: the end. */
static bool wait_for_batch(struct session *session, int *status, struct err *err)
{
	struct recorder *recorder = &session->recorder;
	uint64_t until = session->next_batch_ns < session->end_ns ? session->next_batch_ns :
								    session->end_ns;
	bool polls = recorder->timeline || session->dump_fd >= 0;

	for (;;) {
		uint64_t now = clock_now_ns(), next = until;

		if (now >= until)
			return now < session->end_ns;
		if (polls && now + DRAIN_NS < until)
			next = now + (recorder->timeline ? DRAIN_NS : 10 * DRAIN_NS);
		if (!live_pause(&recorder->live, next < until ? next : until))
			return false;
		*status = recorder_drain(recorder, err);
		if (*status)
			return false;
		if (is_dump_asked_for(session))
			dump(session, "SIGUSR1");
	}
}

static int run(struct session *session, struct err *err)
{
	struct recorder *recorder = &session->recorder;
	const struct options *options = session->options;
	bool go_on = true;
	int status = 0;

	session->next_batch_ns = clock_now_ns();
	while (!status && go_on) {
		status = recorder_add(recorder, options, err);
		if (status || recorder->live.gone || recorder->full)
			break;
		if (options->dump_when.what)
			dump_when(session);
		show_progress(session);
		session->next_batch_ns += options->interval_ns;
		if (session->next_batch_ns < clock_now_ns())
			session->next_batch_ns = clock_now_ns();
		go_on = wait_for_batch(session, &status, err);
	}
	if (session->progress)
		progress_end();
	return status ? status : recorder_finish(recorder, options, err);
}

static void say_leaks(const struct observed_leaks *leaks)
{
	if (leaks->known)
		fprintf(stderr, "conctrace: leaked goroutines: %zu, suspects: %zu\n",
			leaks->leaks.leaked, leaks->leaks.suspects);
	else
		fprintf(stderr, "conctrace: which goroutines are leaked is not known: %s\n",
			leaks->why_not);
}

static void say_result(const struct session *session, uint64_t events, uint64_t bytes)
{
	const struct recorder *recorder = &session->recorder;
	const struct capture *capture = &recorder->live.capture;
	const struct options *options = session->options;
	char size[32], timeline[64] = "";

	if (options->quiet)
		return;
	if (recorder->timeline)
		snprintf(timeline, sizeof(timeline), ", %llu events, %llu lost",
			 (unsigned long long)events, (unsigned long long)capture->lost);
	if (recorder->full)
		fprintf(stderr, "conctrace: the recording has its largest size (--max-size)\n");
	fprintf(stderr, "conctrace: recorded %llu batches%s in %s (%s)\n",
		(unsigned long long)recorder->batches, timeline, options->output,
		format_bytes(size, sizeof(size), bytes));
	if (options->leaks)
		say_leaks(&recorder->leaks);
}

static int print_view(struct session *session, struct err *err)
{
	struct options options = *session->options;
	struct shown shown;

	/* -o is the recording's */
	options.output = NULL;
	shown = shown_live(&session->recorder.live, &options);
	shown.leaks = &session->recorder.leaks;
	return shown_print(session->view, &shown, &options, err);
}

static int record(struct session *session, struct err *err)
{
	struct recorder *recorder = &session->recorder;
	const struct options *options = session->options;
	uint64_t events, bytes;
	int status = recorder_open(recorder, options, err), closed;

	if (status)
		return status;
	if (options->duration_ns)
		session->end_ns = clock_now_ns() + options->duration_ns;
	status = run(session, err);
	events = recording_events(recorder->recording);
	bytes = recording_bytes(recorder->recording);
	closed = recording_close(recorder->recording,
				 status              ? "failed" :
				 recorder->live.gone ? RECORDING_ENDED_WITH_PROCESS :
				 recorder->full      ? "largest size" :
						       "complete",
				 status ? NULL : err);
	recorder->recording = NULL;
	if (!status)
		status = closed;
	if (!status) {
		say_result(session, events, bytes);
		live_say_gone(&recorder->live, options);
	}
	if (!status && session->view)
		status = print_view(session, err);
	recorder_close(recorder);
	return status;
}

int cmd_record(const struct options *options, struct err *err)
{
	struct options complete = *options;
	struct session session = { .options = &complete, .dump_fd = -1, .end_ns = UINT64_MAX };
	int status = 0;

	session.progress = progress_wanted(options);
	if (options->word_count > 1)
		return err_set(err, EINVAL, OPTIONS_WHAT, "see `conctrace record --help`",
			       "\"%.80s\" is one word too many", options->words[1]);
	if (options->word_count) {
		session.view = shown_view_find(options->words[0], err);
		if (!session.view)
			return -EINVAL;
		if (!(shown_formats(session.view) & FORMAT_BIT(FORMAT_TEXT)))
			return err_set(err, EINVAL, OPTIONS_WHAT, "use `conctrace report` for it",
				       "%s cannot be printed here", options->words[0]);
		complete.leaks |= shown_looks_at_heap(session.view);
	}
	if (options->keep_ns)
		status = watch_for_dumps(&session, err);
	if (!status)
		status = record(&session, err);
	if (session.dump_fd >= 0)
		close(session.dump_fd);
	return status;
}
