# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests share that need the workflow engine itself, as scripts/peer-engine builds it: a server of
# this test alone, which loads the plugin through the bridge.  Everything of scenario.bash is there as well.
#
#     engine_start CONFIG [OPTION...]   sets $engine and $bridge (their processes) and $host_log
#     bridges                the processes of all bridges of the engine
#     engine_refuses CONFIG TEXT   the engine does not start, and a line of its log ends with that pattern
#     engine_stop            SIGTERM; both must end well
#     engine_kill            kill -9; the bridge must end by itself
#     wfctl WORD...          the engine's tool
#
# The engine's own files are in ./engine, the plugin in ./engine/plugins.
. "$SOURCE_DIR/tests/support/server.bash"

engine_home=${ENGINE_HOME:-$(dirname "$(printf '%s\n' "$SOURCE_DIR"/build/peers/engine-v*/complete | tail -n 1)")}
[ -e "$engine_home/complete" ] || skip "the engine was not built; scripts/peer-engine builds it"
engine_plugin=$BUILD_DIR/engine/plugins/workflow-plugin-cdc
cmake --build "$BUILD_DIR" --target engine-plugin >engine-plugin.txt 2>&1 || {
    grep -q 'engine-plugin needs Go\|not built with sanitizers' engine-plugin.txt || fail "$(<engine-plugin.txt)"
    skip "$(grep 'engine-plugin needs Go\|not built with sanitizers' engine-plugin.txt)"
}
mkdir -p engine/plugins
cp -r "$engine_plugin" engine/plugins/
engine_starts=0
engine=
bridge=

wfctl() {
    "$engine_home/wfctl" "$@"
}

# The engine logs to both, stdout and stderr.
engine_log() {
    host_log=engine.$engine_starts.log
    spawn "engine.$engine_starts" sh -c 'exec "$@" 1>&2' sh "$engine_home/server" -config "$1" \
        -data-dir engine -addr "127.0.0.1:$port" "${@:2}"
}

bridges() {
    local child
    # shellcheck disable=SC2013
    for child in $(cat "/proc/$engine"/task/*/children); do
        case $(readlink "/proc/$child/exe") in */workflow-plugin-cdc) echo "$child" ;; esac
    done
}

engine_is_up() {
    grep -q 'All triggers started\|Registered all post-start services' "$host_log" || gone "$engine"
}

engine_start() {
    engine_starts=$((engine_starts + 1))
    port_free
    engine_log "$@"
    engine=$pid
    wait_until 30 engine_is_up
    alive "$engine" || fail "the engine did not start with $1: $(grep -v DEBUG "$host_log" | tail -n 5)"
    bridge=$(bridges)
}

engine_refuses() {
    engine_starts=$((engine_starts + 1))
    port_free
    engine_log "$1"
    ends "$pid" 1 30
    grep -q "$2" "$host_log" || fail "'$2' is not in $(grep -i 'error\|warn' "$host_log")"
}

# bridge_is_gone - also when nobody has waited for it; its last thread lets go of its files.
bridge_is_gone() {
    ! grep -qs '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$bridge"/task/*/status
}

engine_stop() {
    kill -TERM "$engine"
    ends "$engine" 0 30
    wait_until 10 bridge_is_gone
}

engine_kill() {
    kill_now "$engine"
    wait_until 10 bridge_is_gone
}

bridge_kill() {
    kill -KILL "$bridge"
    wait_until 10 bridge_is_gone
}
