/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One process under observation: its probes and snapshots, brought together in the model. What the
 * commands that trace have in common.
 */
#ifndef CMD_LIVE_H
#define CMD_LIVE_H

#include "cmd/options.h"
#include "collect/aggregates.h"
#include "collect/lock_names.h"
#include "collect/recording.h"
#include "collect/snapshot.h"
#include "export/json.h"
#include "model/capture.h"
#include "model/model.h"
#include "probe/governor.h"
#include "probe/session.h"
#include "target/facts.h"
#include "target/target.h"
#include "view/view.h"

struct live {
	struct target target;
	struct target_facts facts;
	struct plan plan;
	struct probe_session *session; /* NULL: no probes */
	struct governor *governor;     /* of the session, while it runs */
	struct governor_status status; /* as of the last update */
	struct aggregates aggregates;
	struct snapshot_reader *reader; /* made with the first snapshot */
	struct snapshot snapshot;
	struct lock_names *names; /* made with the first model */
	/* read the DWARF for names of locks when there are some: of a large program it takes its time */
	bool debug_names;
	struct model model;
	struct capture capture;
	int signal_fd;
	bool has_snapshot;
	bool last_look; /* set by the caller: no snapshot follows the next one */
	bool gone;      /* the target exited or became another program: what is shown is the last */
	uint64_t next_snapshot_ns;
	uint32_t ahead_steps; /* snapshot_options.ahead_steps */
	/* of the snapshots from now on: it takes the longest; AHEAD_OF_ALL when opened */
	enum ahead_of ahead;
};

/* The process that the options name, with the probes of `roles` on (0: none). */
int live_open(struct live *live, const struct options *options, uint32_t roles, struct err *err);
/* For one that was opened with roles 0: put the probes in place now. special: NULL, or how. */
int live_attach(struct live *live, const struct options *options, uint32_t roles,
		const struct probe_options *special, struct err *err);
/* A model of the same process besides, for another snapshot; the caller's to free. */
int live_model(struct live *live, struct model *model, struct err *err);
/* Back to that: no probes, and a model without what they counted. Its rows and frames are gone. */
int live_renew(struct live *live, struct err *err);
void live_close(struct live *live);

/*
 * Bring the model up to date: by a snapshot where `snapshot` says so, and by the probes' totals. That
 * the target is gone is no error.
 */
int live_update(struct live *live, const struct options *options, bool snapshot, struct err *err);

/* A snapshot that the next one tells ages by, and nothing else: what rests since then at least. */
int live_glance(struct live *live, const struct options *options, struct err *err);

/* Until the time (CLOCK_MONOTONIC) or the end; true: go on, false: the user or the target ended it. */
bool live_pause(struct live *live, uint64_t until_ns);
/* Take the probes away; what they counted stays. */
void live_detach(struct live *live);

/* On stderr, unless quiet: that the target has ended. */
void live_say_gone(const struct live *live, const struct options *options);

/* What a recording of it needs to know; good until live_close. */
struct recording_source live_source(struct live *live);

struct json_source live_json(struct live *live, const struct options *options);
struct view live_view(struct live *live, const struct options *options, FILE *out);

#endif
