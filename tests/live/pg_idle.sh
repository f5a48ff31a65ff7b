# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_idle - a quiet database beside a busy neighbour: the slot must not hold back the neighbour's log.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create checkpoint_timeout=30s
load_create
pg "SELECT pg_drop_replication_slot('witness')" >load.log
pg_in "$server" postgres 'CREATE DATABASE neighbour'
pg_in "$server" neighbour 'CREATE TABLE t (id bigint, filler text)'
seen_create
load_config config.yaml "heartbeat_interval: 200ms"
host_start config.yaml
wait_until 20 pg_streams shop

held_back() {
    pg "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = 'shop'"
}
segments() {
    [ "$(held_back)" -lt $((2 * 16 * 1024 * 1024)) ]
}
for round in 1 2 3; do
    pg_in "$server" neighbour "INSERT INTO t SELECT g, repeat('x', 1000) FROM generate_series(1, 60000) g"
    # What may be forgotten is decided when the server notes its running transactions.
    pg_in "$server" neighbour CHECKPOINT
    wait_until 20 segments
    echo "round $round: $(($(held_back) / 1024)) kB are held back of $(pg "SELECT pg_size_pretty(pg_current_wal_lsn() - '0/0'::pg_lsn)")"
done
same 0 "$(seen_count)" "events of a quiet database"
# Without heartbeats, and nothing to read, the positions are the keepalives'.
pg "INSERT INTO item VALUES (1, 1, NULL)"
wait_until 20 seen_at_least 2
host_stop
