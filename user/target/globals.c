// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "target/globals.h"

#include <errno.h>
#include <string.h>

#include "target/decode.h"
#include "target/memory.h"

#define FUNCTION_BYTES_MAX (1U << 16)
#define GOMAXPROCS_MAX (1U << 16)

static bool by_symbol(struct target *target, const char *name, uint64_t *addr)
{
	uint64_t link_time;

	if (elf_symbol_by_name(&target->image, name, &link_time, NULL))
		return false;
	*addr = link_time + target->load_bias;
	return true;
}

static int decode_named(struct target *target, const char *name, decode_insns *insns)
{
	struct pclntab_func func;
	const uint8_t *code;
	int status;

	if (pclntab_func_by_name(&target->pclntab, name, &func) || func.end <= func.entry ||
	    func.end - func.entry > FUNCTION_BYTES_MAX)
		return -ENOENT;
	code = elf_at(&target->image, func.entry, func.end - func.entry);
	if (!code)
		return -ENOENT;
	status = decode_function(code, func.end - func.entry, func.entry, insns);
	return status == -EILSEQ ? -ENOENT : status;
}

/*
 * runtime.forEachGRace (proc.go) loads allglen, then allgptr, and refers to no other variable: so
 * in every toolchain from 1.18 to 1.27.
 */
static int allgs_by_code(struct target *target)
{
	uint64_t loads[2] = { 0 };
	decode_insns insns = { 0 };
	int status = decode_named(target, "runtime.forEachGRace", &insns);
	size_t count = 0;

	for (size_t i = 0; !status && i < insns.len; i++) {
		if (!insns.data[i].rip_data)
			continue;
		if (count == 2 || !insns.data[i].loads || insns.data[i].rip_bytes != 8)
			status = -ENOENT;
		else
			loads[count++] = insns.data[i].rip_data + target->load_bias;
	}
	vec_free(&insns);
	if (status || count != 2)
		return status ? status : -ENOENT;
	target->allglen = loads[0];
	target->allgptr = loads[1];
	return 0;
}

/* runtime.procresize (proc.go) begins with old := gomaxprocs, its first 4-byte load of a variable. */
static uint64_t gomaxprocs_by_code(struct target *target)
{
	decode_insns insns = { 0 };
	uint64_t addr = 0;

	if (!decode_named(target, "runtime.procresize", &insns)) {
		for (size_t i = 0; i < insns.len && !addr; i++)
			if (insns.data[i].rip_data && insns.data[i].loads &&
			    insns.data[i].rip_bytes == 4)
				addr = insns.data[i].rip_data + target->load_bias;
	}
	vec_free(&insns);
	return addr;
}

static void find_gomaxprocs(struct target *target)
{
	uint32_t value;

	if (!by_symbol(target, "runtime.gomaxprocs", &target->gomaxprocs_addr))
		target->gomaxprocs_addr = gomaxprocs_by_code(target);
	if (!target->gomaxprocs_addr)
		return;
	if (memory_read(target->pid, target->gomaxprocs_addr, &value, sizeof(value)) || !value ||
	    value > GOMAXPROCS_MAX)
		target->gomaxprocs_addr = 0;
	else
		target->gomaxprocs = value;
}

static bool refers_to(const decode_insns *insns, uint64_t addr)
{
	for (size_t i = 0; i < insns->len; i++)
		if (insns->data[i].rip_data == addr)
			return true;
	return false;
}

/*
 * semacquire1 and semrelease1 (sema.go) have one variable's address in common: the table of
 * semaphore roots, which has no bytes in the file (it is zero at the start).
 */
static uint64_t semtable_by_code(struct target *target)
{
	decode_insns acquire = { 0 }, release = { 0 };
	uint64_t addr = 0;

	if (!decode_named(target, "runtime.semacquire1", &acquire) &&
	    !decode_named(target, "runtime.semrelease1", &release)) {
		for (size_t i = 0; i < acquire.len && !addr; i++) {
			const struct decode_insn *insn = &acquire.data[i];

			if (insn->rip_data && insn->address_only &&
			    refers_to(&release, insn->rip_data) &&
			    !elf_bytes_from(&target->image, insn->rip_data))
				addr = insn->rip_data + target->load_bias;
		}
	}
	vec_free(&acquire);
	vec_free(&release);
	return addr;
}

/* The variable whose address the caller puts in the first argument's register right before it calls. */
static uint64_t receiver_by_code(struct target *target, const char *caller, const char *called)
{
	const struct decode_insn *last = NULL; /* to write rax */
	decode_insns insns = { 0 };
	struct pclntab_func func;
	uint64_t addr = 0;

	if (!pclntab_func_by_name(&target->pclntab, called, &func) &&
	    !decode_named(target, caller, &insns)) {
		for (size_t i = 0; i < insns.len && !addr; i++) {
			const struct decode_insn *insn = &insns.data[i];

			if (insn->kind == DECODE_CALL && insn->target == func.entry && last &&
			    last->address_only && last->rip_data)
				addr = last->rip_data + target->load_bias;
			if (insn->writes & 1)
				last = insn;
		}
	}
	vec_free(&insns);
	return addr;
}

/*
 * runtime.mallocinit (malloc.go) calls mheap_.init(). So in every toolchain from 1.19 to 1.27.
 */
static uint64_t mheap_by_code(struct target *target)
{
	return receiver_by_code(target, "runtime.mallocinit", "runtime.(*mheap).init");
}

/*
 * runtime.queuefinalizer (mfinal.go) puts a new block in front of allfin, and markroot (mgcmark.go) goes over
 * the list: no other variable of a word is read in both.
 */
static uint64_t allfin_by_code(struct target *target)
{
	decode_insns queue = { 0 }, mark = { 0 };
	uint64_t addr = 0;

	if (!decode_named(target, "runtime.queuefinalizer", &queue) &&
	    !decode_named(target, "runtime.markroot", &mark)) {
		for (size_t i = 0; i < queue.len && !addr; i++) {
			const struct decode_insn *insn = &queue.data[i];

			if (insn->rip_data && insn->loads && insn->rip_bytes == 8 &&
			    refers_to(&mark, insn->rip_data) &&
			    !elf_bytes_from(&target->image, insn->rip_data))
				addr = insn->rip_data + target->load_bias;
		}
	}
	vec_free(&queue);
	vec_free(&mark);
	return addr;
}

/* From Go 1.25 on, freeSpecial (mheap.go) calls gcCleanups.enqueue. */
static uint64_t cleanups_by_code(struct target *target)
{
	return receiver_by_code(target, "runtime.freeSpecial", "runtime.(*cleanupQueue).enqueue");
}

/*
 * moduledata has types and etypes a few words before gofunc (runtime/symtab.go): types, etypes, rodata;
 * from 1.27 on types, typedesclen, etypes, itaboffset, itabsize, rodata.
 */
static void find_types(struct target *target)
{
	bool new = target->build.version.minor >= 27;
	uint64_t gofunc = target->moduledata + target->layout.moduledata_gofunc, words[6];

	if (!target->moduledata ||
	    memory_read(target->pid, gofunc - sizeof(words), words, sizeof(words)))
		return;
	target->types = words[new ? 0 : 3];
	target->etypes = words[new ? 2 : 4];
	if (target->etypes <= target->types)
		target->types = target->etypes = 0;
}

/*
 * casgstatus (proc.go) calls sched.timeToRun.record. Where that is inlined, as up to Go 1.20, it has
 * the addresses of the histogram's counts and of what is behind them: 45 x 16 of them there, and
 * 40 x 4 later (histogram.go).
 */
#define OLD_COUNTS (45 * 16)
#define NEW_COUNTS (40 * 4)

static uint64_t behind_by(const decode_insns *insns, const struct target *target, uint64_t bytes)
{
	for (size_t i = 0; i < insns->len; i++) {
		const struct decode_insn *insn = &insns->data[i];

		if (insn->rip_data && insn->address_only &&
		    !elf_bytes_from(&target->image, insn->rip_data) &&
		    refers_to(insns, insn->rip_data + bytes))
			return insn->rip_data;
	}
	return 0;
}

static uint64_t argument_of_record(const decode_insns *insns, struct target *target)
{
	struct pclntab_func record;
	uint64_t last = 0;

	if (pclntab_func_by_name(&target->pclntab, "runtime.(*timeHistogram).record", &record))
		return 0;
	for (size_t i = 0; i < insns->len; i++) {
		const struct decode_insn *insn = &insns->data[i];

		if (insn->rip_data && insn->address_only)
			last = insn->rip_data;
		if (insn->kind == DECODE_CALL && insn->target == record.entry)
			return last;
	}
	return 0;
}

static void find_time_to_run(struct target *target)
{
	decode_insns insns = { 0 };
	uint64_t at = 0;

	target->time_to_run = 0;
	if (!decode_named(target, "runtime.casgstatus", &insns)) {
		at = behind_by(&insns, target, OLD_COUNTS * sizeof(uint64_t));
		target->time_to_run_len = OLD_COUNTS + 1;
		if (!at) {
			at = argument_of_record(&insns, target);
			target->time_to_run_len = NEW_COUNTS + 2;
		}
	}
	vec_free(&insns);
	if (at)
		target->time_to_run = at + target->load_bias;
}

int globals_find(struct target *target)
{
	int status = 0;

	if (!by_symbol(target, "runtime.allglen", &target->allglen) ||
	    !by_symbol(target, "runtime.allgptr", &target->allgptr))
		status = allgs_by_code(target);
	if (status)
		return status;
	if (!by_symbol(target, "runtime.semtable", &target->semtable))
		target->semtable = semtable_by_code(target);
	if (!by_symbol(target, "runtime.mheap_", &target->mheap))
		target->mheap = mheap_by_code(target);
	if (!by_symbol(target, "runtime.allfin", &target->allfin))
		target->allfin = allfin_by_code(target);
	if (target->build.version.minor >= 25 &&
	    !by_symbol(target, "runtime.gcCleanups", &target->cleanups))
		target->cleanups = cleanups_by_code(target);
	find_gomaxprocs(target);
	find_time_to_run(target);
	find_types(target);
	return 0;
}
