// SPDX-License-Identifier: GPL-2.0-only
/*
 * Garbage collection: cycles, stops of the world, and assists, which are the time that goroutines
 * must mark to pay for what they allocate.
 */
#include "tally.h"
#include "handlers.h"
#include "timeline.h"

/* gcBgMarkStartWorkers: once a cycle, on the goroutine that began it. */
int on_gc_start(ct_u64 g, ct_u64 stack, ct_u64 frame)
{
	struct ct_tally *tally = tally_of(site_of_call(stack, frame), CT_TALLY_GC_CYCLE);
	struct mark mark = { .ns = bpf_ktime_get_ns(), .value = g_goid(g) };

	if (tally)
		note_tally(tally, 1, mark.ns, mark.value);
	set_mark(MARK_GC, 0, &mark);
	return 0;
}

static __always_inline int note_span(enum mark_kind kind, ct_u32 tally_kind,
				     enum ct_event_type event_type)
{
	struct mark *begin = get_mark(kind, 0);
	ct_u64 now = bpf_ktime_get_ns();
	struct ct_tally *tally;

	if (!begin || !begin->ns)
		return 0;
	tally = tally_of(CT_NO_SITE, tally_kind);
	if (tally) {
		note_tally(tally, 1, now, 0);
		note_duration(tally, 1, 1, now - begin->ns);
	}
	TIMELINE(.ns = now, .wait_ns = now - begin->ns, .goid = begin->value, .type = event_type);
	begin->ns = 0;
	return 0;
}

int on_gc_end(void)
{
	return note_span(MARK_GC, CT_TALLY_GC_ACTIVE, CT_EVENT_GC);
}

int on_world_stop(void)
{
	struct mark mark = { .ns = bpf_ktime_get_ns() };

	set_mark(MARK_WORLD, 0, &mark);
	return 0;
}

int on_world_start(void)
{
	return note_span(MARK_WORLD, CT_TALLY_WORLD_STOP, CT_EVENT_WORLD_STOP);
}

int on_assist_begin(ct_u64 g0)
{
	struct mark mark = { .ns = bpf_ktime_get_ns(), .value = window.generation };

	set_mark(MARK_ASSIST, g0, &mark);
	return 0;
}

int on_assist_end(ct_u64 g0, ct_u64 g)
{
	struct mark *begin = get_mark(MARK_ASSIST, g0);
	ct_u64 now = bpf_ktime_get_ns();
	struct ct_tally *tally;
	ct_u32 site;

	if (!begin || !begin->ns || begin->value != window.generation)
		return 0;
	/* systemstack has left the goroutine's frame pointer in g.sched */
	site = site_of_frame(read_word(g + config.g_sched_bp));
	tally = tally_of(site, CT_TALLY_ASSIST);
	if (tally) {
		note_tally(tally, window.weight, now, g_goid(g));
		note_duration(tally, window.weight, window.time_weight, now - begin->ns);
	}
	TIMELINE(.ns = now, .wait_ns = now - begin->ns, .goid = g_goid(g), .site = site,
		 .type = CT_EVENT_ASSIST);
	begin->ns = 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
