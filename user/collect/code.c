// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/code.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define FUNCTION_MAX (1U << 16) /* bytes; larger ones are left opaque */
#define QUIET_MAX 256           /* functions looked into before one is called quiet */
#define SLOW_HALF_MAX 16        /* instructions from an atomic one to the call of its slow half */

struct node {
	struct code_function function;
	UT_hash_handle hh;
};

/* A pc to its function: direct-mapped, as many frames share few pcs. */
#define PCS (1U << 12)

struct code {
	const struct target *target;
	struct node *nodes;
	uint32_t looks; /* of code_is_quiet */
	struct {
		uint64_t pc;
		struct code_function *function;
	} pcs[PCS];
};

struct code *code_new(const struct target *target)
{
	struct code *code = calloc(1, sizeof(*code));

	if (code)
		code->target = target;
	return code;
}

void code_free(struct code *code)
{
	struct node *node, *next;

	if (!code)
		return;
	HASH_ITER(hh, code->nodes, node, next) {
		HASH_DEL(code->nodes, node);
		vec_free(&node->function.insns);
		free(node);
	}
	free(code);
}

static bool begins(const char *text, const char *prefix)
{
	return !strncmp(text, prefix, strlen(prefix));
}

/* src/sync, src/internal/sync, src/runtime/{chan,select,panic}.go, Go 1.18 to 1.27; golang.org/x/sync to v0.20.0. */
static enum code_effect effect_of(const char *name)
{
	static const struct {
		const char *name;
		enum code_effect effect;
	} effects[] = {
		{ "sync.(*Mutex).Lock", CODE_LOCK },
		{ "sync.(*Mutex).TryLock", CODE_LOCK },
		{ "sync.(*Mutex).lockSlow", CODE_LOCK },
		{ "sync.(*Mutex).Unlock", CODE_UNLOCK },
		/* what was added before the slow halves of unlocking has counted already */
		{ "sync.(*Mutex).unlockSlow", CODE_OPAQUE },
		{ "internal/sync.(*Mutex).Lock", CODE_LOCK },
		{ "internal/sync.(*Mutex).TryLock", CODE_LOCK },
		{ "internal/sync.(*Mutex).lockSlow", CODE_LOCK },
		{ "internal/sync.(*Mutex).Unlock", CODE_UNLOCK },
		{ "internal/sync.(*Mutex).unlockSlow", CODE_OPAQUE },
		{ "sync.(*RWMutex).Lock", CODE_WRITE_LOCK },
		{ "sync.(*RWMutex).TryLock", CODE_WRITE_LOCK },
		{ "sync.(*RWMutex).Unlock", CODE_WRITE_UNLOCK },
		{ "sync.(*RWMutex).RLock", CODE_READ_LOCK },
		{ "sync.(*RWMutex).TryRLock", CODE_READ_LOCK },
		{ "sync.(*RWMutex).RUnlock", CODE_READ_UNLOCK },
		{ "sync.(*RWMutex).rUnlockSlow", CODE_OPAQUE },
		{ "sync.(*rlocker).Lock", CODE_READ_LOCK },
		{ "sync.(*rlocker).Unlock", CODE_READ_UNLOCK },
		{ "sync.(*WaitGroup).Done", CODE_GROUP_DONE },
		{ "sync.(*WaitGroup).Add", CODE_GROUP_ADD },
		{ "sync.(*WaitGroup).Wait", CODE_GROUP_WAIT },
		{ "sync.(*Cond).Signal", CODE_COND_WAKE },
		{ "sync.(*Cond).Broadcast", CODE_COND_WAKE },
		{ "sync.runtime_notifyListNotifyOne", CODE_LIST_WAKE },
		{ "sync.runtime_notifyListNotifyAll", CODE_LIST_WAKE },
		{ "sync.fatal", CODE_NO_RETURN },
		{ "sync.throw", CODE_NO_RETURN },
		{ "internal/sync.fatal", CODE_NO_RETURN },
		{ "internal/sync.throw", CODE_NO_RETURN },
		{ "os.Exit", CODE_NO_RETURN },
		{ "log.Fatal", CODE_NO_RETURN },
		{ "log.Fatalf", CODE_NO_RETURN },
		{ "log.Fatalln", CODE_NO_RETURN },
		{ "golang.org/x/sync/semaphore.(*Weighted).Acquire", CODE_ACQUIRE },
		{ "golang.org/x/sync/semaphore.(*Weighted).TryAcquire", CODE_ACQUIRE },
		{ "golang.org/x/sync/semaphore.(*Weighted).Release", CODE_RELEASE },
		{ "runtime.chansend1", CODE_SEND },
		{ "runtime.selectnbsend", CODE_SEND },
		{ "runtime.chanrecv1", CODE_RECV },
		{ "runtime.chanrecv2", CODE_RECV },
		{ "runtime.selectnbrecv", CODE_RECV_SECOND },
		{ "runtime.closechan", CODE_CLOSE },
		{ "runtime.selectgo", CODE_SELECT },
		{ "runtime.deferreturn", CODE_DEFER_RETURN },
		{ "runtime.gopanic", CODE_UNWINDS },
		{ "runtime.goPanicIndex", CODE_NO_RETURN },
		{ "runtime.goexit", CODE_UNWINDS },
		{ "runtime.Goexit", CODE_UNWINDS },
		{ "runtime.throw", CODE_NO_RETURN },
		{ "runtime.fatal", CODE_NO_RETURN },
		{ "runtime.block", CODE_NO_RETURN },
	};

	for (size_t i = 0; i < sizeof(effects) / sizeof(effects[0]); i++)
		if (!strcmp(name, effects[i].name))
			return effects[i].effect;
	if (begins(name, "runtime.panic") || begins(name, "runtime.goPanic"))
		return CODE_NO_RETURN;
	if (begins(name, "runtime.") || begins(name, "internal/runtime/") ||
	    begins(name, "runtime/internal/") || begins(name, "sync.runtime_") ||
	    begins(name, "internal/sync.runtime_"))
		return CODE_OPAQUE;
	return CODE_PLAIN;
}

/*
 * Go statements, timers, finalizers, C, deferred calls and coroutines run code that is not told; system calls
 * and atomic writes tell others something; whole values may have locks in them. src/runtime/{proc,time,
 * mfinal,mcleanup,cgocall,coro,mbarrier}.go, Go 1.18 to 1.27.
 */
static bool hands_over(const char *name)
{
	static const char *const prefixes[] = {
		"runtime.newproc",          "time.newTimer",
		"time.startTimer",          "time.resetTimer",
		"runtime.SetFinalizer",     "runtime.AddCleanup",
		"runtime.cgocall",          "runtime.asmcgocall",
		"runtime.deferreturn",      "runtime.coroswitch",
		"runtime.reflectcall",      "runtime.call",
		"runtime.typedmemclr",      "runtime.typedmemmove",
		"runtime/internal/atomic",  "internal/runtime/atomic",
		"runtime/internal/syscall", "internal/runtime/syscall",
		"syscall.Syscall",          "syscall.RawSyscall",
	};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (begins(name, prefixes[i]))
			return true;
	return false;
}

/* src/sync/{mutex,rwmutex}.go, src/internal/sync/mutex.go, Go 1.18 to 1.27. */
static bool is_slow_half(const char *name)
{
	return !strcmp(name, "sync.(*Mutex).lockSlow") ||
	       !strcmp(name, "internal/sync.(*Mutex).lockSlow") ||
	       !strcmp(name, "sync.runtime_SemacquireMutex") ||
	       !strcmp(name, "sync.runtime_SemacquireRWMutexR");
}

static struct code_function *look_up(struct code *code, uint64_t pc)
{
	const struct target *target = code->target;
	struct pclntab_func func;
	struct node *node;
	uint64_t entry;

	if (pclntab_func_at(&target->pclntab, pc - target->load_bias, &func))
		return NULL;
	entry = func.entry + target->load_bias;
	HASH_FIND(hh, code->nodes, &entry, sizeof(entry), node);
	if (node)
		return &node->function;
	node = calloc(1, sizeof(*node));
	if (!node)
		return NULL;
	node->function.entry = entry;
	node->function.effect = effect_of(func.name);
	node->function.in_sync = begins(func.name, "sync.") || begins(func.name, "internal/sync.");
	node->function.tries = strstr(func.name, ").Try") != NULL;
	node->function.grows_stack = begins(func.name, "runtime.morestack");
	node->function.is_barrier = begins(func.name, "runtime.gcWriteBarrier");
	node->function.hands_over = hands_over(func.name);
	node->function.is_slow_half = is_slow_half(func.name);
	node->function.args = func.args;
	node->function.busy_depth = -1;
	HASH_ADD(hh, code->nodes, function.entry, sizeof(node->function.entry), node);
	return &node->function;
}

struct code_function *code_at(struct code *code, uint64_t pc)
{
	size_t slot = (pc * 0x9e3779b97f4a7c15ULL) >> 52;

	if (code->pcs[slot].pc != pc || !pc) {
		code->pcs[slot].function = look_up(code, pc);
		code->pcs[slot].pc = pc;
	}
	return code->pcs[slot].function;
}

struct code_function *code_lifted(struct code *code, uint64_t pc)
{
	const struct target *target = code->target;
	struct code_function *function = code_at(code, pc);
	struct pclntab_func func;
	const uint8_t *bytes;

	if (!function || function->lifted)
		return function;
	function->lifted = true;
	if (function->effect == CODE_OPAQUE ||
	    pclntab_func_at(&target->pclntab, function->entry - target->load_bias, &func) ||
	    func.end - func.entry > FUNCTION_MAX)
		return function;
	bytes = elf_at(&target->image, func.entry, func.end - func.entry);
	if (!bytes ||
	    lift_function(bytes, func.end - func.entry, function->entry, &function->insns))
		vec_free(&function->insns);
	return function;
}

static bool is_operation(const struct lift_insn *insn)
{
	return insn->locked && (insn->op == LIFT_XADD || insn->op == LIFT_CMPXCHG);
}

static bool calls_operation(struct code *code, const struct lift_insn *insn, int depth)
{
	struct code_function *callee;

	if (insn->op != LIFT_CALL && insn->op != LIFT_JUMP)
		return false;
	if (!insn->target)
		return true;
	callee = code_at(code, insn->target);
	if (!callee || callee->effect == CODE_OPAQUE || callee->effect == CODE_NO_RETURN ||
	    callee->effect == CODE_UNWINDS)
		return false;
	if (callee->effect != CODE_PLAIN)
		return true;
	/* a jump within the function leads to where it was looked already */
	if (insn->op == LIFT_JUMP && insn->target != callee->entry)
		return false;
	return depth > 0 && code_is_busy(code, callee, depth - 1);
}

bool code_is_busy(struct code *code, struct code_function *function, int depth)
{
	struct code_function *lifted;

	if (function->is_busy || function->busy_depth >= depth)
		return function->is_busy;
	lifted = code_lifted(code, function->entry);
	function->busy_depth = (int8_t)depth; /* set first: it may call itself */
	for (size_t i = 0; lifted && i < lifted->insns.len; i++) {
		const struct lift_insn *insn = &lifted->insns.data[i];

		if (is_operation(insn) || calls_operation(code, insn, depth)) {
			function->is_busy = true;
			break;
		}
	}
	return function->is_busy;
}

bool code_is_atomic(const struct lift_insn *insn)
{
	return insn->locked || (insn->op == LIFT_XCHG &&
				(insn->to.place == LIFT_MEM || insn->from.place == LIFT_MEM));
}

static bool is_acquiring(enum code_effect effect)
{
	return effect == CODE_LOCK || effect == CODE_WRITE_LOCK || effect == CODE_READ_LOCK;
}

/* What only the inlined halves of Lock and RLock call, right after their atomic instruction. */
static bool calls_slow_half(struct code *code, const struct lift_insn *insn)
{
	const struct code_function *callee = insn->target ? code_at(code, insn->target) : NULL;

	return callee && callee->is_slow_half;
}

/* Some way leads to the slow half with nothing atomic, and no other call, before. */
static bool leads_to_slow_half(struct code *code, const lift_insns *insns, size_t at, int branches)
{
	for (int i = 0; i < SLOW_HALF_MAX && at < insns->len; i++) {
		const struct lift_insn *insn = &insns->data[at++];

		if (code_is_atomic(insn) || insn->op == LIFT_RET || insn->op == LIFT_TRAP)
			return false;
		if (insn->op == LIFT_CALL)
			return calls_slow_half(code, insn);
		if (insn->op == LIFT_JUMP) {
			at = insn->target ? lift_find(insns, insn->target) : insns->len;
		} else if (insn->op == LIFT_JCC) {
			if (branches-- == 0)
				return false;
			if (leads_to_slow_half(code, insns, lift_find(insns, insn->target),
					       branches))
				return true;
		}
	}
	return false;
}

bool code_tells_nothing(struct code *code, const struct code_function *function,
			const struct lift_insn *insn)
{
	size_t at = (size_t)(insn - function->insns.data);

	return is_operation(insn) && insn->to.size == 4 &&
	       leads_to_slow_half(code, &function->insns, at + 1, 1);
}

/* Functions that are to be looked into. */
struct calls {
	struct code_function *list[QUIET_MAX];
	size_t count;
};

static bool is_harmless(enum code_effect effect)
{
	return effect == CODE_OPAQUE || effect == CODE_NO_RETURN || effect == CODE_UNWINDS ||
	       is_acquiring(effect);
}

static bool add_call(struct code *code, struct calls *calls, struct code_function *callee)
{
	if (callee->hands_over)
		return false;
	if (callee->effect != CODE_PLAIN)
		return is_harmless(callee->effect);
	if (callee->look == code->looks || callee->quiet == CODE_IS_QUIET)
		return true;
	if (callee->quiet == CODE_IS_NOT_QUIET || calls->count == QUIET_MAX)
		return false;
	callee->look = code->looks;
	calls->list[calls->count++] = callee;
	return true;
}

static bool is_quiet_insn(struct code *code, struct calls *calls,
			  const struct code_function *function, const struct lift_insn *insn)
{
	struct code_function *callee;

	if (code_is_atomic(insn))
		return code_tells_nothing(code, function, insn);
	if (insn->op != LIFT_CALL && insn->op != LIFT_JUMP && insn->op != LIFT_JCC)
		return true;
	callee = insn->target ? code_at(code, insn->target) : NULL;
	if (callee == function && insn->op != LIFT_CALL)
		return true;
	return callee && add_call(code, calls, callee);
}

bool code_is_quiet(struct code *code, struct code_function *function)
{
	struct calls calls = { 0 };
	bool quiet;

	code->looks++;
	quiet = add_call(code, &calls, function);
	for (size_t i = 0; i < calls.count && quiet; i++) {
		const struct code_function *lifted = code_lifted(code, calls.list[i]->entry);

		quiet = lifted->insns.len > 0;
		for (size_t j = 0; j < lifted->insns.len && quiet; j++)
			quiet = is_quiet_insn(code, &calls, lifted, &lifted->insns.data[j]);
	}
	if (function->effect == CODE_PLAIN)
		function->quiet = quiet ? CODE_IS_QUIET : CODE_IS_NOT_QUIET;
	return quiet;
}
