# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_postgres - examples/engine/postgres.yaml, as it stands, in the engine and in wfhost: the same changes
# give the same rows.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/engine.bash"

pg_create wal_sender_timeout=10s
export DATABASE_URL=$connection

seen() {
    [ "$(sqlite3 -cmd '.timeout 10000' "$1/report.db" 'SELECT count(*) FROM journal' 2>/dev/null)" = "$2" ]
}

# both NAME - the changes, in the host of that name.
both() {
    mkdir "$1"
    cp "$SOURCE_DIR/examples/engine/postgres.yaml" "$1"
    pg "DROP TABLE IF EXISTS orders;
        CREATE TABLE orders (id int PRIMARY KEY, state text, total numeric(10,2), zone timestamptz DEFAULT '2026-01-01 00:00+00');
        ALTER TABLE orders REPLICA IDENTITY FULL;
        INSERT INTO orders VALUES (1, 'there already', 19.90)"
    if [ "$1" = engine.run ]; then engine_start "$1/postgres.yaml"; else host_start "$1/postgres.yaml"; fi
    wait_until 20 seen "$1" 1
    pg "BEGIN; INSERT INTO orders VALUES (2, 'Zoë', 1), (3, NULL, 'NaN'); UPDATE orders SET state = 'paid' WHERE id = 1; COMMIT"
    pg 'DELETE FROM orders WHERE id < 3'
    pg 'TRUNCATE orders'
    wait_until 20 seen "$1" 7
    if [ "$1" = engine.run ]; then engine_stop; else host_stop; fi
    pg "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots" >/dev/null
    for publication in $(pg 'SELECT pubname FROM pg_publication'); do pg "DROP PUBLICATION $publication"; done
    ask "$1/report.db" 'SELECT op, order_id, state, event ->> "table", event -> "key", event -> "before", event -> "after",
        event ->> "seq", event ->> "snapshot" FROM journal ORDER BY rowid' >"$1.result"
}

both wfhost.run
both engine.run
diff wfhost.run.result engine.run.result >&2 || fail 'wfhost (<) and the engine (>) differ'
