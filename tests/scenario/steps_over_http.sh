# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# steps_over_http - the seven steps called by HTTP requests: outputs and errors as upstream's, on a
# sqlite source, and on a memory source that other pipelines feed by step.publish.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v); INSERT INTO item VALUES (1, 1)' >wal.txt
seen_create

# The templates in single quotes are the host's, not the shell's.
# shellcheck disable=SC2016
{
    cat <<'YAML'
modules:
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - @seen
pipelines:
  work:
    trigger: { type: event, config: { topic: work } }
    steps:
      - { name: nothing, type: step.set, config: { values: { done: yes } } }
  publish:
    trigger: { type: http, config: { path: "/publish/{topic}", method: POST } }
    steps:
      - { name: send, type: step.publish, config: { topic: "${ topic }", payload: { lag_bytes: "${ trigger.body?.lag_bytes }", lag_seconds: 0, table: t, version: 1, ddl: "CREATE TABLE t (a)", op: INSERT, id: "${ trigger.body?.id }" } } }
YAML
    id='source_id: "${ trigger.body?.source_id ?? \"\" }"'
    step_pipeline start 'source_id: "${ trigger.body?.source_id ?? \"\" }", provider: "${ trigger.body?.provider ?? \"\" }", connection: "${ trigger.body?.connection ?? \"\" }", tables: "${ trigger.body?.tables ?? \"\" }"'
    step_pipeline stop "$id"
    step_pipeline stop-clean "$id, cleanup: true"
    step_pipeline status "$id"
    step_pipeline snapshot "$id"
    step_pipeline snapshot-tables "$id, tables: [ main.item ]"
    step_pipeline schema_history "$id, table: \"\${ trigger.body?.table ?? \\\"\\\" }\""
    step_pipeline backpressure "$id, action: \"\${ trigger.body?.action ?? \\\"check\\\" }\", thresholds: { lag_bytes: 1000, lag_seconds: 60 }"
    step_pipeline monitor "$id, thresholds: { lag_bytes: 1000 }, topic: work"
} | yaml config.yaml
host_start config.yaml

# gives PATH REQUEST ANSWER - the answer must be that JSON text.
gives() {
    same "$3" "$(http POST "$1" "$2")" "answer of $1 to $2"
}
# refuses PATH REQUEST TEXT - the step fails with that text.
refuses() {
    local got
    got=$(http POST "$1" "$2")
    case $got in
    *"step \"go\" failed: $3"*) ;;
    *) fail "answer of $1 to $2: expected '$3', got '$got'" ;;
    esac
}
sqlite='{"source_id": "shop", "provider": "sqlite", "connection": "shop.db", "tables": "main.item"}'

# Without a source: what upstream says.
for path in start stop status snapshot schema_history backpressure monitor; do
    refuses /$path '{}' "step.cdc_$path \"go\": source_id is required"
done
for path in stop status snapshot backpressure monitor; do
    refuses /$path '{"source_id": "x"}' "step.cdc_$path \"go\": CDC source \"x\" not found"
done
refuses /schema_history '{"source_id": "x"}' 'step.cdc_schema_history "go": table is required'
refuses /schema_history '{"source_id": "x", "table": "t"}' 'step.cdc_schema_history "go": CDC source "x" not found'
refuses /start '{"source_id": "x"}' 'step.cdc_start "go": provider is required ('
refuses /start '{"source_id": "x", "provider": "oracle"}' 'step.cdc_start "go": create provider: unknown CDC provider "oracle" (valid: '
refuses /start '{"source_id": "x", "provider": "sqlite", "connection": "absent.db"}' \
    "step.cdc_start \"go\": connect: database 'absent.db' does not exist"

# The life of a source.
gives /start "$sqlite" '{"source_id":"shop","action":"started","state":"running"}'
gives /start "$sqlite" '{"source_id":"shop","action":"started","state":"running"}'
gives /start '{"source_id": "shop"}' '{"source_id":"shop","action":"started","state":"running"}'
status=$(http POST /status '{"source_id": "shop"}')
same '["shop","running","sqlite","waiting",0,["main.item"],[],0]' \
    "$(sqlite3 :memory: "SELECT json_array(s ->> 'source_id', s ->> 'state', s ->> 'provider', s ->> 'phase', s ->> 'lag_seconds',
        json(s -> 'tables'), json(s -> 'subscriptions'), s ->> 'events_total') FROM (SELECT '$status' AS s)")" "the status"
gives /snapshot '{"source_id": "shop"}' '{"source_id":"shop","action":"snapshot_triggered","tables":[]}'
gives /snapshot-tables '{"source_id": "shop"}' '{"source_id":"shop","action":"snapshot_triggered","tables":["main.item"]}'
history=$(http POST /schema_history '{"source_id": "shop", "table": "main.item"}')
same '["shop","main.item",1,"main.item",1,"CREATE TABLE item (id INTEGER PRIMARY KEY, v)"]' \
    "$(sqlite3 :memory: "SELECT json_array(s ->> 'source_id', s ->> 'table', s ->> 'count', s ->> '\$.history[0].table',
        s ->> '\$.history[0].version', s ->> '\$.history[0].ddl') FROM (SELECT '$history' AS s)")" "the schema history"
gives /schema_history '{"source_id": "shop", "table": "main.other"}' '{"source_id":"shop","table":"main.other","history":[],"count":0}'
gives /backpressure '{"source_id": "shop"}' \
    '{"source_id":"shop","lag_bytes":0,"lag_seconds":0,"status":"healthy","thresholds":{"lag_bytes":1000,"lag_seconds":60}}'
gives /backpressure '{"source_id": "shop", "action": "throttle"}' '{"source_id":"shop","action":"throttled","previous_state":"running"}'
gives /backpressure '{"source_id": "shop", "action": "throttle"}' '{"source_id":"shop","action":"throttled","previous_state":"paused"}'
gives /start '{"source_id": "shop"}' '{"source_id":"shop","action":"started","state":"paused"}'
gives /backpressure '{"source_id": "shop", "action": "resume"}' '{"source_id":"shop","action":"resumed"}'
refuses /backpressure '{"source_id": "shop", "action": "x"}' 'step.cdc_backpressure "go": unknown action "x" (valid: check, throttle, resume)'
gives /monitor '{"source_id": "shop"}' \
    '{"source_id":"shop","lag_bytes":0,"lag_seconds":0,"status":"healthy","alerts_sent":0,"auto_throttled":false,"resumed":false}'
gives /stop '{"source_id": "shop"}' '{"source_id":"shop","action":"stopped"}'
refuses /stop '{"source_id": "shop"}' 'step.cdc_stop "go": CDC source "shop" not found'
gives /start '{"source_id": "shop"}' '{"source_id":"shop","action":"started","state":"running"}'
removed=$(http POST /stop-clean '{"source_id": "shop"}')
[ "$(json "$removed" '$.action')" = stopped ] || fail "stop with cleanup: $removed"
[ "$(json "$removed" '$.removed')" != '[]' ] || fail "stop with cleanup removed nothing: $removed"
same 1 "$(ask shop.db 'SELECT count(*) FROM sqlite_schema')" "tables and triggers after the cleanup"
removed=$(http POST /stop-clean '{"source_id": "shop"}')
same '[]' "$(json "$removed" '$.removed')" "what a second cleanup removes"
[ -n "$(json "$removed" '$.message')" ] || fail "a second cleanup does not say that nothing is left: $removed"

# A memory source: fed, given schema versions and a lag over the bus.
gives /start '{"source_id": "mem", "provider": "memory", "connection": "x"}' '{"source_id":"mem","action":"started","state":"running"}'
http POST /publish/cdc.memory.mem.schema '{}' >published.json
history=$(http POST /schema_history '{"source_id": "mem", "table": "t"}')
same '["mem","t",1,"t",1,"CREATE TABLE t (a)"]' \
    "$(sqlite3 :memory: "SELECT json_array(s ->> 'source_id', s ->> 'table', s ->> 'count', s ->> '\$.history[0].table',
        s ->> '\$.history[0].version', s ->> '\$.history[0].ddl') FROM (SELECT '$history' AS s)")" "the memory source's history"
http POST /publish/cdc.memory.mem.lag '{"lag_bytes": 850}' >published.json
gives /backpressure '{"source_id": "mem"}' \
    '{"source_id":"mem","lag_bytes":850,"lag_seconds":0,"status":"warning","thresholds":{"lag_bytes":1000,"lag_seconds":60}}'
gives /monitor '{"source_id": "mem"}' \
    '{"source_id":"mem","lag_bytes":850,"lag_seconds":0,"status":"warning","alerts_sent":1,"auto_throttled":false,"resumed":false}'
http POST /publish/cdc.memory.mem.lag '{"lag_bytes": 5000}' >published.json
gives /monitor '{"source_id": "mem"}' \
    '{"source_id":"mem","lag_bytes":5000,"lag_seconds":0,"status":"critical","alerts_sent":1,"auto_throttled":true,"resumed":false}'
gives /monitor '{"source_id": "mem"}' \
    '{"source_id":"mem","lag_bytes":5000,"lag_seconds":0,"status":"critical","alerts_sent":0,"auto_throttled":false,"resumed":false}'
same paused "$(json "$(http POST /status '{"source_id": "mem"}')" '$.state')" "the state while throttled"
http POST /publish/cdc.memory.mem.lag '{"lag_bytes": 100}' >published.json
gives /monitor '{"source_id": "mem"}' \
    '{"source_id":"mem","lag_bytes":100,"lag_seconds":0,"status":"healthy","alerts_sent":1,"auto_throttled":false,"resumed":true}'
gives /stop '{"source_id": "mem"}' '{"source_id":"mem","action":"stopped"}'
host_stop
