// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/output.h"
#include "collect/snapshot.h"
#include "export/json_parts.h"
#include "target/proc.h"
#include "target/target.h"
#include "view/table.h"

struct go_process {
	pid_t pid;
	char go_version[64];
	char exe[512];
	bool known; /* it could be opened: the next three are true */
	uint64_t goroutines;
	bool has_pprof;    /* net/http/pprof is linked in, which need not mean that it is served */
	char why_not[320]; /* "" when known */
};

typedef VEC(struct go_process) go_processes;

static bool is_go(pid_t pid, struct go_process *process)
{
	struct buildinfo build;
	struct elf_image image;
	char path[64];
	bool found;

	proc_exe_path(pid, path, sizeof(path));
	if (elf_image_open(path, &image, NULL))
		return false;
	found = !buildinfo_read(&image, &build, NULL);
	elf_image_close(&image);
	if (!found)
		return false;
	process->pid = pid;
	snprintf(process->go_version, sizeof(process->go_version), "%s", build.go_version);
	proc_exe_name(pid, process->exe, sizeof(process->exe));
	return true;
}

static bool links_pprof(struct target *target)
{
	struct pclntab_func func;

	return !pclntab_func_by_name(&target->pclntab, "net/http/pprof.Index", &func);
}

static void look_inside(struct go_process *process)
{
	const struct snapshot_options options = { 0 };
	struct snapshot snapshot = { 0 };
	struct target target;
	struct err err = { 0 };

	if (target_open(process->pid, &target, &err)) {
		snprintf(process->why_not, sizeof(process->why_not), "%s", err.why);
		return;
	}
	process->has_pprof = links_pprof(&target);
	process->known = !snapshot_take(&target, &options, &snapshot, &err);
	if (process->known)
		process->goroutines = snapshot.goroutines.len;
	else
		snprintf(process->why_not, sizeof(process->why_not), "%s", err.why);
	snapshot_free(&snapshot);
	target_close(&target);
}

static int list(go_processes *processes, struct err *err)
{
	proc_pids pids = { 0 };
	int status = proc_list(&pids, err);

	for (size_t i = 0; i < pids.len && !status; i++) {
		struct go_process found = { 0 }, *process;

		if (pids.data[i] == getpid() || !is_go(pids.data[i], &found))
			continue;
		look_inside(&found);
		process = vec_push(processes);
		if (process)
			*process = found;
		else
			status = output_no_memory(err);
	}
	vec_free(&pids);
	return status;
}

static json_t *document(const go_processes *processes)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < processes->len; i++) {
		const struct go_process *process = &processes->data[i];

		json_array_append_new(
			rows,
			json_pack("{s:i, s:s, s:s, s:o, s:o, s:o}", "pid", (int)process->pid,
				  "go_version", process->go_version, "exe", process->exe,
				  "goroutines",
				  process->known ? json_integer((json_int_t)process->goroutines) :
						   json_null(),
				  "has_pprof",
				  process->known ? json_boolean(process->has_pprof) : json_null(),
				  "why_not",
				  process->known ? json_null() : json_string(process->why_not)));
	}
	return json_pack("{s:s, s:o, s:o}", "schema", "conctrace.ls/1", "time", json_now(),
			 "processes", rows);
}

static const struct table_column columns[] = {
	{ .title = "PID" },
	{ .title = "GO", .left = true },
	{ .title = "GOROUTINES" },
	{ .title = "PPROF", .left = true },
	{ .title = "EXECUTABLE", .left = true, .elastic = true },
};

static int print_text(const go_processes *processes, const struct options *options, struct err *err)
{
	struct table *table = table_new(columns, sizeof(columns) / sizeof(columns[0]));
	struct view_style style = output_style(options);
	struct output_text text;
	int status = table ? output_text_open(&text, err) : output_no_memory(err);

	if (status) {
		table_free(table);
		return status;
	}
	for (size_t i = 0; i < processes->len; i++) {
		const struct go_process *process = &processes->data[i];

		table_cell(table, "%d", (int)process->pid);
		table_cell(table, "%s", process->go_version);
		if (process->known)
			table_cell(table, "%llu", (unsigned long long)process->goroutines);
		else
			table_cell(table, "?");
		table_cell(table, "%s",
			   !process->known    ? "?" :
			   process->has_pprof ? "linked" :
						"no");
		table_cell(table, "%s%s%s", process->exe, process->known ? "" : "  -- ",
			   process->why_not);
	}
	status = table_print(table, text.stream, style.width, style.color);
	table_free(table);
	if (status) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	if (!processes->len)
		fputs("no Go process that this user may look at\n", text.stream);
	return output_text_write(&text, options, err);
}

int cmd_ls(const struct options *options, struct err *err)
{
	go_processes processes = { 0 };
	int status = list(&processes, err);

	if (!status && options->format == FORMAT_JSON)
		status = output_json(document(&processes), false, options, err);
	else if (!status)
		status = print_text(&processes, options, err);
	vec_free(&processes);
	return status;
}
