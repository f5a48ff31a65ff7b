# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests share that run provider debezium on a real Kafka Connect: a configuration with the source
# shop, and its steps as HTTP requests.  Everything of kafka.bash is there as well.
. "$SOURCE_DIR/tests/support/kafka.bash"

# dbz_module TYPE URI [LINE...] - the source shop as a module of a YAML file; each LINE is one more option.
dbz_module() {
    cat <<YAML
  - name: shop
    type: cdc.source
    config:
      provider: debezium
      source_type: $1
      source_id: shop
      connection: $connect_url
      options:
        bootstrap_servers: $kafka_servers
        database: $2
YAML
    shift 2
    [ $# -eq 0 ] || printf '        %s\n' "$@"
}

# dbz_web - the modules by which the steps of dbz_steps are reached.
dbz_web() {
    cat <<'YAML'
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
YAML
}

# dbz_step PATH TYPE CONFIG - POST PATH runs that step, and answers with its output.
dbz_step() {
    cat <<YAML
  $1:
    trigger: { type: http, config: { path: /$1, method: POST } }
    steps:
      - { name: go, type: $2, config: { source_id: shop, $3 } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
YAML
}

# dbz_steps - /status, /stop, /cleanup, /snapshot, /throttle, /resume, /history; pipelines of a YAML file.
# /snapshot takes {"tables": "..."}, /history {"table": "..."}.
# shellcheck disable=SC2016
dbz_steps() {
    dbz_step status step.cdc_status ''
    dbz_step stop step.cdc_stop ''
    dbz_step cleanup step.cdc_stop 'cleanup: true'
    dbz_step snapshot step.cdc_snapshot 'tables: "${ trigger.body?.tables }"'
    dbz_step throttle step.cdc_backpressure 'action: throttle'
    dbz_step resume step.cdc_backpressure 'action: resume'
    dbz_step history step.cdc_schema_history 'table: "${ trigger.body?.table }"'
}

# dbz_status PATH - a member of what /status answers.
dbz_status() {
    json "$(http POST /status '{}' 2>/dev/null)" "$1" 2>/dev/null
}

# dbz_is EXPECTED PATH - for wait_until.
dbz_is() {
    [ "$(dbz_status "$2")" = "$1" ]
}

# dbz_up SECONDS - until the connector runs and this host reads what it writes.
dbz_up() {
    wait_until "$1" connect_state RUNNING workflow-shop
}
