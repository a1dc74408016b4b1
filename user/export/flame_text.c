// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "export/flame_text.h"

#include <string.h>

#include "model/format.h"

const char *flame_frame_name(const struct flame_frame *frame, char *text, size_t size)
{
	if (frame->text)
		snprintf(text, size, "%s", frame->text);
	else
		pclntab_display_name(frame->frame->function, text, size);
	return text;
}

const char *flame_subject(const struct flame *flame)
{
	static const char *const subjects[FLAME_OF_COUNT] = {
		[FLAME_WAIT] = "time that goroutines waited",
		[FLAME_LOCK] = "time that goroutines waited for locks",
		[FLAME_CHAN] = "time that goroutines waited for channels",
		[FLAME_SPAWN] = "goroutines created",
		[FLAME_TASKS] = "goroutines that exist",
		[FLAME_BLOCK] = "time that goroutines were blocked",
		[FLAME_MUTEX] = "time that holders of locks let others wait",
		[FLAME_LEAKS] = "goroutines that nothing alive can wake",
	};

	return subjects[flame->of];
}

const char *flame_amount(const struct flame *flame, uint64_t value, char *text, size_t size)
{
	char number[32];

	if (flame->is_time)
		return format_duration(text, size, value);
	snprintf(text, size, "%s goroutine%s", format_count(number, sizeof(number), value),
		 value == 1 ? "" : "s");
	return text;
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

void flame_process(const struct flame_source *source, char *text, size_t size)
{
	const struct target_facts *facts = source->facts;

	snprintf(text, size, "%.200s (pid %d, %s%s%s%s)", base_name(facts->exe), (int)facts->pid,
		 facts->go_version, facts->stripped ? ", stripped" : "", facts->pie ? ", PIE" : "",
		 facts->cgo ? ", cgo" : "");
}

static double percent(uint64_t part, uint64_t all)
{
	return all ? 100.0 * (double)part / (double)all : 0;
}

static void origin_of_time(const struct flame_source *source, char *text, size_t size)
{
	const struct flame *flame = source->flame;
	const struct capture *capture = source->capture;
	double sampled = percent(flame->sampled_ns, flame->ns);
	char samples[64] = "", number[32];
	unsigned long long lost = capture->lost;

	if (flame->sampled_ns)
		snprintf(samples, sizeof(samples), "%.3g %% of it by %s snapshots", sampled,
			 format_count(number, sizeof(number), flame->samples));
	if (!flame->is_estimate)
		snprintf(text, size, "every event traced, %llu lost%s%s", lost,
			 *samples ? "; of older waits " : "", samples);
	else if (capture->probes)
		snprintf(text, size, "estimate: probes on %.3g %% of the time, %llu lost%s%s",
			 100 * capture->windows_share, lost, *samples ? "; " : "", samples);
	else
		snprintf(text, size, "estimate: by %s snapshots, no probes",
			 format_count(number, sizeof(number), flame->samples));
}

void flame_origin(const struct flame_source *source, char *text, size_t size)
{
	const struct flame *flame = source->flame;
	const struct capture *capture = source->capture;
	char duration[32], number[32], how[256];
	int used;

	if (flame->of == FLAME_TASKS || flame->of == FLAME_LEAKS) {
		snprintf(text, size, "%s, %llu torn",
			 flame->of == FLAME_TASKS ? "one snapshot" : "proven by the heap",
			 (unsigned long long)capture->torn);
		return;
	}
	if (flame->is_time)
		origin_of_time(source, how, sizeof(how));
	else if (!flame->is_estimate)
		snprintf(how, sizeof(how), "every event traced, %llu lost",
			 (unsigned long long)capture->lost);
	else
		snprintf(how, sizeof(how), "estimate: probes on %.3g %% of the time, %llu lost",
			 100 * capture->windows_share, (unsigned long long)capture->lost);
	used = snprintf(text, size, "in %s; %s",
			format_duration(duration, sizeof(duration), flame->duration_ns), how);
	if (flame->cut_value && used > 0 && (size_t)used < size)
		snprintf(text + used, size - (size_t)used, "; %.3g %% in stacks cut at %s frames",
			 percent(flame->cut_value, flame->value),
			 format_count(number, sizeof(number), CT_STACK_DEPTH));
}

/* Length of the UTF-8 character that begins here; 0: it is none. */
static size_t character(const unsigned char *at)
{
	size_t len = at[0] < 0x80 ? 1 :
		     at[0] < 0xc2 ? 0 :
		     at[0] < 0xe0 ? 2 :
		     at[0] < 0xf0 ? 3 :
		     at[0] < 0xf5 ? 4 :
				    0;

	for (size_t i = 1; i < len; i++)
		if ((at[i] & 0xc0) != 0x80)
			return 0;
	if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
	    (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f))
		return 0;
	return len;
}

void flame_utf8(const char *from, char *to, size_t size)
{
	static const char unknown[] = "\xef\xbf\xbd";
	const unsigned char *at = (const unsigned char *)from;
	size_t used = 0;

	while (*at) {
		size_t len = character(at);
		const char *take = len ? (const char *)at : unknown;
		size_t take_len = len ? len : strlen(unknown);

		if (used + take_len + 1 > size)
			break;
		memcpy(to + used, take, take_len);
		used += take_len;
		at += len ? len : 1;
	}
	to[used] = '\0';
}
