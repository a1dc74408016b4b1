// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/table.h"

/* Numbers of amd64 registers as in target/decode.h. */
#define RAX (1U << 0)
#define RCX (1U << 1)
#define RBX (1U << 3)
#define RBP (1U << 5)
#define R14 (1U << 14)
#define REG_RCX 1
#define NO_REG -1

static const char *const role_names[ROLE_COUNT] = {
	[ROLE_SPAWN] = "spawn",
	[ROLE_EXIT] = "exit",
	[ROLE_PARK] = "park",
	[ROLE_READY] = "ready",
	[ROLE_LOCK_WAIT] = "lock wait",
	[ROLE_LOCK_RELEASE] = "lock release",
	[ROLE_CHAN_SEND] = "chan send",
	[ROLE_CHAN_RECV] = "chan recv",
	[ROLE_CHAN_CLOSE] = "chan close",
};

const char *probe_role_name(enum probe_role role)
{
	return role < ROLE_COUNT ? role_names[role] : "?";
}

/*
 * Signatures: runtime/proc.go (newproc, gopark, ready, goexit0, gdestroy, park_m, findRunnable,
 * injectglist), runtime/sema.go (semacquire1, semrelease1, notifyListWait), runtime/chan.go, Go
 * 1.18 to 1.27. mcall hands g0's callee the goroutine in its first argument register.
 */
const struct probe_point probe_table[] = {
	{
		.role = ROLE_SPAWN,
		.handler = CT_ON_SPAWN,
		.names = { "runtime.newproc.func1" },
		.place = PLACE_CALL,
		.callee = "runtime.runqput",
		.when_reg = NO_REG,
		.args_amd64 = "rax=pp rbx=newg",
		.args_arm64 = "r0=pp r1=newg",
		.without = "spawns are not counted; new goroutines appear at their first wait",
	},
	{
		.role = ROLE_EXIT,
		.handler = CT_ON_EXIT,
		.names = { "runtime.gdestroy", "runtime.goexit0" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=gp",
		.args_arm64 = "r0=gp",
		.arg_regs = RAX,
		.without = "exits are not counted; dead goroutines leave with the next snapshot",
	},
	{
		.role = ROLE_PARK,
		.handler = CT_ON_PARK,
		.names = { "runtime.gopark" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=unlockf rbx=lock rcx=reason r14=g",
		.args_arm64 = "r0=unlockf r1=lock r2=reason r28=g",
		.arg_regs = RBX | RCX | RBP | R14,
		.without = "no waits at all: only snapshots remain",
	},
	{
		.role = ROLE_PARK,
		.handler = CT_ON_PARK_ABORTED,
		.names = { "runtime.park_m" },
		.place = PLACE_CALL,
		.callee = "runtime.casgstatus",
		.when_reg = REG_RCX,
		.when_value = 1, /* _Grunnable */
		.args_amd64 = "rax=gp rbx=_Gwaiting rcx=_Grunnable",
		.args_arm64 = "r0=gp r1=_Gwaiting r2=_Grunnable",
		.without = "parks that the runtime took back count as waits whose end was not seen",
	},
	{
		.role = ROLE_READY,
		.handler = CT_ON_READY,
		.names = { "runtime.ready" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=gp r14=g0",
		.args_arm64 = "r0=gp r28=g0",
		.arg_regs = RAX | R14,
		.without = "waits are counted when they begin, but not timed",
	},
	{
		.role = ROLE_READY,
		.handler = CT_ON_READY_SCHEDULER,
		.names = { "runtime.findRunnable", "runtime.findrunnable" },
		.place = PLACE_CALL,
		.callee = "runtime.casgstatus",
		.when_reg = REG_RCX,
		.when_value = 1,
		.args_amd64 = "rax=gp rbx=_Gwaiting rcx=_Grunnable",
		.args_arm64 = "r0=gp r1=_Gwaiting r2=_Grunnable",
		.without = "network waits are not timed",
	},
	{
		.role = ROLE_READY,
		.handler = CT_ON_READY_SCHEDULER,
		.names = { "runtime.injectglist" },
		.place = PLACE_CALL,
		.callee = "runtime.casgstatus",
		.when_reg = REG_RCX,
		.when_value = 1,
		.args_amd64 = "rax=gp rbx=_Gwaiting rcx=_Grunnable",
		.args_arm64 = "r0=gp r1=_Gwaiting r2=_Grunnable",
		.without = "some network waits are not timed",
	},
	{
		.role = ROLE_READY,
		.handler = CT_ON_READY_SCHEDULER,
		.names = { "runtime.(*gcControllerState).findRunnableGCWorker" },
		.place = PLACE_CALL,
		.callee = "runtime.casgstatus",
		.when_reg = REG_RCX,
		.when_value = 1,
		.args_amd64 = "rax=gp rbx=_Gwaiting rcx=_Grunnable",
		.args_arm64 = "r0=gp r1=_Gwaiting r2=_Grunnable",
		.without = "waits of the GC's own workers are not timed",
	},
	{
		.role = ROLE_LOCK_WAIT,
		.handler = CT_ON_LOCK_WAIT,
		.names = { "runtime.semacquire1" },
		.place = PLACE_CALL,
		.callee = "runtime.(*semaRoot).queue",
		.when_reg = NO_REG,
		.args_amd64 = "rax=root rbx=addr rcx=sudog r14=g",
		.args_arm64 = "r0=root r1=addr r2=sudog r28=g",
		.without = "lock waits are seen, but not for which lock",
	},
	{
		.role = ROLE_LOCK_WAIT,
		.handler = CT_ON_COND_WAIT,
		.names = { "sync.runtime_notifyListWait" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=l rbx=t r14=g",
		.args_arm64 = "r0=l r1=t r28=g",
		.arg_regs = RAX | R14,
		.without = "waits on a sync.Cond are seen, but not for which one",
	},
	{
		.role = ROLE_LOCK_RELEASE,
		.handler = CT_ON_LOCK_RELEASE,
		.names = { "runtime.semrelease1" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=addr rbx=handoff r14=g",
		.args_arm64 = "r0=addr r1=handoff r28=g",
		.arg_regs = RAX | RBX | RBP | R14,
		.without = "who lets go of contended locks is not known",
	},
	{
		.role = ROLE_CHAN_SEND,
		.handler = CT_ON_CHAN_SEND,
		.names = { "runtime.chansend" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=c rbx=elem rcx=block",
		.args_arm64 = "r0=c r1=elem r2=block",
		.arg_regs = RAX | RCX,
		.without = "sends that do not block are not counted",
	},
	{
		.role = ROLE_CHAN_RECV,
		.handler = CT_ON_CHAN_RECV,
		.names = { "runtime.chanrecv" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=c rbx=elem rcx=block",
		.args_arm64 = "r0=c r1=elem r2=block",
		.arg_regs = RAX | RCX,
		.without = "receives that do not block are not counted",
	},
	{
		.role = ROLE_CHAN_CLOSE,
		.handler = CT_ON_CHAN_CLOSE,
		.names = { "runtime.closechan" },
		.place = PLACE_ENTRY,
		.when_reg = NO_REG,
		.args_amd64 = "rax=c",
		.args_arm64 = "r0=c",
		.arg_regs = RAX,
		.without = "closes are not counted",
	},
};

const size_t probe_table_len = sizeof(probe_table) / sizeof(probe_table[0]);
