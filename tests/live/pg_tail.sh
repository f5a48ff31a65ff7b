# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_tail - changes as JSON lines, one line each whatever the values hold, and nothing left behind.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_replication_slots=4
pg "CREATE TABLE doc (id int PRIMARY KEY, body json, note text)"
"$WFHOST" tail postgres "$connection" --table public.doc --max 2 >lines 2>log &
tail=$!
wait_until 20 pg_streams cdc_tail
pg "INSERT INTO doc VALUES (1, E'{\n  \"a\": 1\n}', E'two\nlines')"
pg "DELETE FROM doc"
wait "$tail"
same 2 "$(wc -l <lines)" "lines of two changes"
same '{   "a": 1 } two\nlines' \
    "$(sed -n 's/.*"body":\({[^}]*}\),"note":"\([^"]*\)".*/\1 \2/p' lines)" "what the first says"
same "" "$(pg "SELECT slot_name FROM pg_replication_slots UNION ALL SELECT pubname FROM pg_publication
    UNION ALL SELECT evtname FROM pg_event_trigger")" "what is left at the server"
