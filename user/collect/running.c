// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/running.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"

#define PERIOD_NS 200000
#define PAGE 4096
#define RING_PAGES 32 /* of data; a sample has 33 KB */
#define RING_BYTES ((size_t)RING_PAGES * PAGE)

/* arch/x86/include/uapi/asm/perf_regs.h */
#define PERF_SP 7
#define PERF_IP 8
#define PERF_R8 16
#define REGS_MASK (0x1ffULL | 0xffULL << PERF_R8)
#define REGS_COUNT 17

struct thread {
	int fd;
	struct perf_event_mmap_page *ring;
};

static int open_thread(pid_t tid, struct thread *thread)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.sample_period = PERIOD_NS,
		.sample_type = PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER,
		.sample_regs_user = REGS_MASK,
		.sample_stack_user = RUNNING_STACK_MAX,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.wakeup_events = 1,
	};

	thread->fd = (int)syscall(SYS_perf_event_open, &attr, tid, -1, -1, PERF_FLAG_FD_CLOEXEC);
	if (thread->fd < 0)
		return -errno;
	thread->ring =
		mmap(NULL, PAGE + RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, thread->fd, 0);
	if (thread->ring == MAP_FAILED) {
		thread->ring = NULL;
		return -errno;
	}
	return 0;
}

static void close_thread(struct thread *thread)
{
	if (thread->ring)
		munmap(thread->ring, PAGE + RING_BYTES);
	if (thread->fd >= 0)
		close(thread->fd);
}

/* The ring goes round; what it holds is copied straight. */
static void copy_out(const struct thread *thread, uint64_t at, void *to, size_t len)
{
	const uint8_t *data = (const uint8_t *)thread->ring + PAGE;
	size_t start = at % RING_BYTES;
	size_t first = len < RING_BYTES - start ? len : RING_BYTES - start;

	memcpy(to, data + start, first);
	memcpy((uint8_t *)to + first, data, len - first);
}

static void take_registers(const uint64_t *from, struct running_sample *sample)
{
	/* their order there, in ours: ax, bx, cx, dx, si, di, bp, sp */
	static const uint8_t low[] = { 0, 3, 1, 2, 6, 7, 5, 4 };

	for (int i = 0; i < 8; i++)
		sample->regs[low[i]] = from[i];
	sample->pc = from[PERF_IP];
	for (int i = 0; i < 8; i++)
		sample->regs[8 + i] = from[PERF_IP + 1 + i];
}

/* u64 abi, registers; u64 size, bytes, u64 how many of them are good */
static int take_sample(const struct thread *thread, uint64_t at, size_t len,
		       struct running_sample *sample)
{
	struct {
		uint64_t abi, regs[REGS_COUNT], size;
	} head;
	uint64_t good;

	if (len < sizeof(head))
		return 0;
	copy_out(thread, at, &head, sizeof(head));
	if (head.abi != PERF_SAMPLE_REGS_ABI_64 || head.size > RUNNING_STACK_MAX + 8 ||
	    sizeof(head) + head.size + sizeof(good) > len)
		return 0;
	copy_out(thread, at + sizeof(head) + head.size, &good, sizeof(good));
	if (!good || good > head.size)
		return 0;
	sample->stack = malloc(good);
	if (!sample->stack)
		return -ENOMEM;
	copy_out(thread, at + sizeof(head), sample->stack, good);
	take_registers(head.regs, sample);
	sample->len = good;
	return 0;
}

static int read_ring(const struct thread *thread, struct running_sample *sample)
{
	uint64_t head = __atomic_load_n(&thread->ring->data_head, __ATOMIC_ACQUIRE);
	uint64_t at = thread->ring->data_tail;
	int status = 0;

	while (at < head && !sample->len && !status) {
		struct perf_event_header header;

		copy_out(thread, at, &header, sizeof(header));
		if (header.size < sizeof(header) || header.size > head - at)
			break;
		if (header.type == PERF_RECORD_SAMPLE)
			status = take_sample(thread, at + sizeof(header),
					     header.size - sizeof(header), sample);
		at += header.size;
	}
	__atomic_store_n(&thread->ring->data_tail, at, __ATOMIC_RELEASE);
	return status;
}

static int wait_for_samples(struct thread *threads, size_t count, uint64_t time_ns,
			    struct running_sample *samples)
{
	uint64_t end_ns = clock_now_ns() + time_ns;
	size_t left = count;
	int status = 0;

	while (left && !status) {
		struct pollfd polls[RUNNING_THREADS_MAX];
		uint64_t now_ns = clock_now_ns();

		if (now_ns >= end_ns)
			break;
		for (size_t i = 0; i < count; i++)
			polls[i] = (struct pollfd){ .fd = samples[i].len ? -1 : threads[i].fd,
						    .events = POLLIN };
		if (poll(polls, count, 1 + (int)((end_ns - now_ns) / 1000000)) < 0 &&
		    errno != EINTR)
			return -errno;
		left = 0;
		for (size_t i = 0; i < count && !status; i++) {
			if (samples[i].len || polls[i].revents & (POLLHUP | POLLERR))
				continue;
			status = read_ring(&threads[i], &samples[i]);
			if (samples[i].len)
				ioctl(threads[i].fd, PERF_EVENT_IOC_DISABLE, 0);
			else
				left++;
		}
	}
	return status;
}

int running_look(const pid_t *tids, size_t count, uint64_t time_ns, struct running_sample *samples)
{
	struct thread threads[RUNNING_THREADS_MAX];
	size_t opened = 0;
	int status = 0;

	memset(samples, 0, count * sizeof(*samples));
	if (count > RUNNING_THREADS_MAX)
		return -EINVAL;
	for (; opened < count && !status; opened++) {
		threads[opened] = (struct thread){ .fd = -1 };
		status = open_thread(tids[opened], &threads[opened]);
	}
	if (!status)
		status = wait_for_samples(threads, count, time_ns, samples);
	while (opened)
		close_thread(&threads[--opened]);
	if (status)
		running_free(samples, count);
	return status;
}

void running_free(struct running_sample *samples, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(samples[i].stack);
		samples[i].stack = NULL;
		samples[i].len = 0;
	}
}
