# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_pg_kill9 - while four clients change rows of a PostgreSQL database, the bridge or the engine is
# killed with SIGKILL and the engine started again, ROUNDS times (6).  Nothing is lost, nothing is made up,
# order is kept, and no event was taken for a bad one.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/engine.bash"

rounds=${ROUNDS:-6}
pg_create logical_decoding_work_mem=64kB
load_create
seen_create
load_config config.yaml "spool_memory: 64KiB"
# One attempt only: whoever took the engine's end for a failure of the workflow would lose the event.
sed -i 's/source_id: shop, workers: 4/&, retry: { max_attempts: 1 }/' config.yaml
engine_start config.yaml
wait_until 20 pg_streams shop
load_start 4 20
for round in $(seq "$rounds"); do
    before=$(seen_count)
    wait_until 60 seen_at_least $((before + RANDOM % 600 + 1))
    if [ $((round % 2)) -eq 0 ]; then
        bridge_kill
        alive "$engine" || fail "the engine ended with the bridge"
    fi
    alive "$load" || fail "the clients ended: $(<load.log)"
    engine_kill
    engine_start config.yaml
done
load_stop
load_wait 240
engine_stop
load_check
