# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# disk_full - the state folder's disk is full for a while, then (where a process's limits can be
# changed) no file at all may grow: the stream goes on or waits, says why, heals by itself, and nothing
# is lost, also when the process is killed meanwhile.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db, options: { state_dir: small/state } } }
  - @seen
pipelines:
  keep:
    trigger: { type: cdc, config: { source_id: shop, on_failure: block, retry: { initial_backoff: 50ms, max_backoff: 100ms } } }
    steps:
      - @record
YAML
rows=0
# insert COUNT
insert() {
    local i
    for ((i = 0; i < $1; i++)); do
        rows=$((rows + 1))
        ask shop.db "INSERT INTO item VALUES ($rows, 'x')"
    done
}
all_seen() {
    [ "$(ask seen.db 'SELECT count(DISTINCT id) FROM event')" = "$rows" ]
}
confirmed() {
    [ "$(ask small/state/state.db "SELECT CAST(token AS TEXT) FROM position")" = "$1" ]
}
position() {
    ask small/state/state.db "SELECT CAST(token AS TEXT) FROM position"
}
moved_on() {
    [ "$(position)" != "$1" ]
}

# ---- a full disk ------------------------------------------------------------------------------------
mkdir small
mounted=
if [ "$(id -u)" -eq 0 ] && mount -t tmpfs -o size=512k wfhost-test small 2>/dev/null; then
    mounted=yes
    trap 'scenario_end; umount -l small 2>/dev/null || true' EXIT
fi
mkdir small/state
fill() {
    dd if=/dev/zero of=small/filler bs=4096 2>dd.txt || true
    dd if=/dev/zero bs=1 count=4096 2>/dev/null >>small/filler || true
}
if [ -n "$mounted" ]; then
    host_start config.yaml
    insert 5
    wait_until 10 all_seen
    fill
    before=$(position)
    # The log file of state.db may have a little room left; that comes to an end.
    full() {
        insert 3
        logged 'state not stored, trying again source=shop'
    }
    wait_until 30 full
    contains 'the disk is full' "$host_log"
    insert 20
    wait_until 10 all_seen
    # Killed, and started on a disk that is still full: it says so, or runs; it does not crash.
    kill_now "$host"
    status=0
    timeout 20 "$WFHOST" run config.yaml --exit-when-idle 500ms 2>again.log || status=$?
    [ "$status" -eq 0 ] || [ "$status" -eq 3 ] || fail "exit status $status on a full disk: $(cat again.log)"
    [ "$status" -eq 0 ] || contains 'small/state' again.log
    rm small/filler
    host_start config.yaml
    insert 5
    wait_until 10 all_seen
    wait_until 10 moved_on "$before"
    # Full and healed without a restart.
    fill
    wait_until 30 full
    before=$(position)
    rm small/filler
    insert 1
    wait_until 10 moved_on "$before"
    wait_until 10 all_seen
    host_stop
else
    echo 'no right to mount a small disk: only the limit of files is tried'
fi

# ---- no file may grow -------------------------------------------------------------------------------
if command -v prlimit >/dev/null; then
    host_start config.yaml
    insert 1
    wait_until 10 all_seen
    prlimit --pid "$host" --fsize=4096:unlimited
    insert 10
    refused() {
        logged 'WARN' || logged 'ERROR'
    }
    wait_until 10 refused
    alive "$host" || fail "it ended when a file could not grow: $(tail -n 3 "$host_log")"
    prlimit --pid "$host" --fsize=unlimited:unlimited
    wait_until 15 all_seen
    insert 5
    wait_until 10 all_seen
    host_stop
fi
same "$(seq "$rows")" "$(ask seen.db "SELECT key ->> 'id' FROM seen GROUP BY id ORDER BY min(n)")" "the changes in order"
same_contents seen.db
