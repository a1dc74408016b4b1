// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/plan.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "conctrace_abi.h"
#include "probe/place.h"
#include "target/decode.h"

#define FUNCTION_BYTES_MAX (1U << 20)

static const char *function_name(void *ctx, uint64_t addr)
{
	struct target *target = ctx;
	struct pclntab_func func;

	if (pclntab_func_at(&target->pclntab, addr, &func) || func.entry != addr)
		return NULL;
	return func.name;
}

static struct plan_site *add_site(struct plan *plan, const struct probe_point *point,
				  const char *function, enum plan_verdict verdict,
				  const char *reason)
{
	struct plan_site *site = vec_push(&plan->sites);

	if (!site)
		return NULL;
	site->point = point;
	site->function = function;
	site->verdict = verdict;
	snprintf(site->reason, sizeof(site->reason), "%s", reason);
	return site;
}

static int leave_out(struct plan *plan, const struct probe_point *point, const char *function,
		     enum plan_verdict verdict, const char *reason)
{
	return add_site(plan, point, function, verdict, reason) ? 0 : -ENOMEM;
}

static int probe_at(struct target *target, struct plan *plan, const struct probe_point *point,
		    const struct pclntab_func *func, const struct decode_insn *insn, uint64_t flags)
{
	int64_t offset = elf_file_offset(&target->image, insn->addr);
	struct plan_site *site;

	if (offset < 0)
		return leave_out(plan, point, func->name, PLAN_UNDECODABLE,
				 "the instruction is in no loaded segment of the file");
	site = add_site(plan, point, func->name, insn->emulated ? PLAN_EMULATED : PLAN_STEPPED,
			insn->emulated ? "" :
					 "no emulated instruction near the entry: single-stepped");
	if (!site)
		return -ENOMEM;
	site->address = insn->addr + target->load_bias;
	site->offset = insn->addr - func->entry;
	site->file_offset = offset;
	site->cookie = point->handler | flags | (uint64_t)point->pace << CT_COOKIE_PACE_SHIFT;
	snprintf(site->instruction, sizeof(site->instruction), "%s", insn->text);
	return 0;
}

static int plan_calls(struct target *target, struct plan *plan, const struct probe_point *point,
		      const struct pclntab_func *func, const decode_insns *insns)
{
	struct pclntab_func callee;
	bool any_call = false, any_probe = false;
	int status;

	if (pclntab_func_by_name(&target->pclntab, point->callee, &callee))
		return leave_out(plan, point, func->name, PLAN_ABSENT,
				 "the function it calls is inlined or not linked in");
	for (size_t i = 0; i < insns->len; i++) {
		if (insns->data[i].kind != DECODE_CALL || insns->data[i].target != callee.entry)
			continue;
		any_call = true;
		/* where the argument is not plain to see, the program looks at the register */
		if (point->when_reg >= 0 &&
		    !place_call_has_constant(insns, i, point->when_reg, point->when_value))
			continue;
		status = probe_at(target, plan, point, func, &insns->data[i], 0);
		if (status)
			return status;
		any_probe = true;
	}
	if (any_probe)
		return 0;
	return leave_out(plan, point, func->name, PLAN_ABSENT,
			 any_call ? "no call with the wanted argument" :
				    "it makes no such direct call");
}

static int plan_indirect_call(struct target *target, struct plan *plan,
			      const struct probe_point *point, const struct pclntab_func *func,
			      const decode_insns *insns)
{
	struct place place;

	if (place_before_indirect_call(insns, &place))
		return leave_out(plan, point, func->name, PLAN_UNDECODABLE,
				 "the way to its indirect call is not plain to see");
	return probe_at(target, plan, point, func, place.insn, 0);
}

static int plan_entry(struct target *target, struct plan *plan, const struct probe_point *point,
		      const struct pclntab_func *func, const decode_insns *insns)
{
	struct place place;

	if (!place_near_entry(insns, point->arg_regs, function_name, target, &place))
		return probe_at(target, plan, point, func, place.insn,
				place.stack_check ? CT_COOKIE_STACK_CHECK : 0);
	return probe_at(target, plan, point, func, &insns->data[0], 0);
}

static int plan_function(struct target *target, struct plan *plan, const struct probe_point *point,
			 const struct pclntab_func *func)
{
	decode_insns insns = { 0 };
	const uint8_t *code;
	size_t len = func->end - func->entry;
	int status;

	if (func->end <= func->entry || len > FUNCTION_BYTES_MAX)
		return leave_out(plan, point, func->name, PLAN_UNDECODABLE,
				 "the function table gives it an impossible size");
	code = elf_at(&target->image, func->entry, len);
	if (!code)
		return leave_out(plan, point, func->name, PLAN_UNDECODABLE,
				 "its code is not in the file");
	status = decode_function(code, len, func->entry, &insns);
	if (status == -EILSEQ || (!status && !insns.len))
		status = leave_out(plan, point, func->name, PLAN_UNDECODABLE,
				   "its code does not decode");
	else if (!status && point->place == PLACE_CALL)
		status = plan_calls(target, plan, point, func, &insns);
	else if (!status && point->place == PLACE_CALL_IND)
		status = plan_indirect_call(target, plan, point, func, &insns);
	else if (!status)
		status = plan_entry(target, plan, point, func, &insns);
	vec_free(&insns);
	return status;
}

static bool applies(const struct probe_point *point, int minor)
{
	return (!point->min_minor || minor >= point->min_minor) &&
	       (!point->max_minor || minor <= point->max_minor);
}

static int plan_point(struct target *target, struct plan *plan, const struct probe_point *point)
{
	struct pclntab_func func;
	bool found = false;
	int status = 0;

	for (int i = 0; i < PROBE_NAMES && point->names[i] && !status; i++) {
		if (pclntab_func_by_name(&target->pclntab, point->names[i], &func))
			continue;
		status = plan_function(target, plan, point, &func);
		found = true;
		if (!point->all_names)
			break;
	}
	if (found)
		return status;
	return leave_out(plan, point, point->names[0], PLAN_ABSENT,
			 "the binary has no such function: not linked in, or inlined");
}

int plan_make(struct target *target, uint32_t roles, struct plan *plan, struct err *err)
{
	int status;

	memset(plan, 0, sizeof(*plan));
	if (target->image.machine != EM_X86_64)
		return err_set(err, ENOTSUP, "planning the probes", "use --no-probes",
			       "probes are implemented for amd64 only");
	for (size_t i = 0; i < probe_table_len; i++) {
		const struct probe_point *point = &probe_table[i];

		if (!(roles & ROLE_BIT(point->role)) ||
		    !applies(point, target->build.version.minor))
			continue;
		status = plan_point(target, plan, point);
		if (status) {
			plan_free(plan);
			return err_set(err, -status, "planning the probes", "free some memory",
				       "out of memory");
		}
	}
	return 0;
}

void plan_free(struct plan *plan)
{
	vec_free(&plan->sites);
}

uint32_t plan_missing_roles(const struct plan *plan, uint32_t roles)
{
	for (size_t i = 0; i < plan->sites.len; i++)
		if (plan->sites.data[i].address)
			roles &= ~ROLE_BIT(plan->sites.data[i].point->role);
	return roles;
}
