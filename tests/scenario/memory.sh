# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# memory - events published by other pipelines' step.publish on cdc.memory.<source_id> reach the
# pipelines of a memory source as they were sent.
. "$SOURCE_DIR/tests/support/scenario.bash"

seen_create
yaml config.yaml <<'YAML'
modules:
  - { name: mem, type: cdc.source, config: { provider: memory, source_id: mem, connection: none } }
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - @seen
pipelines:
  all:
    trigger: { type: cdc, config: { source_id: mem } }
    steps:
      - @record
  orders:
    trigger: { type: cdc, config: { source_id: mem, tables: [ public.orders ], actions: [ INSERT ] } }
    steps:
      - @record
  inject:
    trigger: { type: http, config: { path: /inject, method: POST } }
    steps:
      - name: send
        type: step.publish
        config:
          topic: cdc.memory.mem
          payload: { id: "${ trigger.body.id }", table: "${ trigger.body.table }", op: "${ trigger.body.op }", after: { n: 9007199254740993 } }
  status:
    trigger: { type: http, config: { path: /status, method: GET } }
    steps:
      - { name: go, type: step.cdc_status, config: { source_id: mem } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
YAML
host_start config.yaml
for i in $(seq 20); do
    http POST /inject "{\"id\": \"m:$i\", \"table\": \"public.orders\", \"op\": \"INSERT\"}" >answer.json
done
http POST /inject '{"id": "m:21", "table": "public.orders", "op": "DELETE"}' >answer.json
http POST /inject '{"id": "m:22", "table": "public.items", "op": "INSERT"}' >answer.json
wait_until 10 seen_at_least 42
status=$(http GET /status)
same '["running","memory",22]' \
    "$(sqlite3 :memory: "SELECT json_array(s ->> 'state', s ->> 'provider', s ->> 'events_total') FROM (SELECT '$status' AS s)")" "the status"
host_stop
same "$(seq 22 | sed 's/^/m:/')" "$(ask seen.db "SELECT id FROM seen WHERE pipeline = 'all' ORDER BY n")" "all events in order"
same "$(seq 20 | sed 's/^/m:/')" "$(ask seen.db "SELECT id FROM seen WHERE pipeline = 'orders' ORDER BY n")" "the inserts into orders"
same '{"id":"m:1","table":"public.orders","op":"INSERT","after":{"n":9007199254740993}}' \
    "$(ask seen.db "SELECT event FROM event WHERE id = 'm:1' AND pipeline = 'all'")" "an event as it was sent"
