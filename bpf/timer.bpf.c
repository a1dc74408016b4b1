// SPDX-License-Identifier: GPL-2.0-only
/* Sleeps in loops, with the period that they really have, and tickers, with their ends. */
#include "event.h"
#include "handlers.h"

int on_sleep(ct_u64 g, ct_u64 ns, ct_u64 stack, ct_u64 frame)
{
	struct mark mark = { .ns = bpf_ktime_get_ns(), .value = ns }, *before;
	struct ct_event *event;

	if ((long long)ns <= 0)
		return 0;
	mark.site = site_of_call(stack, frame);
	mark.type = g_goid(g); /* a g is used again by another goroutine */
	event = event_of(mark.site, CT_EV_SLEEP);
	if (!event)
		return 0;
	note_event(event, 1, mark.ns, mark.type);
	event->value = ns;
	before = get_mark(MARK_SLEEP, g);
	if (before && before->site == mark.site && before->type == mark.type) {
		add(&event->hits, 1);
		add(&event->base, before->value);
		note_duration(event, 1, mark.ns - before->ns);
	}
	set_mark(MARK_SLEEP, g, &mark);
	return 0;
}

static __always_inline void start_ticker(ct_u64 g, ct_u64 timer, ct_u64 period, ct_u32 site)
{
	struct ct_event *event = event_of(site, CT_EV_TICKER);
	struct mark mark = { .ns = bpf_ktime_get_ns(), .site = site };

	if (!event)
		return;
	event->value = period;
	note_event(event, 1, mark.ns, g_goid(g));
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
	struct ct_event *event;

	if (!mark)
		return 0;
	event = event_of(mark->site, CT_EV_TICKER);
	if (event)
		add(&event->hits, 1);
	drop_mark(MARK_TICKER, timer);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
