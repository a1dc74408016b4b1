// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What detectors stand on: limits and their file, findings that explain others, races, open incidents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "detect/diagnosis.h"
#include "detect/finding.h"
#include "detect/limits.h"
#include "detect/open_incidents.h"
#include "detect/race_log.h"

/* ---- limits ------------------------------------------------------------------------------------ */

static int parse(struct limits *limits, const char *text, struct err *err)
{
	limits_init(limits);
	return limits_parse(limits, text, strlen(text), "x.conf", err);
}

static void test_limits_file(void **state)
{
	struct limits limits;
	struct err err;

	(void)state;
	assert_int_equal(parse(&limits,
			       "# a comment\n\n  service = consumer # more\r\nhttp.stuck.age=2.5\n"
			       "max_goroutines = 1234",
			       &err),
			 0);
	assert_int_equal(limits.service, SERVICE_CONSUMER);
	assert_true(limits.http_stuck == 2.5);
	assert_true(limits.max_goroutines == 1234);
	/* the others stay */
	assert_true(limits.growth_per_minute == 30);
	assert_int_equal(parse(&limits, "", &err), 0);
}

static void test_limits_file_is_refused(void **state)
{
	static const struct {
		const char *text, *line, *why;
	} cases[] = {
		{ "http.stuck.age = 5\nnonsense = 3\n", "x.conf line 2:", "no key \"nonsense\"" },
		{ "\n\nhttp.stuck.age\n", "x.conf line 3:", "key = value" },
		{ "http.stuck.age = soon", "x.conf line 1:", "\"soon\"" },
		{ "http.stuck.age = -1", "x.conf line 1:", "\"-1\"" },
		{ "http.stuck.age = 1 2", "x.conf line 1:", "\"1 2\"" },
		{ "http.stuck.age =", "x.conf line 1:", "\"\"" },
		{ "http.stuck.age = inf", "x.conf line 1:", "\"inf\"" },
		{ "http.stuck.age = nan", "x.conf line 1:", "\"nan\"" },
		{ "service = wep", "x.conf line 1:", "\"wep\"" },
		{ "Service = web", "x.conf line 1:", "\"Service\"" },
		{ "= 5", "x.conf line 1:", "no key \"\"" },
	};
	struct limits limits;
	struct err err;
	char binary[] = "a\0b = 1", longest[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(parse(&limits, cases[i].text, &err), -EINVAL);
		assert_non_null(strstr(err.why, cases[i].line));
		assert_non_null(strstr(err.why, cases[i].why));
	}
	limits_init(&limits);
	assert_int_equal(limits_parse(&limits, binary, sizeof(binary), "x", &err), -EINVAL);
	memset(longest, 'x', sizeof(longest));
	assert_int_equal(limits_parse(&limits, longest, sizeof(longest), "x", &err), -EINVAL);
}

static void test_limit_of_goroutines(void **state)
{
	struct limits limits;
	struct err err;
	char source[200];

	(void)state;
	limits_init(&limits);
	assert_true(limits_goroutines(&limits, source, sizeof(source)) == 500);
	assert_non_null(strstr(source, "no kind of service was given"));
	assert_int_equal(parse(&limits, "service = batch", &err), 0);
	assert_true(limits_goroutines(&limits, source, sizeof(source)) == 50);
	assert_int_equal(parse(&limits, "qps = 1000\nlatency = 0.05", &err), 0);
	assert_true(limits_goroutines(&limits, source, sizeof(source)) == 100);
	assert_non_null(strstr(source, "1000 requests/s x 0.05 s"));
	assert_int_equal(parse(&limits, "consumers = 10", &err), 0);
	assert_true(limits_goroutines(&limits, source, sizeof(source)) == 30);
	assert_int_equal(parse(&limits, "peak = 1000", &err), 0);
	assert_true(limits_goroutines(&limits, source, sizeof(source)) == 1200);
	assert_int_equal(parse(&limits, "peak = 1000\nmax_goroutines = 7", &err), 0);
	assert_true(limits_goroutines(&limits, source, sizeof(source)) == 7);
}

/* ---- findings ---------------------------------------------------------------------------------- */

static struct finding *add(struct findings *findings, const char *id, uint32_t rank,
			   enum severity severity)
{
	struct finding *finding;

	findings->running = id;
	findings->rank = rank;
	finding = finding_begin(findings, severity, CERTAINTY_CERTAIN);
	finding_title(finding, "%s", id);
	return finding;
}

static const struct finding *find(const struct findings *findings, const char *id)
{
	for (size_t i = 0; i < findings->rows.len; i++)
		if (!strcmp(findings->rows.data[i].id, id))
			return &findings->rows.data[i];
	return NULL;
}

static const char *cause(const struct findings *findings, const char *id)
{
	const struct finding *finding = find(findings, id);

	return finding->effect_of == NO_FINDING ? "" : findings->rows.data[finding->effect_of].id;
}

/* One stuck receiver, three thousand waiters that pile up, too many goroutines: one incident. */
static void test_the_stuck_one_explains_its_waiters(void **state)
{
	struct findings findings = { 0 };
	struct finding *finding;

	(void)state;
	finding = add(&findings, "chan.blocked_chain", 3, SEVERITY_WARNING);
	finding_add_goid(&findings, finding, 7);
	for (uint64_t goid = 3000; goid > 10; goid--)
		finding_add_affected(&findings, finding, goid);
	finding_add_affected(&findings, finding, 7);
	finding = add(&findings, "leak.growth", 5, SEVERITY_CRITICAL);
	for (uint64_t goid = 100; goid < 200; goid++)
		finding_add_goid(&findings, finding, goid);
	finding = add(&findings, "leak.threshold", 6, SEVERITY_WARNING);
	for (uint64_t goid = 1000; goid < 4000; goid++)
		finding_add_goid(&findings, finding, goid);
	finding = add(&findings, "lock.hot", 7, SEVERITY_WARNING);
	finding_add_goid(&findings, finding, 9000);
	finding->object_addr = 0x1000;
	assert_int_equal(findings_finish(&findings), 0);
	assert_string_equal(cause(&findings, "leak.growth"), "chan.blocked_chain");
	assert_string_equal(cause(&findings, "leak.threshold"), "chan.blocked_chain");
	assert_string_equal(cause(&findings, "lock.hot"), "");
	/* it is as bad as what it brings about, and first */
	assert_string_equal(findings.rows.data[0].id, "chan.blocked_chain");
	assert_int_equal(findings.rows.data[0].severity, SEVERITY_CRITICAL);
	/* in order, each once, and none that is the incident itself */
	assert_int_equal(findings.rows.data[0].affected.len, 2990);
	assert_int_equal(findings.rows.data[0].affected.data[0], 11);
	assert_int_equal(findings_worst(&findings), SEVERITY_CRITICAL);
	findings_free(&findings);
}

static void test_the_same_lock_is_one_incident(void **state)
{
	struct findings findings = { 0 };

	(void)state;
	add(&findings, "lock.deadlock", 1, SEVERITY_WARNING)->object_addr = 0x1000;
	add(&findings, "lock.held_blocked", 2, SEVERITY_WARNING)->object_addr = 0x1000;
	add(&findings, "lock.hot", 3, SEVERITY_WARNING)->object_addr = 0x2000;
	assert_int_equal(findings_finish(&findings), 0);
	assert_string_equal(cause(&findings, "lock.held_blocked"), "lock.deadlock");
	assert_string_equal(cause(&findings, "lock.hot"), "");
	findings_free(&findings);
}

static void test_explanations_lead_to_the_root(void **state)
{
	struct findings findings = { 0 };
	struct finding *finding;

	(void)state;
	finding = add(&findings, "a", 1, SEVERITY_WARNING);
	finding_add_goid(&findings, finding, 1);
	finding = add(&findings, "b", 2, SEVERITY_WARNING);
	finding_add_goid(&findings, finding, 1);
	finding_add_affected(&findings, finding, 2);
	finding = add(&findings, "c", 3, SEVERITY_WARNING);
	finding_add_goid(&findings, finding, 2);
	assert_int_equal(findings_finish(&findings), 0);
	assert_string_equal(cause(&findings, "b"), "a");
	assert_string_equal(cause(&findings, "c"), "a");
	findings_free(&findings);
}

static void test_a_remark_hides_no_warning(void **state)
{
	struct findings findings = { 0 };
	struct finding *finding;

	(void)state;
	finding = add(&findings, "remark", 1, SEVERITY_INFO);
	finding_add_goid(&findings, finding, 1);
	finding = add(&findings, "warning", 2, SEVERITY_WARNING);
	finding_add_goid(&findings, finding, 1);
	assert_int_equal(findings_finish(&findings), 0);
	assert_string_equal(cause(&findings, "warning"), "");
	assert_int_equal(findings_worst(&findings), SEVERITY_WARNING);
	findings_free(&findings);
}

static void test_nothing_is_healthy(void **state)
{
	struct findings findings = { 0 };

	(void)state;
	assert_int_equal(findings_finish(&findings), 0);
	assert_int_equal(findings_worst(&findings), -1);
	findings_free(&findings);
}

/* ---- the race detector's log ------------------------------------------------------------------- */

#define RACE                                                                                       \
	"==================\nWARNING: DATA RACE\n"                                                 \
	"Read at 0x00c000092408 by goroutine 9:\n"                                                 \
	"  sync/atomic.AddInt64()\n      /go/src/sync/atomic/doc.go:1 +0x30\n"                     \
	"  main.(*hits).count()\n      /app/race.go:40 +0x30\n\n"                                  \
	"Previous write at 0x00c000092408 by main goroutine:\n"                                    \
	"  main.main()\n      /app/main.go:12 +0x44\n\n"                                           \
	"Goroutine 9 (finished) created at:\n"                                                     \
	"  main.start()\n      /app/race.go:23 +0xa4\n==================\n"

static void test_race_log(void **state)
{
	struct race_log log = { 0 };
	const struct race *race;

	(void)state;
	assert_int_equal(race_log_parse("noise\n" RACE "more\n" RACE,
					strlen("noise\n" RACE "more\n" RACE), &log),
			 0);
	assert_int_equal(log.reports, 2);
	assert_int_equal(log.unreadable, 0);
	assert_int_equal(log.races.len, 1);
	race = &log.races.data[0];
	assert_int_equal(race->times, 2);
	assert_int_equal(race->addr, 0xc000092408);
	assert_false(race->accesses[0].write);
	assert_true(race->accesses[1].write);
	assert_int_equal(race->accesses[0].goid, 9);
	assert_int_equal(race->accesses[1].goid, 1);
	assert_true(race->accesses[0].finished);
	assert_string_equal(race->accesses[0].site.function, "main.(*hits).count");
	assert_string_equal(race->accesses[0].site.file, "/app/race.go");
	assert_int_equal(race->accesses[0].site.line, 40);
	assert_string_equal(race->accesses[0].created.data[0].function, "main.start");
	assert_int_equal(race->accesses[0].created.data[0].line, 23);
	race_log_free(&log);
}

/* Cut anywhere, or with bytes changed, it is refused or read in part, and never crashes. */
static void test_race_log_of_any_bytes(void **state)
{
	char text[] = RACE RACE;
	unsigned random = 1;

	(void)state;
	for (size_t len = 0; len < sizeof(text); len++) {
		struct race_log log = { 0 };

		assert_int_equal(race_log_parse(text, len, &log), 0);
		race_log_free(&log);
	}
	for (int i = 0; i < 3000; i++) {
		struct race_log log = { 0 };

		random = random * 1103515245 + 12345;
		text[(random >> 8) % sizeof(text)] = (char)(random >> 16);
		assert_int_equal(race_log_parse(text, sizeof(text), &log), 0);
		race_log_free(&log);
	}
}

/* ---- incidents over time ----------------------------------------------------------------------- */

static void look(struct open_incidents *open, uint64_t at_ns, const char *id, bool judged)
{
	struct model model = { .at_ns = at_ns };
	struct diagnosis diagnosis = { .input = { .model = &model } };

	if (id)
		add(&diagnosis.findings, id, 1, SEVERITY_WARNING);
	add(&diagnosis.findings, "remark", 2, SEVERITY_INFO);
	diagnosis.findings.running = "lock.hot";
	if (!judged)
		findings_not_judged(&diagnosis.findings, "too short");
	assert_int_equal(findings_finish(&diagnosis.findings), 0);
	assert_int_equal(open_incidents_update(open, &diagnosis, SEVERITY_WARNING), 0);
	findings_free(&diagnosis.findings);
}

static void test_incidents_begin_and_end_once(void **state)
{
	struct open_incidents open = { 0 };

	(void)state;
	look(&open, 100, NULL, true);
	assert_int_equal(open.rows.len, 0);
	look(&open, 200, "lock.hot", true);
	assert_int_equal(open.rows.len, 1);
	assert_true(open.rows.data[0].is_new);
	look(&open, 300, "lock.hot", true);
	assert_int_equal(open.rows.len, 1);
	assert_false(open.rows.data[0].is_new);
	/* one look without it is no end; nor is one that could not judge */
	look(&open, 400, NULL, true);
	assert_false(open.rows.data[0].has_ended);
	look(&open, 500, NULL, false);
	assert_false(open.rows.data[0].has_ended);
	look(&open, 600, NULL, true);
	assert_true(open.rows.data[0].has_ended);
	assert_int_equal(open.rows.data[0].first_ns, 200);
	assert_int_equal(open.rows.data[0].last_ns, 300);
	look(&open, 700, NULL, true);
	assert_int_equal(open.rows.len, 0);
	look(&open, 800, "lock.hot", true);
	assert_true(open.rows.data[0].is_new);
	open_incidents_end(&open);
	assert_true(open.rows.data[0].has_ended);
	open_incidents_free(&open);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limits_file),
		cmocka_unit_test(test_limits_file_is_refused),
		cmocka_unit_test(test_limit_of_goroutines),
		cmocka_unit_test(test_the_stuck_one_explains_its_waiters),
		cmocka_unit_test(test_the_same_lock_is_one_incident),
		cmocka_unit_test(test_explanations_lead_to_the_root),
		cmocka_unit_test(test_a_remark_hides_no_warning),
		cmocka_unit_test(test_nothing_is_healthy),
		cmocka_unit_test(test_race_log),
		cmocka_unit_test(test_race_log_of_any_bytes),
		cmocka_unit_test(test_incidents_begin_and_end_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
