# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# backlog - 10,000 changes of 2 kB while the workflow sleeps: memory stays bounded, SIGTERM is heard,
# and afterwards everything is delivered once, in order.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
gate_create
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db, options: { buffer_bytes: 1MiB } } }
  - { name: gate, type: storage.sqlite, config: { dbPath: gate.db } }
  - @seen
pipelines:
  slow:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - { name: slow, type: step.db_exec, if: "${ key.id == 1 }", config: { database: gate, query: UPDATE gate SET passed = passed + 1 } }
      - { name: record, type: step.db_exec, config: { database: seen, query: "INSERT INTO event (pipeline, id, event) VALUES ('slow', ?, json_object('key', json(?)))", params: [ "${ id }", "${ json(key) }" ] } }
  quick:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - { name: nothing, type: step.set, config: { values: { a: b } } }
YAML
memory_kb() {
    sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$host/status"
}
host_start config.yaml
idle=$(memory_kb)
gate_shut
ask shop.db "WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 10000) INSERT INTO item SELECT n, printf('%02000d', n) FROM i"
# Reading stops when the buffer is full: the change table keeps its rows, and memory does not grow.
sleep 1
full=$(memory_kb)
same 0 "$(seen_count)" "events past the gate"
if [ -z "${CDC_SANITIZE:-}" ]; then
    [ $((full - idle)) -lt 12288 ] || fail "memory grew from $idle to $full kB with a buffer of 1 MiB"
fi
# SIGTERM while it sleeps and the buffer is full.
kill -TERM "$host"
wait_until 10 logged 'terminated: stopping'
gate_open
ends "$host" 0
[ "$(seen_count)" -le 1 ] || fail "$(seen_count) events were begun after SIGTERM"

host_start config.yaml
wait_until 30 seen_at_least 10000
if [ -z "${CDC_SANITIZE:-}" ]; then
    [ $(($(memory_kb) - idle)) -lt 12288 ] || fail "memory grew from $idle to $(memory_kb) kB"
fi
host_stop
same 10000 "$(seen_count)" "events"
same 10000 "$(ask seen.db "SELECT count(*) FROM seen WHERE key ->> 'id' = n")" "events in their place"
