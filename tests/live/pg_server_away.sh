# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_server_away - the server is restarted, shut down at once and killed in the middle of transactions, and
# an administrator ends our connections; the source reconnects by itself, and nothing is lost.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create logical_decoding_work_mem=64kB
load_create
seen_create
load_config config.yaml "spool_memory: 64KiB"
host_start config.yaml
wait_until 20 pg_streams shop

restart() {
    "$pg_server" stop "$server" fast
    "$pg_server" start "$server"
}
shut_down_at_once() {
    "$pg_server" stop "$server" immediate
    "$pg_server" start "$server"
}
killed() {
    "$pg_server" crash "$server"
    # Long enough away for a second attempt to fail.
    sleep 1
    "$pg_server" start "$server"
}
terminated() {
    pg "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'workflow-plugin-cdc%'" >>load.log
}
for round in $(seq "${ROUNDS:-1}"); do
    for what in restart shut_down_at_once killed terminated; do
        load_start 4
        before=$(seen_count)
        wait_until 30 seen_at_least $((before + 200))
        "$what"
        load_stop
        wait_until 60 pg_streams shop
        alive "$host" || fail "the host ended after $what (round $round)"
        echo "$what: streams again"
    done
done
load_wait 120
host_stop
load_check
