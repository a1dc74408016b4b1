# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Compares what conctrace saw (doc) with what the program `counts` says it did (own), and prints
# one line for each difference. The document may be of any traced command: only the tables it has are
# compared.

def own: $own_file[0];
def doc: $doc_file[0];

def differ($what; $seen; $was): select($seen != $was) | "\($what): seen \($seen), was \($was)";
# The program's own clock goes on while a woken goroutine is in the run queue; least is until it was woken.
def differ5($what; $seen; $was; $least):
	select(($seen // 0) > 1.05 * $was or ($seen // 0) < 0.95 * $least)
	| "\($what): seen \($seen), was \($least) to \($was) (5 %)";
def total(f): map(f // 0) | add // 0;
def address: ascii_downcase | ltrimstr("0x") | sub("^0+"; "");

def captured:
	differ("lost"; doc.capture.lost; 0),
	(doc.counts // empty | differ("spawned"; .spawned; own.counts.spawned)),
	(doc.counts // empty | differ("exited"; .exited; own.counts.exited));

def sites:
	own.sites[] as $s
	| [doc.sites[] | select(.frame.function == $s.function)] as $rows
	| "site \($s.function)" as $name
	| differ("\($name) reason"; $rows | map(.wait_reason) | unique; [$s.wait_reason]),
	  differ("\($name) parks"; $rows | total(.parks); $s.parks),
	  differ("\($name) waits"; $rows | total(.waits); $s.waits),
	  differ("\($name) waiting now"; $rows | total(.waiting_now); $s.parks - $s.waits),
	  differ5("\($name) wait ns"; $rows | total(.wait_ns_total); $s.wait_ns; $s.wait_ns_least),
	  # The program's clock stops when it runs again, which for one wait may be late.
	  (select($s.waits > 0) | $rows | map(.wait_ns_max) | max
	   | select(. == null or . > 1.01 * $s.wait_ns_max or . < 0.95 * $s.wait_ns_least / $s.waits)
	   | "\($name) wait ns max: seen \(.), was \($s.wait_ns_max)"),
	  differ("\($name) histogram"; $rows | total(.hist_log2_ns | add); $s.waits),
	  ($s.frame.line | select(. > 0) | . as $line
	   | differ("\($name) line"; $rows | map(.frame.line) | unique; [$line])),
	  ($s.frame.file | select(. != "") | split("/")[-1] as $file
	   | differ("\($name) file"; $rows | map(.frame.file | split("/")[-1]) | unique; [$file]));

# Sites of the program that it does not know of. The early goroutines' wait began before the attach.
def unknown_sites:
	(own.sites | map(.function) + ["main.earlyRecv"]) as $known
	| doc.sites[] | select(.parks > 0 and (.frame.function | startswith("main.")))
	| select(.frame.function as $f | $known | index($f) | not)
	| "unknown site \(.frame.function) \(.wait_reason) \(.waits)";

def spawns:
	own.spawns[] as $s
	| [doc.spawns[] | select(.function == $s.function)] as $rows
	| "spawn \($s.function)" as $name
	| differ("\($name) spawned"; $rows | total(.spawned); $s.spawned),
	  differ("\($name) exited"; $rows | total(.exited); $s.exited),
	  (select($s.spawned > 0) | differ("\($name) line"; $rows | map(.line) | unique; [$s.line]));

def locks:
	own.locks[] as $l
	| [doc.locks[] | select((.addr | address) == ($l.addr | address))] as $rows
	| "lock \($l.kind) \($l.addr) \($l.sites | keys)" as $name
	| differ("\($name) rows"; $rows | length; 1),
	  differ("\($name) kind"; $rows | map(.kind); [$l.kind]),
	  differ("\($name) waits"; $rows | total(.waits); $l.waits),
	  differ5("\($name) wait ns"; $rows | total(.wait_ns_total); $l.wait_ns; $l.wait_ns_least),
	  ($l.sites | to_entries[] as $e
	   | differ("\($name) at \($e.key)";
		[$rows[].sites[] | select(.frame.function == $e.key)] | total(.waits); $e.value));

def channels:
	own.channels[] as $c
	| [doc.channels[] | select((.addr | address) == ($c.addr | address))] as $rows
	| "channel \($c.addr) \($c.sites | keys)" as $name
	| differ("\($name) rows"; $rows | length; 1),
	  ($rows[0].cap // empty | differ("\($name) cap"; .; $c.cap)),
	  differ5("\($name) wait ns"; $rows | total((.send_wait_ns // 0) + (.recv_wait_ns // 0) +
		(.select_wait_ns // 0)); $c.wait_ns; $c.wait_ns_least),
	  ($c.sites | to_entries[] as $e
	   | differ("\($name) at \($e.key)";
		[$rows[].sites[] | select(.frame.function == $e.key)] | total(.waits); $e.value));

captured,
(if doc.sites then sites, unknown_sites else empty end),
(if doc.spawns then spawns else empty end),
(if doc.locks then locks else empty end),
(if doc.channels then channels else empty end)
