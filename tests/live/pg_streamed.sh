# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_streamed - the same changes through two slots: transactions that the server streams while they run, with
# subtransactions that are rolled back, several at once, and the same ones unstreamed.  Every event has the
# same id and content, in the same order.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
[ "$(pg_version)" -ge 14 ] || skip "streaming of running transactions needs PostgreSQL 14"
load_create
pg "SELECT pg_drop_replication_slot('witness')" >load.log
seen_create
yaml config.yaml <<YAML
modules:
  - { name: streamed, type: cdc.source, config: { provider: postgres, source_id: streamed, connection: "$connection options=-clogical_decoding_work_mem=64kB", tables: [ public.item ], options: { spool_memory: 64KiB } } }
  - { name: whole, type: cdc.source, config: { provider: postgres, source_id: whole, connection: "$connection", tables: [ public.item ] } }
  - @seen
pipelines:
  streamed:
    trigger: { type: cdc, config: { source_id: streamed } }
    steps:
      - @record
  whole:
    trigger: { type: cdc, config: { source_id: whole } }
    steps:
      - @record
YAML
host_start config.yaml
both_stream() {
    pg_answers 2 "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
}
wait_until 20 both_stream
# Three clients with transactions that overlap: some 40 to 400 rows, a tenth of them in subtransactions that
# are rolled back, and one transaction of ten as a whole.
cat >large.sql <<'SQL'
\set fate random(1, 10)
\set changes random(20, 200)
BEGIN;
SELECT change_one(:client_id) FROM generate_series(1, :changes);
SAVEPOINT one;
SELECT change(:client_id) FROM generate_series(1, 10);
SAVEPOINT two;
SELECT change_one(:client_id) FROM generate_series(1, 50);
ROLLBACK TO two;
SELECT change_one(:client_id) FROM generate_series(1, 20);
\if :fate > 7
ROLLBACK TO one;
\endif
\if :fate = 1
ROLLBACK;
\else
COMMIT;
\endif
SQL
"$(pg_tool pgbench)" -n -f large.sql -c 3 -t 12 "$connection" >pgbench.out 2>&1 || fail "$(<pgbench.out)"
committed=$(pg 'SELECT count(*) FROM journal')
delivered() {
    [ "$(ask seen.db "SELECT group_concat(c) FROM (SELECT count(DISTINCT id) AS c FROM event GROUP BY pipeline)")" = "$committed,$committed" ]
}
wait_until 60 delivered
host_stop
[ "$(pg "SELECT stream_txns > 0 FROM pg_stat_replication_slots WHERE slot_name = 'cdc_streamed'")" = t ] || fail "nothing was streamed"
for one in streamed whole; do
    same_contents seen.db "pipeline = '$one'"
    ask seen.db "SELECT id, json_remove(event, '\$.source_id') FROM event WHERE pipeline = '$one' GROUP BY id ORDER BY min(n)" >$one.txt
done
cmp -s streamed.txt whole.txt || fail "streaming makes a difference: $(diff streamed.txt whole.txt | head -n 4)"
ask seen.db "SELECT op || '|' || (key ->> 'id') || '|' || coalesce(new ->> 'n', old ->> 'n') FROM seen WHERE pipeline = 'streamed' GROUP BY id" | sort >seen.txt
pg "SELECT op || '|' || id || '|' || coalesce(new, old) FROM journal" | sort >journal.txt
cmp -s journal.txt seen.txt || fail "not what was committed: $(diff journal.txt seen.txt | head -n 4)"
echo "changes $committed"
