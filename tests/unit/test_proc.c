// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "target/proc.h"

struct thread {
	int wake[2];
	pid_t tid;
	pthread_barrier_t started;
};

static void *wait_to_be_woken(void *argument)
{
	struct thread *thread = argument;
	char byte;

	thread->tid = syscall(SYS_gettid);
	pthread_barrier_wait(&thread->started);
	return read(thread->wake[0], &byte, 1) < 0 ? argument : NULL;
}

static void tells_processes_from_threads(void **state)
{
	struct thread thread;
	pthread_t handle;
	char own[32];
	struct err err;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(thread.wake), 0);
	pthread_barrier_init(&thread.started, NULL, 2);
	assert_int_equal(pthread_create(&handle, NULL, wait_to_be_woken, &thread), 0);
	pthread_barrier_wait(&thread.started);
	assert_int_equal(proc_check_pid(getpid(), &err), 0);
	assert_int_equal(proc_check_pid(thread.tid, &err), -EINVAL);
	snprintf(own, sizeof(own), "%d", getpid());
	assert_non_null(strstr(err.why, "thread"));
	assert_non_null(strstr(err.todo, own));
	close(thread.wake[1]);
	pthread_join(handle, NULL);
	pthread_barrier_destroy(&thread.started);
	close(thread.wake[0]);

	child = fork();
	if (!child)
		_exit(0);
	waitid(P_PID, child, NULL, WEXITED | WNOWAIT);
	assert_int_equal(proc_check_pid(child, &err), -ESRCH);
	assert_non_null(strstr(err.why, "has exited"));
	waitpid(child, NULL, 0);
	assert_int_equal(proc_check_pid(child, &err), -ESRCH);

	assert_int_equal(proc_check_pid(0x3fffffff, &err), -ESRCH);
	assert_int_equal(proc_check_pid(0, &err), -ESRCH);
	assert_int_equal(proc_check_pid(-1, &err), -ESRCH);
}

static void names_the_executable(void **state)
{
	char path[64], name[512], expected[512];
	ssize_t len = readlink("/proc/self/exe", expected, sizeof(expected) - 1);

	(void)state;
	expected[len] = '\0';
	proc_exe_path(getpid(), path, sizeof(path));
	assert_int_equal(access(path, R_OK), 0);
	assert_int_equal(proc_exe_name(getpid(), name, sizeof(name)), 0);
	assert_string_equal(name, expected);
	assert_int_equal(proc_exe_name(getpid(), name, 5), 0);
	assert_int_equal(strlen(name), 4);
	assert_int_equal(proc_exe_name(0x3fffffff, name, sizeof(name)), -ENOENT);
	assert_string_equal(name, "");
}

static const struct proc_map *map_of(const proc_maps *maps, const void *addr)
{
	for (size_t i = 0; i < maps->len; i++)
		if (maps->data[i].start <= (uint64_t)addr && (uint64_t)addr < maps->data[i].end)
			return &maps->data[i];
	return NULL;
}

static void reads_maps(void **state)
{
	static const char suffix[] = " with  spaces ";
	char path[64] = "/tmp/test_proc.XXXXXX";
	const struct proc_map *map;
	proc_maps maps = { 0 };
	int fd;
	void *at;

	(void)state;
	strcat(path, suffix);
	fd = mkostemps(path, strlen(suffix), O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 8192), 0);
	at = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 4096);
	unlink(path);

	assert_int_equal(proc_read_maps(getpid(), &maps, NULL), 0);
	map = map_of(&maps, at);
	assert_non_null(map);
	assert_int_equal(map->end - map->start, 4096);
	assert_int_equal(map->offset, 4096);
	assert_true(map->readable && !map->writable && !map->executable && map->inode);
	assert_memory_equal(map->path, path, strlen(path));
	assert_non_null(strstr(map->path, " (deleted)"));

	map = map_of(&maps, (void *)reads_maps);
	assert_true(map && map->readable && map->executable && !map->writable);
	map = map_of(&maps, &maps);
	assert_true(map && map->writable && !map->executable);
	assert_string_equal(map->path, "[stack]");
	for (size_t i = 1; i < maps.len; i++)
		assert_true(maps.data[i].start >= maps.data[i - 1].end);
	vec_free(&maps);
	munmap(at, 4096);
	close(fd);

	assert_int_equal(proc_read_maps(0x3fffffff, &maps, NULL), -ENOENT);
	vec_free(&maps);
}

/* Its name, which stands in the middle of /proc/PID/stat, must not confuse. */
static void measures_time(void **state)
{
	uint64_t before, after, ticks, again, age, later;
	char name[16] = "a) R 1 (2 3", old[16];

	(void)state;
	prctl(PR_GET_NAME, old);
	prctl(PR_SET_NAME, name);
	assert_int_equal(proc_start_time(getpid(), &ticks), 0);
	assert_int_equal(proc_start_time(getpid(), &again), 0);
	assert_true(ticks > 0 && ticks == again);
	assert_int_equal(proc_cpu_ns(getpid(), &before), 0);
	assert_int_equal(proc_age_ns(getpid(), &age), 0);
	for (uint64_t began = clock_now_ns(); clock_now_ns() - began < 200000000;)
		;
	assert_int_equal(proc_cpu_ns(getpid(), &after), 0);
	assert_int_equal(proc_age_ns(getpid(), &later), 0);
	prctl(PR_SET_NAME, old);
	assert_in_range(after - before, 20000000, 600000000);
	assert_in_range(later - age, 200000000, 5 * NSEC_PER_SEC);
	assert_true(age < 600 * NSEC_PER_SEC);

	assert_int_equal(proc_start_time(0x3fffffff, &ticks), -ESRCH);
	assert_int_equal(proc_cpu_ns(0x3fffffff, &after), -ESRCH);
	assert_int_equal(proc_age_ns(0x3fffffff, &age), -ESRCH);
}

static void lists_processes(void **state)
{
	proc_pids pids = { 0 };
	bool self = false;

	(void)state;
	assert_int_equal(proc_list(&pids, NULL), 0);
	for (size_t i = 0; i < pids.len; i++) {
		self = self || pids.data[i] == getpid();
		assert_true(!i || pids.data[i - 1] < pids.data[i]);
	}
	assert_true(self);
	vec_free(&pids);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_processes_from_threads),
		cmocka_unit_test(names_the_executable),
		cmocka_unit_test(reads_maps),
		cmocka_unit_test(measures_time),
		cmocka_unit_test(lists_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
