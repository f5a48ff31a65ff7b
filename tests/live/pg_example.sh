# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_example - examples/postgres.yaml as a newcomer runs it.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create wal_sender_timeout=10s
pg "CREATE TABLE orders (id int PRIMARY KEY, state text);
    CREATE SCHEMA billing;
    CREATE TABLE billing.invoice (id int PRIMARY KEY, amount numeric);
    INSERT INTO orders VALUES (1, 'new')"
cp "$SOURCE_DIR/examples/postgres.yaml" .
export DATABASE_URL=$connection
"$WFHOST" validate postgres.yaml
host_start postgres.yaml
journal() {
    [ "$(sqlite3 journal.db 'SELECT group_concat(line, " ") FROM (SELECT op || "table" || "key" AS line FROM change ORDER BY rowid)' 2>/dev/null)" = "$1" ]
}
wait_until 20 journal 'READpublic.orders{"id":1}'
pg "UPDATE orders SET state = 'paid'"
pg "INSERT INTO billing.invoice VALUES (7, 19.90)"
pg "DELETE FROM orders"
wait_until 20 journal 'READpublic.orders{"id":1} UPDATEpublic.orders{"id":1} INSERTbilling.invoice{"id":7} DELETEpublic.orders{"id":1}'
host_stop
