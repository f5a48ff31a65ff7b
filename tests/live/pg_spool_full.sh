# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_spool_full - the disk has no room for a transaction that the server streams before it is committed: the
# source says so and tries again, and goes on by itself once there is room.
. "$SOURCE_DIR/tests/support/postgres.bash"

mkdir small
mount -t tmpfs -o size=2m live-test small 2>/dev/null || skip "no right to mount a small disk"
trap 'scenario_end; umount -l small 2>/dev/null || true' EXIT
state_dir=small/state
mkdir $state_dir
pg_create logical_decoding_work_mem=64kB
[ "$(pg_version)" -ge 14 ] || skip "streaming of running transactions needs PostgreSQL 14"
load_create
seen_create
load_config config.yaml "spool_memory: 64KiB" "state_dir: small/state"
host_start config.yaml
wait_until 20 pg_streams shop
pg "SELECT change(1)" >load.log
pg "BEGIN; INSERT INTO item SELECT g, g, repeat(md5(g::text), 100) FROM generate_series(100001, 103000) g;
    INSERT INTO journal SELECT g, 'INSERT', g, NULL, g FROM generate_series(100001, 103000) g; COMMIT"
pg "SELECT change(2)" >load.log
wait_until 30 logged 'source is reconnecting'
contains 'No space left' "$host_log"
alive "$host" || fail "the host ended"
same 0 "$(seen_count "CAST(key ->> 'id' AS INTEGER) > 100000")" "events of a transaction that is not whole"
mount -o remount,size=64m small
load_wait 60
host_stop
same '' "$(find small/state -type f ! -name 'state.db*' ! -name '*.lock')" "files that the spool has left"
load_check
