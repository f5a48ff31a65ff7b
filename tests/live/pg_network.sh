# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_network - the network goes silent without a word while changes flow, for less than the server's patience
# and for more, also in both directions of a connection attempt; and connections are reset.  The source
# notices by itself that nobody answers, and nothing is lost.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create wal_sender_timeout=3s logical_decoding_work_mem=64kB
proxy_start
load_create
seen_create
load_config config.yaml "connect_timeout: 2s"
host_start config.yaml
wait_until 20 pg_streams shop
load_start 4

flows() {
    local before
    before=$(seen_count)
    wait_until 30 seen_at_least $((before + 200))
}
flows

# Shorter than anybody's patience: nobody notices.
kill -USR1 "$proxy"
sleep 1
kill -USR2 "$proxy"
flows
logged 'source is reconnecting' && fail "a second of silence was too much"

# Longer: the server gives up, and so do we; what is tried meanwhile fails in time.
kill -USR1 "$proxy"
wait_until 20 pg_answers 0 "SELECT count(*) FROM pg_stat_replication"
wait_until 30 logged 'source is reconnecting'
sleep 3
kill -USR2 "$proxy"
wait_until 60 pg_streams shop
flows

for _ in 1 2 3; do
    kill -HUP "$proxy"
    wait_until 30 pg_streams shop
    flows
done
load_stop
load_wait 120
host_stop
load_check
