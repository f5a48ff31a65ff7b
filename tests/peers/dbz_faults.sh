# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dbz_faults - while a client changes rows, one after the other is killed: wfhost, Kafka Connect, the broker,
# the connector's task.  Every change comes; what comes twice has the same id and content.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/debezium.bash"

seen_create
pg_create max_connections=30
kafka_start
connect_start
pg 'CREATE TABLE item (id bigserial PRIMARY KEY, n bigint)'
# config FILE KAFKA
config() {
    {
        echo 'modules:'
        dbz_module postgres "postgresql://postgres:none@127.0.0.1:$(<"$server/port")/shop" \
            'connector: { errors.max.retries: 0 }' "kafka: { $2 }"
        echo '  - @seen'
        dbz_web
        recorder
        dbz_steps
    } | yaml "$1"
}
config config.yaml 'session.timeout.ms: 3000'
config static.yaml 'session.timeout.ms: 60000, group.instance.id: one'

# The load: rows in transactions of their own, until it is told to stop.
echo 'INSERT INTO item (n) VALUES (1); SELECT pg_sleep(0.01);' >load.sql
write_start() {
    spawn write "$(pg_tool pgbench)" -n -f load.sql -c 2 -T 600 "$(<"$server/connection") dbname=shop"
    write=$pid
}
# all_seen - whether every row that is there has come.
all_seen() {
    [ "$(pg 'SELECT count(*) FROM item')" = "$(ask seen.db "SELECT count(DISTINCT key) FROM seen WHERE op = 'INSERT'")" ]
}
goes_on() {
    echo "$SECONDS s"
    local last
    last=$(pg 'SELECT coalesce(max(id), 0) + 1 FROM item')
    wait_until "$1" seen_at_least 1 "CAST(key ->> 'id' AS INTEGER) >= $last"
}

host_start config.yaml
dbz_up 60
wait_until 20 pg_streams dbz_shop
write_start
goes_on 20

for _ in 1 2 3 4; do
    sleep "0.$((RANDOM % 9))"
    kill_now "$host"
    host_start config.yaml
done
goes_on 20

connect_crash
sleep 1
connect_start
goes_on 30

kafka_crash
sleep 1
kafka_start
goes_on 40

# A lost connection ends the task, because Debezium may not try again itself.
pg "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'dbz_shop'" >terminated.txt
wait_until 20 logged "connector 'workflow-shop' failed"
goes_on 40

# A member with a name of its own is back at once, long before its session would have timed out.
for _ in 1 2 3; do
    kill_now "$host"
    host_start static.yaml
    goes_on 20
done
kill_now "$write"
wait_until 30 all_seen
same_contents seen.db
same 0 "$("$WFHOST" dead-letters list --state-dir .cdc-state 2>/dev/null | wc -l)" 'dead letters'
echo "rows $(pg 'SELECT count(*) FROM item'), deliveries $(seen_count)"
host_stop
