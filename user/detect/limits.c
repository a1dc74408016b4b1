// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "detect/limits.h"

#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHAT "reading the limits"
#define LINE_MAX_LEN 400

static const struct {
	const char *name;
	double goroutines;
	const char *what;
} services[] = {
	[SERVICE_UNKNOWN] = { "unknown", 500, "what a web service should have" },
	[SERVICE_WEB] = { "web", 500, "what a web service should have" },
	[SERVICE_CONSUMER] = { "consumer", 200, "what a queue consumer should have" },
	[SERVICE_BATCH] = { "batch", 50, "what a batch job should have" },
};

static const struct {
	const char *key;
	size_t offset;
} keys[] = { { "max_goroutines", offsetof(struct limits, max_goroutines) },
#define X(field, key, value, unit, text) { key, offsetof(struct limits, field) },
	     LIMITS(X)
#undef X
};

void limits_init(struct limits *limits)
{
	*limits = (struct limits){
#define X(field, key, value, unit, text) .field = (value),
		LIMITS(X)
#undef X
	};
}

const char *service_name(enum service service)
{
	return services[service].name;
}

bool limits_set_service(struct limits *limits, const char *name)
{
	for (int i = SERVICE_WEB; i <= SERVICE_BATCH; i++)
		if (!strcmp(services[i].name, name)) {
			limits->service = (enum service)i;
			return true;
		}
	return false;
}

static char *trim(char *text)
{
	size_t len;

	text += strspn(text, " \t\r");
	len = strlen(text);
	while (len && strchr(" \t\r", text[len - 1]))
		text[--len] = '\0';
	return text;
}

static int set_number(struct limits *limits, size_t offset, const char *text)
{
	double value;
	char *end;

	errno = 0;
	value = strtod(text, &end);
	if (errno || end == text || *end || !isfinite(value) || value < 0)
		return -EINVAL;
	memcpy((char *)limits + offset, &value, sizeof(value));
	return 0;
}

static int bad(struct err *err, const char *path, size_t line, const char *why, const char *what)
{
	return err_set(err, EINVAL, WHAT, "see conctrace(8) for the keys and their values",
		       "%.100s line %zu: %s \"%.60s\"", path, line, why, what);
}

static int parse_line(struct limits *limits, char *text, const char *path, size_t line,
		      struct err *err)
{
	char *comment = strchr(text, '#'), *value;
	const char *key;

	if (comment)
		*comment = '\0';
	text = trim(text);
	if (!*text)
		return 0;
	value = strchr(text, '=');
	if (!value)
		return bad(err, path, line, "no \"key = value\" in", text);
	*value++ = '\0';
	key = trim(text);
	value = trim(value);
	if (!strcmp(key, "service")) {
		if (limits_set_service(limits, value))
			return 0;
		return bad(err, path, line, "service is web, consumer or batch, not", value);
	}
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strcmp(keys[i].key, key))
			continue;
		if (set_number(limits, keys[i].offset, value))
			return bad(err, path, line, "not a number of 0 or more:", value);
		return 0;
	}
	return bad(err, path, line, "there is no key", key);
}

int limits_parse(struct limits *limits, const char *text, size_t len, const char *path,
		 struct err *err)
{
	size_t line = 1;
	int status = 0;

	for (size_t at = 0; at < len && !status; line++) {
		const char *end = memchr(text + at, '\n', len - at);
		size_t line_len = end ? (size_t)(end - text) - at : len - at;
		char copy[LINE_MAX_LEN + 1];

		if (line_len > LINE_MAX_LEN || memchr(text + at, '\0', line_len))
			return bad(err, path, line, "no \"key = value\" in",
				   "a line that is no text");
		memcpy(copy, text + at, line_len);
		copy[line_len] = '\0';
		status = parse_line(limits, copy, path, line, err);
		at += line_len + 1;
	}
	return status;
}

double limits_goroutines(const struct limits *limits, char *source, size_t size)
{
	if (limits->max_goroutines > 0) {
		snprintf(source, size, "given");
		return limits->max_goroutines;
	}
	if (limits->qps > 0 && limits->latency > 0) {
		snprintf(source, size, "%g requests/s x %g s mean latency x 2", limits->qps,
			 limits->latency);
		return limits->qps * limits->latency * 2;
	}
	if (limits->consumers > 0) {
		snprintf(source, size, "%g consumers x 3", limits->consumers);
		return limits->consumers * 3;
	}
	if (limits->peak > 0) {
		snprintf(source, size, "the known peak of %g + 20 %%", limits->peak);
		return limits->peak * 1.2;
	}
	snprintf(source, size, "%s%s", services[limits->service].what,
		 limits->service == SERVICE_UNKNOWN ? ", for no kind of service was given" : "");
	return services[limits->service].goroutines;
}
