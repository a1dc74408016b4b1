// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/g_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "collect/g_struct.h"
#include "target/memory.h"

#define AT_ONCE 1024          /* structs: they stay in the cache until they are looked at */
#define PLACES_A_THREAD 16384 /* fewer are not worth one */
#define GOROUTINES_MAX (1ULL << 27)

/* One reading. */
struct reading {
	struct g_watch *watch;
	uint64_t table;
	size_t count, next; /* places in allgs: of all, and the first that nobody reads yet */
	bool first;         /* there is nothing to compare with */
	pthread_mutex_t lock;
	int status;
};

/* One thread's buffers. */
struct g_watch_reader {
	struct memory_scratch *scratch;
	struct memory_piece pieces[AT_ONCE];
	uint64_t addrs[AT_ONCE];
	uint8_t *gs;
};

static void reader_free(struct g_watch_reader *reader)
{
	if (!reader)
		return;
	memory_scratch_free(reader->scratch);
	free(reader->gs);
	free(reader);
}

static struct g_watch_reader *reader_new(size_t g_size)
{
	struct g_watch_reader *reader = calloc(1, sizeof(*reader));

	if (!reader)
		return NULL;
	reader->scratch = memory_scratch_new();
	reader->gs = malloc(AT_ONCE * g_size);
	if (reader->scratch && reader->gs)
		return reader;
	reader_free(reader);
	return NULL;
}

static int read_structs(const struct target *target, struct g_watch_reader *reader, uint64_t table,
			size_t count)
{
	size_t size = target->layout.g_size;
	int status = memory_read(target->pid, table, reader->addrs, count * 8);

	for (size_t i = 0; i < count && !status; i++)
		reader->pieces[i] = (struct memory_piece){ .addr = reader->addrs[i],
							   .to = reader->gs + i * size,
							   .len = size };
	return status ? status :
			memory_read_many_with(target->pid, reader->pieces, count, reader->scratch);
}

static int add_ended(struct g_watch *watch, size_t place)
{
	uint32_t *slot = vec_push(&watch->ended);

	if (!slot)
		return -ENOMEM;
	*slot = place;
	return 0;
}

static int add_moved(struct g_watch *watch, size_t place, uint64_t addr, const uint8_t *g)
{
	const struct layout *layout = &watch->target->layout;
	struct goroutine *goroutine = vec_push(&watch->moved.goroutines);
	uint64_t m = struct_word(g, layout->g_m);

	if (!goroutine)
		return -ENOMEM;
	g_describe(watch->target, addr, g, goroutine);
	goroutine->index = place;
	if (goroutine->status == G_RUNNING && m &&
	    memory_read_u64(watch->target->pid, m + layout->m_procid, &goroutine->m_procid))
		goroutine->m_procid = 0;
	return 0;
}

static bool is_blocked(const struct layout *layout, const uint8_t *g)
{
	uint32_t status;

	memcpy(&status, g + layout->g_atomicstatus, sizeof(status));
	status &= ~G_SCAN_BIT;
	return status == G_WAITING || status == G_LEAKED;
}

/* Under the lock when it is not as it was: few are. */
static int look_at(struct reading *reading, size_t place, uint64_t addr, const uint8_t *g, bool ok)
{
	struct g_watch *watch = reading->watch;
	const struct layout *layout = &watch->target->layout;
	uint64_t hash = ok ? g_hash(g, layout->g_size) : 0, *last = &watch->hashes.data[place];
	bool same = ok && hash == *last;
	int status = 0;

	*last = hash;
	if (reading->first || (same && (is_blocked(layout, g) || !g_exists(layout, g))))
		return 0;
	pthread_mutex_lock(&reading->lock);
	status = ok && g_exists(layout, g) ? add_moved(watch, place, addr, g) :
					     add_ended(watch, place);
	pthread_mutex_unlock(&reading->lock);
	return status;
}

static int read_some(struct reading *reading, struct g_watch_reader *reader, size_t first,
		     size_t count)
{
	const struct target *target = reading->watch->target;
	int status = read_structs(target, reader, reading->table + 8 * first, count);

	for (size_t i = 0; i < count && !status; i++)
		status = look_at(reading, first + i, reader->addrs[i],
				 reader->gs + i * target->layout.g_size, reader->pieces[i].ok);
	return status;
}

static void read_in_turn(struct reading *reading, struct g_watch_reader *reader)
{
	pthread_mutex_lock(&reading->lock);
	while (reading->next < reading->count && !reading->status) {
		size_t first = reading->next, left = reading->count - first;
		size_t count = left < AT_ONCE ? left : AT_ONCE;
		int status;

		reading->next += count;
		pthread_mutex_unlock(&reading->lock);
		status = read_some(reading, reader, first, count);
		pthread_mutex_lock(&reading->lock);
		if (status)
			reading->status = status;
	}
	pthread_mutex_unlock(&reading->lock);
}

struct helper {
	struct reading *reading;
	struct g_watch_reader *reader;
	pthread_t thread;
};

static void *help(void *arg)
{
	struct helper *helper = arg;

	read_in_turn(helper->reading, helper->reader);
	return NULL;
}

static struct g_watch_reader *reader_at(struct g_watch *watch, size_t number)
{
	struct g_watch_reader **reader = &watch->readers[number];

	if (!*reader)
		*reader = reader_new(watch->target->layout.g_size);
	return *reader;
}

/* Without memory, or threads, one reads them all. */
static int read_all(struct reading *reading)
{
	struct g_watch_reader *first = reader_at(reading->watch, 0);
	struct helper helpers[G_WATCH_THREADS - 1];
	size_t started = 0;

	if (!first)
		return -ENOMEM;
	while (reading->count > PLACES_A_THREAD && started < G_WATCH_THREADS - 1) {
		struct helper *helper = &helpers[started];

		*helper = (struct helper){ reading, reader_at(reading->watch, started + 1), 0 };
		if (!helper->reader || pthread_create(&helper->thread, NULL, help, helper))
			break;
		started++;
	}
	read_in_turn(reading, first);
	for (size_t i = 0; i < started; i++)
		pthread_join(helpers[i].thread, NULL);
	return reading->status;
}

int g_watch_run(struct g_watch *watch)
{
	const struct target *target = watch->target;
	struct reading reading = { .watch = watch,
				   .first = !watch->hashes.len,
				   .lock = PTHREAD_MUTEX_INITIALIZER };
	uint64_t count;
	/* as a snapshot does: the runtime writes a moved table's address before its new length */
	int status = memory_read_u64(target->pid, target->allglen, &count);

	watch->moved.goroutines.len = watch->ended.len = 0;
	if (!status)
		status = memory_read_u64(target->pid, target->allgptr, &reading.table);
	if (!status && count > GOROUTINES_MAX)
		status = -EINVAL;
	if (!status)
		vec_reserve(&watch->hashes, count);
	while (!status && watch->hashes.len < count)
		if (!vec_push(&watch->hashes))
			status = -ENOMEM;
	reading.count = count;
	return status ? status : read_all(&reading);
}

void g_watch_free(struct g_watch *watch)
{
	for (size_t i = 0; i < G_WATCH_THREADS; i++)
		reader_free(watch->readers[i]);
	vec_free(&watch->hashes);
	vec_free(&watch->ended);
	snapshot_free(&watch->moved);
}
