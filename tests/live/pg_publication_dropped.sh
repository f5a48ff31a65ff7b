# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_publication_dropped - a publication is dropped and made again while the source is away.  What was written
# between cannot be decoded: up to PostgreSQL 17 the server says so, from 18 on it leaves it out with no more
# than a warning.  The source fails in both cases; with on_slot_lost: resnapshot it makes a new slot and reads
# the tables again.  While it streams, the same.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
pg "CREATE TABLE item (id bigint PRIMARY KEY); CREATE PUBLICATION shop FOR TABLE item"
seen_create
config() {
    yaml "$1" <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: postgres, source_id: shop, connection: "$connection", options: { slot: shop, publication: shop, on_slot_lost: $2, catch_up_threshold: $3 } }
  - @seen
pipelines:
  strict:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
}
config fail.yaml fail 64MB
config catch_up.yaml fail 1MiB
config resnapshot.yaml resnapshot 64MB
host_start fail.yaml
wait_until 20 pg_streams shop
pg "INSERT INTO item VALUES (1)"
wait_until 20 seen_at_least 1
host_stop
pg "INSERT INTO item VALUES (2)"
pg "DROP PUBLICATION shop"
pg "INSERT INTO item VALUES (3)"
pg "CREATE PUBLICATION shop FOR TABLE item"
pg "INSERT INTO item VALUES (4)"
pg "SELECT pg_logical_emit_message(false, 'noise', repeat('x', 3000000))" >pg.log
# However often it is tried, and whichever way it reads.
for one in fail fail catch_up; do
    spawn "$one" "$WFHOST" run $one.yaml
    host=$pid
    host_log=$one.log
    wait_until 20 logged 'source is failed source=shop'
    contains 'publication is gone, or younger' $one.log
    kill -TERM "$pid" 2>/dev/null || true
    wait_until 10 gone "$pid"
done
contains 'catching up' catch_up.log
same 0 "$(seen_count "key ->> 'id' > 2")" "events from behind the gap"

host_start resnapshot.yaml
wait_until 30 seen_at_least 4 "op = 'READ'"
wait_until 20 pg_streams shop
pg "INSERT INTO item VALUES (5)"
wait_until 20 seen_at_least 1 "op = 'INSERT' AND key ->> 'id' = 5"
before=$(seen_count "op = 'READ'")
pg "DROP PUBLICATION shop"
pg "INSERT INTO item VALUES (6)"
pg "CREATE PUBLICATION shop FOR TABLE item"
wait_until 30 seen_at_least $((before + 6)) "op = 'READ'"
wait_until 20 pg_streams shop
pg "INSERT INTO item VALUES (7)"
wait_until 20 seen_at_least 1 "op = 'INSERT' AND key ->> 'id' = 7"
host_stop
