// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "model/format.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

static const char *scaled(char *text, size_t size, double value, const char *unit)
{
	int decimals = value < 9.995 ? 2 : value < 99.95 ? 1 : 0;

	snprintf(text, size, "%.*f%s", decimals, value, unit);
	return text;
}

const char *format_duration(char *text, size_t size, uint64_t ns)
{
	uint64_t seconds = ns / NSEC_PER_SEC;

	if (ns < 1000)
		snprintf(text, size, "%lluns", (unsigned long long)ns);
	else if (ns < 1000000)
		scaled(text, size, (double)ns / 1e3, "us");
	else if (ns < NSEC_PER_SEC)
		scaled(text, size, (double)ns / 1e6, "ms");
	else if (seconds < 100)
		scaled(text, size, (double)ns / 1e9, "s");
	else if (seconds < 6000)
		snprintf(text, size, "%llum%02llus", (unsigned long long)seconds / 60,
			 (unsigned long long)seconds % 60);
	else if (seconds < 360000)
		snprintf(text, size, "%lluh%02llum", (unsigned long long)seconds / 3600,
			 (unsigned long long)seconds / 60 % 60);
	else
		snprintf(text, size, "%llud%02lluh", (unsigned long long)seconds / 86400,
			 (unsigned long long)seconds / 3600 % 24);
	return text;
}

const char *format_count(char *text, size_t size, uint64_t count)
{
	if (count < 10000)
		snprintf(text, size, "%llu", (unsigned long long)count);
	else if (count < 1000000)
		scaled(text, size, (double)count / 1e3, "k");
	else if (count < 1000000000)
		scaled(text, size, (double)count / 1e6, "M");
	else
		scaled(text, size, (double)count / 1e9, "G");
	return text;
}

const char *format_rate(char *text, size_t size, double per_second)
{
	if (per_second > 0 && per_second < 100)
		snprintf(text, size, "%.1f", per_second);
	else
		format_count(text, size, (uint64_t)(per_second + 0.5));
	return text;
}

const char *format_bytes(char *text, size_t size, uint64_t bytes)
{
	if (bytes < 10240)
		snprintf(text, size, "%llu B", (unsigned long long)bytes);
	else if (bytes < 10ULL << 20)
		scaled(text, size, (double)bytes / 1024, " KiB");
	else if (bytes < 10ULL << 30)
		scaled(text, size, (double)bytes / (1 << 20), " MiB");
	else
		scaled(text, size, (double)bytes / (1 << 30), " GiB");
	return text;
}

static const char *behind_last_slash(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *format_place(char *text, size_t size, const struct pclntab_frame *frame)
{
	char function[512], *arguments;
	const char *name;

	if (!frame) {
		snprintf(text, size, "?");
		return text;
	}
	pclntab_display_name(frame->function, function, sizeof(function));
	/* type arguments can have slashes, too */
	arguments = strchr(function, '[');
	if (arguments)
		*arguments = '\0';
	name = behind_last_slash(function);
	if (arguments)
		*arguments = '[';
	snprintf(text, size, "%s %s:%d", name, behind_last_slash(frame->file), frame->line);
	return text;
}
