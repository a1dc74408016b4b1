// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "collect/record_rows.h"

#define COUNT(fields) (sizeof(fields) / sizeof((fields)[0]))

#define TARGET(member, name, says) INT(struct record_target, member, name, says)
static const struct record_field target_fields[] = {
	TARGET(facts.pid, "pid", "process id"),
	FIELD(FIELD_TEXT, struct record_target, facts.exe, "exe", "executable"),
	FIELD(FIELD_TEXT, struct record_target, facts.go_version, "go_version",
	      "as the executable says"),
	TARGET(facts.stripped, "stripped", "1: no symbol table"),
	TARGET(facts.pie, "pie", "1: position independent"),
	TARGET(facts.cgo, "cgo", "1: with C code"),
	TARGET(facts.gomaxprocs, "gomaxprocs", "0: unknown"),
	TARGET(minor, "minor", "Go 1.minor"),
	TARGET(reasons_minor, "reasons_minor", "whose numbers the wait reasons are"),
	TARGET(wrapper_id, "wrapper_id", "abi.FuncIDWrapper"),
	FIELD(FIELD_TEXT, struct record_target, goroot_file, "goroot_file",
	      "source file of runtime.gopark"),
	TARGET(code_start, "code_start", "where the code is in memory"),
	TARGET(code_limit, "code_limit", "its end"),
	TARGET(code_offset, "code_offset", "where it is in the file"),
	FIELD(FIELD_TEXT, struct record_target, build_id, "build_id", "GNU build id"),
	FIELD(FIELD_TEXT, struct record_target, go_build_id, "go_build_id", "Go build id"),
};

#define CAPTURE(member, name, says) INT(struct record_capture, member, name, says)
#define COUNTER(which, name, says) CAPTURE(counters[which], name, says)
static const struct record_field capture_fields[] = {
	CAPTURE(wall_ns, "wall_ns", "CLOCK_REALTIME of the batch"),
	CAPTURE(at_ns, "at_ns", "CLOCK_MONOTONIC, as all other times; when the probes were read"),
	CAPTURE(age_ns, "age_ns", "how long the process had been running"),
	CAPTURE(map_bytes, "map_bytes", "memory that the kernel tables can take at most"),
	CAPTURE(keyframe, "keyframe", "1: every row that there is was written with this batch"),
	CAPTURE(has_events, "has_events", "1: probes were used"),
	CAPTURE(has_snapshot, "has_snapshot", "1: the latest snapshot belongs to this batch"),
	CAPTURE(first_stack, "first_stack", "stacks below it are of earlier keyframes"),
	CAPTURE(first_label, "first_label", "the same of label"),
	CAPTURE(first_case, "first_case", "the same of select_case"),
	CAPTURE(first_text, "first_text", "the same of text"),
	CAPTURE(first_event, "first_event", "id of the first event since the batch before"),
	CAPTURE(status.on_ns, "on_ns", "how long the probes were on since the attach"),
	CAPTURE(status.elapsed_ns, "elapsed_ns", "time since the attach"),
	CAPTURE(status.windows, "windows", "how often the probes were put on"),
	CAPTURE(status.hits, "hits", "of probes, each of which cost a trap"),
	FIELD(FIELD_REAL, struct record_capture, status.hit_cost_ns, "hit_cost_ns", "measured"),
	FIELD(FIELD_REAL, struct record_capture, status.overhead_pct, "overhead_pct",
	      "estimated cost to the process"),
	CAPTURE(status.always_on, "always_on", "1: counts are exact; 0: estimates"),
	CAPTURE(status.error, "error", "errno that ended the tracing; 0: none"),
	CAPTURE(status.counted_ns, "counted_ns", "time that the totals stand for"),
	FIELD(FIELD_REAL, struct record_capture, status.event_weight, "event_weight",
	      "mean weight of an event; 1: exact"),
	FIELD(FIELD_REAL, struct record_capture, status.hits_error, "hits_error",
	      "standard error of all events together, as a share"),
	FIELD(FIELD_REAL, struct record_capture, status.slowdown, "slowdown",
	      "share by which tracing slowed the process down while it was on"),
	CAPTURE(status.newest_goid, "newest_goid", "highest goid seen to be spawned"),
	FIELD(FIELD_LIST, struct record_capture, status.whole_ns, "whole_ns",
	      "by log2 of a wait: time in which one could be seen whole"),
	FIELD(FIELD_LIST, struct record_capture, status.steady_ns, "steady_ns",
	      "time that probes without windows were on, by their pace"),
	COUNTER(CT_N_HITS, "n_hits", "hits of probes"),
	COUNTER(CT_N_CLOSED, "n_closed", "of them while no window was open"),
	COUNTER(CT_N_LIVELY, "n_lively", "hits of probes without windows"),
	COUNTER(CT_N_RARE, "n_rare", "the same, where hits are rare"),
	COUNTER(CT_N_SPAWN, "n_spawned", "goroutines"),
	COUNTER(CT_N_EXIT, "n_exited", "goroutines"),
	COUNTER(CT_N_PARK, "n_parked", "waits begun"),
	COUNTER(CT_N_READY, "n_readied", "waits ended"),
	COUNTER(CT_N_ABORTED, "n_aborted", "parks taken back by the runtime"),
	COUNTER(CT_N_UNMATCHED, "n_unmatched", "wake-ups whose wait began before the attach"),
	COUNTER(CT_N_CENSORED, "n_censored", "waits that began in an earlier window"),
	COUNTER(CT_LOST_TASK, "lost_task", "the kernel had no room for a goroutine"),
	COUNTER(CT_LOST_SITE, "lost_site", "for a place of waiting"),
	COUNTER(CT_LOST_OBJECT, "lost_object", "for a lock or channel"),
	COUNTER(CT_LOST_SPAWN, "lost_spawn", "for a go statement"),
	COUNTER(CT_LOST_WAKE, "lost_wake", "for a pair of waker and woken"),
	COUNTER(CT_LOST_TALLY, "lost_tally", "for a place of another kind"),
	COUNTER(CT_LOST_READ, "lost_read", "memory of the process could not be read"),
	COUNTER(CT_LOST_ORDER, "lost_order", "a park while parked: a wake-up was not seen"),
	COUNTER(CT_LOST_EVENT, "lost_event", "events that the timeline had no room for"),
};

#define SNAPSHOT(member, says) INT(struct record_snapshot, member, #member, says)
static const struct record_field snapshot_fields[] = {
	SNAPSHOT(at_ns, "when the reading began"),
	SNAPSHOT(took_ns, "how long it took"),
	SNAPSHOT(torn, "goroutines that ran while they were read, and have no stack"),
	SNAPSHOT(unreadable, "goroutines that could not be read"),
	SNAPSHOT(system, "goroutines of the runtime itself"),
	SNAPSHOT(reused, "goroutines that had not run since the snapshot before"),
	SNAPSHOT(ahead_left_out, "goroutines whose next operations are not known"),
};

#define RESOURCE(member, says) INT(struct resources, member, #member, says)
static const struct record_field resources_fields[] = {
	RESOURCE(at_ns, "CLOCK_MONOTONIC"),
	RESOURCE(rss, "resident memory, bytes; 0: unknown"),
	RESOURCE(cpu_ns, "CPU time used so far"),
	RESOURCE(cpu_delay_ns, "its threads waited so long for a CPU so far"),
	RESOURCE(memory_limit, "of its cgroups, or the machine's memory, bytes; 0: unknown"),
	RESOURCE(memory_limit_is_cgroup, "1: it is a cgroup's"),
	RESOURCE(memory_used, "of what the limit is for, bytes; 0: unknown"),
	FIELD(FIELD_REAL, struct resources, cpu_quota, "cpu_quota",
	      "CPUs that its cgroups allow; 0: no quota"),
	RESOURCE(throttled, "periods in which the quota stopped it so far"),
	RESOURCE(periods, "of the quota so far"),
	RESOURCE(throttled_ns, "stopped by the quota so far"),
	RESOURCE(cpus, "of the machine"),
	RESOURCE(machine_cpu_ns, "that all processes used so far"),
};

#define TASK(member, says) INT(struct record_task, goroutine.member, #member, says)
#define TASK_FIELDS                                                                                 \
	INT(struct record_task, g, "g", "address of the runtime.g"),                                \
		TASK(goid, "the goroutine's id"),                                                   \
		INT(struct record_task, goroutine.index, "place", "in allgs"),                      \
		TASK(status, "see table state"), TASK(wait_reason, "see table wait_reason"),        \
		TASK(wait_kind, "1 send, 2 receive, 3 select, 4 lock, 5 Cond, 6 timer, 7 network,"  \
				" 8 other, 9 iter.Pull"),                                           \
		TASK(wait_addr,                                                                     \
		     "what it waits for: hchan, semaphore, notifyList, timer, pollDesc, Weighted"), \
		TASK(ready, "in a Weighted's Acquire: hchan that is closed then; 0: in none"),      \
		TASK(wants, "and how much of it"),                                                  \
		TASK(since_ns, "it rests since then at least; 0: unknown"),                         \
		TASK(waitsince_ns, "the GC found it waiting then; 0: unknown"),                     \
		TASK(wake_ns, "when its timer ends; 0: unknown"),                                   \
		TASK(parent_goid, "who created it; 0: unknown"),                                    \
		TASK(gopc, "pc behind the go statement"), TASK(startpc, "entry of its function"),   \
		TASK(m_procid, "thread id; 0: none"),                                               \
		INT(struct record_task, goroutine.labels, "labels_addr", "address of its labels"),  \
		TASK(fd, "network: descriptor; -1: unknown"),                                       \
		TASK(direction, "network: 1 reads, 2 writes"), TASK(scan, "1: the GC scans it"),    \
		TASK(locked, "1: locked to its thread"), TASK(system, "1: of the runtime itself"),  \
		TASK(torn, "1: it ran while it was read"),                                          \
		TASK(stack_cut, "1: its stack goes on"),                                            \
		TASK(cases_cut, "1: it may wait for more channels than its cases say"),             \
		INT(struct record_task, stack, "stack", "in table stack; 0: none"),                 \
		INT(struct record_task, cases, "cases", "in table select_case; 0: none"),           \
		INT(struct record_task, labels, "label", "in table label; 0: none"),                \
		INT(struct record_task, peer, "peer", "in table text: the other end; 0: unknown")

static const struct record_field task_fields[] = { TASK_FIELDS };

#define PROBED(member, says) INT(struct task_row, task.member, #member, says)
static const struct record_field probe_task_fields[] = {
	INT(struct task_row, g, "g", "address of the runtime.g"),
	PROBED(goid, "the goroutine's id"),
	PROBED(state, "1 active, 2 waiting; 0: unknown"),
	PROBED(reason, "see table wait_reason"),
	PROBED(since_ns, "when the state began"),
	PROBED(spawned_ns, "0: not seen"),
	PROBED(object, "what it waits for: hchan or semaphore"),
	PROBED(object_kind, "1 channel, 2 select, 3 semaphore"),
	PROBED(op, "1 send, 2 receive, 3 select"),
	PROBED(site, "in table wait: where it parked last"),
	PROBED(parent_goid, "0: spawned before the attach"),
	PROBED(gopc, "0: spawned before the attach"),
	PROBED(pending_sema, "semaphore whose queue it has entered"),
	PROBED(waker_goid, "who ended its last wait; 0: timer, network, runtime"),
	PROBED(waits, "that ended"),
	PROBED(wait_ns_total, "of those"),
	PROBED(wait_ns_max, "of those"),
	PROBED(generation, "window in which the state was seen to begin"),
};

#define WAIT(member, says) INT(struct record_wait, member, #member, says)
static const struct record_field wait_fields[] = {
	WAIT(site, "number of the stack and reason"),
	WAIT(reason,
	     "see table wait_reason; 256: where wakers stood; 512: where locks were let go; "
	     "1024: where goroutines marked for the collector, or began its cycles"),
	WAIT(stack, "in table stack"),
	WAIT(parks, "waits begun"),
	WAIT(waits, "waits ended and timed, weighted by the windows"),
	WAIT(aborted, "parks taken back by the runtime"),
	WAIT(wait_ns_total, "of waits that ended, weighted by the windows"),
	WAIT(wait_ns_max, "of waits that ended"),
	FIELD(FIELD_LIST, struct record_wait, hist, "hist", "waits by log2 of ns"),
};

#define OBJECT(member, name, says) INT(struct object_row, member, name, says)
static const struct record_field object_fields[] = {
	OBJECT(key.addr, "addr", "hchan, or semaphore within a lock"),
	OBJECT(key.site, "site", "in table wait"),
	OBJECT(key.kind, "kind", "1 channel, 3 semaphore"),
	OBJECT(key.op, "op", "1 send, 2 receive, 3 select"),
	OBJECT(object.waits, "waits", "that ended, weighted by the windows"),
	OBJECT(object.wait_ns_total, "wait_ns_total", "of those, weighted"),
	OBJECT(object.wait_ns_max, "wait_ns_max", "of those"),
	OBJECT(object.last_ns, "last_ns", "end of the latest"),
	OBJECT(object.last_waker_goid, "last_waker_goid", "who ended it"),
	OBJECT(object.last_woken_goid, "last_woken_goid", "whose it was"),
	FIELD(FIELD_LIST, struct object_row, object.hist, "hist", "waits by log2 of ns"),
};

#define CHAN_OP(member, name, says) INT(struct chan_ops_row, member, name, says)
static const struct record_field chan_op_fields[] = {
	CHAN_OP(addr, "addr", "hchan"),
	CHAN_OP(ops.sends, "sends", "outside a select with default"),
	CHAN_OP(ops.recvs, "recvs", "outside a select with default"),
	CHAN_OP(ops.polls_send, "polls_send", "in a select with default"),
	CHAN_OP(ops.polls_recv, "polls_recv", "in a select with default"),
	CHAN_OP(ops.closes, "closes", "of the channel"),
};

#define RELEASE(member, name, says) INT(struct release_row, member, name, says)
static const struct record_field release_fields[] = {
	RELEASE(key.addr, "addr", "semaphore within a lock"),
	RELEASE(key.site, "site", "in table wait: where it was let go"),
	RELEASE(key.kind, "kind", "3"),
	RELEASE(key.op, "op", "0"),
	RELEASE(release.count, "count", "contended ones"),
	RELEASE(release.last_ns, "last_ns", "when the latest was"),
	RELEASE(release.last_goid, "last_goid", "by whom"),
};

#define SPAWN(member, name, says) INT(struct spawn_row, member, name, says)
static const struct record_field spawn_fields[] = {
	SPAWN(gopc, "gopc", "pc behind the go statement"),
	SPAWN(spawn.spawned, "spawned", "goroutines"),
	SPAWN(spawn.exited, "exited", "goroutines"),
	SPAWN(spawn.start_pc, "start_pc", "entry of the function of the latest"),
};

#define WAKE(member, name, says) INT(struct wake_row, member, name, says)
static const struct record_field wake_fields[] = {
	WAKE(key.site, "site", "in table wait: where the woken one waited"),
	WAKE(key.waker, "waker", "in table wait: where the waker was; 0: timer, network, runtime"),
	WAKE(wake.count, "count", "of waits of 1 ms or more"),
	WAKE(wake.wait_ns_total, "wait_ns_total", "of those"),
	WAKE(wake.charged_ns, "charged_ns",
	     "of locks: what all waited there since the wake-up before"),
	WAKE(wake.last_waker_goid, "last_waker_goid", "of the latest"),
	WAKE(wake.last_woken_goid, "last_woken_goid", "of the latest"),
};

#define CHAN_STATE(member, says) INT(struct chan_state, member, #member, says)
static const struct record_field chan_state_fields[] = {
	CHAN_STATE(addr, "hchan"),
	CHAN_STATE(len, "elements in the buffer"),
	CHAN_STATE(cap, "size of the buffer"),
	CHAN_STATE(closed, "1: it is"),
	CHAN_STATE(senders, "goroutines that wait to send"),
	CHAN_STATE(receivers, "goroutines that wait to receive"),
	CHAN_STATE(elem_size, "of an element, bytes"),
	CHAN_STATE(read_ok, "0: it could not be read"),
};

static const struct record_field lock_word_fields[] = {
	INT(struct lock_words, addr, "addr", "of the semaphore, or Weighted"),
	INT(struct lock_words, read_ok, "read_ok", "0: it could not be read"),
	FIELD(FIELD_BYTES, struct lock_words, bytes, "bytes", "memory from addr - 16 on"),
};

#define NEXT(member, says) INT(struct record_next, member, #member, says)
static const struct record_field next_fields[] = {
	NEXT(object, "lock, WaitGroup, Cond or hchan that others wait for"),
	NEXT(g, "address of the runtime.g of who does something with it next"),
	NEXT(n, "one of several"),
	NEXT(what,
	     "0 unlock, 1 write unlock, 2 read unlock, 6 Done, 7 send, 8 receive, 9 close, 10 wake, "
	     "12 release; waits and has locked it before: 14, to write 15, to read 16"),
	NEXT(frame, "depth in its stack"),
	NEXT(certain, "1: on every path"),
};

#define LOOK(member, name, says) INT(struct record_look, member, name, says)
static const struct record_field look_fields[] = {
	LOOK(wall_ns, "wall_ns", "CLOCK_REALTIME when it was over"),
	LOOK(scan.looks, "looks",
	     "1: nothing was found, so nothing needed a second; 0: see why_not"),
	LOOK(scan.took_ns, "took_ns", "all of it"),
	LOOK(scan.apart_ns, "apart_ns", "from one look to the other"),
	LOOK(scan.passes, "passes", "over what the program wrote after the second look"),
	LOOK(scan.withdrawn, "withdrawn", "found by the first look and not by the second"),
	LOOK(scan.blocked, "blocked", "goroutines that wait for objects of the program"),
	LOOK(scan.scan_bytes, "heap_scan_bytes", "of the heap, with pointers"),
	LOOK(scan.noscan_bytes, "heap_noscan_bytes", "without"),
	LOOK(scan.objects, "objects", "in it"),
	LOOK(scan.marked, "objects_alive", "of those"),
	LOOK(scan.copied_bytes, "copied_bytes", "of our own memory"),
	LOOK(scan.snapshot.at_ns, "at_ns", "when the last goroutines were read"),
	LOOK(scan.snapshot.took_ns, "snapshot_ns", "how long that took"),
	LOOK(scan.snapshot.torn, "torn", "as in snapshot"),
	LOOK(scan.snapshot.unreadable, "unreadable", "as in snapshot"),
	FIELD(FIELD_LIST, struct record_look, by_state, "by_state",
	      "goroutines that there were, by state"),
	LOOK(system, "system", "and those of the runtime itself"),
	FIELD(FIELD_TEXT, struct record_look, why_not, "why_not",
	      "why it was not possible; or empty"),
};

#define LEAK(member, name, says) INT(struct record_leak, member, name, says)
static const struct record_field leak_fields[] = {
	TASK_FIELDS,
	LEAK(chan.addr, "chan", "hchan that it waits for, or the first of its select; 0: none"),
	LEAK(chan.len, "chan_len", "elements in its buffer"),
	LEAK(chan.cap, "chan_cap", "size of its buffer"),
	LEAK(chan.closed, "chan_closed", "1: it is"),
	LEAK(chan.read_ok, "chan_read_ok", "0: it could not be read"),
	LEAK(doubt, "doubt", "0: leaked; others: why it is a suspect only"),
	LEAK(cycle, "cycle", "of leaked ones that wait for each other: which; 0: in none"),
	LEAK(place, "cycle_place",
	     "its place there: it waits for the next, the last one for the first"),
	FIELD(FIELD_TEXT, struct record_leak, verdict, "verdict", "leaked or suspect"),
	FIELD(FIELD_TEXT, struct record_leak, proof, "proof",
	      "what it waits for, and who could wake it"),
	FIELD(FIELD_TEXT, struct record_leak, why_not, "why_not", "why that is no proof; or empty"),
};

#define LOCK(member, says) INT(struct record_lock, member, #member, says)
static const struct record_field lock_fields[] = {
	LOCK(addr, "of the lock"),
	FIELD(FIELD_TEXT, struct record_lock, kind, "kind", "sync.Mutex, sync.RWMutex, ..."),
	FIELD(FIELD_TEXT, struct record_lock, symbol, "symbol",
	      "variable or field, where that is known"),
	LOCK(waiters, "goroutines that wait for it"),
	LOCK(waits, "that ended"),
	LOCK(wait_ns_total, "of those; or by the snapshots, where that is more"),
	LOCK(wait_ns_max, "of those that ended"),
	LOCK(releases, "contended ones"),
};

#define CHAN(member, says) INT(struct record_chan, member, #member, says)
static const struct record_field chan_fields[] = {
	CHAN(addr, "hchan"),
	FIELD(FIELD_TEXT, struct record_chan, symbol, "symbol", "variable, where it is one"),
	CHAN(state_known, "0: len, cap and closed are unknown"),
	CHAN(len, "elements in the buffer"),
	CHAN(cap, "size of the buffer"),
	CHAN(closed, "1: it is"),
	CHAN(senders_waiting, "goroutines that wait to send"),
	CHAN(receivers_waiting, "goroutines that wait to receive"),
	CHAN(sends, "operations; 0 also when the probes for them were off"),
	CHAN(recvs, "the same of receives"),
	CHAN(waits, "that ended"),
	CHAN(send_wait_ns, "of senders"),
	CHAN(recv_wait_ns, "of receivers"),
	CHAN(select_wait_ns, "of selects that this channel ended"),
};

#define UNKEYED(fields_, row, name_, says_)                                                        \
	{                                                                                          \
		.name = name_, .says = says_, .fields = fields_, .field_count = COUNT(fields_),    \
		.row_size = sizeof(row)                                                            \
	}
#define KEYED(fields_, row, key_size_, primary, name_, says_)                                      \
	{                                                                                          \
		.name = name_, .says = says_, .fields = fields_, .field_count = COUNT(fields_),    \
		.row_size = sizeof(row), .key_size = key_size_, .primary_key = primary             \
	}

const struct record_table record_target_table =
	UNKEYED(target_fields, struct record_target, "target", "the process; one row");
const struct record_table record_capture_table = UNKEYED(
	capture_fields, struct record_capture, "capture",
	"one row a batch: how it was captured, and the totals of the probes since the attach");
const struct record_table record_snapshot_table =
	UNKEYED(snapshot_fields, struct record_snapshot, "snapshot",
		"the snapshots of the memory; a batch without a row has the one before");
const struct record_table record_resources_table =
	UNKEYED(resources_fields, struct resources, "resources",
		"memory and CPU of the process, and what it may use of them");

const struct record_table record_look_table = UNKEYED(
	look_fields, struct record_look, "leak_look",
	"the looks at the heap for leaked goroutines; a batch without a row has the one before");

const struct record_table record_tables[RECORD_KINDS] = {
	[RECORD_TASK] = KEYED(task_fields, struct record_task, 8, "g", "task_log",
			      "goroutines of the snapshots; view task has the latest in words"),
	[RECORD_PROBE_TASK] = KEYED(probe_task_fields, struct task_row, 8, "g", "probe_task_log",
				    "what the probes know of goroutines"),
	[RECORD_WAIT] = KEYED(wait_fields, struct record_wait, 4, "site", "wait_log",
			      "waits by stack and reason; view wait has the latest in words"),
	[RECORD_OBJECT] = KEYED(object_fields, struct object_row, sizeof(struct ct_object_key),
				"addr, site, kind, op", "object_log",
				"waits by lock or channel and place"),
	[RECORD_CHAN_OP] = KEYED(chan_op_fields, struct chan_ops_row, 8, "addr", "chan_op_log",
				 "operations begun on channels"),
	[RECORD_RELEASE] = KEYED(release_fields, struct release_row, sizeof(struct ct_object_key),
				 "addr, site, kind, op", "release_log",
				 "who let go of contended locks"),
	[RECORD_SPAWN] = KEYED(spawn_fields, struct spawn_row, 8, "gopc", "spawn_log",
			       "go statements; view spawn has the latest in words"),
	[RECORD_WAKE] = KEYED(wake_fields, struct wake_row, sizeof(struct ct_wake_key),
			      "site, waker", "wake_log", "who woke whom"),
	[RECORD_CHAN_STATE] = KEYED(chan_state_fields, struct chan_state, 8, "addr",
				    "chan_state_log", "channels that somebody waits for"),
	[RECORD_LOCK_WORDS] = KEYED(lock_word_fields, struct lock_words, 8, "addr", "lock_word_log",
				    "memory around semaphores that somebody waits for"),
	[RECORD_NEXT] = KEYED(next_fields, struct record_next, 24, "object, g, n", "next_log",
			      "what goroutines do next: who holds locks"),
	[RECORD_LEAK] =
		KEYED(leak_fields, struct record_leak, 8, "g", "leak_log",
		      "goroutines found leaked, and suspects; view leak has the latest in words"),
	[RECORD_LOCK] = KEYED(lock_fields, struct record_lock, 8, "addr", "lock_log",
			      "contended locks; view lock has the latest"),
	[RECORD_CHAN] = KEYED(chan_fields, struct record_chan, 8, "addr", "chan_log",
			      "channels; view chan has the latest"),
};
