# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What kafka.bash and mariadb.bash share: ports, servers in the test's own folder.  They end
# with the test, whatever its end is, as everything that it spawned.
. "$SOURCE_DIR/tests/support/scenario.bash"

ports_given=" "

port_taken() {
    (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# port_free - sets $port to one that nobody listens at, below those that the system gives to clients.
port_free() {
    for _ in {1..50}; do
        port=$((12000 + RANDOM % 8000))
        case $ports_given in *" $port "*) continue ;; esac
        port_taken "$port" || break
    done
    ports_given="$ports_given$port "
}

# server_ready NAME PID SECONDS COMMAND... - waits until the command succeeds; a server that ends before
# that fails the test, with what it said.
server_ready() {
    local name=$1 server_pid=$2 end=$((SECONDS + $3))
    shift 3
    until "$@" >/dev/null 2>&1; do
        if gone "$server_pid" || [ "$SECONDS" -ge "$end" ]; then
            tail -n 20 "$name.log" >&8
            fail "$name did not start; see $PWD/$name.log"
        fi
        sleep 0.1
    done
}

# server_log NAME - moves the log of an earlier start away; server_ready looks for words in it.
server_log() {
    [ ! -e "$1.log" ] || mv "$1.log" "$1.$(date +%s%N).log"
}

# server_stop PID [SECONDS] - SIGTERM, and waits for the end, whatever its exit status.
server_stop() {
    kill -TERM "$1"
    wait_until "${2:-60}" gone "$1"
    wait "$1" 2>/dev/null || true
}
