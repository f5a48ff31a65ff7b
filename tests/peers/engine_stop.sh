# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_stop - the engine is stopped as it should be right after a workflow has seen changes, alone, and
# together with all processes of the service: they are confirmed, and do not come again.  In the middle of
# many it stops as well, loses nothing, and repeats only part of what was read together.
. "$SOURCE_DIR/tests/support/engine.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY)' >wal.txt
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
stop() { # engine|both
    # Who stops all processes of a service stops the bridge as well.
    [ "$1" = engine ] || kill -TERM "$bridge"
    engine_stop
}
different() {
    [ "$(ask seen.db 'SELECT count(DISTINCT id) FROM event')" = "$1" ]
}

engine_start config.yaml
# A second engine on the same folder is told who has the source, and does not start.
first=$host_log
engine_refuses config.yaml "source 'shop' is already running in process $bridge "
host_log=$first
count=0
for how in engine both engine both; do
    ask shop.db 'INSERT INTO item DEFAULT VALUES; INSERT INTO item DEFAULT VALUES'
    count=$((count + 2))
    wait_until 30 seen_at_least "$count"
    stop "$how"
    engine_start config.yaml
done
ask shop.db 'INSERT INTO item DEFAULT VALUES'
wait_until 30 seen_at_least $((count + 1))
same $((count + 1)) "$(seen_count)" "events after orderly stops"

for how in engine both; do
    ask shop.db 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500)
        INSERT INTO item (id) SELECT NULL FROM n'
    before=$(seen_count)
    wait_until 30 seen_at_least $((before + 100))
    stop "$how"
    engine_start config.yaml
done
wait_until 120 different $((count + 1 + 3000))
engine_stop
same '' "$(ask seen.db 'SELECT id FROM (SELECT id, min(n) AS n FROM event GROUP BY id) ORDER BY n' | awk -F : '$3 <= last { print } { last = $3 }')" \
    'events out of order'
