# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_kill9_snapshot - while two clients change rows, wfhost is killed with SIGKILL ROUNDS times (5) in the
# middle of the first snapshot, of tables with a key, with a key of two columns, and with none.  The events
# add up to the tables; no row is read again that lies before the place that was on the disk when it was
# killed, and of those that were read by one that was killed at most a chunk for each reader is read again.
. "$SOURCE_DIR/tests/support/postgres.bash"

rounds=${ROUNDS:-5}
chunk=20
readers=4 # of a source
rows=$((rounds * 300 + 300)) # of each table
pg_create max_connections=40
# Every third row is changed by the clients, each of them has rows of its own; the others stay where they are.
pg "
CREATE SEQUENCE number;
CREATE TABLE keyed (id int PRIMARY KEY, v bigint, filler text);
CREATE TABLE pair (part text, id int, v bigint, filler text, PRIMARY KEY (part, id));
CREATE TABLE bare (id int, v bigint, filler text);
ALTER TABLE bare REPLICA IDENTITY FULL;
INSERT INTO keyed SELECT i, nextval('number'), repeat('k', i % 50) FROM generate_series(1, $rows) i;
INSERT INTO pair SELECT 'p' || i % 7, i, nextval('number'), repeat('p', i % 50) FROM generate_series(1, $rows) i;
INSERT INTO bare SELECT i, nextval('number'), repeat('b', i % 50) FROM generate_series(1, $rows) i;
CREATE FUNCTION change(client int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
    k int := 6 * floor(random() * $rows / 5) + 3 * client;
    tab text := (ARRAY['keyed', 'pair', 'bare'])[1 + floor(random() * 3)];
    there boolean;
BEGIN
    EXECUTE format('SELECT count(*) > 0 FROM %I WHERE id = \$1', tab) INTO there USING k;
    IF there AND random() < 0.25 THEN
        EXECUTE format('DELETE FROM %I WHERE id = \$1', tab) USING k;
    ELSIF there THEN
        EXECUTE format('UPDATE %I SET v = nextval(''number''), filler = repeat(''x'', (random() * 90)::int)
            WHERE id = \$1', tab) USING k;
    ELSIF tab = 'pair' THEN
        INSERT INTO pair VALUES ('p' || k % 7, k, nextval('number'));
    ELSE
        EXECUTE format('INSERT INTO %I VALUES (\$1, nextval(''number''))', tab) USING k;
    END IF;
END \$\$" >load.log 2>&1 || fail "$(<load.log)"
echo 'SELECT change(:client_id)' >load.sql
seen_create
yaml config.yaml <<YAML
modules:
  - name: shop
    type: cdc.source
    config:
      provider: postgres
      source_id: shop
      connection: "$connection"
      # The condition makes the server read slowly enough for all kills.
      options:
        { slot: shop, publication: shop, snapshot: initial, snapshot_chunk_rows: $chunk,
          where: { "public.*": "pg_sleep(0.001) IS NOT NULL" } }
  - @seen
$(recorder)
YAML

ask seen.db "CREATE TABLE place (round INTEGER, n INTEGER, tab TEXT, done INTEGER, part TEXT, id INTEGER,
    page INTEGER, item INTEGER);
    CREATE TABLE killed (round INTEGER, n INTEGER)"
# The events that came before the kill, and where the state folder says that each table's snapshot is.
note_places() {
    ask seen.db "ATTACH '.cdc-state/state.db' AS state;
        INSERT INTO killed SELECT $1, coalesce(max(n), 0) FROM event;
        INSERT INTO place SELECT $1, (SELECT max(n) FROM killed), table_name, done,
            CASE WHEN table_name = 'public.pair' THEN after ->> '\$[0][2]' END,
            CAST(CASE table_name WHEN 'public.pair' THEN after ->> '\$[1][2]' WHEN 'public.keyed' THEN after ->> '\$[0][2]' END AS INTEGER),
            after ->> '\$.page', after ->> '\$.item'
        FROM (SELECT table_name, done, nullif(CAST(after AS TEXT), '') AS after FROM state.snapshot_table)
        WHERE done OR after IS NOT NULL"
}
reads() {
    seen_count "op = 'READ'"
}
more_reads() {
    [ "$(reads)" -gt "$((had + chunk))" ]
}
load_start 2 150
had=0
host_start config.yaml
for round in $(seq "$rounds"); do
    # As soon as the snapshot goes on, or some time after that.
    wait_until 30 more_reads
    sleep "0.$(printf '%03d' $((RANDOM % 150)))"
    kill_now "$host"
    note_places "$round"
    had=$(reads)
    host_start config.yaml
done
complete() {
    [ "$(ask .cdc-state/state.db 'SELECT min(done) FROM snapshot_table')" = 1 ]
}
wait_until 120 complete
load_stop
pg "INSERT INTO keyed VALUES (-1, 0)"
wait_until 60 seen_at_least 1 "op = 'INSERT' AND tab = 'public.keyed' AND new ->> 'id' = -1"
host_stop

# What the events add up to.
for table in keyed pair bare; do
    ask seen.db "SELECT id || '|' || v FROM (SELECT coalesce(new ->> 'id', old ->> 'id', key ->> 'id') AS id, new ->> 'v' AS v,
            op, max(n) FROM seen WHERE tab = 'public.$table' GROUP BY 1)
        WHERE op <> 'DELETE' ORDER BY CAST(id AS INTEGER)" >"here-$table.txt"
    pg "SELECT id, v FROM $table ORDER BY id" >"there-$table.txt"
    cmp -s "there-$table.txt" "here-$table.txt" ||
        fail "$table: the events do not add up to it: $(diff "there-$table.txt" "here-$table.txt" | head -n 5)"
done

# What came again.  The rows of the table without a key that nobody changes are still at their place.
pg "COPY (SELECT id, (ctid::text::point)[0]::int, (ctid::text::point)[1]::int FROM bare WHERE id % 3 <> 0)
    TO STDOUT WITH (FORMAT csv)" >disk.csv
ask seen.db "CREATE TABLE disk (id INTEGER PRIMARY KEY, page INTEGER, item INTEGER)"
sqlite3 seen.db '.mode csv' '.import disk.csv disk'
ask seen.db "
CREATE TABLE read AS SELECT n, tab, new ->> 'part' AS part, new ->> 'id' AS id, id AS event_id FROM seen WHERE op = 'READ';
CREATE INDEX read_event ON read (event_id);
CREATE TABLE finished AS SELECT r.tab, r.n > p.n AS again FROM place p JOIN read r ON r.tab = p.tab LEFT JOIN disk d ON d.id = r.id
    WHERE p.done OR CASE p.tab WHEN 'public.keyed' THEN r.id <= p.id WHEN 'public.pair' THEN (r.part, r.id) <= (p.part, p.id)
        ELSE (d.page, d.item) <= (p.page, p.item) END"
same 0 "$(ask seen.db 'SELECT count(*) FROM finished WHERE again')" "rows read again that were finished before"
[ "$(ask seen.db 'SELECT count(*) FROM finished')" -gt 0 ] || fail "no row was finished at a kill"
repeats="SELECT round, (SELECT count(DISTINCT event_id) FROM read r WHERE r.n > k.before AND r.n <= k.n AND EXISTS
        (SELECT 1 FROM read l WHERE l.event_id = r.event_id AND l.n > k.n)) AS again
    FROM (SELECT round, n, lag(n, 1, 0) OVER (ORDER BY round) AS before FROM killed) k"
hit=$(ask seen.db 'SELECT count(*) FROM (SELECT 1 FROM place GROUP BY round HAVING count(*) < 3 OR NOT min(done))')
# A round at whose kill no chunk was on the disk yet is one in the snapshot, too.
hit=$((hit + rounds - $(ask seen.db 'SELECT count(DISTINCT round) FROM place')))
[ "$hit" -ge $(((rounds + 1) / 2)) ] || fail "the snapshot was hit only $hit times"
again=$(ask seen.db "SELECT max(again) FROM ($repeats)")
[ "$again" -le $((readers * chunk)) ] || fail "more than a chunk for each reader was read again (round|rows): $(ask seen.db "$repeats" | paste -sd ' ')"
echo "rounds $rounds, $hit of them in the snapshot, rows read $(reads), at most $again of one again, changes $(seen_count "op <> 'READ'")"
