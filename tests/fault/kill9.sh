# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# kill9 - while a program changes rows as fast as it can, wfhost is killed with SIGKILL at random
# moments and started again, ROUNDS times (20); every third time the writer is killed as well, as a
# rule in the middle of a transaction.  In the end every committed change was delivered, in order for
# whoever asked for order, repeats had the id and the content of the first time, and nothing that was
# not committed was ever seen.
. "$SOURCE_DIR/tests/support/scenario.bash"

rounds=${ROUNDS:-20}
writer=$BUILD_DIR/tests/fault_writer
ask shop.db '
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, filler TEXT);
CREATE TABLE journal (n INTEGER PRIMARY KEY, op TEXT, id INTEGER, old INTEGER, new INTEGER)' >wal.txt
seen_create
yaml config.yaml <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: sqlite, source_id: shop, connection: shop.db, tables: [ main.item ], options: { buffer_bytes: 64KiB } }
  - @seen
$(recorders)
YAML
host_start config.yaml # so that the capture is there before the first change

runs=0
writer_start() {
    runs=$((runs + 1))
    "$writer" shop.db "$runs" 4000 2>>writer.log &
    write_pid=$!
    spawned+=("$write_pid")
}
writer_start
for round in $(seq "$rounds"); do
    # From the first instant of a start to long after it.
    sleep "0.$(printf '%03d' $((RANDOM % 400)))"
    if [ $((round % 3)) -eq 0 ]; then
        kill_now "$write_pid"
        kill_now "$host"
        writer_start
    else
        kill_now "$host"
    fi
    alive "$write_pid" || fail "the writer ended: $(cat writer.log)"
    spawn host "$WFHOST" run config.yaml
    host=$pid
    host_log=host.log
done
kill -TERM "$write_pid"
ends "$write_pid" 0

committed=$(ask shop.db 'SELECT count(*) FROM journal')
deleted=$(ask shop.db "SELECT count(*) FROM journal WHERE op = 'DELETE'")
delivered() {
    [ "$(ask seen.db "SELECT group_concat(c) FROM (SELECT count(DISTINCT id) AS c FROM event GROUP BY pipeline ORDER BY pipeline)")" = "$1" ]
}
wait_until 60 delivered "$deleted,$committed,$committed"
host_stop

ask seen.db "CREATE TABLE first AS SELECT pipeline, id, min(n) AS n, op, key ->> 'id' AS item, old ->> 'n' AS old, new ->> 'n' AS new
    FROM seen GROUP BY pipeline, id"
journal() {
    ask shop.db "SELECT op, id, old, new FROM journal $1"
}
first() {
    ask seen.db "SELECT op, item, old, new FROM first WHERE pipeline = $1"
}
journal 'ORDER BY n' >journal.txt
first "'strict' ORDER BY n" >strict.txt
cmp journal.txt strict.txt || fail "not what was committed, or not in order: $(diff journal.txt strict.txt | head -n 5)"
journal "WHERE op = 'DELETE' ORDER BY n" >journal.txt
first "'deletes' ORDER BY n" >deletes.txt
cmp journal.txt deletes.txt || fail "not the deletes, or not in order: $(diff journal.txt deletes.txt | head -n 5)"
journal 'ORDER BY id, n' >journal.txt
first "'workers' ORDER BY item, n" >workers.txt
cmp journal.txt workers.txt || fail "not in order per key: $(diff journal.txt workers.txt | head -n 5)"
same_contents seen.db
same 0 "$("$WFHOST" dead-letters list --state-dir .cdc-state 2>/dev/null | wc -l)" "dead letters"
echo "rounds $rounds, writers killed $((rounds / 3)), changes committed $committed," \
    "deliveries $(ask seen.db 'SELECT count(*) FROM event'), repeats $(ask seen.db "SELECT count(*) - count(DISTINCT pipeline || id) FROM event")"
