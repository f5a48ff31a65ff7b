# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dbz_hosts - two hosts share a group: both get a part of the changes, one is killed, comes back, and leaves in
# an orderly way.  Every change comes, that of one row in order.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/debezium.bash"

seen_create
pg_create max_connections=30
kafka_start
connect_start
pg 'CREATE TABLE item (id bigint PRIMARY KEY, n bigint);
    INSERT INTO item SELECT i, 0 FROM generate_series(1, 200) i; CREATE SEQUENCE number'
# config FILE STATE_DIR
config() {
    {
        echo 'modules:'
        dbz_module postgres "postgresql://postgres:none@127.0.0.1:$(<"$server/port")/shop" "state_dir: $2" 'on_stop: keep' \
            'connector: { topic.creation.default.partitions: 4 }' 'kafka: { session.timeout.ms: 3000 }'
        cat <<YAML
  - @seen
pipelines:
  $2:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
    } | yaml "$1"
}
config one.yaml one
config two.yaml two

echo 'UPDATE item SET n = nextval('"'number'"') WHERE id = 1 + (random() * 199)::int; SELECT pg_sleep(0.005);' >load.sql
# both_work SINCE - whether both have delivered something after that.
both_work() {
    [ "$(ask seen.db "SELECT count(DISTINCT pipeline) FROM event WHERE n > $1")" = 2 ]
}
delivered() {
    ask seen.db 'SELECT coalesce(max(n), 0) FROM event'
}

host_start one.yaml
one=$host
dbz_up 60
host_start two.yaml
two=$host
wait_until 20 pg_streams dbz_shop
spawn write "$(pg_tool pgbench)" -n -f load.sql -c 1 -T 600 "$(<"$server/connection") dbname=shop"
write=$pid
wait_until 30 both_work 0

kill_now "$one"
sleep 4
last=$(delivered)
host_start one.yaml
one=$host
wait_until 30 both_work "$last"

# What leaves in an orderly way gives its partitions to the other at once.
kill -TERM "$two"
ends "$two" 0
kill_now "$write"
wait_until 10 pg_answers 0 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'"
all_seen() {
    [ "$(pg 'SELECT last_value FROM number')" = "$(ask seen.db "SELECT count(DISTINCT new ->> 'n') FROM seen WHERE op = 'UPDATE'")" ]
}
wait_until 30 all_seen
same_contents seen.db
# What came first of each change came in the order of the row's changes.
same 0 "$(ask seen.db "SELECT count(*) FROM (SELECT v, lag(v) OVER (PARTITION BY item ORDER BY first) AS earlier FROM
    (SELECT key AS item, CAST(new ->> 'n' AS INTEGER) AS v, min(n) AS first FROM seen WHERE op = 'UPDATE' GROUP BY item, v))
    WHERE v < earlier")" 'changes out of order'
echo "changes $(pg 'SELECT last_value FROM number'), deliveries $(seen_count "op = 'UPDATE'")"
kill -TERM "$one"
ends "$one" 0
same RUNNING "$(json "$(connect GET /connectors/workflow-shop/status)" '$.connector.state')" 'the connector with on_stop: keep'
