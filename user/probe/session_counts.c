// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What has been hit, and what the target has done. */
#include "probe/session_parts.h"

#include <errno.h>

#include "target/memory.h"

struct budget_hits probe_session_take_hits(struct probe_session *session)
{
	struct ct_counters values[session->cpus];
	struct budget_hits taken = { 0 };
	const uint32_t only = 0;
	uint64_t closed = 0;

	if (bpf_map_lookup_elem(session->maps.counters, &only, values))
		return taken;
	for (int cpu = 0; cpu < session->cpus; cpu++) {
		uint64_t hits = values[cpu].n[CT_N_HITS] - session->hits_taken[cpu];

		session->hits_taken[cpu] = values[cpu].n[CT_N_HITS];
		taken.all += hits;
		closed += values[cpu].n[CT_N_CLOSED];
		if (hits > taken.busiest)
			taken.busiest = hits;
	}
	taken.recorded = taken.all - (closed - session->closed_taken);
	session->closed_taken = closed;
	return taken;
}

uint64_t probe_session_hits_of(struct probe_session *session, enum ct_pace pace)
{
	enum ct_counter which = pace == CT_PACE_RARE ? CT_N_RARE : CT_N_LIVELY;
	struct ct_counters values[session->cpus];
	const uint32_t only = 0;
	uint64_t hits = 0;

	if (bpf_map_lookup_elem(session->maps.counters, &only, values))
		return 0;
	for (int cpu = 0; cpu < session->cpus; cpu++)
		hits += values[cpu].n[which];
	return hits;
}

int probe_session_run_stats(const struct probe_session *session, uint64_t *runs, uint64_t *ns)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);

	if (bpf_prog_get_info_by_fd(bpf_program__fd(session->links[0].program), &info, &len))
		return -errno;
	*runs = info.run_cnt;
	*ns = info.run_time_ns;
	return 0;
}

bool probe_session_work(const struct probe_session *session, uint64_t *work)
{
	uint64_t counts[TARGET_TIME_TO_RUN_MOST];

	if (!session->time_to_run || memory_read(session->pid, session->time_to_run, counts,
						 session->time_to_run_len * sizeof(counts[0])))
		return false;
	*work = 0;
	for (size_t i = 0; i < session->time_to_run_len; i++)
		*work += counts[i];
	return true;
}

uint64_t probe_session_newest_goid(const struct probe_session *session)
{
	return window_of(session)->newest_goid;
}
