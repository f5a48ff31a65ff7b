# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_standby - a standby is the source (from PostgreSQL 16 on): snapshot and stream come from there, and
# nothing of ours is written.  A slot can only be made there once the primary has told which transactions
# run; waiting for that can be ended.  When the primary removes rows that the slot needs, it is lost.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create autovacuum=off
[ "$(pg_version)" -ge 16 ] || skip "decoding on a standby needs PostgreSQL 16"
load_create
pg "SELECT pg_drop_replication_slot('witness')" >load.log
pg "INSERT INTO item SELECT g, 0, 'there before' FROM generate_series(100001, 100500) g"
standby=$("$pg_server" standby "$server" --owner $$ wal_receiver_status_interval=1s)
connection="$(<"$standby/connection") dbname=shop"
at_standby() {
    pg_in "$standby" shop "$1"
}
told_running() {
    pg "SELECT pg_log_standby_snapshot()" >>load.log
    at_standby "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'shop' AND active_pid IS NOT NULL" | grep -q .
}
streams() {
    [ "$(at_standby "SELECT count(*) FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
        WHERE s.slot_name = 'shop' AND r.state = 'streaming'")" = 1 ]
}
seen_create
load_config config.yaml "heartbeat_interval: 200ms"
load_config snapshot.yaml "heartbeat_interval: 200ms" "snapshot: initial"

# Nothing can be made there; the failure says where.
exits 1 timeout 20 "$WFHOST" run snapshot.yaml 2>refused.log
contains 'this server is a standby' refused.log
contains 'at the primary' refused.log
pg "CREATE PUBLICATION shop FOR TABLE item"

# The primary is silent, so the slot waits, and says so; who does not want to wait ends it.
making() {
    [ "$(at_standby "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_create_logical_replication_slot%'
        AND pid <> pg_backend_pid()")" = 1 ]
}
spawn waits "$WFHOST" run snapshot.yaml
wait_until 20 making
wait_until 5 logged pg_log_standby_snapshot waits.log
kill -TERM "$pid"
sleep 0.2
kill -TERM "$pid" 2>/dev/null || true
wait_until 5 gone "$pid"
unmade() {
    [ "$(at_standby "SELECT count(*) FROM pg_replication_slots")" = 0 ]
}
wait_until 10 unmade

written() {
    pg 'SELECT pg_current_wal_insert_lsn()'
}
spawn first "$WFHOST" run snapshot.yaml
host=$pid
host_log=first.log
wait_until 20 making
tell() {
    pg "SELECT pg_log_standby_snapshot()" >>load.log
    streams
}
wait_until 30 tell
reads() {
    seen_at_least 500 "op = 'READ' AND pipeline = 'strict'"
}
wait_until 30 reads
before=$(written)
sleep 1
same "$before" "$(written)" "the primary's place in the WAL while nobody but us is there"

load_start 2
sleep 3
load_stop
load_wait 60
host_stop
# In the order of each row; the old commits are not known in theirs without a slot at the primary.
pg "COPY (SELECT op, id, old, new, xid FROM journal ORDER BY id, n) TO STDOUT WITH (FORMAT csv, DELIMITER '|')" >committed-rows.txt
ask seen.db "CREATE TABLE first AS SELECT pipeline, id, min(n) AS n, op, key ->> 'id' AS item,
    old ->> 'n' AS old, new ->> 'n' AS new, event ->> 'txid' AS xid FROM seen WHERE op <> 'READ' GROUP BY pipeline, id"
load_compare strict committed-rows.txt 'CAST(item AS INTEGER), n'
load_compare workers committed-rows.txt 'CAST(item AS INTEGER), n'
same 500 "$(ask seen.db "SELECT count(DISTINCT key) FROM seen WHERE op = 'READ' AND pipeline = 'strict' AND key ->> 'id' > 100000")" "rows of the snapshot"

# Far behind it catches up there as well.
pg "INSERT INTO item SELECT g, 0, repeat(md5(g::text), 100) FROM generate_series(200001, 201000) g"
pg "SELECT pg_logical_emit_message(false, 'noise', repeat('x', 3000000), true)" >>load.log 2>&1 ||
    pg "SELECT pg_logical_emit_message(true, 'noise', repeat('x', 3000000))" >>load.log
load_config config.yaml "catch_up_threshold: 1MiB"
host_start config.yaml
wait_until 30 seen_at_least 1000 "op = 'INSERT' AND pipeline = 'strict' AND CAST(key ->> 'id' AS INTEGER) > 200000"
contains 'catching up' "$host_log"
! logged 'streaming instead of catching up' || fail "a standby does not catch up"
host_stop

# Rows of the catalog go that the slot would need.
load_config config.yaml
host_start config.yaml
wait_until 20 streams
"$pg_server" stop "$standby"
"$pg_server" start "$standby" hot_standby_feedback=off
wait_until 30 streams
lost() {
    pg "CREATE TABLE passing (id int)"
    pg "DROP TABLE passing"
    pg "VACUUM" >>load.log 2>&1
    at_standby "SELECT conflicting FROM pg_replication_slots WHERE slot_name = 'shop'" | grep -q t
}
wait_until 30 lost
wait_until 30 logged 'source is failed source=shop'
contains 'hot_standby_feedback' "$host_log"
host_stop

load_config config.yaml "on_slot_lost: resnapshot"
seen_before=$(seen_count "op = 'READ' AND pipeline = 'strict'")
spawn again "$WFHOST" run config.yaml
host=$pid
host_log=again.log
wait_until 60 tell
again() {
    seen_at_least $((seen_before + 1500)) "op = 'READ' AND pipeline = 'strict'"
}
wait_until 30 again
echo "changes committed $committed"
host_stop
