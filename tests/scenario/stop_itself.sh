# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# stop_itself - a pipeline stops the source whose event it is working on, another one stops it and
# starts it again; nothing hangs and nothing is lost.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - @seen
pipelines:
  work:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
      - { name: stop, type: step.cdc_stop, if: '${ after?.v == "stop" || after?.v == "again" }', config: { source_id: shop } }
      - { name: start, type: step.cdc_start, if: '${ after?.v == "again" }', config: { source_id: shop } }
  start:
    trigger: { type: http, config: { path: /start, method: POST } }
    steps:
      - { name: start, type: step.cdc_start, config: { source_id: shop } }
YAML
host_start config.yaml
ask shop.db "INSERT INTO item VALUES (1, 'stop')"
is_stopped() {
    logged 'source is stopped source=shop'
}
wait_until 10 is_stopped
ask shop.db "INSERT INTO item VALUES (2, 'later'), (3, 'later')"
alive "$host" || fail "the host ended"
# Started again, with the source's id alone: its trigger is back and what happened meanwhile comes.
http POST /start >start.json
wait_until 10 seen_at_least 3
ask shop.db "INSERT INTO item VALUES (4, 'again'), (5, 'after')"
wait_until 10 seen_at_least 5
for id in $(seq 6 30); do
    ask shop.db "INSERT INTO item VALUES ($id, 'again')"
done
ask shop.db "INSERT INTO item VALUES (31, 'end')"
wait_until 15 seen_at_least 1 "key ->> 'id' = 31"
host_stop
same 31 "$(ask seen.db 'SELECT count(DISTINCT id) FROM seen')" "different events"
same "$(seq 31)" "$(ask seen.db "SELECT key ->> 'id' FROM seen GROUP BY id ORDER BY min(n)")" "the order of first deliveries"
