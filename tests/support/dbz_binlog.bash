# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# A whole test, of provider debezium on a database with a binlog: snapshot, changes, statements that change a
# table, a snapshot on demand, and kill -9 of the server.
#
#     . dbz_binlog.bash TYPE JSON    mariadb or mysql; as what its column of type json reads that holds
#                                    {"a": [1, 2.5, null]}
dbz_type=$1
dbz_json=$2
. "$SOURCE_DIR/tests/support/debezium.bash"
. "$SOURCE_DIR/tests/support/mariadb.bash"

seen_create
"$dbz_type"_start
kafka_start
connect_start
sql "CREATE TABLE item (id int PRIMARY KEY, name varchar(40)); INSERT INTO item VALUES (1, 'Zoë')"
sql "CREATE TABLE kind (id int PRIMARY KEY, n bigint unsigned, m decimal(30,10), f double, b boolean, z timestamp(6) NULL,
    s datetime(3), d date, t time(6), y varbinary(10), j json, e enum('a', 'b'), x set('p', 'q'), i year, w bit(9));
    INSERT INTO kind VALUES (1, 18446744073709551615, 12345678901234567890.0000000001, 0.1, true, '2026-02-03 04:05:06.123456',
    '1969-12-31 23:59:59.500', '2024-02-29', '-838:59:58.999999', x'00ff10', '{\"a\": [1, 2.5, null]}', 'b', 'p,q', 2026, b'100000001')"
{
    echo 'modules:'
    dbz_module "$dbz_type" "$dbz_type://cdc:cdc@127.0.0.1:$sql_port/shop" 'snapshot: initial'
    echo '  - @seen'
    dbz_web
    recorder
    dbz_steps
} | yaml config.yaml
host_start config.yaml
dbz_up 60
wait_until 30 seen_at_least 2 "op = 'READ'"
same 'READ shop.item {"id":1} null {"id":1,"name":"Zoë"}' "$(ask seen.db "SELECT op || ' ' || tab || ' ' || key || ' ' || old || ' ' || new
    FROM seen WHERE op = 'READ' AND tab = 'shop.item'")" 'a row of the snapshot'
same '{"id":1,"n":18446744073709551615,"m":"12345678901234567890.0000000001","f":0.1,"b":1,"z":"2026-02-03 04:05:06.123456+00","s":"1969-12-31 23:59:59.5","d":"2024-02-29","t":"-838:59:58.999999",'\
'"y":"AP8Q","j":'"$dbz_json"',"e":"b","x":"p,q","i":2026,"w":"100000001"}' "$(ask seen.db "SELECT new FROM seen WHERE tab = 'shop.kind'")" 'a row of every kind'

# change SQL EXPECTED... - runs the SQL; each event must be "op table key before after".
change() {
    local got last
    last=$(seen_count "op NOT IN ('READ', 'DDL')")
    sql "$1"
    shift
    wait_until 20 seen_at_least $((last + $#)) "op NOT IN ('READ', 'DDL')"
    got=$(sqlite3 -separator ' ' seen.db "SELECT op, tab, key, old, new FROM seen WHERE op NOT IN ('READ', 'DDL')
        ORDER BY n LIMIT -1 OFFSET $last")
    same "$(printf '%s\n' "$@")" "$got" events
}
change "INSERT INTO item VALUES (2, 'two')" 'INSERT shop.item {"id":2} null {"id":2,"name":"two"}'
change "UPDATE item SET name = NULL WHERE id = 2" 'UPDATE shop.item {"id":2} {"id":2,"name":"two"} {"id":2,"name":null}'
change 'DELETE FROM item WHERE id = 2' 'DELETE shop.item {"id":2} {"id":2,"name":null} null'
change 'UPDATE item SET id = 3' 'DELETE shop.item {"id":1} {"id":1,"name":"Zoë"} null' 'INSERT shop.item {"id":3} null {"id":3,"name":"Zoë"}'
change "SET time_zone = '+00:00'; INSERT INTO kind SELECT 2, n, m, f, b, z, s, d, t, y, j, e, x, i, w FROM kind WHERE id = 1" \
    "$(ask seen.db "SELECT 'INSERT shop.kind {\"id\":2} null ' || json_set(new, '\$.id', 2) FROM seen WHERE tab = 'shop.kind'")"

# Statements.
sql 'ALTER TABLE item ADD size int DEFAULT 7'
wait_until 20 seen_at_least 1 "op = 'DDL' AND event ->> 'ddl' LIKE 'ALTER TABLE%'"
change "INSERT INTO item (id, name) VALUES (4, 'four')" 'INSERT shop.item {"id":4} null {"id":4,"name":"four","size":7}'
history=$(http POST /history '{"table": "shop.item"}')
case $history in *'ALTER TABLE'*size*) ;; *) fail "the statement is not in the history: $history" ;; esac

# A snapshot on demand.
reads=$(seen_count "op = 'READ'")
contains snapshot_triggered <(http POST /snapshot '{"tables": "shop.item"}')
wait_until 60 seen_at_least $((reads + 2)) "op = 'READ'"

sql_crash
"$dbz_type"_start
change 'DELETE FROM item WHERE id = 4' 'DELETE shop.item {"id":4} {"id":4,"name":"four","size":7} null'
change 'TRUNCATE item' 'TRUNCATE shop.item null null null'
same 0 "$("$WFHOST" dead-letters list --state-dir .cdc-state 2>/dev/null | wc -l)" 'dead letters'
same_contents seen.db
host_stop
sql_stop
