# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_two_phase - prepared transactions: committed, rolled back, large enough for the server to stream them
# before they are prepared, and with wfhost killed between PREPARE and COMMIT PREPARED.  Nothing is lost, each
# fires at its COMMIT PREPARED, and never one that was rolled back; with options.two_phase and without it.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
version=$(pg_version)
[ "$version" -ge 15 ] || skip "two_phase needs PostgreSQL 15"
pg "CREATE TABLE item (id bigint PRIMARY KEY, n bigint, filler text)"
# Sources that differ in two_phase, and in whether the server streams what runs.
small="$connection options=-clogical_decoding_work_mem=64kB"
seen_create
yaml config.yaml <<YAML
modules:
  - { name: a, type: cdc.source, config: { provider: postgres, source_id: a, connection: "$connection", tables: [ public.item ], options: { two_phase: true } } }
  - { name: b, type: cdc.source, config: { provider: postgres, source_id: b, connection: "$small", tables: [ public.item ], options: { two_phase: true, spool_memory: 64KiB } } }
  - { name: c, type: cdc.source, config: { provider: postgres, source_id: c, connection: "$connection", tables: [ public.item ] } }
  - { name: d, type: cdc.source, config: { provider: postgres, source_id: d, connection: "$small", tables: [ public.item ] } }
  - @seen
pipelines:
$(for one in a b c d; do printf '  %s:\n    trigger: { type: cdc, config: { source_id: %s } }\n    steps:\n      - @record\n' $one $one; done)
YAML
all_stream() {
    pg_answers 4 "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
}
host_start config.yaml
wait_until 20 all_stream
same 2 "$(pg "SELECT count(*) FROM pg_replication_slots WHERE two_phase")" "slots with two_phase"

# prepare NAME FIRST ROWS - inserts that a later transaction decides about.
prepare() {
    pg "BEGIN; INSERT INTO item SELECT g, g, repeat(md5(g::text), 4) FROM generate_series($2, $2 + $3 - 1) g;
        SAVEPOINT s; UPDATE item SET n = -1 WHERE id = $2; ROLLBACK TO s;
        UPDATE item SET n = n + 1 WHERE id = $2; PREPARE TRANSACTION '$1'"
}
# each COUNT - every source has given so many different events.
each() {
    [ "$(ask seen.db "SELECT group_concat(c) FROM (SELECT count(DISTINCT id) AS c FROM event GROUP BY pipeline ORDER BY pipeline)")" = "$1,$1,$1,$1" ]
}
plain() {
    pg "INSERT INTO item VALUES ($1, 0, '')"
}
prepare small 1000 3
prepare large 2000 2000
prepare never 5000 3
prepare never_large 6000 2000
plain 1
wait_until 20 each 1
pg "COMMIT PREPARED 'large'"
pg "ROLLBACK PREPARED 'never'"
pg "ROLLBACK PREPARED 'never_large'"
pg "COMMIT PREPARED 'small'"
plain 2
wait_until 30 each 2007

# Killed while they wait; the second time what was delivered behind them is confirmed.
prepare small 11000 3
prepare large 12000 2000
prepare never 15000 2000
plain 3
wait_until 20 each 2008
kill_now "$host"
host_start config.yaml
wait_until 20 all_stream
plain 4
wait_until 20 each 2009
sleep 1
kill_now "$host"
pg "COMMIT PREPARED 'small'"
pg "ROLLBACK PREPARED 'never'"
host_start config.yaml
wait_until 20 all_stream
wait_until 20 each 2013
pg "COMMIT PREPARED 'large'"
plain 5
wait_until 30 each 4015
host_stop
# The same events from all of them, ids and order and all.
for one in a b c d; do
    same_contents seen.db "pipeline = '$one'"
    ask seen.db "SELECT id, event ->> 'op', event -> 'key', event ->> 'seq', event -> 'after' ->> 'n' FROM event
        WHERE pipeline = '$one' GROUP BY id ORDER BY min(n)" >"$one.txt"
done
for one in b c d; do
    cmp -s a.txt $one.txt || fail "$one differs from a: $(diff a.txt $one.txt | head -n 5)"
done
same 0 "$(seen_count "CAST(key ->> 'id' AS INTEGER) BETWEEN 5000 AND 10999 OR CAST(key ->> 'id' AS INTEGER) BETWEEN 15000 AND 16999")" "events of transactions that were rolled back"
