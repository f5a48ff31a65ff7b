# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_slot_lost - the server gives up the slot of a source that is away: because of max_slot_wal_keep_size, and
# (from PostgreSQL 18 on) of idle_replication_slot_timeout.  The failure names the setting; with on_slot_lost:
# resnapshot the source goes on with a new slot and reads the tables again.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create min_wal_size=32MB max_wal_size=64MB
pg "CREATE TABLE item (id bigint PRIMARY KEY, n bigint)"
seen_create
yaml_for() {
    yaml "$1" <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: postgres, source_id: shop, connection: "$connection", tables: [ public.item ], options: { slot: shop, catch_up: off, on_slot_lost: $2 } }
  - @seen
pipelines:
  strict:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
}
yaml_for fail.yaml fail
yaml_for resnapshot.yaml resnapshot
next=0
row() {
    next=$((next + 1))
    pg "INSERT INTO item VALUES ($next, 0)"
}

# lost_by WHAT REASON SETTING - the slot is given up by the function WHAT, while nobody reads it.
lost_by() {
    host_start fail.yaml
    wait_until 20 pg_streams shop
    row
    wait_until 20 seen_at_least 1 "op = 'INSERT' AND key ->> 'id' = $next"
    host_stop
    row
    "$1"
    exits 3 timeout 20 "$WFHOST" run fail.yaml 2>lost.log
    contains "replication slot 'shop' is lost ($2)" lost.log
    contains "$3" lost.log
    contains on_slot_lost lost.log
    same lost "$(pg "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'shop'")" "wal_status of a slot that nobody made anew"
    host_start resnapshot.yaml
    wait_until 20 pg_streams shop
    wait_until 20 seen_at_least 1 "op = 'READ' AND key ->> 'id' = $next"
    row
    wait_until 20 seen_at_least 1 "op = 'INSERT' AND key ->> 'id' = $next"
    host_stop
}

given_up() {
    pg "SELECT pg_switch_wal(); INSERT INTO noise VALUES (1)" >>pg.log
    pg "CHECKPOINT"
    pg_answers lost "SELECT wal_status FROM pg_replication_slots WHERE slot_name = 'shop'"
}
too_much() {
    pg "ALTER SYSTEM SET max_slot_wal_keep_size = '16MB'"
    pg "SELECT pg_reload_conf()" >pg.log
    pg "CREATE TABLE IF NOT EXISTS noise (n int)"
    wait_until 30 given_up
    pg "ALTER SYSTEM RESET max_slot_wal_keep_size"
    pg "SELECT pg_reload_conf()" >>pg.log
}
if [ "$(pg_version)" -ge 17 ]; then
    lost_by too_much wal_removed max_slot_wal_keep_size
else
    lost_by too_much 'wal_status lost' max_slot_wal_keep_size
fi

timed_out() {
    pg CHECKPOINT
    pg_answers idle_timeout "SELECT invalidation_reason FROM pg_replication_slots WHERE slot_name = 'shop'"
}
idle() {
    pg "ALTER SYSTEM SET idle_replication_slot_timeout = '1s'"
    pg "SELECT pg_reload_conf()" >>pg.log
    wait_until 30 timed_out
    pg "ALTER SYSTEM RESET idle_replication_slot_timeout"
    pg "SELECT pg_reload_conf()" >>pg.log
}
if [ "$(pg_version)" -ge 18 ]; then lost_by idle idle_timeout idle_replication_slot_timeout; fi
