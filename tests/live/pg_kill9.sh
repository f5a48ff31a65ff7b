# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_kill9 - while four clients change rows of a PostgreSQL database, wfhost is killed with SIGKILL at
# random moments and started again, ROUNDS times (10); every third time the clients are killed as well,
# in the middle of their transactions.  Nothing is lost, nothing is made up, order is kept.
. "$SOURCE_DIR/tests/support/postgres.bash"

rounds=${ROUNDS:-10}
pg_create logical_decoding_work_mem=64kB
load_create
seen_create
load_config config.yaml "spool_memory: 64KiB"
host_start config.yaml
wait_until 20 pg_streams shop
load_start 4
for round in $(seq "$rounds"); do
    # From the first instant of a start to long after it.
    sleep "$((RANDOM % 2)).$(printf '%03d' $((RANDOM % 1000)))"
    if [ $((round % 3)) -eq 0 ]; then kill_now "$load"; fi
    kill_now "$host"
    if [ $((round % 3)) -eq 0 ]; then load_start 4; fi
    alive "$load" || fail "the clients ended: $(<load.log)"
    spawn host "$WFHOST" run config.yaml
    host=$pid
    host_log=host.log
done
load_stop
load_wait 120
host_stop
load_check
