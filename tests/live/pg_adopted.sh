# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_adopted - a publication of somebody else, with row filters and column lists (from PostgreSQL 15 on) and
# generated columns (18): the stream and a snapshot have the same rows and columns.  And options.origin (16).
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
version=$(pg_version)
[ "$version" -ge 15 ] || skip "row filters and column lists need PostgreSQL 15"
pg "CREATE TABLE wide (id int, a int, secret text, c text, PRIMARY KEY (id, a));
    CREATE TABLE other (id int PRIMARY KEY, a int);
    CREATE TABLE made (id int PRIMARY KEY, a int, twice int GENERATED ALWAYS AS (a * 2) STORED);
    CREATE PUBLICATION theirs FOR TABLE wide (id, a, c) WHERE (a > 10), other, made"
if [ "$version" -ge 18 ]; then pg "ALTER PUBLICATION theirs SET (publish_generated_columns = stored)"; fi
seen_create
# config FILE SOURCE OPTION...
config() {
    local file=$1 source=$2 options="publication: theirs"
    shift 2
    for one; do options="$options, $one"; done
    yaml "$file" <<YAML
modules:
  - { name: shop, type: cdc.source, config: { provider: postgres, source_id: $source, connection: "$connection", options: { $options } } }
  - @seen
pipelines:
  $source:
    trigger: { type: cdc, config: { source_id: $source } }
    steps:
      - @record
YAML
}
config streamed.yaml streamed
config read.yaml read "snapshot: initial"
host_start streamed.yaml
wait_until 20 pg_streams cdc_streamed
pg "INSERT INTO wide VALUES (1, 5, 'hidden', 'x'), (2, 11, 'hidden', 'y'), (3, 50, 'hidden', NULL)"
pg "INSERT INTO other VALUES (1, 1), (2, 2)"
pg "INSERT INTO made VALUES (1, 21)"
# Into what the filter lets through, and out of it.
pg "UPDATE wide SET a = 20 WHERE id = 1"
pg "UPDATE wide SET a = 6 WHERE id = 2"
pg "DELETE FROM wide WHERE id = 2"
wait_until 20 seen_at_least 7
host_stop
same 'INSERT|{"id":2,"a":11,"c":"y"} INSERT|{"id":3,"a":50,"c":null} INSERT|{"id":1,"a":20,"c":"x"} DELETE|' \
    "$(ask seen.db "SELECT op || '|' || coalesce(new, '') FROM seen WHERE tab = 'public.wide' ORDER BY n" | sed 's/null$//' | tr '\n' ' ' | sed 's/ $//')" "changes of the table with a filter"
host_start read.yaml
wait_until 20 seen_at_least 5 "pipeline = 'read' AND op = 'READ'"
sleep 0.5
host_stop
last() {
    ask seen.db "SELECT tab, key, new FROM seen s WHERE pipeline = '$1' AND op <> 'DELETE' AND NOT EXISTS (SELECT 1 FROM seen d
        WHERE d.pipeline = '$1' AND d.tab = s.tab AND d.key = s.key AND d.n > s.n) ORDER BY 1, 2" >"last-$1.txt"
}
last streamed
last read
cmp -s last-streamed.txt last-read.txt || fail "stream and snapshot differ: $(diff last-streamed.txt last-read.txt)"
same 5 "$(lines last-read.txt)" "rows"
same 0 "$(seen_count "event LIKE '%hidden%'")" "events with a column that is not published"
same "$([ "$version" -ge 18 ] && echo 2 || echo 0)" "$(seen_count "new ->> 'twice' = 42")" "events with the generated column"

# What came by replication.
from_elsewhere() {
    "$psql_bin" -XqAt -v ON_ERROR_STOP=1 -d "$connection" >origin.log <<SQL
SELECT pg_replication_origin_session_setup('elsewhere');
INSERT INTO other VALUES ($1, 0);
SQL
}
config none.yaml none "origin: none"
if [ "$version" -lt 16 ]; then
    exits 1 timeout 20 "$WFHOST" run none.yaml 2>none.log
    contains "'options.origin' needs PostgreSQL 16" none.log
    exit 0
fi
pg "SELECT pg_replication_origin_create('elsewhere')" >origin.log
host_start none.yaml
wait_until 20 pg_streams cdc_none
from_elsewhere 100
pg "INSERT INTO other VALUES (101, 0)"
wait_until 20 seen_at_least 1 "pipeline = 'none'"
host_stop
same 101 "$(ask seen.db "SELECT group_concat(key ->> 'id') FROM seen WHERE pipeline = 'none'")" "rows with origin: none"
before=$(seen_count "pipeline = 'streamed'")
host_start streamed.yaml
wait_until 20 seen_at_least $((before + 2)) "pipeline = 'streamed'"
host_stop
