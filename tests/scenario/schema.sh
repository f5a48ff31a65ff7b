# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# schema - tables are altered, made and dropped by another program while they are captured: nothing
# is lost between, the new columns come, and step.cdc_schema_history knows the versions.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - @seen
pipelines:
  all:
    trigger: { type: cdc, config: { source_id: shop, actions: [ INSERT, UPDATE, DELETE ] } }
    steps:
      - @record
  ddl:
    trigger: { type: cdc, config: { source_id: shop, actions: [ ddl ] } }
    steps:
      - @record
  history:
    trigger: { type: http, config: { path: "/history/{table}", method: GET } }
    steps:
      - { name: go, type: step.cdc_schema_history, config: { source_id: shop, table: "main.${ table }" } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
YAML
host_start config.yaml
rows="pipeline = 'all'"
columns() {
    [ "$(ask seen.db "SELECT group_concat(key, ' ') FROM json_each((SELECT new FROM seen WHERE $rows AND key = '{\"id\":$1}' ORDER BY n DESC LIMIT 1))")" = "$2" ]
}
ddl_count() {
    [ "$(seen_count "pipeline = 'ddl'")" -ge "$1" ]
}

ask shop.db "INSERT INTO item VALUES (1, 'a')"
wait_until 10 columns 1 'id v'
# The writer alters and goes on at once, in the same connection, then in others.
ask shop.db "ALTER TABLE item ADD COLUMN price NUMERIC DEFAULT 7; INSERT INTO item VALUES (2, 'b', 2.5)"
for id in $(seq 3 12); do
    ask shop.db "INSERT INTO item VALUES ($id, 'c', $id)"
done
wait_until 10 seen_at_least 12 "$rows"
wait_until 10 ddl_count 1
ask shop.db "UPDATE item SET price = 8 WHERE id = 1"
wait_until 10 columns 1 'id v price'
same '{"id":1,"v":"a","price":7}|{"id":1,"v":"a","price":8}' \
    "$(ask seen.db "SELECT old || '|' || new FROM seen WHERE op = 'UPDATE' AND key = '{\"id\":1}'")" "a row that is older than the column"
ask shop.db 'ALTER TABLE item RENAME COLUMN v TO name'
wait_until 10 ddl_count 2
ask shop.db "INSERT INTO item VALUES (13, 'd', 1)"
wait_until 10 columns 13 'id name price'
# SQLite itself refuses to drop a column that a trigger names; the writer is told, nothing breaks.
! sqlite3 shop.db 'ALTER TABLE item DROP COLUMN price' 2>refused.txt || fail "DROP COLUMN went through"
contains 'error in trigger _cdc_' refused.txt
ask shop.db "INSERT INTO item VALUES (14, 'e', 2)"
wait_until 10 columns 14 'id name price'

# A table that is made later is captured as well.
ask shop.db 'CREATE TABLE later (id INTEGER PRIMARY KEY, w)'
installed() {
    [ "$(ask shop.db "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '$1'")" -gt 0 ]
}
wait_until 10 installed later
ask shop.db "INSERT INTO later VALUES (1, 'x')"
wait_until 10 seen_at_least 1 "$rows AND tab = 'main.later'"

history=$(http GET /history/item)
same 3 "$(json "$history" '$.count')" "versions of item"
same '1 CREATE TABLE item (id INTEGER PRIMARY KEY, v)
2 CREATE TABLE item (id INTEGER PRIMARY KEY, v, price NUMERIC DEFAULT 7)
3 CREATE TABLE item (id INTEGER PRIMARY KEY, name, price NUMERIC DEFAULT 7)' \
    "$(sqlite3 :memory: "SELECT (value ->> 'version') || ' ' || (value ->> 'ddl') FROM json_each('${history//\'/\'\'}', '\$.history')")" "their DDL"

# A drop is told, and the table of the same name that comes afterwards is another one.
ask shop.db 'DROP TABLE later'
dropped="pipeline = 'ddl' AND tab = 'main.later' AND event ->> 'ddl' LIKE 'DROP TABLE %'"
wait_until 10 seen_at_least 1 "$dropped"
ask shop.db 'CREATE TABLE later (k TEXT PRIMARY KEY)'
wait_until 10 installed later
ask shop.db "INSERT INTO later VALUES ('y')"
wait_until 10 seen_at_least 2 "$rows AND tab = 'main.later'"
same '{"k":"y"}' "$(ask seen.db "SELECT new FROM seen WHERE $rows AND tab = 'main.later' ORDER BY n DESC LIMIT 1")" "a row of the new table"
host_stop
same 0 "$("$WFHOST" dead-letters list --state-dir .cdc-state 2>/dev/null | wc -l)" "dead letters"
# What was written between the ALTER and the new triggers is there as well: the last event of every
# row has what the row has.
same "$(ask shop.db "SELECT json_object('id', id, 'name', name) FROM item ORDER BY id")" \
    "$(ask seen.db "SELECT json_object('id', key -> 'id', 'name', coalesce(new ->> 'name', new ->> 'v')) FROM seen AS a
        WHERE $rows AND tab = 'main.item' AND n = (SELECT max(n) FROM seen AS b WHERE b.key = a.key AND b.tab = a.tab) ORDER BY key ->> 'id'")" \
    "the rows"
same 2.5 "$(ask seen.db "SELECT new ->> 'price' FROM seen WHERE key = '{\"id\":2}' AND $rows ORDER BY n DESC LIMIT 1")" \
    "the new column of a row that was written before the triggers knew it"
