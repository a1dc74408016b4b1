// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/config.h"

#include <string.h>

static const struct {
	const char *text;
	enum ct_object_kind kind;
	enum ct_chan_op op;
} waits[] = {
	{ "chan send", CT_OBJ_CHAN, CT_OP_SEND },
	{ "chan receive", CT_OBJ_CHAN, CT_OP_RECV },
	{ "select", CT_OBJ_SELECT, CT_OP_SELECT },
	{ "semacquire", CT_OBJ_SEMA, CT_OP_NONE },
	{ "sync.Cond.Wait", CT_OBJ_COND, CT_OP_NONE },
	{ "sync.Mutex.Lock", CT_OBJ_SEMA, CT_OP_NONE },
	{ "sync.RWMutex.RLock", CT_OBJ_SEMA, CT_OP_NONE },
	{ "sync.RWMutex.Lock", CT_OBJ_SEMA, CT_OP_NONE },
	{ "sync.WaitGroup.Wait", CT_OBJ_SEMA, CT_OP_NONE },
	{ "chan send (synctest)", CT_OBJ_CHAN, CT_OP_SEND },
	{ "chan receive (synctest)", CT_OBJ_CHAN, CT_OP_RECV },
	{ "select (durable)", CT_OBJ_SELECT, CT_OP_SELECT },
	{ "chan send (durable)", CT_OBJ_CHAN, CT_OP_SEND },
	{ "chan receive (durable)", CT_OBJ_CHAN, CT_OP_RECV },
	{ "sync.WaitGroup.Wait (durable)", CT_OBJ_SEMA, CT_OP_NONE },
	{ "sync.Cond.Wait (durable)", CT_OBJ_COND, CT_OP_NONE },
};

static void note_wait_reasons(int minor, struct ct_config *config)
{
	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		int reason = wait_reason_value(minor, waits[i].text);

		if (reason < 0 || reason >= CT_REASONS)
			continue;
		config->reason_kind[reason] = waits[i].kind;
		config->reason_op[reason] = waits[i].op;
	}
}

void probe_config_for(const struct target *target, struct ct_config *config)
{
	const struct layout *layout = &target->layout;

	memset(config, 0, sizeof(*config));
	config->g_goid = layout->g_goid;
	config->g_m = layout->g_m;
	config->g_gopc = layout->g_gopc;
	config->g_startpc = layout->g_startpc;
	config->g_param = layout->g_param;
	config->g_sched_bp = layout->g_sched + layout->gobuf_bp;
	config->g_sched_pc = layout->g_sched + layout->gobuf_pc;
	config->g_parentgoid = layout->g_parentgoid;
	config->m_curg = layout->m_curg;
	config->sudog_c = layout->sudog_c;
	config->hchan_lock = layout->hchan_lock;
	config->hchan_qcount = layout->hchan_qcount;
	config->hchan_dataqsiz = layout->hchan_dataqsiz;
	config->hchan_closed = layout->hchan_closed;
	config->hchan_sendq = layout->hchan_sendq;
	config->hchan_recvq = layout->hchan_recvq;
	config->waitgroup_state = layout->waitgroup_state;
	config->timer_period = layout->timer_period;
	/* timeTimer (runtime/time.go, 1.23 on): a channel, a bool, and the timer */
	config->timer_in_handle = target->build.version.minor >= 23 ? 16 : 0;
	note_wait_reasons(target->reasons_minor, config);
}
