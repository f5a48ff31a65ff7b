# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_kill9 - while a program changes rows, the bridge or the engine is killed with SIGKILL, or the engine is
# told to end, and started again, ROUNDS times (12).  Every committed change was delivered, in order for whoever asked for order,
# repeats had the id and the content of the first time, and no event was taken for a bad one.
. "$SOURCE_DIR/tests/support/engine.bash"
. "$SOURCE_DIR/tests/support/journal.bash"

rounds=${ROUNDS:-12}
journal_create
# One attempt only: whoever took the engine's end for a failure of the workflow would lose the event.
sed -i 's/source_id: shop, workers: 4/&, retry: { max_attempts: 1 }/' config.yaml

engine_start config.yaml
spawn writer "$BUILD_DIR/tests/fault_writer" shop.db 1 60000
writer=$pid
for round in $(seq "$rounds"); do
    before=$(seen_count)
    wait_until 30 seen_at_least $((before + RANDOM % 800 + 1))
    case $((round % 3)) in
    0)
        bridge_kill
        alive "$engine" || fail "the engine ended with the bridge"
        engine_kill
        ;;
    1) engine_kill ;;
    2) engine_stop ;;
    esac
    engine_start config.yaml
done
alive "$writer" || fail "the writer ended: $(<writer.log)"
kill -TERM "$writer"
ends "$writer" 0

journal_arrives 120
engine_stop

journal_compare
echo "rounds $rounds, changes committed $committed, deliveries $(seen_count)," \
    "repeats $(ask seen.db "SELECT count(*) - count(DISTINCT pipeline || id) FROM event")"
