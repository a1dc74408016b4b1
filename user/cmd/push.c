// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "cmd/push.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/options.h"

#define WHAT "sending alerts"
#define TRIES 4
#define FIRST_PAUSE_MS 500L
#define TIMEOUT_MS 3000L
#define ANSWER_MAX 200

struct pusher {
	CURL *curl;
	struct curl_slist *headers;
	char url[1024];
	char answer[ANSWER_MAX + 1]; /* the beginning of the last one */
	size_t answer_len;
};

static size_t take_answer(char *bytes, size_t size, size_t count, void *ctx)
{
	struct pusher *pusher = ctx;
	size_t len = size * count, room = ANSWER_MAX - pusher->answer_len;
	size_t kept = len < room ? len : room;

	memcpy(pusher->answer + pusher->answer_len, bytes, kept);
	pusher->answer_len += kept;
	return len;
}

static bool is_http(const char *url)
{
	return !strncmp(url, "http://", 7) || !strncmp(url, "https://", 8);
}

int pusher_open(const char *url, const char *path, struct pusher **out, struct err *err)
{
	struct pusher *pusher;
	size_t len = strlen(url);

	if (!is_http(url) || len > 900)
		return err_set(err, EINVAL, OPTIONS_WHAT, "give it as http://HOST:PORT",
			       "\"%.80s\" is no URL of http or https", url);
	while (len && url[len - 1] == '/')
		len--;
	pusher = calloc(1, sizeof(*pusher));
	if (!pusher)
		return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	snprintf(pusher->url, sizeof(pusher->url), "%.*s%s", (int)len, url, path);
	pusher->curl = curl_easy_init();
	pusher->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!pusher->curl || !pusher->headers) {
		pusher_close(pusher);
		return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	}
	curl_easy_setopt(pusher->curl, CURLOPT_URL, pusher->url);
	curl_easy_setopt(pusher->curl, CURLOPT_HTTPHEADER, pusher->headers);
	curl_easy_setopt(pusher->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(pusher->curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(pusher->curl, CURLOPT_WRITEFUNCTION, take_answer);
	curl_easy_setopt(pusher->curl, CURLOPT_WRITEDATA, pusher);
	*out = pusher;
	return 0;
}

void pusher_close(struct pusher *pusher)
{
	if (!pusher)
		return;
	curl_easy_cleanup(pusher->curl);
	curl_slist_free_all(pusher->headers);
	free(pusher);
}

static void pause_ms(long ms)
{
	struct timespec pause = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

/* Whether another try may have another end. */
static bool is_passing(CURLcode code, long status)
{
	return code != CURLE_OK || status == 429 || status >= 500;
}

static int describe(struct pusher *pusher, CURLcode code, long status, struct err *err)
{
	pusher->answer[pusher->answer_len] = '\0';
	pusher->answer[strcspn(pusher->answer, "\r\n")] = '\0';
	if (code != CURLE_OK)
		return err_set(err, EIO, WHAT, "see whether it runs there and can be reached",
			       "%.150s: %s", pusher->url, curl_easy_strerror(code));
	return err_set(err, EPROTO, WHAT, "see the receiver's log", "%.150s answered %ld: %.120s",
		       pusher->url, status, pusher->answer);
}

int pusher_send(struct pusher *pusher, json_t *document, struct err *err)
{
	char *body = document ? json_dumps(document, JSON_COMPACT) : NULL;
	long status = 0, pause = FIRST_PAUSE_MS;
	CURLcode code = CURLE_OK;

	json_decref(document);
	if (!body)
		return err_set(err, ENOMEM, WHAT, "free some memory", "out of memory");
	curl_easy_setopt(pusher->curl, CURLOPT_POSTFIELDS, body);
	for (int i = 0; i < TRIES; i++, pause *= 2) {
		pusher->answer_len = 0;
		code = curl_easy_perform(pusher->curl);
		curl_easy_getinfo(pusher->curl, CURLINFO_RESPONSE_CODE, &status);
		if (!is_passing(code, status) || i + 1 == TRIES)
			break;
		pause_ms(pause);
	}
	free(body);
	return code == CURLE_OK && status / 100 == 2 ? 0 : describe(pusher, code, status, err);
}
