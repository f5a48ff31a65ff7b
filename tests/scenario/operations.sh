# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# operations - every kind of change of a SQLite database, made by the sqlite3 program, as its event.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db '
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, price NUMERIC, photo BLOB);
CREATE TABLE stock (shop TEXT, sku TEXT, n INTEGER, PRIMARY KEY (shop, sku)) WITHOUT ROWID;
CREATE TABLE note (t TEXT);
CREATE TABLE "odd ""name" ("a b" INTEGER PRIMARY KEY, "select" TEXT);' >wal.txt
seen_create
yaml config.yaml <<YAML
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - @seen
$(recorder)
YAML
host_start config.yaml

events=0
# change SQL EXPECTED... - runs the SQL; each event must be "op table key before after".
change() {
    local got
    ask shop.db "$1"
    shift
    events=$((events + $#))
    wait_until 10 seen_at_least "$events"
    got=$(sqlite3 -separator ' ' -nullvalue '' seen.db \
        "SELECT op, tab, key, old, new FROM seen WHERE n > $((events - $#)) ORDER BY n")
    same "$(printf '%s\n' "$@")" "$got" "events"
}

change "INSERT INTO item VALUES (1, 'nut', 0.25, NULL)" \
    'INSERT main.item {"id":1} null {"id":1,"name":"nut","price":0.25,"photo":null}'
change "INSERT INTO item VALUES (9223372036854775807, 'a ''b'' \"c\" ✉', 9007199254740993, x'00ff10')" \
    'INSERT main.item {"id":9223372036854775807} null {"id":9223372036854775807,"name":"a '"'b'"' \"c\" ✉","price":9007199254740993,"photo":"AP8Q"}'
change "UPDATE item SET price = 1e308 * 10, name = NULL WHERE id = 1" \
    'UPDATE main.item {"id":1} {"id":1,"name":"nut","price":0.25,"photo":null} {"id":1,"name":null,"price":"Infinity","photo":null}'
# A row that is written but stays what it was is no change.
change "UPDATE item SET name = NULL WHERE id = 1; UPDATE item SET name = 'bolt', price = -1 WHERE id = 1" \
    'UPDATE main.item {"id":1} {"id":1,"name":null,"price":"Infinity","photo":null} {"id":1,"name":"bolt","price":-1,"photo":null}'
change "UPDATE item SET id = 2 WHERE id = 1" \
    'UPDATE main.item {"id":2} {"id":1,"name":"bolt","price":-1,"photo":null} {"id":2,"name":"bolt","price":-1,"photo":null}'
change "INSERT INTO item VALUES (2, 'cog', 3, NULL) ON CONFLICT (id) DO UPDATE SET name = excluded.name" \
    'UPDATE main.item {"id":2} {"id":2,"name":"bolt","price":-1,"photo":null} {"id":2,"name":"cog","price":-1,"photo":null}'
change "DELETE FROM item WHERE id = 2" \
    'DELETE main.item {"id":2} {"id":2,"name":"cog","price":-1,"photo":null} null'
change "INSERT INTO stock VALUES ('A', 'nut', 10), ('A', 'cog', 20)" \
    'INSERT main.stock {"shop":"A","sku":"nut"} null {"shop":"A","sku":"nut","n":10}' \
    'INSERT main.stock {"shop":"A","sku":"cog"} null {"shop":"A","sku":"cog","n":20}'
change "BEGIN; UPDATE stock SET n = n + 1; DELETE FROM stock WHERE sku = 'nut'; COMMIT" \
    'UPDATE main.stock {"shop":"A","sku":"cog"} {"shop":"A","sku":"cog","n":20} {"shop":"A","sku":"cog","n":21}' \
    'UPDATE main.stock {"shop":"A","sku":"nut"} {"shop":"A","sku":"nut","n":10} {"shop":"A","sku":"nut","n":11}' \
    'DELETE main.stock {"shop":"A","sku":"nut"} {"shop":"A","sku":"nut","n":11} null'
# Nothing of a transaction that is rolled back is ever seen.
change "BEGIN; INSERT INTO note VALUES ('lost'); ROLLBACK; INSERT INTO note VALUES ('kept')" \
    'INSERT main.note null null {"t":"kept"}'
change 'INSERT INTO "odd ""name" VALUES (1, NULL); DELETE FROM "odd ""name"' \
    'INSERT main.odd "name {"a b":1} null {"a b":1,"select":null}' \
    'DELETE main.odd "name {"a b":1} {"a b":1,"select":null} null'

# What REPLACE pushes aside is told, also when another row's unique value does it.
ask shop.db "CREATE UNIQUE INDEX item_name ON item (name); INSERT INTO item VALUES (5, 'old', 1, NULL), (6, 'more', 1, NULL)"
events=$((events + 2))
change "REPLACE INTO item VALUES (5, 'new', 2, NULL)" \
    'DELETE main.item {"id":5} {"id":5,"name":"old","price":1,"photo":null} null' \
    'INSERT main.item {"id":5} null {"id":5,"name":"new","price":2,"photo":null}'
change "REPLACE INTO item VALUES (7, 'more', 2, NULL)" \
    'DELETE main.item {"id":6} {"id":6,"name":"more","price":1,"photo":null} null' \
    'INSERT main.item {"id":7} null {"id":7,"name":"more","price":2,"photo":null}'

# Ids are unique and times are in order.
same 0 "$(ask seen.db 'SELECT count(*) - count(DISTINCT id) FROM event')" "repeated ids"
same 0 "$(ask seen.db "SELECT count(*) FROM (SELECT event ->> 'ts' AS ts, lag(event ->> 'ts') OVER (ORDER BY n) AS before FROM event) WHERE ts < before")" \
    "steps back in time"
host_stop
# Everything was confirmed: another start gives nothing again.
before=$(seen_count)
host_start config.yaml
ask shop.db "DELETE FROM note"
wait_until 10 seen_at_least $((before + 1))
host_stop
same $((before + 1)) "$(seen_count)" "events after a restart"
