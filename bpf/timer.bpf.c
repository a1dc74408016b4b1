// SPDX-License-Identifier: GPL-2.0-only
/* Sleeps in loops, with the period that they really have, and tickers, with their ends. */
#include "tally.h"
#include "handlers.h"

int on_sleep(ct_u64 g, ct_u64 ns, ct_u64 stack, ct_u64 frame)
{
	struct mark mark = { .ns = bpf_ktime_get_ns(), .value = ns }, *before;
	struct ct_tally *tally;

	if ((long long)ns <= 0)
		return 0;
	mark.site = site_of_call(stack, frame);
	mark.type = g_goid(g); /* a g is used again by another goroutine */
	tally = tally_of(mark.site, CT_TALLY_SLEEP);
	if (!tally)
		return 0;
	note_tally(tally, 1, mark.ns, mark.type);
	tally->value = ns;
	before = get_mark(MARK_SLEEP, g);
	if (before && before->site == mark.site && before->type == mark.type) {
		add(&tally->hits, 1);
		add(&tally->base, before->value);
		note_duration(tally, 1, 1, mark.ns - before->ns);
	}
	set_mark(MARK_SLEEP, g, &mark);
	return 0;
}

static __always_inline void start_ticker(ct_u64 g, ct_u64 timer, ct_u64 period, ct_u32 site)
{
	struct ct_tally *tally = tally_of(site, CT_TALLY_TICKER);
	struct mark mark = { .ns = bpf_ktime_get_ns(), .site = site };

	if (!tally)
		return;
	tally->value = period;
	note_tally(tally, 1, mark.ns, g_goid(g));
	set_mark(MARK_TICKER, timer, &mark);
}

int on_ticker(ct_u64 g, ct_u64 timer, ct_u64 period, ct_u64 frame)
{
	if (period)
		start_ticker(g, timer, period, site_of_frame(frame));
	return 0;
}

int on_timer_start(ct_u64 g, ct_u64 timer, ct_u64 stack, ct_u64 frame)
{
	ct_u64 period = read_word(timer + config.timer_period);

	if (period)
		start_ticker(g, timer, period, site_of_call(stack, frame));
	return 0;
}

int on_timer_stop(ct_u64 timer)
{
	struct mark *mark = get_mark(MARK_TICKER, timer);
	struct ct_tally *tally;

	if (!mark)
		return 0;
	tally = tally_of(mark->site, CT_TALLY_TICKER);
	if (tally)
		add(&tally->hits, 1);
	drop_mark(MARK_TICKER, timer);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
