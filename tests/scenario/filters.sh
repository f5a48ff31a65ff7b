# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# filters - several pipelines on one source, each with tables and actions of its own.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, v);
    CREATE TABLE order_line (id INTEGER PRIMARY KEY, v); CREATE TABLE customer (id INTEGER PRIMARY KEY, v);
    CREATE TABLE secret (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
yaml config.yaml <<'YAML'
modules:
  - name: shop
    type: cdc.source
    config: { provider: sqlite, source_id: shop, connection: shop.db, tables: [ 'main.order*', customer ] }
  - @seen
pipelines:
  everything:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
  one_table:
    trigger: { type: trigger.cdc, config: { source_id: shop, tables: [ main.orders ] } }
    steps:
      - @record
  any_schema:
    trigger: { type: cdc, config: { source_id: shop, tables: "customer, orders" } }
    steps:
      - @record
  wildcard:
    trigger: { type: cdc, config: { source_id: shop, tables: [ "main.order_*" ] } }
    steps:
      - @record
  deletes:
    trigger: { type: cdc, config: { source_id: shop, actions: [ delete ] } }
    steps:
      - @record
  letters:
    trigger: { type: cdc, config: { source_id: shop, tables: [ customer ], actions: [ c, U ] } }
    steps:
      - @record
  nothing:
    trigger: { type: cdc, config: { source_id: shop, tables: [ main.absent ] } }
    steps:
      - @record
YAML
host_start config.yaml
for table in orders order_line customer secret; do
    ask shop.db "INSERT INTO $table VALUES (1, 'a'); UPDATE $table SET v = 'b'; DELETE FROM $table"
done
wait_until 10 seen_at_least 26
host_stop
seen_by() {
    ask seen.db "SELECT pipeline || ' ' || group_concat(op || tab, ' ') FROM
        (SELECT pipeline, substr(op, 1, 1) AS op, substr(tab, 5) AS tab FROM seen ORDER BY pipeline, n)
        GROUP BY pipeline"
}
same 'any_schema I.orders U.orders D.orders I.customer U.customer D.customer
deletes D.orders D.order_line D.customer
everything I.orders U.orders D.orders I.order_line U.order_line D.order_line I.customer U.customer D.customer
letters I.customer U.customer
one_table I.orders U.orders D.orders
wildcard I.order_line U.order_line D.order_line' "$(seen_by)" "who has seen what"
# The same change has the same id and content for everybody.
same 9 "$(ask seen.db 'SELECT count(DISTINCT id || event) FROM event')" "different events"
# No table was watched that is not configured.
same 0 "$(ask shop.db "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'secret'")" "triggers on 'secret'"
