# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_status - what step.cdc_status tells of slot and spool is what the server has, and a threshold on the WAL
# that may still be written acts; step.cdc_stop says how much the slot that stays holds back.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_slot_wal_keep_size=1GB
pg "CREATE TABLE item (id int PRIMARY KEY, filler text)"
seen_create
yaml config.yaml <<YAML
modules:
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - { name: shop, type: cdc.source, config: { provider: postgres, source_id: shop, connection: "$connection options=-clogical_decoding_work_mem=64kB", tables: [ public.item ], options: { spool_memory: 64KiB } } }
  - @seen
$(recorder)
$(step_pipeline status "source_id: shop")
$(step_pipeline monitor-enough "source_id: shop, thresholds: { headroom_bytes: 16MiB }, auto_throttle: false")
$(step_pipeline monitor-scarce "source_id: shop, thresholds: { headroom_bytes: 1TiB }, auto_throttle: false")
$(step_pipeline stop "source_id: shop")
YAML
host_start config.yaml
wait_until 20 pg_streams cdc_shop
status() {
    json "$(http POST /status)" "$1"
}
pg "INSERT INTO item VALUES (1, '')"
wait_until 20 seen_at_least 1
slot() {
    pg "SELECT $1 FROM pg_replication_slots WHERE slot_name = 'cdc_shop'"
}
same cdc_shop "$(status '$.details.slot')" slot
same reserved "$(status '$.details.wal_status')" wal_status
same_lsn() {
    [ "$(slot restart_lsn)" = "$(status '$.details.restart_lsn')" ]
}
wait_until 10 same_lsn
left=$(slot safe_wal_size)
told=$(status '$.headroom_bytes')
if [ $((left - told)) -gt 1000000 ] || [ $((told - left)) -gt 1000000 ]; then fail "headroom_bytes is $told, the server has $left"; fi
same healthy "$(json "$(http POST /monitor-enough)" '$.status')" "status with WAL enough"
same critical "$(json "$(http POST /monitor-scarce)" '$.status')" "status with little WAL left"

# A transaction that runs is received, and is on the disk.
if [ "$(pg_version)" -ge 14 ]; then
    mkfifo sql
    spawn psql "$psql_bin" -Xqd "$connection" -f sql
    exec 7>sql
    echo "BEGIN; INSERT INTO item SELECT g, repeat(md5(g::text), 20) FROM generate_series(2, 3001) g;" >&7
    spooled() {
        [ "$(status '$.details.spool_transactions')" = 1 ] && [ "$(status '$.details.spool_file_bytes')" -gt 1000000 ]
    }
    wait_until 20 spooled
    same 1 "$(seen_count)" "events while it runs"
    echo "COMMIT;" >&7
    exec 7>&-
    wait_until 60 seen_at_least 3001
    same '0 0' "$(status '$.details.spool_transactions') $(status '$.details.spool_file_bytes')" "the spool after the commit"
    [ "$(status '$.details.spilled_bytes')" -gt 1000000 ] || fail "nothing was spilled"
fi
http POST /stop >stop.json
contains "replication slot 'cdc_shop' stays and holds back WAL for the next start, now " stop.json
same 1 "$(slot 'count(*)')" "slots that stay"
host_stop
