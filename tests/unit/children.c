// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "children.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(const char *what)
{
	perror(what);
	abort();
}

static void start(struct child *child, const char *path, const char *argument, bool stopped)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) || pipe2(from, O_CLOEXEC))
		fail("pipe2");
	child->pid = fork();
	if (child->pid < 0)
		fail("fork");
	if (!child->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		setenv("GOMAXPROCS", "3", 1);
		if (stopped)
			ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl(path, path, argument, NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	child->to = to[1];
	child->from = from[0];
}

void child_start(struct child *child, const char *path, const char *argument)
{
	start(child, path, argument, false);
}

void child_start_stopped(struct child *child, const char *path)
{
	int status;

	start(child, path, NULL, true);
	/* it stops by itself when the new program is there */
	if (waitpid(child->pid, &status, 0) != child->pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_DETACH, child->pid, NULL, (void *)SIGSTOP) ||
	    waitpid(child->pid, &status, WUNTRACED) != child->pid)
		fail("ptrace");
}

bool child_says(struct child *child, const char *start)
{
	char line[256];
	size_t len = 0;

	while (read(child->from, &line[len], 1) == 1) {
		if (line[len] == '\n') {
			line[len] = '\0';
			if (!strncmp(line, start, strlen(start)))
				return true;
			len = 0;
		} else if (len < sizeof(line) - 1) {
			len++;
		}
	}
	return false;
}

void child_tell(struct child *child, const char *line)
{
	if (dprintf(child->to, "%s\n", line) < 0)
		fail("write");
}

void child_end(struct child *child)
{
	kill(child->pid, SIGKILL);
	while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
		;
	close(child->to);
	close(child->from);
}

void copy_executable(const char *from, char *to)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = mkstemp(to);
	struct stat stat;

	if (in < 0 || out < 0 || fstat(in, &stat))
		fail(from);
	for (off_t left = stat.st_size; left;) {
		ssize_t sent = sendfile(out, in, NULL, left);

		if (sent <= 0)
			fail("sendfile");
		left -= sent;
	}
	if (fchmod(out, 0755))
		fail("fchmod");
	close(in);
	close(out);
}
