// SPDX-License-Identifier: GPL-2.0-only
/*
 * Panics and the runtime's fatal errors. A recovered panic costs the program microseconds, so here a
 * few more reads do not matter. What the value says is read at once: it may be gone with the process.
 */
#include "tally.h"
#include "handlers.h"

static __always_inline void read_text(struct ct_panic *panic, ct_u64 text, ct_u64 len)
{
	ct_u64 much = len;

	panic->text_len = 0;
	if (!text || !len || len > (1U << 20))
		return;
	barrier_var(much); /* what is compared is what is used: Linux 6.1 follows no copies */
	if (much > sizeof(panic->text))
		much = sizeof(panic->text);
	if (!bpf_probe_read_user(panic->text, much, (void *)text))
		panic->text_len = len;
}

/* The value is behind the data word; there, a string is a pointer and a length. */
static __always_inline void read_value(struct ct_panic *panic, ct_u64 data)
{
	panic->text_len = 0;
	panic->words_ok = !bpf_probe_read_user(panic->words, sizeof(panic->words), (void *)data) ||
			  !bpf_probe_read_user(panic->words, 2 * sizeof(ct_u64), (void *)data);
	if (panic->words_ok)
		read_text(panic, panic->words[0], panic->words[1]);
}

static __always_inline struct ct_panic *panic_of(ct_u64 type, ct_u32 site, ct_u64 g)
{
	struct ct_panic_key key = { .type = type, .site = site };
	struct ct_panic *panic;

	panic = get_or_create(&panics, &key, &no_panic, CT_LOST_TALLY);
	if (!panic)
		return 0;
	add(&panic->count, 1);
	panic->last_ns = bpf_ktime_get_ns();
	if (!panic->first_ns)
		panic->first_ns = panic->last_ns;
	panic->last_goid = g_goid(g);
	return panic;
}

int on_panic(ct_u64 g, ct_u64 type, ct_u64 data, ct_u64 stack, ct_u64 frame)
{
	struct mark mark = { .type = type };
	struct ct_panic *panic;

	mark.site = site_of_call(stack, frame);
	panic = panic_of(type, mark.site, g);
	if (!panic)
		return 0;
	read_value(panic, data);
	set_mark(MARK_PANIC, g, &mark);
	return 0;
}

/* The panic of the goroutine that has not ended yet; NULL: none was seen. */
static __always_inline struct ct_panic *latest_of(ct_u64 g)
{
	struct mark *mark = get_mark(MARK_PANIC, g);
	struct ct_panic_key key = {};

	if (!mark)
		return 0;
	key.type = mark->type;
	key.site = mark->site;
	return bpf_map_lookup_elem(&panics, &key);
}

int on_recovery(ct_u64 g)
{
	struct ct_panic *panic = latest_of(g);

	if (panic)
		add(&panic->recovered, 1);
	drop_mark(MARK_PANIC, g);
	return 0;
}

int on_fatal_panic(ct_u64 g)
{
	struct ct_panic *panic = latest_of(g);

	if (panic)
		add(&panic->fatal, 1);
	return 0;
}

int on_fatal_error(ct_u64 g, ct_u64 text, ct_u64 len, ct_u64 stack, ct_u64 frame)
{
	struct ct_panic *panic = panic_of(CT_FATAL_ERROR, site_of_call(stack, frame), g);

	if (!panic)
		return 0;
	add(&panic->fatal, 1);
	read_text(panic, text, len);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
