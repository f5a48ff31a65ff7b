# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_hung - fifty workflows on a source, of which one does not get on, and another source: all others see
# every change, and that one does when it can.  An engine that is killed while a step of the plugin waits takes
# the bridge with it.
. "$SOURCE_DIR/tests/support/engine.bash"

seen_create
gate_create
for source in shop other; do
    ask $source.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY)' >wal.txt
done
port_free
web=127.0.0.1:$port
{
    cat <<YAML
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: other, type: cdc.source, config: { provider: sqlite, source_id: other, connection: other.db } }
  - { name: gate, type: storage.sqlite, config: { dbPath: gate.db } }
  - { name: web, type: http.server, config: { address: "$web" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - @seen
workflows: { http: { server: web, router: router, routes: [] } }
pipelines:
  hung:
    trigger: { type: cdc, config: { source_id: shop, on_failure: block, retry: { max_attempts: 1, max_backoff: 100ms } } }
    steps:
      - { name: wait, type: step.db_exec, config: { database: gate, query: UPDATE gate SET passed = passed + 1 } }
      - @record
  other:
    trigger: { type: cdc, config: { source_id: other } }
    steps:
      - @record
  start:
    trigger: { type: http, config: { path: /start, method: POST } }
    steps:
      - { name: go, type: step.cdc_start, config: { source_id: gate, provider: sqlite, connection: gate.db } }
YAML
    for i in {1..49}; do
        cat <<YAML
  shop$i:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
    done
} | yaml config.yaml

engine_start config.yaml
gate_shut
for source in shop other; do
    ask $source.db 'INSERT INTO item VALUES (1), (2), (3); DELETE FROM item WHERE id = 2'
done
wait_until 60 seen_at_least $((50 * 4))
same 0 "$(seen_count "pipeline = 'hung'")" 'events of the workflow that waits'
gate_open
wait_until 30 seen_at_least $((51 * 4))
same 204 "$(ask seen.db 'SELECT count(*) FROM (SELECT DISTINCT pipeline, id FROM event)')" 'different events of all workflows'

gate_shut
spawn start curl -s -m 60 -X POST "http://$web/start"
wait_until 10 test -e .cdc-state/gate.lock
engine_kill
gate_open
