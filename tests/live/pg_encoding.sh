# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_encoding - a database that is not UTF-8: names, values and statements come as UTF-8 all the same, from the
# stream and from a snapshot.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
pg_in "$server" postgres "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0"
export PGCLIENTENCODING=UTF8
latin() {
    pg_in "$server" latin "$1"
}
latin "CREATE TABLE \"tür\" (id int PRIMARY KEY, \"größe\" text, j jsonb); INSERT INTO \"tür\" VALUES (1, 'äöü', '{\"ß\": \"ü\"}')"
count=3
if [ "$(pg_version)" -lt 14 ]; then count=2; fi
spawn latin "$WFHOST" tail postgres "$(<"$server/connection") dbname=latin" --option state_dir=state --option source_id=latin --snapshot --max $count
wait_until 20 test -s latin.out
latin "ALTER TABLE \"tür\" ADD COLUMN \"dünn\" text DEFAULT 'é'"
latin "INSERT INTO \"tür\" VALUES (2, 'ÿ', '{}')"
ends "$pid" 0 30
events_import latin.out came.db
cat >expected <<'END'
READ public.tür {"id":1} {"id":1,"größe":"äöü","j":{"ß":"ü"}}
DDL public.tür ALTER TABLE "tür" ADD COLUMN "dünn" text DEFAULT 'é'
INSERT public.tür {"id":2} {"id":2,"größe":"ÿ","j":{},"dünn":"é"}
END
if [ $count -eq 2 ]; then sed -i /^DDL/d expected; fi
ask came.db "SELECT event ->> 'op', event ->> 'table', coalesce(event ->> 'ddl', (event -> 'key') || ' ' || (event -> 'after')) FROM event ORDER BY rowid" | tr '|' ' ' >came
diff expected came || fail "not what was written"
