// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <sys/utsname.h>

#include "cmd/command.h"
#include "cmd/find.h"
#include "cmd/output.h"
#include "export/json_parts.h"
#include "probe/kernel.h"
#include "probe/plan.h"
#include "probe/privilege.h"
#include "view/table.h"

#define ALL_ROLES ((1U << ROLE_COUNT) - 1)

enum verdict { GOOD, LIMITED, BAD };

struct check {
	const char *name;
	enum verdict verdict;
	char text[400];
};

typedef VEC(struct check) checks;

struct examination {
	checks checks;
	struct target target;
	struct plan plan;
	bool has_target, has_plan;
};

static const char *verdict_name(enum verdict verdict)
{
	static const char *const names[] = { [GOOD] = "ok", [LIMITED] = "limited", [BAD] = "no" };

	return names[verdict];
}

static void note(struct examination *exam, const char *name, enum verdict verdict, const char *text,
		 const char *detail)
{
	struct check *check = vec_push(&exam->checks);

	if (!check)
		return;
	check->name = name;
	check->verdict = verdict;
	snprintf(check->text, sizeof(check->text), "%s%s", text, detail);
}

static void examine_privilege(struct examination *exam)
{
	struct privilege may = privilege_read();

	note(exam, "load programs", may.load_programs ? GOOD : BAD,
	     may.load_programs ? "CAP_BPF" : "CAP_BPF is missing: run as root, or use --no-probes",
	     "");
	note(exam, "attach probes", may.attach_probes ? GOOD : BAD,
	     may.attach_probes ? "CAP_PERFMON" :
				 "CAP_PERFMON is missing: run as root, or use --no-probes",
	     "");
	note(exam, "read memory", may.read_memory ? GOOD : LIMITED,
	     may.read_memory ?
		     "CAP_SYS_PTRACE" :
		     "CAP_SYS_PTRACE is missing: only this user's own processes, if at all",
	     "");
}

static void examine_kernel(struct examination *exam)
{
	static const char *const lockdown[] = {
		[LOCKDOWN_NONE] = "none",
		[LOCKDOWN_INTEGRITY] = "integrity",
		[LOCKDOWN_CONFIDENTIALITY] =
			"confidentiality: probes cannot read memory; use --no-probes",
		[LOCKDOWN_UNKNOWN] = "unknown",
	};
	enum kernel_lockdown mode = kernel_lockdown_mode();
	struct utsname kernel = { 0 };

	uname(&kernel);
	note(exam, "kernel", GOOD, "Linux ", kernel.release);
	if (kernel_has_uprobe_multi())
		note(exam, "uprobes", GOOD, "one link for many (uprobe_multi)", "");
	else if (kernel_has_uprobe_perf())
		note(exam, "uprobes", LIMITED,
		     "one perf event each: attaching takes longer; uprobe_multi needs Linux 6.6, and the "
		     "privilege to try it",
		     "");
	else
		note(exam, "uprobes", BAD, "this kernel has none (CONFIG_UPROBES); use --no-probes",
		     "");
	note(exam, "lockdown", mode == LOCKDOWN_CONFIDENTIALITY ? BAD : GOOD, lockdown[mode], "");
	note(exam, "BTF", GOOD, kernel_has_btf() ? "there, not needed" : "none, and none is needed",
	     "");
}

static void note_target(struct examination *exam)
{
	static const char *const origins[] = {
		[LAYOUT_FROM_TABLE] = "of the table, and it holds in the process",
		[LAYOUT_FROM_DWARF] = "from the executable's DWARF, and it holds in the process",
		[LAYOUT_FROM_NEAREST] = "of the nearest known version: it holds in the process",
	};
	const struct target *target = &exam->target;
	char text[256];

	snprintf(text, sizeof(text), "%s%s%s%s, GOMAXPROCS %u", target->build.go_version,
		 target->stripped ? ", stripped" : ", with symbols",
		 target->image.pie ? ", PIE" : "", target->cgo ? ", cgo" : "", target->gomaxprocs);
	note(exam, "process", GOOD, text, "");
	note(exam, "layouts", target->layout_origin == LAYOUT_FROM_NEAREST ? LIMITED : GOOD,
	     origins[target->layout_origin], "");
	note(exam, "semaphores", target->semtable ? GOOD : LIMITED,
	     target->semtable ?
		     "found: lock waits of before the attach have their lock" :
		     "runtime.semtable not found: lock waits of before the attach lack the lock",
	     "");
}

static void note_plan(struct examination *exam)
{
	uint32_t missing = plan_missing_roles(&exam->plan, ALL_ROLES & ~ROLES_OPTIONAL);
	size_t stepped = 0, often = 0, left_out = 0;
	char text[200];

	for (size_t i = 0; i < exam->plan.sites.len; i++) {
		stepped += exam->plan.sites.data[i].verdict == PLAN_STEPPED;
		often += exam->plan.sites.data[i].verdict == PLAN_STEPPED &&
			 exam->plan.sites.data[i].point->pace != CT_PACE_RARE;
		left_out += !exam->plan.sites.data[i].address;
	}
	snprintf(text, sizeof(text), "%zu places, %zu of them single-stepped, %zu left out",
		 exam->plan.sites.len - left_out, stepped, left_out);
	note(exam, "probes", missing || often ? LIMITED : GOOD, text, "");
}

static int examine_target(struct examination *exam, const struct options *options, struct err *err)
{
	struct err why = { 0 };
	pid_t pid;
	int status = find_target(options, &pid, err);

	if (!status)
		status = target_open(pid, &exam->target, err);
	if (status)
		return status;
	exam->has_target = true;
	note_target(exam);
	exam->has_plan = !plan_make(&exam->target, ALL_ROLES, &exam->plan, &why);
	if (exam->has_plan)
		note_plan(exam);
	else
		note(exam, "probes", BAD, why.why, "");
	return 0;
}

static const char *verdict_of_site(const struct plan_site *site)
{
	static const char *const names[] = { [PLAN_EMULATED] = "emulated",
					     [PLAN_STEPPED] = "single-stepped",
					     [PLAN_ABSENT] = "absent",
					     [PLAN_UNDECODABLE] = "left out" };

	return names[site->verdict];
}

static json_t *site_row(const struct plan_site *site)
{
	bool there = site->address;

	return json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:s, s:s, s:s}", "role",
			 probe_role_name(site->point->role), "function", site->function, "verdict",
			 verdict_of_site(site), "addr",
			 there ? json_address(site->address) : json_null(), "offset",
			 there ? json_integer(site->offset) : json_null(), "instruction",
			 there ? json_string(site->instruction) : json_null(), "arguments",
			 site->point->args_amd64, "reason", site->reason, "without",
			 site->point->without);
}

static json_t *document(const struct examination *exam)
{
	json_t *rows = json_array(), *sites = json_array();

	for (size_t i = 0; i < exam->checks.len; i++) {
		const struct check *check = &exam->checks.data[i];

		json_array_append_new(rows,
				      json_pack("{s:s, s:s, s:s}", "check", check->name, "verdict",
						verdict_name(check->verdict), "text", check->text));
	}
	for (size_t i = 0; i < exam->plan.sites.len; i++)
		json_array_append_new(sites, site_row(&exam->plan.sites.data[i]));
	return json_pack("{s:s, s:o, s:o, s:o}", "schema", "conctrace.doctor/1", "time", json_now(),
			 "checks", rows, "probes", sites);
}

static const struct table_column columns[] = {
	{ .title = "ROLE", .left = true },
	{ .title = "FUNCTION", .left = true },
	{ .title = "ADDRESS" },
	{ .title = "OFFSET" },
	{ .title = "VERDICT", .left = true },
	{ .title = "INSTRUCTION", .left = true, .elastic = true },
};

static int print_plan(const struct examination *exam, FILE *out, const struct view_style *style)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	int status;

	if (!table)
		return -ENOMEM;
	for (size_t i = 0; i < exam->plan.sites.len; i++) {
		const struct plan_site *site = &exam->plan.sites.data[i];

		table_cell(table, "%s", probe_role_name(site->point->role));
		table_cell(table, "%s", site->function);
		if (site->address) {
			table_cell(table, "0x%llx", (unsigned long long)site->address);
			table_cell(table, "+%u", site->offset);
		} else {
			table_cell(table, "-");
			table_cell(table, "-");
		}
		table_cell(table, "%s", verdict_of_site(site));
		table_cell(table, "%s", site->address ? site->instruction : site->reason);
	}
	status = table_print(table, out, style->width, style->color);
	table_free(table);
	for (size_t i = 0; i < exam->plan.sites.len; i++)
		if (!exam->plan.sites.data[i].address)
			fprintf(out, "without %s: %s\n", exam->plan.sites.data[i].function,
				exam->plan.sites.data[i].point->without);
	return status;
}

static int print_text(const struct examination *exam, const struct options *options,
		      struct err *err)
{
	struct view_style style = output_style(options);
	struct output_text text;
	int status = output_text_open(&text, err);

	if (status)
		return status;
	for (size_t i = 0; i < exam->checks.len; i++)
		fprintf(text.stream, "%-14s %-8s %s\n", exam->checks.data[i].name,
			verdict_name(exam->checks.data[i].verdict), exam->checks.data[i].text);
	if (exam->has_plan) {
		fputc('\n', text.stream);
		if (print_plan(exam, text.stream, &style)) {
			output_text_discard(&text);
			return output_no_memory(err);
		}
	}
	return output_text_write(&text, options, err);
}

int cmd_doctor(const struct options *options, struct err *err)
{
	struct examination exam = { 0 };
	int status = 0;

	examine_kernel(&exam);
	examine_privilege(&exam);
	if (options->pid || options->name)
		status = examine_target(&exam, options, err);
	if (!status && options->format == FORMAT_JSON)
		status = output_json(document(&exam), false, options, err);
	else if (!status)
		status = print_text(&exam, options, err);
	if (exam.has_plan)
		plan_free(&exam.plan);
	if (exam.has_target)
		target_close(&exam.target);
	vec_free(&exam.checks);
	return status;
}
