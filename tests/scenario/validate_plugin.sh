# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# validate_plugin - every mistake in what a plugin is configured with, in one run: what its manifest
# says (types, ranges, choices, options by provider), and what only its factories know.
. "$SOURCE_DIR/tests/support/scenario.bash"

cat >bad.yaml <<'YAML'
modules:
  - name: a
    type: cdc.source
    config:
      provider: sqlite
      source_id: [ 1 ]
      tables: [ item, 5, "" ]
      options:
        buffer_bytes: 5
        snapshot: sometimes
        snapshot_chunk_rows: 0
        busy_timeout: 2h
        standby: perhaps
        slot: x
  - name: b
    type: cdc.source
    config:
      provider: sqlit
      source_id: b
      connection: 7
      options: { max_event_bytes: 10TB }
  - name: c
    type: cdc.source
    config: { provider: sqlite, source_id: c, connection: ":memory:", tables: { x: 1 } }
pipelines:
  p:
    trigger:
      type: cdc
      config:
        source_id: a
        workers: 1000
        actions: [ INSRT, insert, UPDAT, c ]
        on_failure: never
        retry: { max_attempts: 0, initial_backoff: 2 days, max_backoff: 48h, wait: 1s }
    steps:
      - { name: s, type: step.cdc_start, config: { source_id: x, provider: mem, options: { snapshot: no } } }
      - { name: t, type: step.cdc_start, config: { source_id: "${ x }", provider: sqlite, options: { busy_timout: 5s, setup: "{{ .x }}" } } }
      - { name: u, type: step.cdc_monitor, config: { source_id: 5, low_water: 1.5, topic: "${ x( }" } }
      - { name: v, type: step.cdc_backpressure, config: { source_id: a, action: stop } }
      - { name: w, type: step.cdc_snapshot, config: { source_id: "${ x }", tables: "${ y }" } }
YAML
exits 1 "$WFHOST" validate bad.yaml >found.txt 2>summary.txt
providers=$(sed -n "s/^bad.yaml:18:17: modules\[1\].config.provider: must be one of \(.*\), not 'sqlit'/\1/p" found.txt)
operations='INSERT, UPDATE, DELETE, TRUNCATE, READ, DDL, MESSAGE, c, u, d, t, r, m'
cat >expected.txt <<END
bad.yaml:5:7: modules[0].config.connection: is required: Path of the database file, or a file: URI; relative to the configuration
bad.yaml:6:18: modules[0].config.source_id: must be a string, not a list
bad.yaml:7:23: modules[0].config.tables[1]: must be a string, not 5
bad.yaml:7:26: modules[0].config.tables[2]: must be a string, not an empty one
bad.yaml:9:23: modules[0].config.options.buffer_bytes: must be between 64KiB and 1GiB, not 5
bad.yaml:10:19: modules[0].config.options.snapshot: must be one of never, initial, always, when_needed, not 'sometimes'
bad.yaml:11:30: modules[0].config.options.snapshot_chunk_rows: must be between 1 and 1000000, not 0
bad.yaml:12:23: modules[0].config.options.busy_timeout: must be between 1ms and 1h, not '2h'
bad.yaml:13:18: modules[0].config.options.standby: must be true or false, not 'perhaps'
bad.yaml:14:15: modules[0].config.options.slot: unknown key
bad.yaml:18:17: modules[1].config.provider: must be one of $providers, not 'sqlit'
bad.yaml:20:19: modules[1].config.connection: must be a string, not an integer
bad.yaml:21:35: modules[1].config.options.max_event_bytes: must be between 1KiB and 1GiB, not '10TB'
bad.yaml:24:59: modules[2].config.connection: cdc.source "c": connection must be the path of a database that other programs write to
bad.yaml:24:79: modules[2].config.tables: must be a list, not a map
bad.yaml:31:18: pipelines.p.trigger.config.workers: must be between 1 and 64, not 1000
bad.yaml:32:20: pipelines.p.trigger.config.actions[0]: must be one of $operations, not 'INSRT'
bad.yaml:32:35: pipelines.p.trigger.config.actions[2]: must be one of $operations, not 'UPDAT'
bad.yaml:33:21: pipelines.p.trigger.config.on_failure: must be one of dead_letter, block, not 'never'
bad.yaml:34:32: pipelines.p.trigger.config.retry.max_attempts: must be between 1 and 1000000, not 0
bad.yaml:34:52: pipelines.p.trigger.config.retry.initial_backoff: must be a duration such as '30s', not '2 days'
bad.yaml:34:73: pipelines.p.trigger.config.retry.max_backoff: must be between 1ms and 24h, not '48h'
bad.yaml:34:84: pipelines.p.trigger.config.retry.wait: unknown key
bad.yaml:36:76: pipelines.p.steps[0].config.provider: must be one of $providers, not 'mem'
bad.yaml:36:102: pipelines.p.steps[0].config.options.snapshot: must be one of never, initial, always, when_needed, not 'no'
bad.yaml:37:50: pipelines.p.steps[1].config.connection: is required: Path of the database file, or a file: URI; relative to the configuration
bad.yaml:37:115: pipelines.p.steps[1].config.options.busy_timout: unknown key, the nearest is busy_timeout
bad.yaml:38:65: pipelines.p.steps[2].config.source_id: must be a string, not 5
bad.yaml:38:79: pipelines.p.steps[2].config.low_water: must be between 0 and 1, not 1.5
bad.yaml:38:91: pipelines.p.steps[2].config.topic: template: function 'x' is not supported (column 4)
bad.yaml:39:81: pipelines.p.steps[3].config.action: must be one of check, throttle, resume, not 'stop'
END
diff expected.txt found.txt || fail "the mistakes found are others"
for provider in memory sqlite; do
    [[ ", $providers, " = *", $provider, "* ]] || fail "the providers that are there: '$providers'"
done
same 'bad.yaml: 31 mistakes' "$(cat summary.txt)" "the count"

# one CONFIG TEXT - a source with that configuration has just that mistake.
one() {
    printf 'modules:\n  - name: a\n    type: cdc.source\n    config: { %s }\n' "$1" >one.yaml
    exits 1 "$WFHOST" validate one.yaml >one.txt 2>summary.txt
    same "one.yaml:4:$2" "$(cat one.txt)" "what is said of $1"
}
# Only the factory or init know.
one 'provider: memory, source_id: "\u0007"' \
    "44: modules[0].config.source_id: cdc.source \"a\": 'source_id' holds a control character"
one 'provider: sqlite, source_id: a, connection: ":memory:"' \
    '59: modules[0].config.connection: cdc.source "a": connection must be the path of a database that other programs write to'
# The factory would say it once more in its own words.
one 'provider: memory, source_id: ""' \
    '44: modules[0].config.source_id: is required: Name of this stream; triggers and steps refer to it, and its position is kept by it'
# What the environment put in is not shown.
# shellcheck disable=SC2016
HIDDEN=hunter2 one 'provider: memory, source_id: a, options: { snapshot: "${HIDDEN}" }' \
    "68: modules[0].config.options.snapshot: must be one of never, initial, always, when_needed, not '\${HIDDEN}'"

# What is right in any way it may be written.
cat >good.yaml <<'YAML'
modules:
  - { name: a, type: cdc.source, config: { provider: memory, source_id: a, tables: "x, y", options: { buffer_bytes: 65536, snapshot_chunk_rows: "7", standby: "1" } } }
  - { name: b, type: cdc.source, config: { provider: sqlite, source_id: b, connection: b.db, options: { busy_timeout: 3600 } } }
pipelines:
  p:
    trigger: { type: cdc, config: { source_id: a, actions: "Insert, c, R", workers: "64", retry: { max_backoff: 24h } } }
    steps:
      - { name: s, type: step.cdc_start, config: { source_id: "${ id }", provider: "${ p }", options: { snapshot: "${ s }", later: 1 } } }
YAML
exits 0 "$WFHOST" validate good.yaml >one.txt 2>&1
