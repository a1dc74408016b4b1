-- SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
--
-- What a recording holds besides the tables that are made from lists of fields (record_rows.c):
-- capture, snapshot, target and all whose name ends in _log. SQLite keeps comments that are within a
-- statement, so the documentation of a table is in the file it belongs to (.schema).

CREATE TABLE meta ( -- what this file is
  key TEXT PRIMARY KEY,
  value
) WITHOUT ROWID;

CREATE TABLE state ( -- names of task_log.status
  status INTEGER PRIMARY KEY,
  name TEXT
);

CREATE TABLE wait_reason ( -- names of the wait reasons of this version of Go
  reason INTEGER PRIMARY KEY,
  name TEXT
);

CREATE TABLE layout ( -- where the fields of the runtime's structs are
  field TEXT PRIMARY KEY,
  value INTEGER -- bytes from the struct's start; 4294967295: there is no such field
) WITHOUT ROWID;

CREATE TABLE stack ( -- innermost first
  stack INTEGER,
  depth INTEGER,
  pc INTEGER, -- of the call, in table frame
  PRIMARY KEY (stack, depth)
) WITHOUT ROWID;

CREATE TABLE frame ( -- what is at a pc; inlined functions first
  pc INTEGER,
  inline_depth INTEGER,
  function TEXT,
  file TEXT,
  line INTEGER,
  inlined INTEGER, -- 1: into the next one
  func_id INTEGER, -- abi.FuncID
  start_line INTEGER,
  entry INTEGER, -- of the function whose code this is
  PRIMARY KEY (pc, inline_depth)
) WITHOUT ROWID;

CREATE TABLE variable ( -- those that locks and channels lie in
  addr INTEGER PRIMARY KEY, -- of the lock or channel
  name TEXT,
  start INTEGER -- of the variable; 0: the name is of a field, and others of its type have it, too
);

CREATE TABLE label ( -- pprof labels of goroutines
  label INTEGER,
  n INTEGER,
  key TEXT,
  value TEXT,
  PRIMARY KEY (label, n)
) WITHOUT ROWID;

CREATE TABLE select_case ( -- channels of a select, or the one of a send or receive
  cases INTEGER,
  n INTEGER,
  chan INTEGER, -- hchan
  sudog INTEGER, -- how it stands in the channel's queue
  direction INTEGER, -- 1 receive, 2 send
  PRIMARY KEY (cases, n)
) WITHOUT ROWID;

CREATE TABLE text ( -- other ends of network connections
  text INTEGER PRIMARY KEY,
  value TEXT
);

CREATE TABLE event ( -- the timeline, when it was recorded: what happened, one by one
  id INTEGER PRIMARY KEY, -- in the order of their coming, which is that of each goroutine
  ns INTEGER, -- since meta.base_ns; of what takes time: its end
  -- 1 wait, 2 spawn, 3 exit, 4 a contended lock was let go, 5 cycle of the garbage collector, 6 the world
  -- was stopped, 7 a goroutine marked for the collector
  type INTEGER,
  goid INTEGER, -- who waited, was spawned, exited, let go, began the cycle, marked; 0: unknown
  other INTEGER, -- who ended the wait, or spawned it; 0: timer, network, runtime, unknown
  wait_ns INTEGER, -- how long it took; type 4: 1 when the lock was handed to a waiter
  site INTEGER, -- in wait_log
  object INTEGER, -- hchan or semaphore; types 2 and 3: pc behind the go statement
  op INTEGER -- 1 send, 2 receive, 3 select
);

CREATE TABLE coverage ( -- when the probes were on; of other times there is nothing in event
  opened_ns INTEGER PRIMARY KEY, -- CLOCK_MONOTONIC
  closed_ns INTEGER
);

-- Views: the end of the recording in words. The rows of a _log at batch N are, by key, those with the
-- highest batch <= N, without the ones that are gone.

CREATE VIEW stack_frame AS -- stacks in words; depth counts inlined frames, too
SELECT stack,
  row_number() OVER (PARTITION BY stack ORDER BY depth, inline_depth) - 1 AS depth,
  function, file, line, inlined
FROM stack JOIN frame USING (pc);

CREATE VIEW stack_site AS -- the application's frame, else the outermost one
SELECT stack, min(CASE
    -- standard packages have no dot before the first slash of their path; x/sync counts as one of them
    WHEN function LIKE 'golang.org/x/sync/%' THEN 1000000 - depth
    WHEN function LIKE 'main.%' OR instr(substr(function, 1, instr(function, '/')), '.') THEN depth
    ELSE 1000000 - depth END) AS depth,
  function, file, line
FROM stack_frame
WHERE function <> 'runtime.goexit'
GROUP BY stack;

CREATE VIEW task AS -- goroutines
SELECT t.goid, s.name AS state,
  CASE WHEN t.status IN (4, 10) THEN r.name END AS wait_reason,
  CASE WHEN t.wait_addr THEN printf('0x%x', t.wait_addr) END AS waiting_on,
  CASE WHEN t.since_ns THEN (SELECT max(at_ns) FROM snapshot) - t.since_ns END AS at_least_ns,
  f.function, f.file, f.line, t.parent_goid, t.stack, t.system
FROM (SELECT *, max(batch) FROM task_log
      WHERE batch >= (SELECT max(batch) FROM capture WHERE keyframe) GROUP BY g) t
LEFT JOIN state s ON s.status = t.status
LEFT JOIN wait_reason r ON r.reason = t.wait_reason
LEFT JOIN stack_site f ON f.stack = t.stack
WHERE NOT t.gone;

CREATE VIEW leak AS -- goroutines that the last look at the heap found leaked, and suspects
SELECT t.goid, t.verdict, r.name AS wait_reason,
  CASE WHEN t.wait_addr THEN printf('0x%x', t.wait_addr) END AS waiting_on,
  f.function, f.file, f.line, t.proof, t.why_not, t.parent_goid, t.stack
FROM (SELECT *, max(batch) FROM leak_log
      WHERE batch >= (SELECT max(batch) FROM capture WHERE keyframe) GROUP BY g) t
LEFT JOIN wait_reason r ON r.reason = t.wait_reason
LEFT JOIN stack_site f ON f.stack = t.stack
WHERE NOT t.gone;

CREATE VIEW wait AS -- where and why goroutines waited; traced waits only, see task for the rest
SELECT w.site,
  CASE w.reason WHEN 256 THEN '(waker)' WHEN 512 THEN '(release)'
    WHEN 1024 THEN '(collector)' ELSE r.name END AS wait_reason,
  f.function, f.file, f.line, w.parks, w.waits, w.wait_ns_total, w.wait_ns_max, w.stack
FROM (SELECT *, max(batch) FROM wait_log
      WHERE batch >= (SELECT max(batch) FROM capture WHERE keyframe) GROUP BY site) w
LEFT JOIN wait_reason r ON r.reason = w.reason
LEFT JOIN stack_site f ON f.stack = w.stack
WHERE NOT w.gone;

CREATE VIEW lock AS
SELECT printf('0x%x', addr) AS addr, kind, symbol, waiters, waits, wait_ns_total, wait_ns_max, releases
FROM (SELECT *, max(batch) FROM lock_log
      WHERE batch >= (SELECT max(batch) FROM capture WHERE keyframe) GROUP BY addr)
WHERE NOT gone;

CREATE VIEW chan AS
SELECT printf('0x%x', addr) AS addr, symbol,
  CASE WHEN state_known THEN len END AS len, CASE WHEN state_known THEN cap END AS cap,
  CASE WHEN state_known THEN closed END AS closed, senders_waiting, receivers_waiting,
  sends, recvs, waits, send_wait_ns, recv_wait_ns, select_wait_ns
FROM (SELECT *, max(batch) FROM chan_log
      WHERE batch >= (SELECT max(batch) FROM capture WHERE keyframe) GROUP BY addr)
WHERE NOT gone;

CREATE VIEW spawn AS -- go statements
SELECT f.function, f.file, f.line, s.spawned, s.exited,
  (SELECT function FROM frame WHERE pc = s.start_pc ORDER BY inline_depth DESC LIMIT 1)
    AS start_function
FROM (SELECT *, max(batch) FROM spawn_log
      WHERE batch >= (SELECT max(batch) FROM capture WHERE keyframe) GROUP BY gopc) s
LEFT JOIN frame f ON f.pc = s.gopc - 1 AND f.inline_depth = 0
WHERE NOT s.gone;

CREATE VIEW event_text AS -- the timeline in words
SELECT (SELECT value FROM meta WHERE key = 'base_ns') + e.ns AS ns,
  CASE e.type WHEN 1 THEN 'wait' WHEN 2 THEN 'spawn' WHEN 3 THEN 'exit' WHEN 4 THEN 'release'
    WHEN 5 THEN 'gc' WHEN 6 THEN 'world stop' WHEN 7 THEN 'gc assist' END AS type,
  e.goid, e.other, CASE WHEN e.type NOT IN (2, 3, 4) THEN e.wait_ns END AS wait_ns, w.wait_reason,
  w.function, w.file, w.line, CASE WHEN e.type IN (1, 4) AND e.object THEN printf('0x%x', e.object) END AS object
FROM event e LEFT JOIN wait w ON w.site = e.site;
