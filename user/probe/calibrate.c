// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/calibrate.h"

#include <errno.h>
#include <link.h>
#include <stdint.h>
#include <unistd.h>

#include "base/clock.h"
#include "probe/links.h"

#define BATCHES 8 /* the fastest counts: others were interrupted */
#define BATCH_HITS 100

/* Their first instructions are probed: one that the kernel emulates, and one that it steps over. */
void calibrate_emulated(void);
void calibrate_stepped(void);

#if defined(__x86_64__)
__asm__(".text\n"
	".balign 16\n"
	"calibrate_emulated: nop\n"
	"ret\n"
	".balign 16\n"
	"calibrate_stepped: mov %eax, %eax\n"
	"ret\n");
#else
#error "no functions to calibrate with on this architecture"
#endif

struct search {
	uintptr_t addr;
	int64_t offset; /* in the file; -1: not found */
};

static int look_in_object(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct search *search = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
		uintptr_t start = info->dlpi_addr + segment->p_vaddr;

		if (segment->p_type != PT_LOAD || search->addr < start ||
		    search->addr >= start + segment->p_filesz)
			continue;
		search->offset = search->addr - start + segment->p_offset;
		return 1;
	}
	return 1; /* the first object is the program itself */
}

static int64_t file_offset(void (*function)(void))
{
	struct search search = { .addr = (uintptr_t)function, .offset = -1 };

	dl_iterate_phdr(look_in_object, &search);
	return search.offset;
}

static double fastest_call_ns(void (*volatile function)(void))
{
	uint64_t best = UINT64_MAX;

	for (int batch = 0; batch < BATCHES; batch++) {
		uint64_t begin = clock_now_ns(), took;

		for (int i = 0; i < BATCH_HITS; i++)
			function();
		took = clock_now_ns() - begin;
		if (took < best)
			best = took;
	}
	return (double)best / BATCH_HITS;
}

int calibrate(struct bpf_program *nothing, bool multi, struct calibration *calibration)
{
	struct links links = {
		.program = nothing, .pid = getpid(), .path = "/proc/self/exe", .multi = multi
	};
	int64_t emulated = file_offset(calibrate_emulated),
		stepped = file_offset(calibrate_stepped);
	double bare = fastest_call_ns(calibrate_emulated);
	int status;

	if (emulated < 0 || stepped < 0)
		return -ENOENT;
	status = links_prepare(&links, 2);
	if (status)
		return status;
	links.offsets[0] = emulated;
	links.offsets[1] = stepped;
	status = links_attach(&links);
	if (!status) {
		calibration->emulated_ns = fastest_call_ns(calibrate_emulated) - bare;
		calibration->stepped_ns = fastest_call_ns(calibrate_stepped) - bare;
	}
	links_free(&links);
	return status;
}
