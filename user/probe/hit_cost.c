// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/hit_cost.h"

#include <bpf/bpf.h>
#include <unistd.h>

#define PROGRAM_NS_MOST 3000

void program_stats_begin(struct program_stats *stats, const struct probe_session *session)
{
	stats->fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats->fd >= 0 && probe_session_run_stats(session, &stats->runs, &stats->ns)) {
		close(stats->fd);
		stats->fd = -1;
	}
}

double program_stats_end(struct program_stats *stats, const struct probe_session *session)
{
	uint64_t runs, ns;

	if (stats->fd < 0)
		return 0;
	close(stats->fd);
	stats->fd = -1;
	if (probe_session_run_stats(session, &runs, &ns) || runs == stats->runs)
		return 0;
	return (double)(ns - stats->ns) / (runs - stats->runs);
}

/* A program that loses its CPU goes on running by that clock: such measurements count little. */
void hit_cost_note_program(struct hit_cost *cost, double ns)
{
	if (ns > PROGRAM_NS_MOST)
		ns = PROGRAM_NS_MOST;
	if (!cost->program_ns || ns < cost->program_ns)
		cost->program_ns = ns;
	else
		cost->program_ns += (ns - cost->program_ns) / 8;
}

double hit_cost_ns(const struct hit_cost *cost, bool stepped)
{
	double trap = stepped ? cost->trap.stepped_ns : cost->trap.emulated_ns;

	if (trap > 0 && cost->program_ns > 0)
		return HIT_COST_CACHES_LOST * (trap + cost->program_ns);
	/* the trap alone already says that hits cost more than guessed */
	return trap > HIT_COST_GUESS_NS / 2.0 ? 2 * trap : 0;
}
