# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_monitor - a workflow fails again and again, so that its source lags behind: what step.cdc_monitor and
# step.cdc_backpressure make of their thresholds, in the engine and in wfhost.  It is the same, but for the
# alerts: the engine has no bus for plugins, so that each is logged instead, and tried again at the next look.
. "$SOURCE_DIR/tests/support/engine.bash"

# threshold_pipeline NAME - POST /NAME/BYTES runs step.cdc_NAME with that threshold and gives its output.
threshold_pipeline() {
    cat <<YAML
  $1:
    trigger: { type: http, config: { path: "/$1/{bytes}", method: POST } }
    steps:
      - { name: go, type: step.cdc_$1, config: { source_id: shop, thresholds: { lag_bytes: "\${ bytes }", lag_seconds: 1h } } }
      - { name: reply, type: step.json_response, config: { status: 200, body_from: steps.go } }
YAML
}
# answer STEP BYTES - in the order of the names, without what depends on the time.
answer() {
    curl -s -m 10 -X POST "$web/$1/$2" >answer
    sqlite3 :memory: "SELECT '$1', group_concat(key || '=' || atom, ' ') FROM
        (SELECT * FROM json_tree('$(<answer)') WHERE atom IS NOT NULL AND key <> 'lag_seconds' ORDER BY fullkey)"
}
# shellcheck disable=SC2317
lags() {
    answer backpressure 1 >/dev/null
    [ "$(json "$(<answer)" '$.lag_bytes')" -gt 1000 ]
}
# shellcheck disable=SC2317
resumes() {
    answer monitor 1000000 | sed 's/lag_bytes=[0-9]* //' >resumed
    grep -qF 'resumed=1' resumed
}

# both NAME - the same in the host of that name.
both() {
    local last
    mkdir "$1"
    ln -s ../engine "$1"/engine
    cd "$1"
    ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
    port_free
    web=http://127.0.0.1:$port
    yaml config.yaml <<YAML
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: web, type: http.server, config: { address: "${web#http://}" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - @seen
workflows: { http: { server: web, router: router, routes: [] } }
pipelines:
  work:
    trigger: { type: cdc, config: { source_id: shop, on_failure: block, retry: { max_attempts: 1, initial_backoff: 50ms, max_backoff: 50ms } } }
    steps:
      - @record
$(threshold_pipeline monitor)
$(threshold_pipeline backpressure)
YAML
    if [ "$1" = engine.run ]; then engine_start config.yaml; else host_start config.yaml; fi
    wait_until 10 curl -fs -m 5 -o /dev/null -X POST "$web/backpressure/1"
    answer monitor 1000 >result
    ask shop.db 'WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 50)
        INSERT INTO item SELECT n, hex(zeroblob(50)) FROM i'
    wait_until 20 lags
    last=$(json "$(<answer)" '$.lag_bytes')
    # Above its threshold, a little below, far below.
    for bytes in $((last + last / 10)) $((last * 100)) $((last - 1)) $((last - 1)); do
        answer backpressure "$bytes"
        answer monitor "$bytes"
    done >>result
    seen_create
    wait_until 20 seen_at_least 50
    wait_until 20 resumes
    cat resumed >>result
    cp "$host_log" log
    if [ "$1" = engine.run ]; then engine_stop; else host_stop; fi
    cd ..
}
both wfhost.run
both engine.run
sed 's/alerts_sent=1/alerts_sent=0/' wfhost.run/result | diff - engine.run/result >&2 || fail 'wfhost (<) and the engine (>) differ'
contains 'status=healthy' engine.run/result
contains 'status=warning' engine.run/result
contains 'status=critical' engine.run/result
contains 'auto_throttled=1' engine.run/result
contains 'alerts_sent=1' wfhost.run/result
contains '[WARN] alert not sent source=shop status=warning was=healthy topic=cdc.alerts error=this engine has no message bus for plugins: message publish handler not configured' engine.run/log
contains 'status=critical was=healthy' engine.run/log
