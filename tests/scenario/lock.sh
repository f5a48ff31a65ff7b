# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# lock - a source runs in one process: a second one is refused and told which process has it, or
# stands by and takes over when the first is killed, with nothing lost between.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
for standby in false true; do
    yaml "standby_$standby.yaml" <<YAML
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db, options: { standby: $standby } } }
  - @seen
pipelines:
  work:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
done
host_start standby_true.yaml
first=$host
ask shop.db "INSERT INTO item VALUES (1, 'a')"
wait_until 10 seen_at_least 1

exits 3 timeout 20 "$WFHOST" run standby_false.yaml 2>second.txt
contains "source 'shop'" second.txt
contains "$first" second.txt
alive "$first" || fail "the first process is gone"

# The one that stands by runs, and takes nothing.
host_start standby_true.yaml
second=$host
wait_until 10 logged 'standing by source=shop'
logged "$first" || fail "it does not say for which process it waits"
ask shop.db "INSERT INTO item VALUES (2, 'b')"
wait_until 10 seen_at_least 2
# It can be stopped while it waits.
host_stop
host_start standby_true.yaml
second=$host
wait_until 10 logged 'standing by source=shop'

# Killed between two changes: everything is there, in order.
ask shop.db "INSERT INTO item VALUES (3, 'c'), (4, 'd')"
kill_now "$first"
ask shop.db "INSERT INTO item VALUES (5, 'e')"
all_five() {
    [ "$(ask seen.db 'SELECT count(DISTINCT id) FROM seen')" = 5 ]
}
wait_until 15 all_five
same '1 2 3 4 5' "$(ask seen.db "SELECT group_concat(k, ' ') FROM (SELECT key ->> 'id' AS k FROM seen GROUP BY id ORDER BY min(n))")" "changes in order"
same_contents seen.db
host=$second
host_stop
