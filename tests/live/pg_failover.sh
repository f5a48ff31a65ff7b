# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_failover - a primary with a standby dies, the standby is promoted, and the connection names both.
# From PostgreSQL 17 on the slot is kept on the standby (failover: true): the source goes on there, and
# nothing that both have is lost.  Before, the slot is gone with the primary: the source says so.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create wal_sender_timeout=10s
keeps_slots=false
settings=()
if [ "$(pg_version)" -ge 17 ]; then
    keeps_slots=true
    settings=(sync_replication_slots=on)
fi
standby=$("$pg_server" standby "$server" --owner $$ "${settings[@]}")
# A commit is only reported once the standby has it, so that what was committed is there afterwards.
name=$(pg "SELECT slot_name FROM pg_replication_slots WHERE slot_type = 'physical'")
pg "ALTER SYSTEM SET synchronous_standby_names = '*'"
! $keeps_slots || pg "ALTER SYSTEM SET synchronized_standby_slots = '$name'"
pg 'SELECT pg_reload_conf()' >load.log
port_of() {
    sed -n 's/.*port=\([0-9]*\).*/\1/p' "$1/connection.tcp"
}
connection="host=127.0.0.1,127.0.0.1 port=$(port_of "$server"),$(port_of "$standby") user=postgres dbname=shop target_session_attrs=read-write"
load_create
pg "SELECT pg_drop_replication_slot('witness')" >>load.log
seen_create
options=()
if $keeps_slots; then options=("failover: true"); fi
load_config config.yaml "${options[@]}"
host_start config.yaml
wait_until 20 pg_streams shop
synced() {
    [ "$(pg_in "$standby" shop "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'shop' AND synced AND NOT temporary")" = 1 ]
}
load_start 2
wait_until 30 seen_at_least 200
if $keeps_slots; then wait_until 60 synced; fi
"$pg_server" crash "$server"
load_ended() {
    gone "$load"
}
wait_until 20 load_ended
"$pg_server" promote "$standby"
old=$server
server=$standby
pg "ALTER SYSTEM RESET synchronous_standby_names"
! $keeps_slots || pg "ALTER SYSTEM RESET synchronized_standby_slots"
pg 'SELECT pg_reload_conf()' >>load.log
if ! $keeps_slots; then
    wait_until 60 logged 'source is failed source=shop'
    contains "slot 'shop'" "$host_log"
    host_stop
    # Told to read the tables again, it goes on at the new primary.
    load_config config.yaml "on_slot_lost: resnapshot"
    host_start config.yaml
    wait_until 60 pg_streams shop
    load_start 2
    before=$(seen_count)
    wait_until 60 seen_at_least $((before + 200))
    load_stop
    host_stop
    exit 0
fi
wait_until 60 pg_streams shop
load_start 2
before=$(seen_count)
wait_until 30 seen_at_least $((before + 200))
load_stop
load_wait 120
host_stop
# Which commits the old primary had made in which order is known to the new one by their numbers only.
pg "COPY (SELECT op, id, old, new, xid FROM journal ORDER BY id, n) TO STDOUT WITH (FORMAT csv, DELIMITER '|')" >committed-rows.txt
ask seen.db "CREATE TABLE first AS SELECT pipeline, id, min(n) AS n, op, key ->> 'id' AS item,
    old ->> 'n' AS old, new ->> 'n' AS new, event ->> 'txid' AS xid FROM seen GROUP BY pipeline, id"
load_compare strict committed-rows.txt 'CAST(item AS INTEGER), n'
load_compare workers committed-rows.txt 'CAST(item AS INTEGER), n'
same_contents seen.db
echo "changes committed $committed, primary was $old"
