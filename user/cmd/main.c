// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"

struct command {
	const char *name;
	int (*run)(const struct options *options, struct err *err);
	unsigned allowed;
	unsigned formats; /* bits of enum output_format; 0: it has one only */
	const char *summary;
	const char *words; /* of the usage, besides the process and options; NULL: none */
	const char *more;  /* beyond the options that all commands have */
	const char *example;
};

static const struct command commands[] = {
	{
		.name = "top",
		.run = cmd_top,
		.formats = FORMATS_TEXT_JSON,
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES,
		.summary = "live tables of waiting goroutines, locks and channels (the default)",
		.more = "Prints the tables at once and then every --interval seconds, until --duration\n"
			"is over, Ctrl-C, or the process ends. With -f json one document a line.\n",
		.example = "conctrace -p 1234\n  conctrace top -n my-service -i 2 -f json",
	},
	{
		.name = "tasks",
		.run = cmd_tasks,
		.formats = FORMATS_TEXT_JSON,
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES |
			   TAKES_TASKS | TAKES_FROM,
		.summary = "the goroutines that exist now, grouped by stack and wait reason",
		.more = "      --all             one row a goroutine\n"
			"      --filter TEXT     only those with TEXT in a function, file, state, reason\n"
			"                        or label (key=value)\n"
			"      --sort ORDER      count, age or goid\n"
			"      --top N           no more than N rows\n"
			"      --from events     what the probes saw in --duration seconds, instead of a\n"
			"                        snapshot, which needs no probes\n",
		.example = "conctrace tasks -p 1234 --filter net/http --sort age",
	},
	{
		.name = "stacks",
		.run = cmd_stacks,
		.formats = FORMAT_BIT(FORMAT_TEXT),
		.allowed = TAKES_TARGET | NEEDS_TARGET,
		.summary = "all stacks as text, as Go's own dump of goroutines has them",
		.more = "For every tool that reads the output of goroutine?debug=2 or SIGQUIT. Arguments\n"
			"are printed as that version of Go does: \"?\" marks what may have been\n"
			"overwritten, \"(...)\" is an inlined call.\n",
		.example = "conctrace stacks -p 1234 | panicparse",
	},
	{
		.name = "locks",
		.run = cmd_locks,
		.formats = FORMATS_TEXT_JSON,
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES,
		.summary = "contended locks: who waits, how long, where",
		.more = "Traces for --duration seconds, 5 unless told, and prints once.\n",
		.example = "conctrace locks -p 1234 -d 10 -f json",
	},
	{
		.name = "chans",
		.run = cmd_chans,
		.formats = FORMATS_TEXT_JSON,
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES,
		.summary = "channels that goroutines wait for, and the operations on them",
		.more = "Traces for --duration seconds, 5 unless told, and prints once.\n",
		.example = "conctrace chans -p 1234 -d 10",
	},
	{
		.name = "waits",
		.run = cmd_waits,
		.formats = FORMATS_TEXT_JSON | FORMAT_BIT(FORMAT_DOT) | FORMAT_BIT(FORMAT_MERMAID),
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES |
			   TAKES_MEMORY,
		.summary = "who waits for whom: deadlocks, and who keeps most goroutines waiting",
		.more = "Two snapshots half a second apart and no probes; with --duration lock waits are traced\n"
			"meanwhile. -f dot and -f mermaid draw the graph, goroutines that wait alike in one box.\n"
			"-v shows what goroutines wait for on channels, too. A deadlock that is only possible is\n"
			"looked into by a walk of the heap, as leaks does it.\n"
			"      --max-memory SIZE  what that may take of our own: 1G unless told\n",
		.example =
			"conctrace waits -p 1234\n  conctrace waits -p 1234 -f dot | dot -Tsvg >waits.svg",
	},
	{
		.name = "leaks",
		.run = cmd_leaks,
		.formats = FORMATS_TEXT_JSON,
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_MEMORY,
		.summary = "goroutines that nothing alive can ever wake, and suspects",
		.more = "Looks at the heap twice, --duration seconds apart, 0.25 unless told. Exit status 3\n"
			"when something is leaked.\n"
			"      --max-memory SIZE  refuse to take more, such as 512M or 4G; half of what is available unless told\n",
		.example = "conctrace leaks -p 1234",
	},
	{
		.name = "diagnose",
		.run = cmd_diagnose,
		.formats = FORMATS_TEXT_JSON | FORMAT_BIT(FORMAT_HTML) | FORMAT_BIT(FORMAT_MERMAID),
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES |
			   TAKES_LIMITS | TAKES_MEMORY,
		.summary = "what is wrong, where, since when, and what to do",
		.more = "Looks for --duration seconds, 10 unless told, and names the incidents.\n"
			"Exit status 3 when one of at least --severity was found.\n"
			"      --severity LEVEL  info, warning (the default) or critical\n"
			"      --service KIND    web, consumer or batch: how many goroutines are many\n"
			"      --max-goroutines N  instead of what the kind of service says\n"
			"      --config FILE     limits, as key = value lines; conctrace(8) lists them\n"
			"      --race-log FILE   what Go's race detector wrote, to join with what is there\n"
			"      --max-memory SIZE  of our own, for the walk of the heap: 1G unless told\n"
			"      --every TIME      go on (30s, 5m), and tell when an incident begins and ends\n"
			"      --alertmanager URL  tell it, too\n",
		.example = "conctrace diagnose -p 1234 --service web",
	},
	{
		.name = "flame",
		.run = cmd_flame,
		.formats = FORMAT_BIT(FORMAT_FOLDED) | FORMAT_BIT(FORMAT_SVG) |
			   FORMAT_BIT(FORMAT_PPROF) | FORMAT_BIT(FORMAT_SPEEDSCOPE),
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES |
			   TAKES_FLAME,
		.summary =
			"a flamegraph of where time is waited, as picture, pprof or folded stacks",
		.more = "      --of WHAT         wait: time waited, which is the default; lock, chan: for what,\n"
			"                        as the leaf; spawn: goroutines created; tasks: goroutines that\n"
			"                        exist; block, mutex: as Go's own profiles of these names;\n"
			"                        leaks: goroutines proven leaked\n"
			"      --reason TEXT     only waits with TEXT in their reason\n"
			"      --lock ADDR, --chan ADDR, --goid N\n"
			"                        only waits for that one, or of that goroutine\n"
			"      --created-by      the go statement that made the goroutine is the root\n\n"
			"The format follows from the name of --output: .svg, .pb.gz (pprof), .json (speedscope),\n"
			".folded; else --format says it: svg, pprof, speedscope or folded, the default.\n"
			"Traces for --duration seconds, 5 unless told; --interval is the mean time between two\n"
			"snapshots, 0.005 unless told.\n",
		.example =
			"conctrace flame -p 1234 -d 10 -o waits.svg\n"
			"  conctrace flame -p 1234 --of mutex -o mutex.pb.gz && go tool pprof -top mutex.pb.gz",
	},
	{
		.name = "record",
		.run = cmd_record,
		.formats = FORMATS_TEXT_JSON,
		.allowed = TAKES_TARGET | NEEDS_TARGET | TAKES_DURATION | TAKES_PROBES |
			   TAKES_WORDS | NEEDS_OUTPUT | TAKES_RECORD | TAKES_MEMORY,
		.summary = "keep everything that the tables are made from, in an SQLite file",
		.words = " -o FILE [VIEW]",
		.more = "A batch every --interval seconds, until --duration is over, Ctrl-C, or the process\n"
			"ends; the file is good up to the last batch, whatever happens. `conctrace report`\n"
			"shows any view of it. With VIEW, that one is printed at the end as well.\n"
			"      --timeline        every wait, wake-up, spawn, exit and lock release, too, and\n"
			"                        what the garbage collector does\n"
			"      --leaks           which goroutines are leaked, too: a look at the heap every\n"
			"                        minute, before each copy and at the end\n"
			"      --max-memory SIZE  of our own, for such a look: 1G unless told\n"
			"      --keep TIME       only the last 90s, 5m or 1h; SIGUSR1 makes a copy of them\n"
			"      --max-size SIZE   bounds the file: 64M, 1G\n"
			"      --dump-when CONDITION  makes a copy when it begins to hold: goroutines>N,\n"
			"                        runnable>N, waiting>N, oldest>SECONDS (of lock waits)\n",
		.example =
			"conctrace record -p 1234 -o shop.db -d 60 --timeline\n"
			"  conctrace record -p 1234 -o flight.db --keep 5m --dump-when 'goroutines>500'",
	},
	{
		.name = "report",
		.run = cmd_report,
		.formats = FORMATS_TEXT_JSON | FORMAT_BIT(FORMAT_PERFETTO) |
			   FORMAT_BIT(FORMAT_CHROME) | FORMAT_BIT(FORMAT_DOT) |
			   FORMAT_BIT(FORMAT_MERMAID) | FORMAT_BIT(FORMAT_FOLDED) |
			   FORMAT_BIT(FORMAT_SVG) | FORMAT_BIT(FORMAT_PPROF) |
			   FORMAT_BIT(FORMAT_SPEEDSCOPE) | FORMAT_BIT(FORMAT_HTML),
		.allowed = TAKES_TASKS | TAKES_FLAME | TAKES_WORDS | NEEDS_WORD | TAKES_REPORT |
			   TAKES_LIMITS,
		.summary = "what was recorded: any view, at any time",
		.words = " FILE [VIEW]",
		.more = "VIEW is top (the default), tasks, locks, chans, stacks, waits, leaks, flame or diagnose, with\n"
			"the options of the commands of these names. Without a VIEW, -o x.pftrace (Perfetto)\n"
			"and -o x.json (Chrome) write the timeline that --timeline has recorded.\n"
			"      --at TIME         not at the end: seconds since the beginning, -seconds\n"
			"                        before the end, or 2026-11-25T20:15:03Z\n"
			"      --diff BEFORE AFTER  what differs between two recordings: appeared, gone, more,\n"
			"                        fewer, slower, faster; -v: all; also -f json\n"
			"      --all, --filter TEXT, --sort ORDER, --top N  of tasks\n"
			"      --of WHAT, --reason TEXT, --created-by, ...  of flame\n"
			"      --service KIND, --config FILE, --severity LEVEL, ...  of diagnose, which has the\n"
			"                        growth and forecast of all of the time; exit status 3, too\n",
		.example = "conctrace report shop.db locks --at -30\n"
			   "  conctrace report shop.db diagnose -f html -o shop.html\n"
			   "  conctrace report shop.db -o shop.pftrace",
	},
	{
		.name = "ls",
		.run = cmd_ls,
		.formats = FORMATS_TEXT_JSON,
		.summary = "the Go processes on this host",
		.example = "conctrace ls",
	},
	{
		.name = "doctor",
		.run = cmd_doctor,
		.formats = FORMATS_TEXT_JSON,
		.allowed = TAKES_TARGET,
		.summary = "what this host and a process allow, and why not; where the probes sit",
		.example = "conctrace doctor -p 1234",
	},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const char options_help[] =
	"Options:\n"
	"  -p, --pid PID         the process\n"
	"  -n, --name NAME       the process by the name of its executable\n"
	"  -d, --duration SECONDS\n"
	"  -i, --interval SECONDS  between two tables of top, 1 unless told\n"
	"  -f, --format FORMAT   text or json, and what the command has besides\n"
	"  -o, --output FILE     write the result there\n"
	"      --max-overhead PERCENT  what tracing may cost the process, 2 unless told;\n"
	"                        none: trace every event; 0: no probes\n"
	"      --max-tasks N     goroutines that the kernel keeps track of\n"
	"      --no-probes       snapshots only\n"
	"      --system          show the runtime's own goroutines, too\n"
	"  -v, --verbose         say more\n"
	"  -q, --quiet           nothing but the result\n"
	"      --no-color\n"
	"      --version, --help\n";

static void print_help(void)
{
	printf("conctrace: what the goroutines of a running Go process do and wait for\n\n"
	       "Usage: conctrace [COMMAND] [-p PID | -n NAME] [OPTIONS]\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++)
		printf("  %-8s %s\n", commands[i].name, commands[i].summary);
	printf("\n%s\nExample:\n  sudo conctrace -p 1234\n\n"
	       "Exit status: 0 fine; 1 it failed; 2 wrong usage; 3 leaks or diagnose found something.\n"
	       "`conctrace COMMAND --help` says more.\n",
	       options_help);
}

static void print_command_help(const struct command *command)
{
	const char *target = command->allowed & NEEDS_TARGET ? " -p PID | -n NAME" :
			     command->allowed & TAKES_TARGET ? " [-p PID | -n NAME]" :
							       "";

	printf("conctrace %s: %s\n\nUsage: conctrace %s%s%s [OPTIONS]\n\n%s%s%s\nExample:\n  %s\n",
	       command->name, command->summary, command->name, target,
	       command->words ? command->words : "", command->more ? command->more : "",
	       command->more ? "\n" : "", options_help, command->example);
}

static int report(const struct err *err, int status)
{
	fprintf(stderr, "conctrace: %s failed: %s; %s\n", err->what, err->why, err->todo);
	return status;
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

/* `conctrace -p 1` is `conctrace top -p 1`. */
static const struct command *choose_command(int *argc, char ***argv, struct err *err)
{
	const char *first = *argc > 1 ? (*argv)[1] : "";
	const struct command *command;

	if (first[0] == '-' || !first[0])
		return &commands[0];
	command = find_command(first);
	if (!command) {
		err_set(err, EINVAL, "reading the command line", "see `conctrace --help`",
			"there is no command \"%.80s\"", first);
		return NULL;
	}
	(*argc)--;
	(*argv)++;
	return command;
}

int main(int argc, char **argv)
{
	bool named = argc > 1 && find_command(argv[1]);
	const struct command *command;
	struct options options;
	struct err err = { 0 };
	int status;

	/* a reader that went away shows as an error of the write */
	signal(SIGPIPE, SIG_IGN);
	command = choose_command(&argc, &argv, &err);
	if (!command ||
	    options_parse(argc, argv, command->allowed, command->formats, &options, &err)) {
		if (argc == 1 && !named && command) {
			print_help();
			return 2;
		}
		return report(&err, 2);
	}
	if (options.version) {
		puts("conctrace " CONCTRACE_VERSION);
		return 0;
	}
	if (options.help) {
		if (named)
			print_command_help(command);
		else
			print_help();
		return 0;
	}
	status = command->run(&options, &err);
	if (status == -EPIPE)
		return 0;
	return status < 0 ? report(&err, strcmp(err.what, OPTIONS_WHAT) ? 1 : 2) : status;
}
