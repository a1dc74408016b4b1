// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * sched.latency: goroutines that could run wait for a P or, with it, for a CPU. The runtime's histogram
 * has the time to run; the cause is told from what the process and the machine used of the CPUs.
 */
#include <stdio.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

#define TO_JUDGE 50   /* samples; the runtime takes one of eight */
#define BUSY 0.85     /* of what it may use */
#define QUEUE_LONG 4  /* runnable goroutines for each P */
#define THROTTLED 0.1 /* of the scheduler's periods */
#define THROTTLED_LEAST 5

enum cause { CAUSE_QUOTA, CAUSE_PROCS, CAUSE_WORK, CAUSE_MACHINE, CAUSE_UNKNOWN };

struct load {
	double used, machine; /* CPUs */
	uint64_t periods, throttled, throttled_ns;
	uint64_t p50_ns, p99_ns, samples;
	double runnable; /* goroutines, mean over the snapshots */
	enum cause cause;
};

static double mean_runnable(const struct detect_input *input)
{
	const struct series_group *const *groups;
	const struct series_point *points;
	size_t group_count = series_groups(input->series, &groups);
	size_t point_count = series_points(input->series, &points);
	double sum = 0;

	for (size_t i = 0; i < group_count; i++)
		for (size_t j = 0; groups[i]->state == G_RUNNABLE && j < point_count; j++)
			sum += series_count(groups[i], j);
	return point_count ? sum / (double)point_count : 0;
}

static enum cause cause_of(const struct detect_input *input, const struct load *load)
{
	unsigned procs = input->gomaxprocs, cpus = input->now->cpus;
	bool all_of_its_own = procs && load->used >= BUSY * procs;

	if (load->throttled >= THROTTLED_LEAST &&
	    (double)load->throttled >= THROTTLED * (double)load->periods)
		return CAUSE_QUOTA;
	if (cpus && load->machine >= BUSY * cpus && load->used < load->machine / 2 &&
	    !all_of_its_own)
		return CAUSE_MACHINE;
	if (all_of_its_own || (procs && load->runnable >= QUEUE_LONG * procs))
		return cpus > procs && load->machine < BUSY * cpus ? CAUSE_PROCS : CAUSE_WORK;
	return cpus && load->machine >= BUSY * cpus ? CAUSE_WORK : CAUSE_UNKNOWN;
}

static struct load measure(const struct detect_input *input)
{
	const struct resources *before = input->before, *now = input->now;
	struct load load = { .periods = now->periods - before->periods,
			     .throttled = now->throttled - before->throttled,
			     .throttled_ns = now->throttled_ns - before->throttled_ns,
			     .runnable = mean_runnable(input) };
	double ns = (double)input->observed_ns;

	if (now->cpu_ns > before->cpu_ns)
		load.used = (double)(now->cpu_ns - before->cpu_ns) / ns;
	if (before->machine_cpu_ns && now->machine_cpu_ns > before->machine_cpu_ns)
		load.machine = (double)(now->machine_cpu_ns - before->machine_cpu_ns) / ns;
	if (input->run_queue) {
		load.samples = run_queue_total(input->run_queue);
		load.p50_ns = run_queue_quantile(input->run_queue, 0.5);
		load.p99_ns = run_queue_quantile(input->run_queue, 0.99);
	}
	load.cause = cause_of(input, &load);
	return load;
}

static const char *cause_text(enum cause cause)
{
	switch (cause) {
	case CAUSE_QUOTA:
		return "the cgroup's CPU quota stops the process";
	case CAUSE_PROCS:
		return "GOMAXPROCS is too small for the work, with CPUs to spare";
	case CAUSE_WORK:
		return "the process has more work than CPUs";
	case CAUSE_MACHINE:
		return "other processes keep the machine's CPUs busy";
	default:
		return "the cause is not plain to see";
	}
}

static void say_cause(const struct detect_input *input, struct findings *findings,
		      struct finding *finding, const struct load *load)
{
	unsigned procs = input->gomaxprocs, cpus = input->now->cpus;

	finding_say(
		findings, finding,
		"the process used %.2f CPUs, GOMAXPROCS is %u; all processes used %.1f of the machine's %u",
		load->used, procs, load->machine, cpus);
	if (input->now->cpu_quota > 0)
		finding_say(findings, finding,
			    "CPU quota %.2f: stopped in %llu of %llu periods, %s in all",
			    input->now->cpu_quota, (unsigned long long)load->throttled,
			    (unsigned long long)load->periods, DURATION(load->throttled_ns));
	switch (load->cause) {
	case CAUSE_QUOTA:
		if (procs > input->now->cpu_quota + 1)
			finding_advise(
				finding,
				"set GOMAXPROCS to the quota, %.0f (Go 1.25 on does that by itself): "
				"%u Ps use the quota up at the beginning of each period; or raise the quota",
				input->now->cpu_quota < 1 ? 1 : input->now->cpu_quota, procs);
		else
			finding_advise(finding,
				       "raise the CPU quota, or give the service less work");
		break;
	case CAUSE_PROCS:
		finding_advise(finding, "raise GOMAXPROCS: the machine has %u CPUs", cpus);
		break;
	case CAUSE_WORK:
		finding_advise(
			finding,
			"give it more CPUs or less work: a CPU profile says where it goes; bound "
			"how many goroutines compute at once");
		break;
	case CAUSE_MACHINE:
		finding_advise(finding,
			       "move one of the busy processes to another machine, or give this "
			       "one a larger cpu.weight");
		break;
	default:
		finding_advise(finding,
			       "look for goroutines that hold a P for long: a CPU profile, "
			       "long system calls, cgo");
	}
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct load *load)
{
	bool own = load->cause != CAUSE_MACHINE && load->cause != CAUSE_UNKNOWN;
	struct finding *finding = finding_begin(findings, own ? SEVERITY_WARNING : SEVERITY_INFO,
						own ? CERTAINTY_LIKELY : CERTAINTY_POSSIBLE);

	finding->metric = (double)load->p99_ns / 1e9;
	finding->limit = input->limits->sched_p99;
	finding->metric_unit = "s";
	finding->weight = finding->metric;
	if (load->samples)
		finding_title(finding, "goroutines that could run wait, p99 %s: %s",
			      DURATION(load->p99_ns), cause_text(load->cause));
	else
		finding_title(finding, "%s", cause_text(load->cause));
	if (load->samples)
		finding_say(findings, finding,
			    "ready to running: p50 %s, p99 %s, of about %s times in %s",
			    DURATION(load->p50_ns), DURATION(load->p99_ns),
			    COUNT(8 * load->samples), DURATION(input->observed_ns));
	finding_say(findings, finding, "%.1f goroutines were runnable at a time", load->runnable);
	say_cause(input, findings, finding, load);
	finding_why(finding,
		    "the times are the runtime's own; the cause is told from CPU time used");
	detect_look(input, finding, "tasks --filter runnable");
}

static int check(const struct detect_input *input, struct findings *findings)
{
	struct load load = measure(input);
	bool slow = load.samples >= TO_JUDGE &&
		    (double)load.p99_ns >= input->limits->sched_p99 * 1e9;

	if (!slow && load.cause != CAUSE_QUOTA) {
		if (!input->run_queue)
			findings_not_judged(findings,
					    input->recording ?
						    "a recording keeps no times of the run queue" :
						    "the times of the run queue could not be read");
		return 0;
	}
	report(input, findings, &load);
	return 0;
}

const struct detector detector_sched = {
	.id = "sched.latency",
	.looks_for = "goroutines that could run and must wait for a CPU",
	.snapshots = 2,
	.least_ns = 2 * NSEC_PER_SEC,
	.check = check,
};
