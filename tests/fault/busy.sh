# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# busy - another process holds the database in an EXCLUSIVE transaction for three seconds, in WAL and
# in rollback mode, while the source streams and while it starts: it waits and goes on.  Longer than
# busy_timeout is said, and heals.
. "$SOURCE_DIR/tests/support/scenario.bash"

# hold SECONDS [SQL] - an EXCLUSIVE transaction of that length, by another process; returns when it is held.
hold() {
    rm -f held
    sqlite3 shop.db '.timeout 10000' 'BEGIN EXCLUSIVE' '.shell touch held' "${2:-SELECT 1}" ".shell sleep $1" COMMIT >hold.out 2>&1 &
    holder=$!
    spawned+=("$holder")
    wait_until 10 test -e held
}
# follow [OPTION...] - a tail on the database, until it says that it streams.
follow() {
    spawn follow "$WFHOST" tail sqlite shop.db --log-level info --option state_dir="$PWD/state" "$@"
}
keys() {
    sed 's/.*"key":{"id":\([0-9]*\)}.*/\1/' follow.out | paste -sd ' '
}
keys_are() {
    [ "$(keys)" = "$1" ]
}
streaming() {
    grep -q 'source is streaming' follow.log
}
for mode in wal delete; do
    if [ "$mode" = wal ]; then long=3; else long=1; fi
    rm -rf shop.db* state
    mkdir state
    ask shop.db "PRAGMA journal_mode = $mode; CREATE TABLE item (id INTEGER PRIMARY KEY, v)" >mode.txt
    # At the start.
    hold 0.5
    follow
    wait "$holder"
    wait_until 10 streaming
    ask shop.db 'INSERT INTO item VALUES (1, 1)'
    wait_until 10 keys_are 1
    # While streaming; what the holder writes comes when it has committed.
    hold $long "INSERT INTO item VALUES (2, 2), (3, 3)"
    same 1 "$(keys)" "changes of an open transaction ($mode)"
    wait "$holder"
    ask shop.db 'INSERT INTO item VALUES (4, 4)'
    wait_until 10 keys_are '1 2 3 4'
    kill -TERM "$pid"
    ends "$pid" 0
    ! grep -qE 'WARN|ERROR' follow.log || fail "a wait of $long s is no trouble ($mode): $(cat follow.log)"

    # Shorter patience: it says so, and goes on by itself afterwards.
    follow --option busy_timeout=200ms
    streaming_again() { streaming && captured_by_us; }
    captured_by_us() { [ "$(ask shop.db "SELECT count(*) FROM _cdc_source WHERE session <> ''")" = 1 ]; }
    wait_until 10 streaming_again
    hold 1 "INSERT INTO item VALUES (5, 5)"
    wait "$holder"
    ask shop.db 'INSERT INTO item VALUES (6, 6)'
    wait_until 15 keys_are '5 6'
    kill -TERM "$pid"
    ends "$pid" 0
done
