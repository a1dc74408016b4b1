// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/find.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "target/proc.h"

static bool has_name(pid_t pid, const char *name)
{
	static const char deleted[] = " (deleted)";
	char exe[4096];
	char *slash, *end;

	if (proc_exe_name(pid, exe, sizeof(exe)))
		return false;
	end = strstr(exe, deleted);
	if (end && !end[strlen(deleted)])
		*end = '\0';
	slash = strrchr(exe, '/');
	return !strcmp(slash ? slash + 1 : exe, name);
}

static int no_such_name(const char *name, struct err *err)
{
	return err_set(err, ESRCH, "finding the process", "see `conctrace ls`, and give -p PID",
		       "no process runs an executable %.100s", name);
}

static int several(const proc_pids *pids, struct err *err)
{
	char list[160] = "";
	size_t used = 0;

	for (size_t i = 0; i < pids->len && used < sizeof(list) - 16; i++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%d", i ? ", " : "",
					 (int)pids->data[i]);
	return err_set(err, EEXIST, "finding the process", "give -p with one of them",
		       "several have this name: %s", list);
}

static int find_by_name(const char *name, pid_t *pid, struct err *err)
{
	proc_pids all = { 0 }, found = { 0 };
	int status = proc_list(&all, err);

	for (size_t i = 0; i < all.len && !status; i++) {
		pid_t *slot;

		if (all.data[i] == getpid() || !has_name(all.data[i], name))
			continue;
		slot = vec_push(&found);
		if (slot)
			*slot = all.data[i];
		else
			status = err_set(err, ENOMEM, "finding the process", "free some memory",
					 "out of memory");
	}
	if (!status && !found.len)
		status = no_such_name(name, err);
	else if (!status && found.len > 1)
		status = several(&found, err);
	else if (!status)
		*pid = found.data[0];
	vec_free(&all);
	vec_free(&found);
	return status;
}

int find_target(const struct options *options, pid_t *pid, struct err *err)
{
	if (options->name)
		return find_by_name(options->name, pid, err);
	*pid = (pid_t)options->pid;
	return 0;
}
