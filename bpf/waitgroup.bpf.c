// SPDX-License-Identifier: GPL-2.0-only
/*
 * sync.WaitGroup used against its rule that Add comes before Wait: a goroutine starts another one and calls
 * Wait, whose counter is zero still, so it goes on; then the other one calls Add. Seen in this order within a
 * window, the one that waits did not wait for what it was to wait for.
 *
 * A goroutine that was started after the Wait belongs to the next round, and one that somebody else has started
 * may be told about in ways that are not seen: nothing is said of these.
 */
#include "handlers.h"
#include "tally.h"

/* The latest Wait of a WaitGroup that had nothing to wait for. */
struct pass {
	ct_u64 ns, goid;
	ct_u32 site;
	ct_u32 generation; /* the window it was seen in */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, ct_u64);
	__type(value, struct pass);
} passes SEC(".maps");

static __always_inline ct_u32 counter_of(ct_u64 group)
{
	return read_word(group + config.waitgroup_state) >> 32;
}

int on_waitgroup_wait(ct_u64 g, ct_u64 group, ct_u64 stack, ct_u64 frame)
{
	struct pass pass = { .generation = window.generation };

	if (counter_of(group)) {
		bpf_map_delete_elem(&passes, &group);
		return 0;
	}
	pass.ns = bpf_ktime_get_ns();
	pass.goid = g_goid(g);
	pass.site = site_of_call(stack, frame);
	if (bpf_map_update_elem(&passes, &group, &pass, BPF_ANY))
		count(CT_LOST_TALLY);
	return 0;
}

/* The goroutine was there when the other one called Wait, and was started by it. */
static __always_inline int was_to_be_waited_for(ct_u64 g, ct_u64 goid, const struct pass *pass)
{
	const struct ct_task *task = bpf_map_lookup_elem(&tasks, &g);
	ct_u64 parent = 0;

	if (task && task->goid == goid) {
		if (task->spawned_ns > pass->ns)
			return 0;
		parent = task->parent_goid;
	}
	if (config.g_parentgoid != CT_NO_FIELD)
		parent = read_word(g + config.g_parentgoid);
	return parent == pass->goid;
}

static __always_inline void note(ct_u32 site, enum ct_tally_kind kind, ct_u64 group, ct_u64 ns,
				 ct_u64 goid)
{
	struct ct_tally *tally = tally_of(site, kind);

	if (!tally)
		return;
	tally->value = group;
	note_tally(tally, window.weight, ns, goid);
}

int on_waitgroup_add(ct_u64 g, ct_u64 group, ct_u64 stack, ct_u64 frame)
{
	struct pass *known = bpf_map_lookup_elem(&passes, &group), pass;
	ct_u64 goid;

	if (!known || known->generation != window.generation || counter_of(group))
		return 0;
	pass = *known;
	goid = g_goid(g);
	if (!was_to_be_waited_for(g, goid, &pass))
		return 0;
	note(site_of_call(stack, frame), CT_TALLY_LATE_ADD, group, bpf_ktime_get_ns(), goid);
	note(pass.site, CT_TALLY_PASSED_WAIT, group, pass.ns, pass.goid);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
