# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# database_gone - the captured database is removed, replaced, or put back from an older copy, while
# it is captured and between two runs: a failure that names what happened, and never a crash, a wrong
# event or a silence.
. "$SOURCE_DIR/tests/support/scenario.bash"

database_new() {
    rm -rf shop.db* state
    mkdir state
    ask shop.db "PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v); INSERT INTO item VALUES (1, 'a')" >wal.txt
}
captured() {
    [ "$(ask shop.db "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'")" -gt 0 ]
}
tail_start() {
    spawn tail "$WFHOST" tail sqlite shop.db --option state_dir="$PWD/state"
    wait_until 10 captured
}
# fails TEXT - the tail ends with 3 and says that.
fails() {
    ends "$pid" 3
    contains "$1" tail.log
}

# tail: removed.
database_new
tail_start
rm shop.db
fails "database 'shop.db' was removed"
# Replaced by another database.
database_new
tail_start
sqlite3 other.db 'CREATE TABLE item (id INTEGER PRIMARY KEY, v)'
mv other.db shop.db
fails "database 'shop.db' was replaced by another file"
# Replaced by what is no database.
database_new
tail_start
echo 'something else entirely, and long enough to be looked at as a header of a database file, or so one hopes' >no.db
mv no.db shop.db
fails "database 'shop.db' was replaced by another file"

# The content of an older copy written over it, in place, by SQLite itself.
database_new
tail_start
ask shop.db '.backup older.db'
for id in 2 3 4; do ask shop.db "INSERT INTO item VALUES ($id, 'b')"; done
three() {
    [ "$(lines tail.out)" -ge 3 ]
}
wait_until 10 three
sqlite3 shop.db '.timeout 5000' '.restore older.db'
ask shop.db "INSERT INTO item VALUES (5, 'c'), (6, 'd'), (7, 'e'), (8, 'f')"
fails "went back in time"
same 3 "$(lines tail.out)" "lines; those after the restore are not what follows on them"

# Between two runs: an older copy, another database, none.
start_fails() {
    exits "$1" timeout 20 "$WFHOST" tail sqlite shop.db --option state_dir="$PWD/state" >again.out 2>again.log
    contains "$2" again.log
    same 0 "$(lines again.out)" "lines"
}
run_and_stop() {
    database_new
    tail_start
    rm -f older.db
    ask shop.db '.backup older.db'
    ask shop.db "INSERT INTO item VALUES (2, 'b')"
    wait_until 10 test -s tail.out
    kill -TERM "$pid"
    ends "$pid" 0
}
run_and_stop
rm shop.db*
mv older.db shop.db
start_fails 3 "went back in time"
run_and_stop
rm shop.db*
ask shop.db 'CREATE TABLE item (id INTEGER PRIMARY KEY, v)'
start_fails 3 "the capture tables were removed from database 'shop.db'"
# Another database that is captured as well.
run_and_stop
rm shop.db*
ask shop.db 'CREATE TABLE item (id INTEGER PRIMARY KEY, v)'
exits 0 timeout 20 "$WFHOST" tail sqlite shop.db --option state_dir="$PWD" --exit-when-idle 50ms
start_fails 3 "database 'shop.db' is not the one"
run_and_stop
rm shop.db*
start_fails 1 "database 'shop.db' does not exist"

# wfhost run: the other pipelines go on, the source says what is wrong.
database_new
cat >config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
pipelines:
  work: { trigger: { type: cdc, config: { source_id: shop } }, steps: [ { name: say, type: step.log, config: { message: "${ op }" } } ] }
  status:
    trigger: { type: http, config: { path: /status, method: GET } }
    steps:
      - { name: go, type: step.cdc_status, config: { source_id: shop } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
YAML
host_start config.yaml
rm shop.db
wait_until 10 logged 'source is failed source=shop'
same 'error failed' "$(http GET /status >status.json; json "$(cat status.json)" '$.state') $(json "$(cat status.json)" '$.phase')" "the status"
case $(json "$(cat status.json)" '$.error') in
*"database 'shop.db' was removed"*) ;;
*) fail "the status does not say why: $(cat status.json)" ;;
esac
host_stop
