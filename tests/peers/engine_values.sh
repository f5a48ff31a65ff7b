# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_values - what the engine's messages cannot hold: an event above their 4 MiB goes to the dead letters
# at once and with that reason, the stream goes on; integers beyond 2^53 arrive with all their digits, and texts
# with a zero or with what is no UTF-8 as in wfhost.
. "$SOURCE_DIR/tests/support/engine.bash"

cp "$SOURCE_DIR/examples/engine/sqlite.yaml" .
ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE orders (id INTEGER PRIMARY KEY, state TEXT, big INTEGER)' >wal.txt
engine_start sqlite.yaml
wait_until 20 logged 'source is streaming source=orders was=snapshot'
journal() {
    [ "$(sqlite3 -cmd '.timeout 10000' report.db 'SELECT group_concat(line) FROM (SELECT op || order_id AS line FROM journal ORDER BY rowid)' 2>/dev/null)" = "$1" ]
}
ask shop.db "INSERT INTO orders VALUES (1, 'small', 9007199254740993)"
ask shop.db "INSERT INTO orders VALUES (2, hex(randomblob(2500000)), -9223372036854775808)"
ask shop.db "INSERT INTO orders VALUES (3, hex(randomblob(50000)), 9007199254740992)"
ask shop.db "INSERT INTO orders VALUES (4, 'a' || char(0) || 'b', 0), (5, CAST(x'61ff62' AS TEXT), 0)"
wait_until 30 journal INSERT1,INSERT3,INSERT4,INSERT5
same '"a\u0000b"' "$(ask report.db "SELECT event -> '\$.after.state' FROM journal WHERE order_id = 4")" 'a text with a zero'
same '{"base64":"Yf9i"}' "$(ask report.db "SELECT event -> '\$.after.state' FROM journal WHERE order_id = 5")" 'a text that is no UTF-8'
same 'text 9007199254740993' "$(ask report.db "SELECT json_type(event, '\$.after.big') || ' ' || (event ->> '\$.after.big') FROM journal WHERE order_id = 1")" \
    'an integer beyond 2^53'
same 9007199254740992 "$(ask report.db "SELECT event ->> '\$.after.big' FROM journal WHERE order_id = 3")" 'an integer of 2^53'

"$WFHOST" dead-letters list --state-dir .cdc-state >letters
same 1 "$(lines letters)" 'dead letters'
contains '"attempts":1,' letters
contains 'the event is larger than a message to the engine may be: grpc: received message larger than max (5' letters
contains 'event went to the dead letters source=orders' "$host_log"
engine_stop
