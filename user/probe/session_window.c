// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Windows of tracing: the programs count while one is open. */
#include "probe/session_parts.h"

#include "base/clock.h"

static uint64_t batches_for(uint64_t hits)
{
	return hits && hits < CT_HIT_BATCH ? 1 : hits / CT_HIT_BATCH;
}

uint64_t probe_session_open_window(struct probe_session *session, struct probe_weights weights,
				   uint64_t max_hits)
{
	volatile struct ct_window *window = window_of(session);

	window->batches = 0;
	window->max_batches = batches_for(max_hits);
	window->limit_ns = 0;
	window->weight = weights.events;
	window->time_weight = weights.time;
	window->generation++;
	session->opened_ns = clock_now_ns();
	session->window_open = true;
	__atomic_store_n(&window->open, 1, __ATOMIC_RELEASE);
	return session->opened_ns;
}

static void keep_window(struct probe_session *session, uint64_t closed_ns)
{
	uint32_t written = session->windows_written;

	if (written - session->windows_taken == WINDOWS)
		return;
	session->windows[written % WINDOWS] = (struct window_span){ session->opened_ns, closed_ns };
	session->windows_written = written + 1;
}

uint64_t probe_session_close_window(struct probe_session *session)
{
	volatile struct ct_window *window = window_of(session);
	uint64_t now = clock_now_ns();

	__atomic_store_n(&window->open, 0, __ATOMIC_RELEASE);
	if (!session->window_open)
		return now;
	session->window_open = false;
	if (window->limit_ns)
		now = window->limit_ns;
	session->on_ns += now - session->opened_ns;
	keep_window(session, now);
	return now;
}

bool probe_session_take_window(struct probe_session *session, uint64_t *opened_ns,
			       uint64_t *closed_ns)
{
	uint32_t taken = session->windows_taken;
	const struct window_span *span = &session->windows[taken % WINDOWS];

	if (taken == session->windows_written)
		return false;
	*opened_ns = span->opened_ns;
	*closed_ns = span->closed_ns;
	session->windows_taken = taken + 1;
	return true;
}

bool probe_session_window_is_open(const struct probe_session *session, uint64_t *opened_ns)
{
	*opened_ns = session->opened_ns;
	return session->window_open;
}

void probe_session_change_window(struct probe_session *session, struct probe_weights weights,
				 uint64_t max_hits)
{
	volatile struct ct_window *window = window_of(session);

	window->weight = weights.events;
	window->time_weight = weights.time;
	window->max_batches = max_hits ? window->batches + batches_for(max_hits) : 0;
}

bool probe_session_limit_reached(const struct probe_session *session)
{
	return window_of(session)->limit_ns;
}

uint64_t probe_session_attached_ns(const struct probe_session *session)
{
	return session->opened_ns;
}

uint64_t probe_session_window_now(const struct probe_session *session)
{
	uint64_t limit = window_of(session)->limit_ns;

	return session->window_open && limit ? limit : clock_now_ns();
}

uint64_t probe_session_on_ns(const struct probe_session *session)
{
	if (!session->window_open)
		return session->on_ns;
	return session->on_ns + probe_session_window_now(session) - session->opened_ns;
}

int probe_session_limit_fd(const struct probe_session *session)
{
	return ring_buffer__epoll_fd(session->alarm);
}
