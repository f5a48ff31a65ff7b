# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_refusals - what a server has against a source at its start is said with cause and cure, and when that has
# passed the source streams.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create wal_level=replica max_wal_senders=2 max_replication_slots=2
pg "CREATE TABLE item (id int PRIMARY KEY)"
pg "CREATE ROLE limited LOGIN REPLICATION CONNECTION LIMIT 0; GRANT CREATE ON DATABASE shop TO limited; ALTER TABLE item OWNER TO limited"
limited=${connection/user=postgres/user=limited}
# refused STATUS WORDS CONNECTION - the source is failed, with those words.
refused() {
    exits "$1" timeout 30 "$WFHOST" tail postgres "$3" --option state_dir=state --option source_id=shop --max 1 >refused.out 2>refused.log
    contains "$2" refused.log
}
# begins CONNECTION - the source is started; sets $pid.
begins() {
    spawn waits "$WFHOST" tail postgres "$1" --option state_dir=state --option source_id=shop --max 1
    host_log=waits.log
}
# change_comes - it streams, and ends with the first change.
change_comes() {
    wait_until 20 pg_streams cdc_shop
    pg "INSERT INTO item SELECT coalesce(max(id), 0) + 1 FROM item"
    ends "$pid" 0
}
refused 1 "set wal_level = logical" "$connection"
"$pg_server" stop "$server"
"$pg_server" start "$server" wal_level=logical
refused 1 'database "nowhere" does not exist' "${connection/dbname=shop/dbname=nowhere}"
refused 1 'role "nobody_is" does not exist' "${connection/user=postgres/user=nobody_is}"

# A transaction that somebody has prepared and forgotten.
pg "BEGIN; INSERT INTO item VALUES (0); PREPARE TRANSACTION 'it''s left'"
begins "$connection"
wait_until 20 logged "have ended: the prepared transaction 'it''s left'"
pg "COMMIT PREPARED 'it''s left'"
change_comes

pg_in "$server" postgres "CREATE DATABASE other"
refused 3 "the server is another one" "${connection/dbname=shop/dbname=other}"

# Every walsender is taken, and every connection of the role.
mkfifo idle
spawn first "$psql_bin" -Xq "$connection replication=database" -f idle
spawn second "$psql_bin" -Xq "$connection replication=database" -f idle
exec 7<>idle
senders() {
    pg_answers "$1" "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'"
}
wait_until 20 senders 2
refused 3 "raise max_wal_senders" "$connection"
exec 7>&-
wait_until 20 senders 0
begins "$connection"
change_comes
refused 3 "ALTER ROLE ... CONNECTION LIMIT" "$limited"

# Every slot is taken, at a first start.
pg "SELECT pg_drop_replication_slot('cdc_shop'), pg_create_physical_replication_slot('a'), pg_create_physical_replication_slot('b')" >slots.log
rm -rf state
refused 3 "raise max_replication_slots" "$connection"
pg "SELECT pg_drop_replication_slot('a')" >>slots.log
begins "$connection"
change_comes
