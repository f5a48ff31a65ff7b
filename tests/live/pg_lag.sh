# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_lag - tables and types are altered while nobody reads, and while somebody does: each row comes with the
# columns and fields that it was written with, or, where the server cannot tell those of a composite any more,
# with its text.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
# read_on OPTION... - goes on where the last one ended; sets $pid.
read_on() {
    spawn lag "$WFHOST" tail postgres "$connection" --option state_dir=state --option source_id=lag --option ddl=off "$@"
    host_log=lag.log
}
# came FILE - the events are those of FILE.
came() {
    events_import lag.out "$1.db"
    ask "$1.db" "SELECT event ->> 'op', event ->> 'table', event -> 'key', event -> 'before', event -> 'after',
        coalesce(event -> 'unchanged', '') FROM event ORDER BY rowid" | tr '|' ' ' | sed -E 's/ $//; s/(.)\1{50,}/\1\1\1/g' >"$1.came"
    diff "$1" "$1.came" || fail "$1: not what was written"
}
pg "CREATE TYPE pair AS (a int, b text);
    CREATE TABLE item (id int PRIMARY KEY, a int, b text, p pair);
    CREATE TABLE large (id int PRIMARY KEY, filler text, n int);
    CREATE TABLE named (name text PRIMARY KEY, n int);
    ALTER TABLE large ALTER filler SET STORAGE EXTERNAL;
    ALTER TABLE named ALTER name SET STORAGE EXTERNAL"
read_on
wait_until 20 pg_streams cdc_lag
kill -TERM "$pid"
ends "$pid" 0

pg "INSERT INTO item VALUES (1, 10, 'one', '(1,x)')"
pg "ALTER TABLE item ALTER a TYPE text USING '<' || a || '>'"
pg "INSERT INTO item VALUES (2, '20', 'two', '(2,y)')"
pg "ALTER TABLE item DROP COLUMN b; ALTER TABLE item ADD COLUMN z text; ALTER TABLE item RENAME a TO b"
pg "INSERT INTO item (id, b, p, z) VALUES (3, '30', '(3,z)', 'three')"
pg "ALTER TYPE pair DROP ATTRIBUTE b; ALTER TYPE pair ADD ATTRIBUTE c text"
pg "INSERT INTO item (id, b, p, z) VALUES (4, '40', '(4,w)', 'four')"
pg "ALTER TABLE item RENAME TO kept; CREATE TABLE item (b text, id bigint PRIMARY KEY); INSERT INTO item VALUES ('other', 5)"
pg "INSERT INTO kept (id, b, p) VALUES (6, '60', '(6,v)')"
pg "BEGIN; INSERT INTO large VALUES (1, repeat('B', 5000), 1); ALTER TABLE large REPLICA IDENTITY FULL;
    UPDATE large SET n = 2; ALTER TABLE large REPLICA IDENTITY DEFAULT; UPDATE large SET n = 3;
    UPDATE large SET id = 11; DELETE FROM large; COMMIT"
pg "INSERT INTO named VALUES (repeat('K', 2600), 1); UPDATE named SET n = 2; DELETE FROM named"
pg "TRUNCATE large, named"
cat >lagging <<'END'
INSERT public.item {"id":1} null {"id":1,"a":10,"b":"one","p":"(1,x)"}
INSERT public.item {"id":2} null {"id":2,"a":"20","b":"two","p":"(2,y)"}
INSERT public.item {"id":3} null {"id":3,"b":"30","p":"(3,z)","z":"three"}
INSERT public.item {"id":4} null {"id":4,"b":"40","p":{"a":4,"c":"w"},"z":"four"}
INSERT public.kept {"id":6} null {"id":6,"b":"60","p":{"a":6,"c":"v"},"z":null}
INSERT public.large {"id":1} null {"id":1,"filler":"BBB","n":1}
UPDATE public.large {"id":1} {"id":1,"filler":"BBB","n":1} {"id":1,"filler":"BBB","n":2}
UPDATE public.large {"id":1} null {"id":1,"n":3} ["filler"]
UPDATE public.large {"id":11} {"id":1} {"id":11,"n":3} ["filler"]
DELETE public.large {"id":11} {"id":11} null
INSERT public.named {"name":"KKK"} null {"name":"KKK","n":1}
UPDATE public.named {"name":"KKK"} {"name":"KKK"} {"name":"KKK","n":2}
DELETE public.named {"name":"KKK"} {"name":"KKK"} null
TRUNCATE public.large null null null
TRUNCATE public.named null null null
END
read_on --max "$(lines lagging)"
ends "$pid" 0 60
came lagging

# The server says nothing of a type that is altered; the next row shows it all the same.
read_on --max 3
wait_until 20 pg_streams cdc_lag
pg "INSERT INTO kept VALUES (7, '70', '(7,u)')"
wait_until 20 test -s lag.out
pg "ALTER TYPE pair RENAME ATTRIBUTE c TO d"
pg "INSERT INTO kept VALUES (8, '80', '(8,t)')"
wait_until 20 grep -qF '"id":8' lag.out
pg "ALTER TYPE pair DROP ATTRIBUTE d; ALTER TYPE pair ADD ATTRIBUTE e text; INSERT INTO kept VALUES (9, '90', '(9,s)')"
ends "$pid" 0 60
cat >following <<'END'
INSERT public.kept {"id":7} null {"id":7,"b":"70","p":{"a":7,"c":"u"},"z":null}
INSERT public.kept {"id":8} null {"id":8,"b":"80","p":{"a":8,"d":"t"},"z":null}
INSERT public.kept {"id":9} null {"id":9,"b":"90","p":{"a":9,"e":"s"},"z":null}
END
came following
