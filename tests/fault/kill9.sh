# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# kill9 - while a program changes rows as fast as it can, wfhost is killed with SIGKILL at random
# moments and started again, ROUNDS times (20); every third time the writer is killed as well, as a
# rule in the middle of a transaction.  In the end every committed change was delivered, in order for
# whoever asked for order, repeats had the id and the content of the first time, and nothing that was
# not committed was ever seen.
. "$SOURCE_DIR/tests/support/scenario.bash"
. "$SOURCE_DIR/tests/support/journal.bash"

rounds=${ROUNDS:-20}
writer=$BUILD_DIR/tests/fault_writer
journal_create
host_start config.yaml # so that the capture is there before the first change

runs=0
writer_start() {
    runs=$((runs + 1))
    "$writer" shop.db "$runs" 4000 2>>writer.log &
    write_pid=$!
    spawned+=("$write_pid")
}
writer_start
for round in $(seq "$rounds"); do
    # From the first instant of a start to long after it.
    sleep "0.$(printf '%03d' $((RANDOM % 400)))"
    if [ $((round % 3)) -eq 0 ]; then
        kill_now "$write_pid"
        kill_now "$host"
        writer_start
    else
        kill_now "$host"
    fi
    alive "$write_pid" || fail "the writer ended: $(cat writer.log)"
    spawn host "$WFHOST" run config.yaml
    host=$pid
    host_log=host.log
done
kill -TERM "$write_pid"
ends "$write_pid" 0

journal_arrives 60
host_stop

journal_compare
echo "rounds $rounds, writers killed $((rounds / 3)), changes committed $committed," \
    "deliveries $(ask seen.db 'SELECT count(*) FROM event'), repeats $(ask seen.db "SELECT count(*) - count(DISTINCT pipeline || id) FROM event")"
