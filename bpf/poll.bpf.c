// SPDX-License-Identifier: GPL-2.0-only
/*
 * Operations on channels that do not wait: selects with a default, and receives from a closed channel.
 * In a loop they keep a CPU busy. Whether one will find something is told from the channel as it is
 * just before, as the runtime itself does on its fast path.
 */
#include "tally.h"
#include "handlers.h"

#define CASES_MAX 6    /* of a select, that are looked at */
#define HCHAN_WORDS 12 /* as much of an hchan as has the fields */

struct channel {
	ct_u64 words[HCHAN_WORDS];
};

static __always_inline ct_u64 field(const struct channel *channel, ct_u32 offset)
{
	ct_u32 word = offset / 8;

	return word < HCHAN_WORDS ? channel->words[word] : 0;
}

static __always_inline int read_channel(struct channel *channel, ct_u64 addr)
{
	return !addr || bpf_probe_read_user(channel, sizeof(*channel), (void *)addr);
}

static __always_inline int is_closed(const struct channel *channel)
{
	return (ct_u32)(field(channel, config.hchan_closed) >> 8 * (config.hchan_closed & 7));
}

static __always_inline int is_drained(const struct channel *channel)
{
	return is_closed(channel) && !field(channel, config.hchan_qcount);
}

static __always_inline int can_recv(const struct channel *channel)
{
	return field(channel, config.hchan_qcount) || is_closed(channel) ||
	       field(channel, config.hchan_sendq);
}

static __always_inline int can_send(const struct channel *channel)
{
	return field(channel, config.hchan_qcount) < field(channel, config.hchan_dataqsiz) ||
	       field(channel, config.hchan_recvq);
}

static __always_inline void note_poll(ct_u32 site, ct_u32 kind, ct_u64 g, int found, ct_u64 chan)
{
	struct ct_tally *tally = tally_of(site, kind);
	ct_u64 now, goid, gap;

	if (!tally)
		return;
	now = bpf_ktime_get_ns();
	goid = g_goid(g);
	gap = now - tally->last_ns;
	if (tally->last_goid == goid && gap < CT_SPIN_GAP_NS)
		note_duration(tally, window.weight, window.time_weight, gap);
	if (found)
		add_weighted(&tally->hits, 1);
	tally->value = chan;
	note_tally(tally, window.weight, now, goid);
}

#define FOUND 1
#define DRAINED 2

/*
 * What a look at channels takes of the stack must be free again for the walk to the site: a chain of
 * calls has 512 bytes of it.
 */
static __noinline int look_at(ct_u64 chan, ct_u64 sends)
{
	struct channel channel;
	int seen;

	if (read_channel(&channel, chan))
		return 0; /* nil: never ready */
	seen = (sends ? can_send(&channel) : can_recv(&channel)) ? FOUND : 0;
	return is_drained(&channel) ? seen | DRAINED : seen;
}

int on_poll(ct_u64 g, ct_u64 chan, ct_u64 kind, ct_u64 stack, ct_u64 frame)
{
	int seen = look_at(chan, kind == CT_TALLY_POLL_SEND);
	ct_u32 site = site_of_call(stack, frame);

	note_poll(site, kind, g, seen & FOUND, chan);
	if (kind == CT_TALLY_POLL_RECV && seen & DRAINED)
		note_poll(site, CT_TALLY_RECV_CLOSED, g, 1, chan);
	return 0;
}

int on_recv(ct_u64 g, ct_u64 chan, ct_u64 stack, ct_u64 frame)
{
	if (look_at(chan, 0) & DRAINED)
		note_poll(site_of_call(stack, frame), CT_TALLY_RECV_CLOSED, g, 1, chan);
	return 0;
}

/*
 * runtime.scase: the channel, and where its element is. Sends come first. The drained channel that was
 * received from, 0: none, with FOUND, which is no part of an address; all bits: the cases could not be read.
 */
#define UNREAD (~0ULL)
static __noinline ct_u64 look_at_cases(ct_u64 cases, ct_u32 sends, ct_u32 all)
{
	/* zeroed, since Linux 6.1 takes a read of varying size for one that may leave a part unwritten */
	ct_u64 scases[2 * CASES_MAX] = {}, drained = 0;
	int found = 0;

	if (all > CASES_MAX)
		all = CASES_MAX;
	if (!all || bpf_probe_read_user(scases, all * 16, (void *)cases))
		return UNREAD;
	for (ct_u32 i = 0; i < CASES_MAX; i++) {
		int seen;

		if (i >= all)
			break;
		seen = look_at(scases[2 * i], i < sends);
		found |= seen & FOUND;
		if (i >= sends && seen & DRAINED)
			drained = scases[2 * i];
	}
	return drained | found;
}

int on_select(ct_u64 g, ct_u64 cases, ct_u64 counts, ct_u64 stack, ct_u64 frame)
{
	ct_u32 sends = counts & 0x7fff, blocks = counts & 0x8000, all = sends + (counts >> 16);
	ct_u64 seen = look_at_cases(cases, sends, all), drained = seen & ~(ct_u64)FOUND;
	ct_u32 site;

	if (seen == UNREAD || (blocks && !drained))
		return 0;
	site = site_of_call(stack, frame);
	if (!blocks)
		note_poll(site, CT_TALLY_POLL_SELECT, g, seen & FOUND, 0);
	if (drained)
		note_poll(site, CT_TALLY_RECV_CLOSED, g, 1, drained);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
