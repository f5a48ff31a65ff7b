# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# workers - with workers: 4 the changes of one key stay in order, and those of several keys do run
# at the same time.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v INTEGER)' >wal.txt
seen_create
gate_create
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: gate, type: storage.sqlite, config: { dbPath: gate.db } }
  - @seen
pipelines:
  keep:
    trigger: { type: cdc, config: { source_id: shop, workers: 4 } }
    steps:
      - { name: slow, type: step.db_exec, if: "${ key.id == 1000 }", config: { database: gate, query: UPDATE gate SET passed = passed + 1 } }
      - @record
YAML
host_start config.yaml
# One key is held up at the gate; the others pass it by.
gate_shut
ask shop.db "INSERT INTO item VALUES (1000, 0), (1, 0), (2, 0), (3, 0)"
wait_until 4 seen_at_least 3
same 0 "$(seen_count "key ->> 'id' = 1000")" "events of the key that is held up"
gate_open
wait_until 10 seen_at_least 4

# Forty changes of each of 50 keys, many of them in one transaction.
{
    echo 'BEGIN;'
    for v in $(seq 40); do
        [ $((v % 7)) -ne 0 ] || echo 'COMMIT; BEGIN;'
        echo "INSERT INTO item SELECT value, $v FROM (WITH RECURSIVE i(value) AS (SELECT 10 UNION ALL SELECT value + 1 FROM i WHERE value < 59) SELECT value FROM i) WHERE true ON CONFLICT (id) DO UPDATE SET v = excluded.v;"
    done
    echo 'UPDATE item SET id = id + 5000 WHERE id = 10;'
    echo 'UPDATE item SET v = 41 WHERE id = 5010;'
    echo 'COMMIT;'
} | sqlite3 shop.db
wait_until 15 seen_at_least 2006
host_stop
same 2006 "$(seen_count)" "events"
same 0 "$(ask seen.db "SELECT count(*) FROM (SELECT new ->> 'v' AS v, lag(new ->> 'v') OVER (PARTITION BY key ORDER BY n) AS before
    FROM seen WHERE key ->> 'id' BETWEEN 10 AND 59) WHERE v <> coalesce(before, 0) + 1")" "changes of a key out of order"
# A key that changes is a barrier: what was before it and what comes after do not pass it.
same 1 "$(ask seen.db "SELECT max(n) FILTER (WHERE key ->> 'id' BETWEEN 10 AND 59) < min(n) FILTER (WHERE key ->> 'id' = 5010) FROM seen")" \
    "the change of the key stays behind all before it"
same '40 41' "$(ask seen.db "SELECT group_concat(new ->> 'v', ' ') FROM (SELECT * FROM seen WHERE key ->> 'id' = 5010 ORDER BY n)")" \
    "changes of the row with the new key"
