// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "probe/session_parts.h"

#include <errno.h>
#include <string.h>

#include "probe/config.h"

#define DEFAULT_MAX_TASKS 262144

static int load_error(int status, struct err *err)
{
	if (status == -EPERM || status == -EACCES)
		return err_set(err, EPERM, "loading the probe programs", TODO_PRIVILEGE, "%s",
			       session_why_refused());
	return err_set(err, -status, "loading the probe programs",
		       "use --no-probes, and see `conctrace doctor`", "%s", strerror(-status));
}

static int nothing_to_read(void *ctx, void *data, size_t size)
{
	(void)ctx;
	(void)data;
	(void)size;
	return 0;
}

static uint64_t planned_handlers(const struct probe_session *session)
{
	uint64_t handlers = 0;

	for (int pace = 0; pace < CT_PACES; pace++)
		for (size_t i = 0; i < session->links[pace].count; i++)
			handlers |= 1ULL << (session->links[pace].cookies[i] & CT_COOKIE_HANDLER);
	return handlers;
}

static uint32_t stripes_for(int cpus)
{
	uint32_t stripes = 1;

	while (stripes < CT_STRIPES_MAX && (int)stripes < cpus)
		stripes *= 2;
	return stripes;
}

static void spread(struct bpf_map *map, uint32_t stripes)
{
	bpf_map__set_max_entries(map, bpf_map__max_entries(map) * stripes);
}

#define HANDLER_BIT(handler) (1ULL << (handler))

/* What no probe of the session fills has room for nothing: even empty buckets take time to read. */
static void drop_unused_maps(struct probe_session *session, const struct ct_config *config)
{
	struct {
		struct bpf_map *map;
		bool used;
	} maps[] = {
		{ session->skel->maps.chan_ops,
		  config->handlers & (HANDLER_BIT(CT_ON_CHAN_SEND) | HANDLER_BIT(CT_ON_CHAN_RECV) |
				      HANDLER_BIT(CT_ON_CHAN_CLOSE)) },
		{ session->skel->maps.releases,
		  config->handlers & HANDLER_BIT(CT_ON_LOCK_RELEASE) },
		{ session->skel->maps.tallies, config->handlers >> CT_ON_PANIC },
		{ session->skel->maps.turns, config->turns },
		{ session->skel->maps.queues, config->charge },
	};

	for (size_t i = 0; i < sizeof(maps) / sizeof(maps[0]); i++)
		if (!maps[i].used)
			bpf_map__set_max_entries(maps[i].map, 1);
}

static void note_maps(struct probe_session *session)
{
	struct probe_maps *maps = &session->maps;

	maps->tasks = bpf_map__fd(session->skel->maps.tasks);
	maps->site_index = bpf_map__fd(session->skel->maps.site_index);
	maps->sites = bpf_map__fd(session->skel->maps.sites);
	maps->objects = bpf_map__fd(session->skel->maps.objects);
	maps->chan_ops = bpf_map__fd(session->skel->maps.chan_ops);
	maps->releases = bpf_map__fd(session->skel->maps.releases);
	maps->spawns = bpf_map__fd(session->skel->maps.spawns);
	maps->wakes = bpf_map__fd(session->skel->maps.wakes);
	maps->counters = bpf_map__fd(session->skel->maps.counters);
	maps->timeline = bpf_map__fd(session->skel->maps.timeline);
	maps->tallies = bpf_map__fd(session->skel->maps.tallies);
	maps->panics = bpf_map__fd(session->skel->maps.panics);
	maps->cancels = bpf_map__fd(session->skel->maps.cancels);
	maps->turns = bpf_map__fd(session->skel->maps.turns);
	maps->max_sites = session->skel->rodata->config.max_sites;
	maps->stripes = session->skel->rodata->config.stripes;
	maps->created = (const volatile uint64_t *)&session->skel->bss->window.created;
}

int session_load(struct probe_session *session, const struct target *target,
		 const struct probe_options *options, struct err *err)
{
	struct ct_config config;
	struct bpf_program *program;
	int status;

	session->skel = conctrace_bpf__open();
	if (!session->skel)
		return load_error(-errno, err);
	probe_config_for(target, &config);
	config.handlers = planned_handlers(session);
	config.max_sites = bpf_map__max_entries(session->skel->maps.sites);
	config.stripes = stripes_for(libbpf_num_possible_cpus());
	spread(session->skel->maps.sites, config.stripes);
	spread(session->skel->maps.objects, config.stripes);
	config.waker_stack_min_ns = options->waker_stack_min_ns;
	config.only_goid = options->only_goid;
	if (options->charge_wakers)
		config.charge = target->build.version.minor >= 22 ? CT_CHARGE_ALL : CT_CHARGE_FIRST;
	config.turns = options->turns;
	drop_unused_maps(session, &config);
	config.timeline = options->timeline_bytes != 0;
	session->skel->rodata->config = config;
	if (options->timeline_bytes)
		bpf_map__set_max_entries(session->skel->maps.timeline, options->timeline_bytes);
	bpf_map__set_max_entries(session->skel->maps.tasks,
				 options->max_tasks ? options->max_tasks : DEFAULT_MAX_TASKS);
	for (int pace = 0; pace < CT_PACES; pace++)
		session->links[pace].program = options->floor ? session->skel->progs.nothing :
								session->skel->progs.probe;
	if (!session->links[0].multi)
		bpf_object__for_each_program(program, session->skel->obj)
			bpf_program__set_expected_attach_type(program, 0);
	status = conctrace_bpf__load(session->skel);
	if (status)
		return load_error(status, err);
	session->alarm = ring_buffer__new(bpf_map__fd(session->skel->maps.alarm), nothing_to_read,
					  NULL, NULL);
	if (!session->alarm)
		return load_error(-errno, err);
	note_maps(session);
	return 0;
}

const struct probe_maps *probe_session_maps(const struct probe_session *session)
{
	return &session->maps;
}

uint64_t probe_session_map_bytes(const struct probe_session *session)
{
	uint64_t bytes = 0;
	struct bpf_map *map;

	bpf_object__for_each_map(map, session->skel->obj)
		bytes += (uint64_t)bpf_map__max_entries(map) *
			 (bpf_map__key_size(map) + bpf_map__value_size(map));
	return bytes;
}
