# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_stop - in the middle of a load the engine is stopped as it should be, alone, and together with all
# processes of the service: everything that a workflow has seen is confirmed, nothing comes again.
. "$SOURCE_DIR/tests/support/engine.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, filler TEXT);
CREATE TABLE journal (n INTEGER PRIMARY KEY, op TEXT, id INTEGER, old INTEGER, new INTEGER)' >wal.txt
seen_create
yaml config.yaml <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: sqlite, source_id: shop, connection: shop.db, tables: [ main.item ] }
  - @seen
pipelines:
  one:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
engine_start config.yaml
spawn writer "$BUILD_DIR/tests/fault_writer" shop.db 1 20000
writer=$pid
for how in engine both engine both; do
    before=$(seen_count)
    wait_until 30 seen_at_least $((before + 100))
    [ "$how" = engine ] || kill -TERM "$bridge"
    engine_stop
    engine_start config.yaml
done
kill -TERM "$writer"
ends "$writer" 0
committed=$(ask shop.db 'SELECT count(*) FROM journal')
wait_until 120 seen_at_least "$committed"
engine_stop
same "$committed $committed" "$(ask seen.db "SELECT count(*) || ' ' || count(DISTINCT id) FROM event")" 'events, and different ones'
