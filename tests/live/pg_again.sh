# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_again - two sources of one database; one is stopped with cleanup: true and started again, as if it had
# never been there.  The other one misses nothing, and when both are gone nothing is left at the server.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
pg "CREATE TABLE item (id int PRIMARY KEY); INSERT INTO item VALUES (1)"
seen_create
yaml config.yaml <<YAML
modules:
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
$(for one in one two; do
    echo "  - { name: $one, type: cdc.source, config: { provider: postgres, source_id: $one, connection: \"$connection\", tables: [ public.item ], options: { snapshot: initial } } }"
done)
  - @seen
pipelines:
$(for one in one two; do
    printf '  %s:\n    trigger: { type: cdc, config: { source_id: %s } }\n    steps:\n      - @record\n' "$one" "$one"
    step_pipeline "start-$one" "source_id: $one"
    step_pipeline "stop-$one" "source_id: $one, cleanup: true"
done)
YAML
# seen_by SOURCE EVENTS - it has given those, each once.
seen_by() {
    [ "$(ask seen.db "SELECT group_concat(op || (key ->> 'id'), ' ') FROM (SELECT op, key FROM seen WHERE pipeline = '$1' ORDER BY n)")" = "$2" ]
}
# there - the slots, publications and event triggers.
there() {
    pg "SELECT concat_ws(' ', (SELECT string_agg(slot_name, ' ' ORDER BY slot_name) FROM pg_replication_slots),
        (SELECT string_agg(pubname, ' ' ORDER BY pubname) FROM pg_publication),
        (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'workflow%'))"
}
triggers="2 1"
if [ "$(pg_version)" -lt 14 ]; then triggers="0 0"; fi
host_start config.yaml
wait_until 30 seen_by one READ1
wait_until 30 seen_by two READ1
same "cdc_one cdc_two cdc_one cdc_one_insert cdc_two cdc_two_insert $triggers" "$(there)" "what both have made"
http POST /stop-one >stop-one.json
contains '"replication slot cdc_one"' stop-one.json
same "cdc_two cdc_two cdc_two_insert $triggers" "$(there)" "what the one that stays has made"
pg "INSERT INTO item VALUES (2)"
wait_until 20 seen_by two "READ1 INSERT2"
http POST /start-one >start-one.json
wait_until 30 seen_by one "READ1 READ1 READ2"
pg "INSERT INTO item VALUES (3)"
wait_until 20 seen_by one "READ1 READ1 READ2 INSERT3"
wait_until 20 seen_by two "READ1 INSERT2 INSERT3"
http POST /stop-two >stop-two.json
http POST /stop-one >stop-one.json
same "0 0" "$(there)" "what is left"
host_stop
