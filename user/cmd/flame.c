// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "cmd/command.h"
#include "cmd/flame.h"
#include "cmd/live.h"
#include "cmd/observed_leaks.h"
#include "cmd/output.h"
#include "cmd/progress.h"
#include "cmd/sampler.h"
#include "export/flame.h"
#include "export/flame_text.h"

#define DURATION_DEFAULT_NS (5 * NSEC_PER_SEC)
#define SAMPLE_NS 5000000
/* Where events tell the time, samples are for waits that began before, and for deeper stacks. */
#define SAMPLE_RARELY_NS 100000000

struct capture_plan {
	struct options options;
	uint32_t roles;
	bool samples;
};

/* ---- what to do ---------------------------------------------------------------------------------- */

static bool ends(const char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);

	return len > suffix_len && !strcmp(text + len - suffix_len, suffix);
}

int flame_choose_format(struct options *options, struct err *err)
{
	static const struct {
		const char *suffix;
		enum output_format format;
	} known[] = {
		{ ".svg", FORMAT_SVG },     { ".folded", FORMAT_FOLDED },
		{ ".txt", FORMAT_FOLDED },  { ".pb.gz", FORMAT_PPROF },
		{ ".pprof", FORMAT_PPROF }, { ".json", FORMAT_SPEEDSCOPE },
	};

	if (options->format != FORMAT_DEFAULT)
		return 0;
	options->format = FORMAT_FOLDED;
	if (!options->output)
		return 0;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (ends(options->output, known[i].suffix)) {
			options->format = known[i].format;
			return 0;
		}
	return err_set(err, EINVAL, OPTIONS_WHAT,
		       "name it .svg, .folded, .pb.gz or .json, or give -f FORMAT",
		       "the format does not follow from the name \"%.80s\"", options->output);
}

/* Samples also tell how stacks go on that the probes cut off. */
static bool wants_samples(enum flame_of of)
{
	return !flame_counts(of);
}

static int check(const struct options *options, struct err *err)
{
	const struct flame_options *flame = &options->flame;
	bool no_probes = options->no_probes || options->max_overhead_pct == 0;

	if (no_probes && (flame->of == FLAME_SPAWN || flame->of == FLAME_MUTEX))
		return err_set(err, EINVAL, OPTIONS_WHAT, "leave --no-probes out",
			       "only probes see what --of %s shows", flame_of_name(flame->of));
	if ((flame->of == FLAME_SPAWN || flame->of == FLAME_MUTEX) &&
	    (flame->goid || flame->object || flame->created_by))
		return err_set(err, EINVAL, OPTIONS_WHAT, "use them with --of wait or tasks",
			       "--of %s has no --lock, --chan, --goid and --created-by",
			       flame_of_name(flame->of));
	return 0;
}

static uint32_t roles_of(const struct flame_options *flame)
{
	uint32_t waits = ROLE_BIT(ROLE_PARK) | ROLE_BIT(ROLE_READY);

	if (flame->of == FLAME_TASKS || flame->of == FLAME_LEAKS)
		return 0;
	if (flame->of == FLAME_SPAWN)
		return ROLE_BIT(ROLE_SPAWN);
	if (flame->of == FLAME_LOCK || flame->of == FLAME_MUTEX || flame->object)
		waits |= ROLE_BIT(ROLE_LOCK_WAIT);
	if (flame->created_by)
		waits |= ROLE_BIT(ROLE_SPAWN);
	return waits;
}

static int make_plan(const struct options *options, struct capture_plan *plan, struct err *err)
{
	int status;

	plan->options = *options;
	plan->options.flame.system = options->system;
	plan->options.flame.only_goid = true;
	status = flame_choose_format(&plan->options, err);
	if (!status)
		status = check(&plan->options, err);
	plan->options.flame.labels = plan->options.format == FORMAT_PPROF;
	plan->roles = roles_of(&plan->options.flame);
	plan->samples = wants_samples(options->flame.of);
	if (!options->duration_ns)
		plan->options.duration_ns = DURATION_DEFAULT_NS;
	if (!options->interval_given)
		plan->options.interval_ns =
			options->flame.of == FLAME_MUTEX ||
					(options->max_overhead_pct == OVERHEAD_NONE &&
					 !options->no_probes) ?
				SAMPLE_RARELY_NS :
				SAMPLE_NS;
	return status;
}

/* ---- capturing ------------------------------------------------------------------------------------ */

static int capture_until(struct live *live, struct sampler *sampler, bool progress, uint64_t end_ns,
			 struct err *err)
{
	uint64_t now_ns, shown_ns = 0;

	while ((now_ns = clock_now_ns()) < end_ns && !live->gone) {
		uint64_t until_ns = end_ns;
		int status = 0;

		if (progress && now_ns >= shown_ns) {
			progress_show("tracing", end_ns - now_ns);
			shown_ns = now_ns + NSEC_PER_SEC;
		}
		if (progress && shown_ns < until_ns)
			until_ns = shown_ns;
		if (sampler->samples && now_ns >= sampler->next_ns)
			status = sampler_sample(sampler, live, err);
		if (status)
			return status;
		if (sampler->samples && sampler->next_ns < until_ns)
			until_ns = sampler->next_ns;
		if (!live_pause(live, until_ns))
			break;
	}
	return 0;
}

static int attach(struct live *live, const struct capture_plan *plan, struct err *err)
{
	const struct flame_options *flame = &plan->options.flame;
	const struct probe_options probes = { .only_goid = flame->goid,
					      .charge_wakers = flame->of == FLAME_MUTEX,
					      /* no wakers else */
					      .waker_stack_min_ns =
						      flame->of == FLAME_MUTEX ? 0 : UINT64_MAX };

	return live_attach(live, &plan->options, plan->roles, &probes, err);
}

static int capture(struct live *live, struct sampler *sampler, const struct capture_plan *plan,
		   struct err *err)
{
	const struct options *options = &plan->options;
	bool progress = progress_wanted(options);
	int status = 0;

	if (plan->samples)
		status = sampler_open(sampler, live, options->system, options->interval_ns, err);
	if (!status)
		status = attach(live, plan, err);
	if (!status && plan->samples)
		status = sampler_begin(sampler, &options->flame, clock_now_ns(), err);
	if (!status && (plan->samples || live->session))
		status = capture_until(live, sampler, progress,
				       clock_now_ns() + options->duration_ns, err);
	if (progress)
		progress_end();
	/* the last bit of time is told of, too */
	if (!status && plan->samples && !live->gone)
		status = sampler_sample(sampler, live, err);
	live_detach(live);
	return status ? status : live_update(live, options, true, err);
}

/* ---- the result ----------------------------------------------------------------------------------- */

static int write_text(const struct flame_source *source, const struct options *options,
		      struct err *err)
{
	int (*const write)(FILE *, const struct flame_source *) =
		options->format == FORMAT_PPROF ? flame_pprof :
		options->format == FORMAT_SVG   ? flame_svg :
						  flame_folded;
	struct output_text text;
	int status = output_text_open(&text, err);

	if (status)
		return status;
	if (write(text.stream, source)) {
		output_text_discard(&text);
		return output_no_memory(err);
	}
	return output_text_write(&text, options, err);
}

/* The result itself has no place for it in every format. */
static void say_origin(const struct flame_source *source, const struct options *options)
{
	char amount[64], origin[400];

	if (options->quiet)
		return;
	flame_origin(source, origin, sizeof(origin));
	fprintf(stderr, "conctrace: %s: %s, %zu stacks; %s\n", flame_subject(source->flame),
		flame_amount(source->flame, source->flame->value, amount, sizeof(amount)),
		source->flame->stacks.len, origin);
}

int flame_print(const struct flame_source *from, const struct flame_samples *samples,
		const struct options *options, struct err *err)
{
	struct flame flame = { 0 };
	struct flame_source source = *from;
	int status;

	source.flame = &flame;
	if (flame_make(source.model, samples, &options->flame, &flame)) {
		flame_free(&flame);
		return output_no_memory(err);
	}
	status = options->format == FORMAT_SPEEDSCOPE ?
			 output_json(flame_speedscope(&source), true, options, err) :
			 write_text(&source, options, err);
	if (!status)
		say_origin(&source, options);
	flame_free(&flame);
	return status;
}

/* Of the process, or of the look at its heap. */
static int print(struct live *live, struct observed_leaks *leaks, const struct sampler *sampler,
		 const struct options *options, struct err *err)
{
	struct flame_binary binary;
	const struct flame_source source = {
		.facts = &live->facts,
		.binary = &binary,
		.capture = leaks->known ? &leaks->capture : &live->capture,
		.model = leaks->known ? &leaks->model : &live->model,
	};

	flame_binary_of(&live->target, &binary);
	return flame_print(&source, sampler->samples, options, err);
}

int cmd_flame(const struct options *options, struct err *err)
{
	const struct leak_scan_options how = { .max_memory = 0 };
	struct observed_leaks leaks = { 0 };
	struct sampler sampler = { 0 };
	struct capture_plan plan;
	struct live live;
	int status = make_plan(options, &plan, err);

	if (status)
		return status;
	status = live_open(&live, &plan.options, 0, err);
	if (status)
		return status;
	live.ahead = AHEAD_OF_NONE;
	plan.options.flame.leaks = &leaks.leaks;
	if (options->flame.of == FLAME_LEAKS)
		status = observed_leaks_look(&live, &how, &leaks, err);
	else
		status = capture(&live, &sampler, &plan, err);
	if (!status)
		status = print(&live, &leaks, &sampler, &plan.options, err);
	if (!status)
		live_say_gone(&live, options);
	observed_leaks_free(&leaks);
	sampler_close(&sampler);
	live_close(&live);
	return status;
}
