# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# kill9_snapshot - the same in the middle of an initial snapshot: `wfhost tail --snapshot` with a
# state_dir is killed again and again while a program changes rows.  What its lines add up to is what
# the table holds, and every change that was committed after it had begun is among them.  Of the rows
# that one had read, at most a chunk is read again by those after it.
. "$SOURCE_DIR/tests/support/scenario.bash"

rounds=${ROUNDS:-20}
chunk=20
rows=$((rounds * 8000))
writer=$BUILD_DIR/tests/fault_writer
ask shop.db "
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, filler TEXT);
CREATE TABLE journal (n INTEGER PRIMARY KEY, op TEXT, id INTEGER, old INTEGER, new INTEGER);
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < $rows) INSERT INTO item SELECT n, n, n FROM i" >wal.txt
mkdir state
"$writer" shop.db 1 4000 2>writer.log &
write_pid=$!
spawned+=("$write_pid")

tail_start() {
    spawn "tail.$1" "$WFHOST" tail sqlite shop.db --table main.item --snapshot --option state_dir="$PWD/state" \
        --option snapshot_chunk_rows=$chunk
}
captured() {
    [ "$(ask shop.db "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'")" -gt 0 ]
}
# The first one is let live until it has begun; what is committed from then on has to come.
tail_start 0
wait_until 10 captured
begun() {
    [ "$(ask state/state.db 'SELECT count(*) FROM position UNION ALL SELECT count(*) FROM snapshot_table' 2>/dev/null | paste -sd +)" != 0+0 ]
}
wait_until 10 begun
promised=$(ask shop.db 'SELECT coalesce(max(n), 0) FROM journal')
for round in $(seq "$rounds"); do
    # Half of them soon after the first line, which hits the snapshot while it lasts, and half of them
    # at any moment.
    if [ $((round % 2)) -eq 0 ]; then
        wait_until 20 test -s "tail.$((round - 1)).out"
        sleep "0.$(printf '%03d' $((RANDOM % 30)))"
    else
        sleep "0.$(printf '%03d' $((RANDOM % 200)))"
    fi
    kill_now "$pid"
    tail_start "$round"
done
kill -TERM "$write_pid"
ends "$write_pid" 0

# The last one has the time it needs: until the snapshot is done and the last change is there.
ask shop.db 'INSERT INTO item VALUES (999999999, 1, NULL)'
complete() {
    grep -q '"key":{"id":999999999}' "tail.$rounds.out" &&
        [ "$(ask state/state.db 'SELECT min(done) FROM snapshot_table')" = 1 ]
}
wait_until 60 complete
kill -TERM "$pid"
ends "$pid" 0

# Each killed one may have left the beginning of a line.  Only the last line of a file can be one.
ask lines.db "CREATE TABLE round (round INTEGER, last INTEGER); CREATE TABLE event (event TEXT)"
for round in $(seq 0 "$rounds"); do
    [ ! -s "tail.$round.out" ] || events_import "tail.$round.out" lines.db
    ask lines.db "INSERT INTO round SELECT $round, coalesce(max(rowid), 0) FROM event"
done
torn=$(ask lines.db 'SELECT count(*) FROM event WHERE NOT json_valid(event)')
[ "$torn" -le "$rounds" ] || fail "$torn lines are no JSON"
ask lines.db "
DELETE FROM event WHERE NOT json_valid(event);
CREATE TABLE seen AS SELECT rowid AS n, event ->> 'id' AS id, event ->> 'op' AS op, event ->> '\$.key.id' AS item,
    event ->> '\$.before.n' AS old, event ->> '\$.after.n' AS new FROM event;
CREATE TABLE last AS SELECT item, op, new, max(n) AS n FROM seen GROUP BY item"
ask lines.db "SELECT item, new FROM last WHERE op <> 'DELETE' ORDER BY item" >here.txt
ask shop.db 'SELECT id, n FROM item ORDER BY id' >there.txt
cmp there.txt here.txt || fail "the lines do not add up to the table: $(diff there.txt here.txt | head -n 5)"

ask shop.db "SELECT op, id, old, new FROM journal WHERE n > $promised ORDER BY n" >journal.txt
ask lines.db "SELECT op, item, old, new FROM seen WHERE op <> 'READ' GROUP BY id ORDER BY min(n)" >lines.txt
# What was committed before is not promised, and may be there.
grep -vxFf <(ask shop.db "SELECT op, id, old, new FROM journal WHERE n <= $promised") lines.txt | grep -v '^INSERT|999999999|' >changes.txt
cmp journal.txt changes.txt || fail "changes are missing or not in order: $(diff journal.txt changes.txt | head -n 5)"
same_contents lines.db "event ->> 'op' <> 'READ'"
reads=$(ask lines.db "SELECT count(*) FROM seen WHERE op = 'READ'")
ask lines.db "CREATE TABLE again AS SELECT round, count(DISTINCT id) AS rows FROM
    (SELECT id, round, max(round) OVER (PARTITION BY id) AS newest FROM
        (SELECT id, (SELECT min(round) FROM round WHERE last >= n) AS round FROM seen WHERE op = 'READ'))
    WHERE round < newest GROUP BY round"
again=$(ask lines.db 'SELECT coalesce(max(rows), 0) FROM again')
[ "$again" -le "$chunk" ] || fail "more than a chunk was read again (round|rows): $(ask lines.db 'SELECT * FROM again' | paste -sd ' ')"
in_snapshot=$(grep -l '"op":"READ"' tail.*.out | wc -l)
[ "$in_snapshot" -ge $((rounds / 4)) ] || fail "the snapshot was hit only $in_snapshot times"
echo "rounds $rounds, $in_snapshot of them in the snapshot, rows read $reads, at most $again of one again, changes $(lines changes.txt), torn lines $torn"
