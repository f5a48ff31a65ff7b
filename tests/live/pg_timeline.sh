# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_timeline - a server that was put back to an earlier time, or a standby that took over without the last
# changes, and that has written more since than the source had read: nothing about its slot looks wrong, and
# what it wrote first would be passed over.  The source says so; with on_slot_lost: resnapshot it reads the
# tables again.  One that has everything that was read is gone on with.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
pg "CREATE TABLE item (id bigint PRIMARY KEY, n text)"
seen_create
yaml_for() {
    yaml "$1" <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: postgres, source_id: shop, connection: "$connection", tables: [ public.item ], options: { slot: shop, catch_up: off, ddl: off, on_slot_lost: $2${3:-} } }
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

# reads OP ID - that event comes.
reads() {
    wait_until 30 seen_at_least 1 "op = '$1' AND key ->> 'id' = $2"
}
row() {
    pg "INSERT INTO item VALUES ($1, '${2:-}')"
}
place() {
    pg "SELECT pg_current_wal_insert_lsn()"
}
# A server of another history has soon written as much as was read of the one before.
write_beyond() {
    pg "SELECT pg_logical_emit_message(true, 'noise', repeat('x', 4000000))" >>pg.log
    same t "$(pg "SELECT pg_current_wal_insert_lsn() > '$1'")" "whether the server has written beyond what was read"
}
stored() {
    ask .cdc-state/state.db "SELECT identity FROM position" | sed 's,/.*,,; s,^[0-9]*,,'
}
# restored DATA TIMELINE - the server goes on from a copy of its files, as after a restore.
restored() {
    "$pg_server" stop "$server"
    mv "$server/data" "$server/before-$2"
    mv "$1" "$server/data"
    touch "$server/data/recovery.signal"
    chown --reference="$server/data" "$server/data/recovery.signal"
    "$pg_server" start "$server" restore_command=false
    wait_until 30 pg_answers "f" 'SELECT pg_is_in_recovery()'
    same "$2" "$(pg "SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int")" "timeline"
}
keep_copy() {
    "$pg_server" stop "$server"
    cp -a "$server/data" "$1"
    "$pg_server" start "$server"
}
refused() {
    exits 3 timeout 20 "$WFHOST" run fail.yaml 2>refused.log
    contains "$1" refused.log
    contains on_slot_lost refused.log
}

host_start fail.yaml
wait_until 20 pg_streams shop
row 1
reads INSERT 1
host_stop
same :1 "$(stored)" "timeline in the stored identity"

# An identity that was stored before there were timelines in it.
ask .cdc-state/state.db "UPDATE position SET identity = replace(identity, ':1/', '/')"
keep_copy "$server/copy"
host_start fail.yaml
wait_until 20 pg_streams shop
row 2 'read, and then it never happened'
reads INSERT 2
host_stop
same :1 "$(stored)" "timeline in the stored identity"
read_to=$(place)

# Put back, and then written to beyond what was read.
cp -a "$server/copy" "$server/copy-again"
restored "$server/copy" 2
row 3 'where the source has been already'
write_beyond "$read_to"
refused 'the server left timeline 1, '
host_start resnapshot.yaml
wait_until 20 pg_streams shop
contains 'all tables are read again' "$host_log"
reads READ 3
row 4
reads INSERT 4
host_stop
same :2 "$(stored)" "timeline in the stored identity"

# A new timeline with everything that was read in it.
"$pg_server" stop "$server"
cp -a "$server/data" "$server/whole"
"$pg_server" start "$server"
read_again=$(seen_count "op = 'READ'")
restored "$server/whole" 3
row 5
host_start fail.yaml
reads INSERT 5
host_stop
same :3 "$(stored)" "timeline in the stored identity"
same "$read_again" "$(seen_count "op = 'READ'")" "rows read by snapshots"

# The server of before is back, on a timeline that does not lead to where the source is.
"$pg_server" stop "$server"
mv "$server/data" "$server/after"
mv "$server/copy-again" "$server/data"
"$pg_server" start "$server"
write_beyond "$read_to"
write_beyond "$read_to"
refused 'timeline 3'
"$pg_server" stop "$server"

[ "$("$PG_BIN/postgres" --version | sed 's/[^0-9]*\([0-9]*\).*/\1/')" -ge 17 ] || exit 0

# A standby keeps the slot and takes over without the last changes.
rm -r .cdc-state
pg_create max_connections=40
pg "CREATE TABLE item (id bigint PRIMARY KEY, n text)"
standby=$("$pg_server" standby "$server" --owner $$ sync_replication_slots=on)
port_of() {
    sed -n 's/.*port=\([0-9]*\).*/\1/p' "$1/connection.tcp"
}
connection="host=127.0.0.1,127.0.0.1 port=$(port_of "$server"),$(port_of "$standby") user=postgres dbname=shop target_session_attrs=read-write"
yaml_for fail.yaml fail ', failover: true'
yaml_for resnapshot.yaml resnapshot ', failover: true'
synced() {
    [ "$(pg_in "$standby" shop "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'shop' AND synced AND NOT temporary")" = 1 ]
}
host_start fail.yaml
wait_until 20 pg_streams shop
row 10
reads INSERT 10
wait_until 60 synced
pg_in "$standby" postgres "ALTER SYSTEM SET primary_conninfo = ''"
pg_in "$standby" postgres 'SELECT pg_reload_conf()' >>pg.log
standby_is_cut_off() {
    pg_answers 0 "SELECT count(*) FROM pg_stat_replication WHERE application_name = 'walreceiver'"
}
wait_until 20 standby_is_cut_off
row 11 'the standby never got this'
reads INSERT 11
host_stop
read_to=$(place)
"$pg_server" crash "$server"
server=$standby
"$pg_server" promote "$standby"
row 12
write_beyond "$read_to"
refused 'the server left timeline 1, '
host_start resnapshot.yaml
wait_until 30 pg_streams shop
reads READ 12
row 13
reads INSERT 13
host_stop
