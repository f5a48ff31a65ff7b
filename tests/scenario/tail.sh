# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# tail - `wfhost tail`: leaves nothing behind, ends where it is told to, takes its reader's leave well,
# and with a state_dir goes on where it was, even after kill -9.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v); CREATE TABLE other (x);
    CREATE INDEX item_v ON item (v); CREATE TRIGGER own AFTER DELETE ON other BEGIN DELETE FROM item WHERE id < 0; END;
    INSERT INTO item VALUES (1, 1), (2, 2), (3, 3)' >wal.txt
schema() {
    ask shop.db 'SELECT * FROM sqlite_schema ORDER BY name'
    ask shop.db 'PRAGMA journal_mode; PRAGMA auto_vacuum; PRAGMA user_version; PRAGMA application_id'
}
schema >schema.txt
export TMPDIR=$PWD/tmp
mkdir tmp
nothing_left() {
    schema | cmp - schema.txt || fail "$1 left something in the database"
    same '' "$(ls -A tmp)" "what $1 left in the folder for temporary files"
    [ ! -e .cdc-state ] || fail "$1 left a state folder"
}
captured() {
    [ "$(ask shop.db "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_cdc\\_%' ESCAPE '\\' AND tbl_name = 'item'")" -gt 0 ]
}
# of FILE PATH - that member of each line.
of() {
    rm -f lines.db
    events_import "$1" lines.db
    ask lines.db "SELECT group_concat(event ->> '$2', ' ') FROM (SELECT event FROM event ORDER BY rowid)"
}

# Ends by itself after --max, with exactly so many lines.
spawn max "$WFHOST" tail sqlite shop.db --table main.item --max 4
wait_until 10 captured
ask shop.db "INSERT INTO other VALUES (1); INSERT INTO item VALUES (4, 4), (5, 5); UPDATE item SET v = 0; DELETE FROM item WHERE id = 5"
ends "$pid" 0
same 4 "$(lines max.out)" "lines with --max 4"
same 'INSERT INSERT UPDATE UPDATE' "$(of max.out op)" "the first four changes"
same '' "$(cat max.log)" "what it says on stderr"
nothing_left 'tail --max'

# Rows whose keys are the same letters have ids of their own.
ask pairs.db "CREATE TABLE pair (a TEXT, b TEXT, PRIMARY KEY (a, b)); INSERT INTO pair VALUES ('x', 'y'), ('x,y', 'z'), ('x', 'y,z')"
"$WFHOST" tail sqlite pairs.db --snapshot --max 3 >pairs.out
same 'sqlite:s1:main.pair:"x,y",z sqlite:s1:main.pair:x,"y,z" sqlite:s1:main.pair:x,y' "$(of pairs.out id | tr ' ' '\n' | sort | tr '\n' ' ' | sed 's/ $//')" "ids of rows with keys of two columns"

# A snapshot, then SIGTERM; the snapshot's rows come first.
spawn snap "$WFHOST" tail sqlite shop.db --table item --snapshot
wait_until 10 test -s snap.out
ask shop.db "INSERT INTO item VALUES (7, 7)"
last_is() {
    [ "$(of "$1" key.id | sed 's/.* //')" = "$2" ]
}
of_key() {
    rm -f lines.db
    events_import "$1" lines.db
    ask lines.db "SELECT group_concat(substr(event ->> 'op', 1, 1) || (event ->> '\$.key.id'), ' ') FROM (SELECT event FROM event ORDER BY rowid)"
}
snapshot_and_change() {
    [ "$(of_key snap.out)" = 'R1 R2 R3 R4 I7' ]
}
wait_until 10 snapshot_and_change
kill -TERM "$pid"
ends "$pid" 0
nothing_left 'tail --snapshot'

# Quiet for long enough.
exits 0 timeout 20 "$WFHOST" tail sqlite shop.db --exit-when-idle 300ms >idle.out
same '' "$(cat idle.out)" "lines of nothing"
nothing_left 'tail --exit-when-idle'

# The reader goes away: no error, nothing left.
(
    status=0
    "$WFHOST" tail sqlite shop.db --table item 2>pipe.log || status=$?
    echo "$status" >pipe.status
) | head -n 3 >pipe.out &
wait_until 10 captured
for id in $(seq 100 140); do
    ask shop.db "INSERT INTO item VALUES ($id, $id)"
done
more() {
    [ -e pipe.status ] || { ask shop.db 'INSERT INTO item (v) VALUES (0)'; false; }
}
wait_until 10 more
same 0 "$(cat pipe.status)" "exit status when the reader goes away"
same 3 "$(lines pipe.out)" "lines that the reader took"
nothing_left 'tail into a closed pipe'
wait

# With a state_dir, killed again and again: every change comes, a repeat with the same id.
ask shop.db 'DELETE FROM item'
begin_tail() {
    "$WFHOST" tail sqlite shop.db --table item --option state_dir="$PWD/state" >>kept.out 2>>kept.log </dev/null &
    pid=$!
    spawned+=("$pid")
}
mkdir state
begin_tail
wait_until 10 captured
id=0
for round in 1 2 3 4 5; do
    for _ in 1 2 3 4 5 6 7 8 9 10; do
        id=$((id + 1))
        ask shop.db "INSERT INTO item VALUES ($id, $round)"
    done
    # In the middle of it, or as soon as something came.
    [ $((round % 2)) -eq 0 ] || wait_until 10 test -s kept.out
    kill_now "$pid"
    id=$((id + 1))
    ask shop.db "INSERT INTO item VALUES ($id, 'while it was away')"
    begin_tail
done
all_there() {
    rm -f lines.db
    events_import kept.out lines.db
    [ "$(ask lines.db "SELECT count(DISTINCT event ->> '\$.key.id') FROM event WHERE event ->> 'op' = 'INSERT'")" = "$id" ]
}
wait_until 10 all_there
kill -TERM "$pid"
ends "$pid" 0
same "$(seq "$id")" "$(ask lines.db "SELECT event ->> '\$.key.id' FROM event WHERE event ->> 'op' = 'INSERT' GROUP BY event ->> 'id' ORDER BY min(rowid)")" \
    "changes in the order of their first coming"
same_contents lines.db
captured || fail "a tail with a state_dir took its capture away"
