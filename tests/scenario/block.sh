# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# block - with on_failure: block the stream stays at the event that fails, says why, and goes on when
# the cause is mended; the other pipeline of the source is not held up.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - @seen
pipelines:
  strict:
    trigger:
      type: cdc
      config: { source_id: shop, on_failure: block, retry: { max_attempts: 1, initial_backoff: 10ms, max_backoff: 50ms } }
    steps:
      - name: needs_table
        type: step.db_exec
        config: { database: seen, query: "INSERT INTO absent VALUES (?)", params: [ "${ key.id }" ] }
      - @record
  easy:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
  status:
    steps:
      - { name: status, type: step.cdc_status, config: { source_id: shop } }
YAML
host_start config.yaml
ask shop.db "INSERT INTO item VALUES (1, 'a'), (2, 'b'), (3, 'c')"
wait_until 10 seen_at_least 3
tried() {
    [ "$(grep -c 'no such table: absent' "$host_log")" -ge "$1" ]
}
wait_until 10 tried 4
same 0 "$(seen_count "pipeline = 'strict'")" "events past the failing one"
# A restart does not skip it either.
host_stop
host_start config.yaml
wait_until 10 tried 2
ask seen.db 'CREATE TABLE absent (id)'
wait_until 10 seen_at_least 3 "pipeline = 'strict'"
host_stop
same '1 2 3' "$(ask seen.db "SELECT group_concat(id, ' ') FROM absent")" "work in order"
same 0 "$("$WFHOST" dead-letters list --state-dir .cdc-state 2>/dev/null | wc -l)" "dead letters"
