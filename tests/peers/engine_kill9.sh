# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_kill9 - while a program changes rows, the bridge or the engine is killed with SIGKILL and the engine
# started again, ROUNDS times (12).  Every committed change was delivered, in order for whoever asked for order,
# repeats had the id and the content of the first time, and no event was taken for a bad one.
. "$SOURCE_DIR/tests/support/engine.bash"

rounds=${ROUNDS:-12}
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
# One attempt only: whoever took the engine's end for a failure of the workflow would lose the event.
sed -i 's/source_id: shop, workers: 4/&, retry: { max_attempts: 1 }/' config.yaml

engine_start config.yaml
spawn writer "$BUILD_DIR/tests/fault_writer" shop.db 1 60000
writer=$pid
for round in $(seq "$rounds"); do
    before=$(seen_count)
    wait_until 30 seen_at_least $((before + RANDOM % 800 + 1))
    if [ $((round % 2)) -eq 0 ]; then
        bridge_kill
        alive "$engine" || fail "the engine ended with the bridge"
    fi
    engine_kill
    engine_start config.yaml
done
alive "$writer" || fail "the writer ended: $(<writer.log)"
kill -TERM "$writer"
ends "$writer" 0

committed=$(ask shop.db 'SELECT count(*) FROM journal')
deleted=$(ask shop.db "SELECT count(*) FROM journal WHERE op = 'DELETE'")
delivered() {
    [ "$(ask seen.db "SELECT group_concat(c) FROM (SELECT count(DISTINCT id) AS c FROM event GROUP BY pipeline ORDER BY pipeline)")" = "$1" ]
}
wait_until 120 delivered "$deleted,$committed,$committed"
engine_stop

ask seen.db "CREATE TABLE first AS SELECT pipeline, id, min(n) AS n, op, key ->> 'id' AS item, old ->> 'n' AS old, new ->> 'n' AS new
    FROM seen GROUP BY pipeline, id"
compare() { # PIPELINE ORDER WHERE
    ask shop.db "SELECT op, id, old, new FROM journal $3 ORDER BY $2" >journal.txt
    ask seen.db "SELECT op, item, old, new FROM first WHERE pipeline = '$1' ORDER BY ${2/id/item}" >"$1.txt"
    cmp journal.txt "$1.txt" || fail "$1: not what was committed, or not in order: $(diff journal.txt "$1.txt" | head -n 5)"
}
compare strict n ''
compare deletes n "WHERE op = 'DELETE'"
compare workers 'id, n' ''
same_contents seen.db
same 0 "$("$WFHOST" dead-letters list --state-dir .cdc-state 2>/dev/null | wc -l)" "dead letters"
echo "rounds $rounds, changes committed $committed, deliveries $(seen_count)," \
    "repeats $(ask seen.db "SELECT count(*) - count(DISTINCT pipeline || id) FROM event")"
