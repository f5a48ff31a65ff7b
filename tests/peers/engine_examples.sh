# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_examples - each file of examples/engine, as it stands, in the engine and in wfhost: the same changes
# give the same rows, the same answers and the same dead letters.
. "$SOURCE_DIR/tests/support/engine.bash"

folder=
# in_both FUNCTION FILE - runs FUNCTION in a folder of its own per host; what it writes to $folder/result must
# be the same.
in_both() {
    for host_name in wfhost engine; do
        folder=$1.$host_name
        mkdir "$folder"
        cp "$SOURCE_DIR/examples/engine/$2" "$folder/"
        "$1" "$folder/$2"
    done
    [ -s "$1.wfhost/result" ] || fail "$1 has no result"
    diff "$1.wfhost/result" "$1.engine/result" >&2 || fail "$2: wfhost (<) and the engine (>) differ"
}

start() {
    case $host_name in wfhost) host_start "$1" ;; engine) engine_start "$1" ;; esac
}
stop() {
    case $host_name in wfhost) host_stop ;; engine) engine_stop ;; esac
}

has() { # COUNT SQL
    [ "$(sqlite3 -cmd '.timeout 10000' "$folder/report.db" "$2" 2>/dev/null)" = "$1" ]
}

shop() {
    sqlite3 -cmd '.timeout 10000' "$folder/shop.db" "$1" >/dev/null
}

# The engine writes members in the order of their names, and <, > and & as \u003c: compared are values.
journal='SELECT op, order_id, state, event ->> "table", event -> "key", json_type(event, "$.before"), json_type(event, "$.after"),
    event ->> "$.before.id", event ->> "$.before.state", event ->> "$.after.id", event ->> "$.after.state", event ->> "snapshot", event ->> "source_id", event ->> "provider" FROM journal ORDER BY rowid'

# letters - the dead letters without what is another one each time.
letters() {
    "$WFHOST" dead-letters list --state-dir "$folder/.cdc-state" 2>/dev/null >"$folder/letters"
    sed 's/remote step execute: //' "$folder/letters" | while IFS= read -r letter; do
        sqlite3 :memory: "SELECT json_extract('${letter//\'/\'\'}', '\$.subscription', '\$.attempts', '\$.reason', '\$.error')"
    done | sort
}

sqlite() {
    shop "PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT);
        INSERT INTO orders VALUES (1, 'there already')"
    start "$1"
    wait_until 20 has 1 'SELECT count(*) FROM journal'
    shop "INSERT INTO orders VALUES (2, 'new'), (3, 'Zoë <&> \"x\"')"
    shop "UPDATE orders SET state = 'paid' WHERE id = 2"
    shop 'DELETE FROM orders'
    wait_until 20 has 7 'SELECT count(*) FROM journal'
    stop
    ask "$folder/report.db" "$journal" >"$folder/result"
}

several() {
    shop 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)'
    sqlite3 "$folder/report.db" 'PRAGMA journal_mode = WAL;
        CREATE TABLE added (event_id TEXT PRIMARY KEY, order_id INTEGER);
        CREATE TABLE latest (order_id INTEGER PRIMARY KEY, state TEXT);
        CREATE TABLE removed (event_id TEXT PRIMARY KEY, order_id INTEGER, source_state TEXT)' >/dev/null
    start "$1"
    for i in {1..8}; do
        shop "INSERT INTO orders VALUES ($i, 'new'); UPDATE orders SET state = 'n$i' WHERE id = $i"
    done
    shop "UPDATE orders SET state = 'broken' WHERE id = 4; DELETE FROM orders WHERE id > 6"
    wait_until 30 has '8 n1,n2,n3,broken,n5,n6,n7,n8 2' "SELECT (SELECT count(*) FROM added) || ' ' || (SELECT group_concat(state)
        FROM (SELECT state FROM latest ORDER BY order_id)) || ' ' || (SELECT count(*) FROM removed)"
    # shellcheck disable=SC2317
    buried() { [ "$(letters | wc -l)" = 1 ]; }
    wait_until 20 buried
    stop
    {
        ask "$folder/report.db" 'SELECT order_id FROM added ORDER BY rowid; SELECT * FROM latest ORDER BY order_id;
            SELECT order_id, source_state FROM removed ORDER BY rowid'
        letters
    } >"$folder/result"
}

# flat - the JSON text on stdin as one line per value, sorted.
flat() {
    local text
    text=$(cat)
    sqlite3 :memory: "SELECT fullkey, type, atom FROM json_tree('${text//\'/\'\'}') ORDER BY 1" 2>/dev/null || echo "$text"
}

http() {
    shop 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)'
    port_free
    export LISTEN=127.0.0.1:$port
    start "$1"
    wait_until 10 curl -fs -m 5 -o /dev/null "http://$LISTEN/status"
    for request in 'GET status' 'POST start' 'POST start' 'POST snapshot' 'GET schema_history' 'GET backpressure' 'POST pause' \
        'GET status' 'POST resume' 'POST monitor' 'POST stop' 'POST stop' 'GET mistake'; do
        echo "== $request"
        curl -s -m 10 -X "${request% *}" -o "$folder/answer" -w '%{http_code}\n' "http://$LISTEN/${request#* }"
        sed 's/remote step execute: //; s/sqlite:[0-9a-f]*/sqlite/' "$folder/answer" | flat
    done >"$folder/result"
    stop
}

steps() {
    shop 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT)'
    case $host_name in
    wfhost) "$WFHOST" exec "$1" check >"$folder/out" 2>&1 ;;
    engine) wfctl pipeline run -c "$1" -p check --plugin-dir engine/plugins >"$folder/out" 2>&1 ;;
    esac || fail "$host_name: $(<"$folder/out")"
    grep -o 'sqlite source is running' "$folder/out" | head -n 1 >"$folder/result"
    shop "INSERT INTO orders VALUES (1, 'nobody captures it any more')"
    ask "$folder/shop.db" 'SELECT name FROM sqlite_schema' >>"$folder/result"
}

in_both sqlite sqlite.yaml
in_both several several.yaml
in_both http http.yaml
in_both steps steps.yaml
# shellcheck disable=SC2016
contains '$.state|text|paused' http.engine/result
# shellcheck disable=SC2016
contains '$.ddl|text|CREATE TABLE orders' http.engine/result
contains 'CDC source "nobody" not found' http.engine/result
contains '4|broken' several.engine/result
