# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_slot_dropped - somebody drops the slot under us.  What was written meanwhile cannot be had any more:
# with on_slot_lost: fail the source fails and says so, and with resnapshot it reads the tables again,
# after which the rows that were seen last are the rows of the table.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create wal_sender_timeout=10s
load_create
seen_create
drop_slot() {
    pg "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = 'shop' AND active" >>load.log
    pg "SELECT pg_drop_replication_slot('shop')" >>load.log 2>&1
}
load_config config.yaml
host_start config.yaml
wait_until 20 pg_streams shop
load_start 2
wait_until 30 seen_at_least 100
wait_until 20 drop_slot
wait_until 30 logged 'source is failed source=shop'
contains "slot 'shop'" "$host_log"
# It does not come again by itself: that would hide what is lost.
same 0 "$(pg "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'shop'")" "slots"
host_stop
load_stop

load_config config.yaml "on_slot_lost: resnapshot"
host_start config.yaml
wait_until 30 pg_streams shop
load_start 2
reads() {
    seen_at_least "$1" "op = 'READ' AND pipeline = 'strict'"
}
wait_until 60 reads 1
# Once more, while it streams.
wait_until 20 drop_slot
wait_until 60 pg_streams shop
before=$(seen_count)
wait_until 30 seen_at_least $((before + 100))
load_stop
pg "COPY (SELECT id, n FROM item ORDER BY id) TO STDOUT WITH (FORMAT csv, DELIMITER '|')" >table.txt
# Rows that were deleted while nobody watched are not told: nobody knows of them.
ask_last() {
    ask seen.db "SELECT key ->> 'id', new ->> 'n' FROM seen s WHERE pipeline = 'strict' AND op <> 'DELETE'
        AND n = (SELECT max(n) FROM seen m WHERE m.pipeline = 'strict' AND m.key = s.key) ORDER BY CAST(key ->> 'id' AS INTEGER)" >last.txt
    ! comm -23 <(sort table.txt) <(sort last.txt) | grep -q .
}
wait_until 60 ask_last
host_stop
echo "rows $(lines table.txt), rows read again $(seen_count "op = 'READ' AND pipeline = 'strict'")"
