# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# snapshot - three tables of 25,000 rows in all are read while a writer changes them, at the first
# start and again on demand; what the events add up to is what the tables hold.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db >wal.txt "
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, v TEXT);
CREATE TABLE stock (shop TEXT, sku INTEGER, v TEXT, PRIMARY KEY (shop, sku)) WITHOUT ROWID;
CREATE TABLE note (id TEXT PRIMARY KEY, v TEXT);
WITH RECURSIVE i(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM i WHERE n < 15000)
INSERT INTO item SELECT n, 'old ' || n FROM i;
INSERT INTO stock SELECT 's' || (id % 7), id, 'old' FROM item WHERE id <= 8000;
INSERT INTO note SELECT 'n' || id, 'old' FROM item WHERE id <= 2000;"

cat >config.yaml <<'YAML'
modules:
  - name: shop
    type: cdc.source
    config:
      provider: sqlite
      source_id: shop
      connection: shop.db
      options: { snapshot: initial, snapshot_chunk_rows: 500 }
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
  - { name: copy, type: storage.sqlite, config: { dbPath: copy.db } }
pipelines:
  copy:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - name: put
        type: step.db_exec
        if: '${ op != "DELETE" }'
        config:
          database: copy
          query: >-
            INSERT INTO state (tab, key, v) VALUES (?, ?, ?) ON CONFLICT (tab, key) DO UPDATE SET v = excluded.v;
            UPDATE told SET n = n + 1 WHERE op = ?4
          params: [ "${ table }", "${ json(key) }", "${ after.v }", "${ op }" ]
      - name: moved
        type: step.db_exec
        if: '${ op == "UPDATE" && table == "main.stock" && before.sku != after.sku }'
        config:
          database: copy
          query: DELETE FROM state WHERE tab = 'main.stock' AND key = json_object('shop', ?, 'sku', ?)
          params: [ "${ before.shop }", "${ before.sku }" ]
      - name: remove
        type: step.db_exec
        if: '${ op == "DELETE" }'
        config:
          database: copy
          query: DELETE FROM state WHERE tab = ? AND key = ?; UPDATE told SET n = n + 1 WHERE op = ?3
          params: [ "${ table }", "${ json(key) }", "${ op }" ]
  snapshot:
    trigger: { type: http, config: { path: /snapshot, method: POST } }
    steps:
      - { name: go, type: step.cdc_snapshot, config: { source_id: shop, tables: [ main.stock, note ] } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
  status:
    trigger: { type: http, config: { path: /status, method: GET } }
    steps:
      - { name: go, type: step.cdc_status, config: { source_id: shop } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
YAML
ask copy.db >wal.txt "
PRAGMA journal_mode = WAL;
CREATE TABLE state (tab TEXT, key TEXT, v TEXT, PRIMARY KEY (tab, key)) WITHOUT ROWID;
CREATE TABLE told (op TEXT PRIMARY KEY, n INTEGER);
INSERT INTO told VALUES ('READ', 0), ('INSERT', 0), ('UPDATE', 0), ('DELETE', 0);"

# The other program: changes rows all over the three tables until it is told to stop.
write_on() {
    local round=0
    while [ ! -e stop ]; do
        round=$((round + 1))
        ask shop.db "BEGIN IMMEDIATE;
            UPDATE item SET v = 'new $round' WHERE id % 211 = $round % 211;
            DELETE FROM item WHERE id % 1009 = $round % 1009;
            INSERT INTO item (v) SELECT 'more $round' FROM note LIMIT 5;
            UPDATE stock SET v = 'new $round' WHERE sku % 97 = $round % 97;
            UPDATE stock SET sku = sku + 100000 WHERE sku = $round;
            REPLACE INTO note VALUES ('n' || abs(random() % 2500), 'new $round');
            DELETE FROM note WHERE id = 'n' || $round;
            COMMIT;"
    done
    echo "$round" >rounds
}
write_on &
writer=$!
spawned+=("$writer")

rows_of() {
    ask "$1" "SELECT 'main.item ' || json_object('id', id) || ' ' || v FROM item UNION ALL
        SELECT 'main.stock ' || json_object('shop', shop, 'sku', sku) || ' ' || v FROM stock UNION ALL
        SELECT 'main.note ' || json_object('id', id) || ' ' || v FROM note ORDER BY 1"
}
# The copy may be behind; compares once the stream has come to a last, known change.
mark=0
same_rows() {
    mark=$((mark + 1))
    ask shop.db "INSERT INTO note VALUES ('mark $mark', 'x')"
    wait_until 30 answers 1 copy.db "SELECT count(*) FROM state WHERE key = '{\"id\":\"mark $mark\"}'"
    rows_of shop.db >there.txt
    ask copy.db "SELECT tab || ' ' || key || ' ' || v FROM state ORDER BY 1" >here.txt
    cmp there.txt here.txt || fail "$1: the copy is not what the tables are: $(diff there.txt here.txt | head -n 5)"
}
streaming() {
    [ "$(json "$(http GET /status)" '$.phase')" = streaming ]
}
reads() {
    ask copy.db "SELECT n FROM told WHERE op = 'READ'"
}

host_start config.yaml
wait_until 10 logged 'source is snapshot'
wait_until 60 logged 'source is streaming source=shop was=snapshot'
first=$(reads)
touch stop
wait "$writer"
same_rows "after the initial snapshot"
if [ "$first" -lt 15000 ] || [ "$first" -gt 27000 ]; then fail "$first rows were read"; fi
[ "$(cat rounds)" -ge 5 ] || fail "the writer made only $(cat rounds) rounds"

# On demand, for two of the tables, with the writer at work again.
rm stop
write_on &
writer=$!
spawned+=("$writer")
first=$(reads)
http POST /snapshot >answer.json
contains '"action":"snapshot_triggered","tables":["main.stock","note"]' answer.json
on_demand_done() {
    [ "$(reads)" -ge $((first + 8000)) ] && streaming
}
wait_until 60 on_demand_done
touch stop
wait "$writer"
same_rows "after the snapshot on demand"
[ "$(reads)" -le $((first + 11000)) ] || fail "rows of a table that was not asked for were read: $(($(reads) - first))"
host_stop

# The initial snapshot is not taken again.
first=$(reads)
host_start config.yaml
same_rows "after a restart"
same "$first" "$(reads)" "rows read by another start"
host_stop
