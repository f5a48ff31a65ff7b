# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dbz_postgres - provider debezium beside provider postgres on the same database: what Debezium writes on a
# real Kafka Connect says the same as the database does.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/debezium.bash"

pg_create max_connections=30
seen_create
kafka_start
connect_start
pg "
CREATE TABLE item (id int PRIMARY KEY, name text, big text);
ALTER TABLE item ALTER big SET STORAGE EXTERNAL;
INSERT INTO item VALUES (1, 'Zoë', NULL), (2, 'two', repeat('x', 9000));
CREATE TABLE kind (id int PRIMARY KEY, n bigint, m numeric(30,10), f float8, t text, b boolean, z timestamptz,
    s timestamp, d date, u uuid, y bytea, j json, jb jsonb, e numeric, ti time, c char(5), l smallint, r real);
CREATE TYPE mood AS ENUM ('sad', 'so so');
CREATE DOMAIN price AS numeric(8,2);
CREATE TABLE more (id int PRIMARY KEY, ia int[], ta text[], na numeric(8,2)[], da date[], za timestamptz[], iv interval, en mood, vc varchar(10),
    bi bit(3), ip inet, ci cidr, ma macaddr, pr price, x xml, ba bool[], ja jsonb[], lo timestamp, hi timestamptz, inf float8, ch \"char\",
    ts tsvector);
INSERT INTO more VALUES (1, '{1,NULL,3}', '{\"a b\",\"q\\\"\",NULL,ü}', '{1.50,NULL}', '{2024-02-29}', '{2026-02-03 04:05:06.5+02}',
    '1 year 2 mons 3 days 04:05:06.7', 'so so', 'vier', B'101', '10.0.0.1/8', '10.0.0.0/8', '08:00:2b:01:02:03', 9.9, '<a>x</a>', '{t,f,NULL}',
    '{\"{\\\"a\\\": 1}\"}', '-infinity', 'infinity', '-Infinity', 'c', 'a fat cat');
INSERT INTO more (id) VALUES (2);
CREATE TABLE odd (id int PRIMARY KEY, tz timetz, vb bit varying(12), mo money, ra int4range, bc date);
INSERT INTO odd VALUES (1, '12:34:56.789+02', B'1100110011', 12.34, '[1,5)', '0044-03-15 BC');
INSERT INTO kind VALUES (1, 9223372036854775807, 12345678901234567890.0000000001, 0.1, 'Zoë \"q\" ✉', true,
    '2026-02-03 04:05:06.123456+02', '1969-12-31 23:59:59.5', '2024-02-29', '8a6e0804-2bd0-4672-b79d-d97027f9071a',
    '\\x00ff10', '{\"a\": [1, 2.50, null], \"b\": \"é\"}', '{\"b\": 10000000000000000000001}', 'NaN', '12:34:56.789', 'ab', -3, 1.5);"

{
    echo 'modules:'
    dbz_module postgres "postgresql://postgres:none@127.0.0.1:$(<"$server/port")/shop" 'snapshot: initial' 'state_dir: state-debezium'
    cat <<YAML
  - name: native
    type: cdc.source
    config: { provider: postgres, source_id: native, connection: "$connection", options: { snapshot: initial, state_dir: state-native } }
  - @seen
YAML
    dbz_web
    cat <<'YAML'
pipelines:
  debezium:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
  native:
    trigger: { type: cdc, config: { source_id: native } }
    steps:
      - @record
YAML
    dbz_steps
} | yaml config.yaml

# from WHERE - events of ours; of_native WHERE.
ours="pipeline = 'debezium'"
# change NUMBER SQL - makes the change, and waits until both have given that many events more.
total=0
change() {
    pg "$2"
    total=$((total + $1))
    wait_until 20 seen_at_least "$total" "$ours AND op <> 'DDL'"
}
# equal WHERE WHAT - both have said the same there.
equal() {
    local say="SELECT op, tab, key, old, new, event -> 'unchanged' FROM seen WHERE op <> 'DDL' AND $1"
    equal_now() {
        [ "$(ask seen.db "$say AND $ours ORDER BY n")" = "$(ask seen.db "$say AND pipeline = 'native' ORDER BY n")" ]
    }
    for _ in {1..200}; do
        equal_now && return
        sleep 0.05
    done
    fail "$2: debezium $(ask seen.db "$say AND $ours ORDER BY n"), postgres $(ask seen.db "$say AND pipeline = 'native' ORDER BY n")"
}

host_start config.yaml
dbz_up 60
total=6
wait_until 30 seen_at_least 6 "$ours AND op = 'READ'"
equal "op = 'READ' AND tab = 'public.kind'" 'a row of a snapshot'
equal "op = 'READ' AND tab = 'public.more'" 'rows of rarer types'
# What docs/debezium.md says is not the same.
same '{"id":1,"tz":"10:34:56.789+00","vb":"001100110011","mo":"12.34","ra":"[1,5)","bc":"0044-03-15"}' \
    "$(ask seen.db "SELECT new FROM seen WHERE $ours AND tab = 'public.odd'")" 'types that Debezium says in its own way'
same '[1,2]' "$(ask seen.db "SELECT json_group_array(new ->> 'id') FROM seen WHERE $ours AND op = 'READ' AND tab = 'public.item'")" 'rows read'

change 3 "INSERT INTO kind SELECT 2, n, m, f, t, b, z, s, d, u, y, j, jb, 'NaN', ti, c, l, 'NaN' FROM kind WHERE id = 1;
    INSERT INTO kind (id) VALUES (3); INSERT INTO kind (id, z, d, s, m) VALUES (4, '0001-01-01 00:00:00+00', '9999-12-31', '2026-01-01', -0.5)"
equal "op = 'INSERT'" 'inserted rows'
change 1 "UPDATE item SET name = 'one' WHERE id = 2"
same '["big"]' "$(ask seen.db "SELECT event -> 'unchanged' FROM seen WHERE $ours AND op = 'UPDATE'")" 'what did not change'
same '{"id":2,"name":"one"}' "$(ask seen.db "SELECT new FROM seen WHERE $ours AND op = 'UPDATE'")" 'a row without its large value'
equal "op = 'UPDATE'" 'an updated row'
change 1 "ALTER TABLE item REPLICA IDENTITY FULL; UPDATE item SET name = 'eins' WHERE id = 1"
equal "op = 'UPDATE'" 'an update with the old row'
change 1 'DELETE FROM item WHERE id = 1'
equal "op = 'DELETE'" 'a deleted row'
# Debezium writes a changed key as a row that goes and one that comes.
change 2 "UPDATE kind SET id = 5 WHERE id = 3"
same 'DELETE{"id":3} INSERT{"id":5}' "$(ask seen.db "SELECT group_concat(op || key, ' ') FROM
    (SELECT * FROM seen WHERE $ours AND tab = 'public.kind' ORDER BY n DESC LIMIT 2)" | awk '{ print $2, $1 }')" 'a changed key'

# A table that is added appears within ten seconds.  Debezium looks for tables to publish at the start of a
# task only.
pg 'CREATE TABLE added (id int PRIMARY KEY); ALTER PUBLICATION dbz_pub_shop ADD TABLE added; INSERT INTO added VALUES (7)'
total=$((total + 1))
wait_until 10 seen_at_least 1 "$ours AND tab = 'public.added' AND op = 'INSERT'"
change 1 'TRUNCATE added'
same 1 "$(seen_count "$ours AND op = 'TRUNCATE' AND tab = 'public.added'")" 'truncates'

# An incremental snapshot, of one table, while the stream goes on.
reads=$(seen_count "$ours AND op = 'READ'")
contains snapshot_triggered <(http POST /snapshot '{"tables": "public.kind"}')
pg "INSERT INTO item VALUES (10, 'during', NULL)"
total=$((total + 1))
wait_until 60 seen_at_least $((reads + 4)) "$ours AND op = 'READ'"
wait_until 10 dbz_is streaming '$.phase'
same 4 "$(ask seen.db "SELECT count(DISTINCT key) FROM seen WHERE $ours AND op = 'READ' AND tab = 'public.kind' AND n >
    (SELECT min(n) FROM seen WHERE $ours AND op = 'TRUNCATE')")" 'rows of the incremental snapshot'
same 1 "$(seen_count "$ours AND tab = 'public.item' AND op = 'INSERT' AND key ->> 'id' = 10")" 'a change during it'

# What the status says.
same workflow-shop "$(dbz_status '$.details.connector.name')" 'the name of the connector'
same running "$(dbz_status '$.details.connector.state')" 'its state'
wait_until 20 dbz_is 0 '$.details.kafka.lag_records'
[ "$(dbz_status '$.details.kafka.partitions')" -ge 1 ] || fail "no partitions: $(http POST /status '{}')"

# Throttling pauses the connector; what was changed meanwhile comes afterwards.
contains throttled <(http POST /throttle '{}')
wait_until 20 connect_state PAUSED workflow-shop
before=$(seen_count "$ours")
pg "INSERT INTO item VALUES (11, 'paused', NULL)"
sleep 1
same "$before" "$(seen_count "$ours")" 'events while paused'
contains resumed <(http POST /resume '{}')
wait_until 20 seen_at_least 1 "$ours AND key ->> 'id' = 11"
dbz_up 20

# A stop with the default policy deletes the connector, and says that the slot stays.
stopped=$(http POST /stop '{}')
case $stopped in *pg_drop_replication_slot*) ;; *) fail "the stop does not say what stays: $stopped" ;; esac
same '[]' "$(connect_connectors)" 'connectors after the stop'
same 1 "$(pg "SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'dbz_shop'")" 'slots after the stop'
host_stop
