# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# large - rows larger than the whole buffer are delivered, in their place; one above max_event_bytes
# goes to the dead letters of every pipeline that wants it, with its key and that reason.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
yaml config.yaml <<'YAML'
modules:
  - name: shop
    type: cdc.source
    config: { provider: sqlite, source_id: shop, connection: shop.db, options: { buffer_bytes: 64KiB, max_event_bytes: 2MiB } }
  - @seen
pipelines:
  all:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - { name: record, type: step.db_exec, config: { database: seen, query: "INSERT INTO event (pipeline, id, event) VALUES ('all', ?, json_object('key', json(?), 'length', length(?)))", params: [ "${ id }", "${ json(key) }", "${ after.v }" ] } }
  others:
    trigger: { type: cdc, config: { source_id: shop, actions: [ UPDATE ] } }
    steps:
      - @record
YAML
host_start config.yaml
ask shop.db "INSERT INTO item VALUES (1, 'small'), (2, hex(zeroblob(500000))), (3, 'small'), (4, hex(zeroblob(1500000))),
    (5, 'small'), (6, hex(zeroblob(1000000))), (7, hex(zeroblob(20000))), (8, hex(zeroblob(20000)))"
wait_until 10 seen_at_least 7
contains 'subscription=pipeline:all attempts=0 error=the event is larger than max_event_bytes (2097152)' "$host_log"
host_stop
same '1:5 2:1000000 3:5 5:5 6:2000000 7:40000 8:40000' \
    "$(ask seen.db "SELECT group_concat((key ->> 'id') || ':' || (event ->> 'length'), ' ') FROM (SELECT * FROM seen ORDER BY n)")" "keys and lengths"
"$WFHOST" dead-letters list --state-dir .cdc-state >letters.jsonl 2>letters.log
events_import letters.jsonl letters.db
same 'pipeline:all oversize main.item {"id":4} 1' "$(ask letters.db "SELECT (event ->> 'subscription') || ' ' || (event ->> 'reason') || ' ' ||
    (event ->> 'table') || ' ' || (event -> '\$.event.key') || ' ' || (event ->> '\$.event.oversize') FROM event")" "the dead letters"
