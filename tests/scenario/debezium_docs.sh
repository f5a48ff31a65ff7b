# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# debezium_docs - the configuration of docs/debezium.md, with the options that it shows further down, is one
# without a mistake and without a warning.
. "$SOURCE_DIR/tests/support/scenario.bash"

[ -x "$BUILD_DIR/tests/fake_far" ] || skip "built without librdkafka"
# The options that stand alone are indented as they are in the whole.
awk '
/^```yaml$/ { inside = 1; first = 1; next }
/^```$/ { inside = 0; next }
inside && first { first = 0; wanted = /^modules:/ || /^        [a-z_]+:$/ }
inside && wanted' "$SOURCE_DIR/docs/debezium.md" >config.yaml
for option in database connector kafka connector_kafka; do
    contains "        $option:" config.yaml
done
cat >>config.yaml <<'YAML'
pipelines:
  all:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - { name: tell, type: step.log, config: { message: "${ trigger.id }" } }
YAML
KAFKA_PASSWORD=geheim "$WFHOST" validate config.yaml >validate.txt 2>&1 || fail "$(<validate.txt)"
same "config.yaml: no mistakes (1 pipeline, 1 trigger)" "$(<validate.txt)" 'what wfhost says'
