# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# monitor - a workflow is slow, the source's lag grows: step.cdc_monitor publishes alerts on
# cdc.alerts, which another pipeline takes, pauses the source once, and resumes it by itself when the
# backlog is gone.  step.cdc_backpressure throttles and resumes by hand.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
gate_create
ask seen.db 'CREATE TABLE alert (n INTEGER PRIMARY KEY, alert TEXT)'
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - { name: bus, type: messaging.broker }
  - { name: gate, type: storage.sqlite, config: { dbPath: gate.db } }
  - @seen
pipelines:
  work:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - { name: slow, type: step.db_exec, if: '${ after.v == "slow" }', config: { database: gate, query: UPDATE gate SET passed = passed + 1 } }
      - @record
  alerts:
    trigger: { type: event, config: { topic: cdc.alerts, event: cdc.alert } }
    steps:
      - { name: keep, type: step.db_exec, config: { database: seen, query: INSERT INTO alert (alert) VALUES (?), params: [ "${ originalMessage }" ] } }
  monitor:
    trigger: { type: http, config: { path: /monitor, method: POST } }
    steps:
      - { name: go, type: step.cdc_monitor, config: { source_id: shop, thresholds: { lag_bytes: 4000 }, low_water: 0.5 } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
  backpressure:
    trigger: { type: http, config: { path: "/backpressure/{action}", method: POST } }
    steps:
      - { name: go, type: step.cdc_backpressure, config: { source_id: shop, action: "${ action }" } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
YAML
host_start config.yaml
alerts() {
    ask seen.db "SELECT group_concat((alert ->> 'previous_status') || '>' || (alert ->> 'status'), ' ') FROM (SELECT * FROM alert ORDER BY n)"
}
monitor_says() {
    http POST /monitor >monitor.json
    grep -qF "$1" monitor.json
}

wait_until 10 monitor_says '"status":"healthy","alerts_sent":0,'
gate_shut
ask shop.db "INSERT INTO item VALUES (0, 'slow');
    WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 200) INSERT INTO item SELECT n, 'a text of some length' FROM i"
wait_until 4 monitor_says '"status":"critical","alerts_sent":1,"auto_throttled":true,'
monitor_says '"status":"critical","alerts_sent":0,"auto_throttled":false,' || fail "a second look: $(cat monitor.json)"
case $(alerts) in
'healthy>critical' | 'healthy>warning warning>critical') ;;
*) fail "the alerts are: $(alerts)" ;;
esac
gate_open
wait_until 10 seen_at_least 201
wait_until 10 monitor_says '"resumed":true'
same '>healthy' "$(alerts | grep -o '>healthy$')" "the last alert"
ask shop.db "INSERT INTO item VALUES (1000, 'after')"
wait_until 10 seen_at_least 202

# By hand: throttled, nothing is read; resumed, it comes.
same '{"source_id":"shop","action":"throttled","previous_state":"running"}' "$(http POST /backpressure/throttle)" "throttle"
ask shop.db "INSERT INTO item VALUES (1001, 'held')"
is_behind() {
    [ "$(json "$(http POST /backpressure/check)" '$.lag_bytes')" -gt 0 ]
}
wait_until 10 is_behind
same 202 "$(seen_count)" "events while throttled"
same '{"source_id":"shop","action":"resumed"}' "$(http POST /backpressure/resume)" "resume"
wait_until 10 seen_at_least 203
host_stop
same 203 "$(ask seen.db 'SELECT count(DISTINCT id) FROM seen')" "different events"
