// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Panics and fatal errors of the runtime. What they say tells of some incidents more than that there
 * was a panic: a WaitGroup's rules, an atomic.Value's type.
 *
 * A recovered panic is not always a fault: the standard library unwinds with panics of its own
 * (encoding/json, text/template), and so do parsers. Errors of the runtime always are.
 */
#include <string.h>

#include "base/clock.h"
#include "detect/detect.h"
#include "model/format.h"

struct known {
	const char *text; /* what the value's text begins with, or has when it begins with '*' */
	const char *id;   /* NULL: panic.recovered or panic.fatal */
	const char *rule;
	const char *advice;
};

static const struct known knowns[] = {
	{ "sync: negative WaitGroup counter", "wg.misuse", "more Done than Add",
	  "call Done once for each Add, deferred in the goroutine, and Add before the go statement" },
	{ "sync: WaitGroup misuse", "wg.misuse", "Add from zero while Wait runs",
	  "call Add before the go statement and before Wait, not inside the goroutine" },
	{ "sync: WaitGroup is reused", "wg.misuse", "used again before the last Wait returned",
	  "use a new WaitGroup for each round, or begin the next one after Wait has returned" },
	{ "sync/atomic: store of inconsistently typed", "atomic.value",
	  "values of two types in one atomic.Value",
	  "store values of one concrete type, or use atomic.Pointer[T] (Go 1.19 on)" },
	{ "sync/atomic: swap of inconsistently typed", "atomic.value",
	  "values of two types in one atomic.Value",
	  "store values of one concrete type, or use atomic.Pointer[T] (Go 1.19 on)" },
	{ "send on closed channel", NULL, "a send on a channel that somebody has closed",
	  "let the sending side close the channel, once, when all senders have ended" },
	{ "close of closed channel", NULL, "a channel closed twice",
	  "let one goroutine own the channel and close it, or use sync.Once" },
	{ "close of nil channel", NULL, "a channel closed before it was made",
	  "make the channel before it is used" },
	{ "assignment to entry in nil map", NULL, "a map written to before it was made",
	  "make the map in the constructor" },
	{ "concurrent map", NULL, "a map used by several goroutines, one of which writes",
	  "guard the map by a mutex, or use sync.Map; `go test -race` finds the other side" },
	{ "sync: unlock of unlocked", NULL, "a mutex unlocked that was not locked",
	  "unlock by defer right behind the Lock" },
	{ "sync: Unlock of unlocked", NULL, "an RWMutex unlocked that was not locked",
	  "unlock by defer right behind the Lock" },
	{ "sync: RUnlock of unlocked", NULL, "an RWMutex unlocked that was not locked",
	  "unlock by defer right behind the RLock" },
	{ "all goroutines are asleep", NULL, "every goroutine waits for another one",
	  "conctrace waits shows who waits for whom while it goes on" },
	{ "invalid memory address or nil pointer", NULL, "a nil pointer was followed",
	  "check the error before the value is used" },
	{ "*out of memory", NULL, "the process was refused memory",
	  "see spawn.unbounded and leak.growth, and the memory limit" },
};

static const struct known *known_of(const struct model_panic *panic)
{
	for (size_t i = 0; i < sizeof(knowns) / sizeof(knowns[0]); i++) {
		const char *text = knowns[i].text;

		if (*text == '*' ? strstr(panic->text, text + 1) != NULL :
				   !strncmp(panic->text, text, strlen(text)))
			return &knowns[i];
	}
	return NULL;
}

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

/* Fault, or the way some packages return from the depth. */
static enum severity severity_of(const struct model_panic *panic, const struct known *known)
{
	if (panic->fatal)
		return SEVERITY_CRITICAL;
	if (known || begins(panic->type, "runtime.") || begins(panic->type, "*runtime."))
		return SEVERITY_WARNING;
	if (begins(panic->text, "net/http: abort Handler"))
		return SEVERITY_INFO;
	if (!strcmp(panic->type, "string") || begins(panic->type, "*errors.") ||
	    begins(panic->type, "*fmt."))
		return SEVERITY_WARNING;
	return SEVERITY_INFO;
}

static void say_what(const struct detect_input *input, struct findings *findings,
		     struct finding *finding, const struct model_panic *panic)
{
	uint64_t now = input->model->at_ns;

	if (panic->text[0])
		finding_say(findings, finding, "%s%s%s: \"%s\"",
			    panic->is_fatal_error ? "fatal error of the runtime" : "value of type ",
			    panic->is_fatal_error ? "" : panic->type,
			    panic->is_fatal_error ? "" : "", panic->text);
	else if (panic->type[0])
		finding_say(findings, finding, "value of type %s", panic->type);
	if (panic->fatal)
		finding_say(findings, finding, "goroutine %llu %s%s",
			    (unsigned long long)panic->goid,
			    panic->is_fatal_error ? "ran into it; it cannot be recovered from" :
						    "panicked and nothing recovered",
			    input->gone ? ": the process has ended" : "");
	if (panic->count > 1 || !panic->fatal)
		finding_say(findings, finding,
			    "%s times, %s a second; %s of them recovered; last by goroutine %llu",
			    COUNT(panic->count), RATE(panic->per_second), COUNT(panic->recovered),
			    (unsigned long long)panic->goid);
	if (panic->last_ns && now > panic->last_ns)
		finding_say(findings, finding, "last %s before the end of the observation",
			    DURATION(now - panic->last_ns));
}

static void report(const struct detect_input *input, struct findings *findings,
		   const struct model_panic *panic)
{
	const struct known *known = known_of(panic);
	const struct pclntab_frame *site = panic->stack ? panic->stack->site : NULL;
	struct finding *finding =
		finding_begin(findings, severity_of(panic, known), CERTAINTY_CERTAIN);
	const char *what = panic->text[0] ? panic->text : panic->type[0] ? panic->type : "a value";

	finding->id = known && known->id ? known->id :
		      panic->fatal       ? "panic.fatal" :
					   "panic.recovered";
	finding->site = site;
	finding->stack = panic->stack;
	finding->since_ns = panic->first_ns;
	finding->weight = panic->fatal ? 1e9 : panic->per_second;
	finding_add_goid(findings, finding, panic->goid);
	finding_title(finding, "%s at %s: %.100s",
		      known && known->id    ? known->rule :
		      panic->is_fatal_error ? "fatal error of the runtime" :
		      panic->fatal          ? "panic that ended the process" :
		      panic->recovered      ? "panics are swallowed" :
					      "panic",
		      PLACE(site), what);
	say_what(input, findings, finding, panic);
	if (known && !known->id)
		finding_say(findings, finding, "that is %s", known->rule);
	finding_why(finding, "seen in the runtime's own panic functions");
	if (known)
		finding_advise(finding, "%s", known->advice);
	else if (panic->fatal)
		finding_advise(finding,
			       "fix the cause; recover at the goroutine's start only to log and to "
			       "fail the one request");
	else
		finding_advise(
			finding,
			"log recovered panics with their stack, and count them; fix the cause");
	finding_event(findings, finding, panic->first_ns, false, "first %s at %s",
		      panic->fatal ? "and last panic" : "panic", PLACE(site));
}

/* A Goexit and a panic under way are neither recovered nor fatal yet. */
static int check(const struct detect_input *input, struct findings *findings)
{
	const struct model *model = input->model;

	for (size_t i = 0; i < model->panics.len; i++)
		report(input, findings, &model->panics.data[i]);
	return 0;
}

const struct detector detector_panic = {
	.id = "panic",
	.looks_for = "panics, recovered or fatal, and fatal errors of the runtime",
	.roles = ROLE_BIT(ROLE_PANIC),
	.check = check,
};
