# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the scripts of tests/live about PostgreSQL share: a server, a load of changes that keeps a
# journal of what it has committed, and the comparison of that with what workflows have seen.
# Everything of scenario.bash is there as well.
. "$SOURCE_DIR/tests/support/scenario.bash"

pg_server=$SOURCE_DIR/tests/support/pg_server
PG_BIN=$("$pg_server" bin) || skip "there is no PostgreSQL server"
export PG_BIN PGCONNECT_TIMEOUT=30

# pg_tool NAME - a client program's path; another version's serves where the server's has none.
pg_tool() {
    local one
    for one in "$PG_BIN/$1" $(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -Vr) "$(command -v "$1")"; do
        if [ -x "$one" ]; then
            echo "$one"
            return
        fi
    done
    skip "there is no $1"
}

# pg_create [SETTING=VALUE...] - a server of this script's; sets $server, its folder, and $connection
# to its database shop.  It is gone when the script is.
pg_create() {
    server=$("$pg_server" create --owner $$ "$@")
    connection="$(<"$server/connection") dbname=shop"
    psql_bin=$(pg_tool psql)
    pg_in "$server" postgres 'CREATE DATABASE shop'
}

# pg_in FOLDER DATABASE SQL - what a server answers: '|' between columns.
pg_in() {
    "$psql_bin" -XqAt -v ON_ERROR_STOP=1 -d "$(<"$1/connection") dbname=$2" -c "$3"
}

# pg SQL - what the database shop answers.
pg() {
    pg_in "$server" shop "$1"
}

# pg_version - 15, 18.
pg_version() {
    echo $(($(pg 'SHOW server_version_num') / 10000))
}

pg_answers() {
    [ "$(pg "$2" 2>/dev/null)" = "$1" ]
}

# pg_streams SLOT - whether somebody streams from the slot.
pg_streams() {
    pg_answers 1 "SELECT count(*) FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid
        WHERE s.slot_name = '$1' AND r.state = 'streaming'"
}

# proxy_start - puts a network between us and the server: sets $proxy, its process (SIGUSR1 blocks it,
# SIGUSR2 lets it go on, SIGHUP resets the connections), and $connection to one that leads through it.
proxy_start() {
    spawn proxy "$BUILD_DIR/tests/live_proxy" 127.0.0.1 "$(<"$server/port")"
    # shellcheck disable=SC2034
    proxy=$pid
    wait_until 5 test -s proxy.out
    connection="host=127.0.0.1 port=$(<proxy.out) user=postgres dbname=shop"
}

# load_create - tables item and journal, and the function that changes a few rows of the one and says
# so in the other.  Every change has a number, and each client has rows of its own, so that the numbers
# of a row's changes rise.
load_create() {
    pg "
CREATE TABLE item (id bigint PRIMARY KEY, n bigint NOT NULL, filler text);
ALTER TABLE item REPLICA IDENTITY FULL;
CREATE TABLE journal (n bigint PRIMARY KEY, op text, id bigint, old bigint, new bigint,
    xid text DEFAULT pg_current_xact_id()::xid::text);
CREATE SEQUENCE number;
CREATE FUNCTION change_one(client int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
    k bigint := client * 1000 + 1 + floor(random() * 100);
    o bigint := (SELECT i.n FROM item i WHERE i.id = k);
    m bigint := nextval('number');
    text_of text := repeat(md5(random()::text), (random() * 40)::int);
BEGIN
    IF o IS NULL THEN
        INSERT INTO item VALUES (k, m, text_of);
        INSERT INTO journal VALUES (m, 'INSERT', k, NULL, m);
    ELSIF random() < 0.25 THEN
        DELETE FROM item i WHERE i.id = k;
        INSERT INTO journal VALUES (m, 'DELETE', k, o, NULL);
    ELSE
        UPDATE item i SET n = m, filler = text_of WHERE i.id = k;
        INSERT INTO journal VALUES (m, 'UPDATE', k, o, m);
    END IF;
END \$\$;
CREATE FUNCTION change(client int) RETURNS void LANGUAGE plpgsql AS \$\$
DECLARE
    changes int := CASE WHEN random() < 0.03 THEN 300 ELSE 1 + floor(random() * 10) END;
BEGIN
    FOR i IN 1 .. changes LOOP
        IF random() < 0.05 THEN
            BEGIN
                PERFORM change_one(client), change_one(client);
                RAISE EXCEPTION 'not this time';
            EXCEPTION WHEN raise_exception THEN
                NULL;
            END;
        END IF;
        PERFORM change_one(client);
    END LOOP;
END \$\$;
CREATE PUBLICATION witness FOR TABLE journal" >load.log 2>&1 || fail "$(<load.log)"
    # What the server itself says about the order of the commits.
    pg "SELECT pg_create_logical_replication_slot('witness', 'pgoutput')" >>load.log
    cat >load.sql <<'SQL'
\set fate random(1, 10)
BEGIN;
SELECT change(:client_id);
\if :fate = 1
ROLLBACK;
\else
COMMIT;
\endif
SQL
}

# load_start CLIENTS [PER_SECOND] - the load, until load_stop or until the server ends it; sets
# $load.
load_start() {
    spawn load "$(pg_tool pgbench)" -n -f load.sql -c "$1" -R "${2:-60}" -T 3600 \
        "$(<"$server/connection") dbname=shop"
    load=$pid
}

load_stop() {
    if alive "$load"; then kill_now "$load"; fi
    # Its sessions end with the transaction that they are in.
    wait_until 30 pg_answers 0 "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'"
}

# load_config FILE [OPTION...] - three workflows: every change in order, with workers, only deletes.
# OPTION is "key: value" for the source.
load_config() {
    local file=$1 options one
    shift
    options="slot: shop, publication: shop"
    for one; do options="$options, $one"; done
    yaml "$file" <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: postgres, source_id: shop, connection: "$connection", tables: [ public.item ], options: { $options } }
  - @seen
$(recorders)
YAML
}

load_delivered() {
    [ "$(ask seen.db "SELECT group_concat(c) FROM (SELECT count(DISTINCT id) AS c FROM
        (SELECT column1 AS pipeline FROM (VALUES ('deletes'), ('strict'), ('workers'))) LEFT JOIN
        (SELECT * FROM event WHERE event ->> 'op' IN ('INSERT', 'UPDATE', 'DELETE')) USING (pipeline)
        GROUP BY pipeline ORDER BY pipeline)")" = "$1" ]
}

# load_wait SECONDS - until everything that was committed is delivered.
load_wait() {
    committed=$(pg 'SELECT count(*) FROM journal')
    deleted=$(pg "SELECT count(*) FROM journal WHERE op = 'DELETE'")
    wait_until "$1" load_delivered "$deleted,$committed,$committed"
}

# load_check - each change that was committed has come, in the order of the commits for whoever asked for
# order and in that of each row for the others; a repeat had the id and the content of the first time;
# nothing else has come.
load_check() {
    load_first
    load_compare strict committed.txt n
    grep '^DELETE' committed.txt >committed-deletes.txt || true
    load_compare deletes committed-deletes.txt n
    # A stable sort keeps the order of each row's changes.
    sort -t '|' -k 2,2n -s committed.txt >committed-rows.txt
    load_compare workers committed-rows.txt 'CAST(item AS INTEGER), n'
    load_end
}

# load_check_lines FILE... - the same for lines of `wfhost tail`, of which a killed one may have left the
# beginning of one.
load_check_lines() {
    local one
    for one; do
        [ ! -s "$one" ] || events_import "$one" lines.db
    done
    ask lines.db "ATTACH 'seen.db' AS seen; INSERT INTO seen.event (pipeline, id, event)
        SELECT 'strict', event ->> 'id', event FROM event WHERE json_valid(event) ORDER BY rowid"
    [ "$(ask lines.db 'SELECT count(*) FROM event WHERE NOT json_valid(event)')" -le $# ] || fail "too many lines are no JSON"
    committed=$(pg 'SELECT count(*) FROM journal')
    load_first
    load_compare strict committed.txt n
    load_end
}

# load_first - committed.txt, in the order in which the server committed it, and a table of what came first.
load_first() {
    pg "COPY (SELECT j.op, j.id, j.old, j.new, j.xid FROM journal j JOIN (
            SELECT xid::text AS xid, row_number() OVER () AS rank FROM
                pg_logical_slot_get_binary_changes('witness', NULL, NULL, 'proto_version', '1', 'publication_names', 'witness')
                WHERE get_byte(data, 0) = ascii('B')) w USING (xid)
        ORDER BY w.rank, j.n) TO STDOUT WITH (FORMAT csv, DELIMITER '|')" >committed.txt
    same "$committed" "$(lines committed.txt)" "changes that the server knows the order of"
    ask seen.db "DROP TABLE IF EXISTS first; CREATE TABLE first AS SELECT pipeline, id, min(n) AS n, op, key ->> 'id' AS item,
        old ->> 'n' AS old, new ->> 'n' AS new, event ->> 'txid' AS xid FROM seen
        WHERE op IN ('INSERT', 'UPDATE', 'DELETE') GROUP BY pipeline, id"
}

load_end() {
    same_contents seen.db "event ->> 'op' <> 'READ'"
    same 0 "$("$WFHOST" dead-letters list --state-dir "${state_dir:-.cdc-state}" 2>/dev/null | wc -l)" "dead letters"
    echo "changes committed $committed, deliveries $(seen_count)," \
        "repeats $(ask seen.db "SELECT count(*) - count(DISTINCT pipeline || id) FROM event")"
}

# load_compare PIPELINE FILE ORDER
load_compare() {
    ask seen.db "SELECT op, item, old, new, xid FROM first WHERE pipeline = '$1' ORDER BY $3" >"seen-$1.txt"
    cmp -s "$2" "seen-$1.txt" || fail "$1: not what was committed, or not in order: $(diff "$2" "seen-$1.txt" | head -n 5)"
}
