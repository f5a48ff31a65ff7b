# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# exec - one pipeline run by hand: its result, how errors are told, on_error, compensation and
# timeouts, environment variables, and the exit codes of every command.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
ask work.db 'CREATE TABLE done (n INTEGER PRIMARY KEY, what TEXT)'
cat >config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: "${SHOP_DB}", tables: [ "${env:SHOP_TABLE}" ] } }
  - { name: work, type: storage.sqlite, config: { dbPath: work.db } }
pipelines:
  result:
    steps:
      - { name: status, type: step.cdc_status, config: { source_id: shop } }
      - { name: sum, type: step.set, config: { values: { sum: "${ trigger.a + trigger.b }", table: "${ steps.status.tables[0] }", list: [ 1, 2.50 ] } } }
  skip:
    on_error: skip
    steps:
      - { name: bad, type: step.db_exec, config: { database: work, query: INSERT INTO absent VALUES (1) } }
      - { name: after, type: step.set, config: { values: { skipped: "${ steps.bad._skipped }" } } }
  stop:
    steps:
      - { name: bad, type: step.db_exec, config: { database: work, query: INSERT INTO absent VALUES (1) } }
      - { name: after, type: step.db_exec, config: { database: work, query: "INSERT INTO done (what) VALUES ('never')" } }
  compensate:
    on_error: compensate
    steps:
      - { name: one, type: step.db_exec, config: { database: work, query: "INSERT INTO done (what) VALUES ('work')" } }
      - { name: bad, type: step.cdc_status, config: { source_id: absent } }
    compensation:
      - { name: undo_one, type: step.db_exec, config: { database: work, query: "INSERT INTO done (what) VALUES ('undo one')" } }
      - { name: undo_bad, type: step.db_exec, config: { database: work, query: "INSERT INTO done (what) VALUES ('undo bad')" } }
  compensate_fails:
    on_error: compensate
    steps:
      - { name: bad, type: step.cdc_status, config: { source_id: absent } }
    compensation:
      - { name: undo, type: step.cdc_status, config: { source_id: absent, x: y } }
  late:
    timeout: 200ms
    steps:
      - name: long
        type: step.db_query
        config: { database: work, query: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n" }
  late_step:
    steps:
      - name: long
        type: step.db_query
        timeout: 200ms
        on_error: skip
        config: { database: work, query: "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n" }
      - { name: after, type: step.set, config: { values: { went_on: true } } }
YAML
export SHOP_DB=shop.db SHOP_TABLE=main.item

# run STATUS PIPELINE [INPUT] - its output in out.json, its log in err.txt.
run() {
    exits "$1" "$WFHOST" exec config.yaml "$2" ${3:+--input "$3"} >out.json 2>err.txt
}
run 0 result '{"a": 9007199254740992, "b": 1}'
same '["9007199254740993","main.item",[1,2.50],9007199254740992]' \
    "$(sqlite3 :memory: "SELECT json_array(o ->> 'sum', o ->> 'table', o -> 'list', o ->> 'a') FROM (SELECT readfile('out.json') AS o)")" "the result"
same 0 "$(ask shop.db "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger' AND tbl_name <> 'item'")" "triggers on other tables"
run 0 skip
same '["true",1]' "$(sqlite3 :memory: "SELECT json_array(o ->> 'skipped', o ->> '_error' LIKE '%no such table: absent%') FROM (SELECT readfile('out.json') AS o)")" "after a skipped step"
run 3 stop
same '' "$(cat out.json)" "the result of a failed run"
contains 'workflow execution failed: pipeline "stop" execution failed: step "bad" failed: db_exec step "bad": exec failed: no such table: absent' err.txt
run 3 compensate
contains 'pipeline "compensate" execution failed: step "bad" failed: step.cdc_status "bad": CDC source "absent" not found (compensation executed)' err.txt
same 'work,undo bad,undo one' "$(ask work.db 'SELECT group_concat(what) FROM (SELECT what FROM done ORDER BY n)')" "what was done, in order"
run 3 compensate_fails
contains 'not found (compensation also failed: ' err.txt
run 3 late
contains 'pipeline "late" execution failed: step "long" failed: db_query step "long": query failed: context deadline exceeded' err.txt
run 0 late_step
same 1 "$(sqlite3 :memory: "SELECT o ->> 'went_on' FROM (SELECT readfile('out.json') AS o)")" "after a step that took too long"
run 1 absent
contains "there is no pipeline 'absent'" err.txt
run 2 result 'not json'
run 2 result '[1]'

# A variable that is not there leaves the text as it is, with a warning.
unset SHOP_DB
exits 1 "$WFHOST" exec config.yaml result >out.json 2>err.txt
contains 'SHOP_DB' err.txt

# 2: the command line is wrong.
export SHOP_DB=shop.db
wrong() {
    exits 2 "$WFHOST" "$@" >out.txt 2>err.txt
    [ -s err.txt ] || fail "wfhost $*: no word about what is wrong"
    same '' "$(cat out.txt)" "stdout of wfhost $*"
}
wrong
wrong nonsense
wrong run
wrong run a.yaml b.yaml
wrong run config.yaml --nonsense
wrong run config.yaml --exit-when-idle soon
wrong run config.yaml --log-level loud
wrong exec config.yaml
wrong tail sqlite
wrong tail sqlite shop.db --max many
wrong tail sqlite shop.db --option novalue
wrong dead-letters list
wrong dead-letters eat --state-dir .
exits 0 "$WFHOST" --help >out.txt
exits 0 "$WFHOST" --version >out.txt
for command in run validate exec inspect tail dead-letters; do
    exits 0 "$WFHOST" "$command" --help >out.txt
    contains "usage: wfhost $command" out.txt
done
# 1: the configuration is wrong.
exits 1 "$WFHOST" dead-letters list --state-dir nowhere 2>err.txt
exits 1 "$WFHOST" tail oracle shop.db 2>err.txt
contains 'unknown CDC provider "oracle" (valid: ' err.txt
exits 1 "$WFHOST" tail sqlite absent.db 2>err.txt
contains "database 'absent.db' does not exist" err.txt
exits 1 "$WFHOST" tail sqlite shop.db --option bufer_bytes=5 2>err.txt
contains "'options.bufer_bytes' is not an option; did you mean 'options.buffer_bytes'" err.txt
exits 1 "$WFHOST" run config.yaml --plugin /nonexistent.so 2>err.txt
contains '/nonexistent.so' err.txt
# 0: idle.
exits 0 timeout 20 "$WFHOST" run config.yaml --exit-when-idle 200ms 2>err.txt
# 3: it fails while running: a port that is in use.
cat >port.yaml <<'YAML'
modules:
  - { name: web, type: http.server, config: { address: "${ADDRESS}" } }
  - { name: router, type: http.router }
pipelines:
  p: { trigger: { type: http, config: { path: /, method: GET } }, steps: [] }
YAML
ADDRESS=127.0.0.1:0 host_start port.yaml
ADDRESS=127.0.0.1:$(http_port) exits 3 timeout 20 "$WFHOST" run port.yaml 2>err.txt
contains 'Address already in use' err.txt
host_stop
