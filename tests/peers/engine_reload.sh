# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_reload - while a program changes rows, the engine takes changed configurations: a good one, one that
# it cannot build, and one that it cannot start and takes back.  Each brings a bridge of its own; the one
# before lives on, and has let go of every source, also of what a step has started.  Every committed change
# was delivered, in order for whoever asked for order, and repeats had the id and the content of the first time.
. "$SOURCE_DIR/tests/support/engine.bash"
. "$SOURCE_DIR/tests/support/journal.bash"

journal_create
ask other.db 'PRAGMA journal_mode = WAL; CREATE TABLE t (id INTEGER PRIMARY KEY)' >wal.txt
# The engine reads the file again when its folder was quiet for half a second: nothing else may write there.
mkdir conf
ln -s conf/.cdc-state .cdc-state
port_free
web=http://127.0.0.1:$port
sed "s|shop\.db|$PWD/&|; s|dbPath: |&$PWD/|" config.yaml - >conf/config.yaml <<YAML
  start:
    trigger: { type: http, config: { path: /start, method: POST } }
    steps:
      - { name: go, type: step.cdc_start, config: { source_id: other, provider: sqlite, connection: $PWD/other.db } }
      - { name: reply, type: step.json_response, config: { status: 200, body_from: steps.go } }
workflows: { http: { server: web, router: router, routes: [] } }
YAML
sed -i "s|^modules:|&\n  - { name: web, type: http.server, config: { address: \"${web#http://}\" } }\n  - { name: router, type: http.router, dependsOn: [ web ] }|" conf/config.yaml

# reload TEXT SED... - changes the configuration until the engine has said TEXT, and changes arrive after it.
reload() {
    local text=$1 before
    shift
    sed "$@" conf/config.yaml >changed.yaml
    cp conf/config.yaml before.yaml
    mv changed.yaml conf/config.yaml
    wait_until 60 logged "$text"
    before=$(seen_count)
    wait_until 30 seen_at_least $((before + 100))
}
# starts - a step starts the source "other"; it may have been started before.
starts() {
    [ "$(curl -s -m 10 -X POST "$web/start")" = '{"action":"started","source_id":"other","state":"running"}' ]
}

engine_start conf/config.yaml -watch
spawn writer "$BUILD_DIR/tests/fault_writer" shop.db 1 60000
writer=$pid
wait_until 30 seen_at_least 100
wait_until 10 starts

reload 'Engine reloaded successfully' -e 's/^  start:/  more: { steps: [ { name: a, type: step.set, config: { values: { a: b } } } ] }\n&/'
same 2 "$(bridges | wc -l)" 'bridges after a reload'
wait_until 10 starts
reload 'current engine unchanged' 's/buffer_bytes/bufer_bytes/'
cp before.yaml conf/config.yaml
reload 'rolled back to previous config' "s|^modules:|&\n  - { name: none, type: cdc.source, config: { provider: sqlite, source_id: none, connection: absent.db } }|"
wait_until 10 starts

kill -TERM "$writer"
ends "$writer" 0
journal_arrives 120
for bridge in $(bridges); do all+=("$bridge"); done
engine_stop
for bridge in "${all[@]}"; do
    wait_until 10 bridge_is_gone
done
journal_compare
echo "bridges ${#all[@]}, changes committed $committed, deliveries $(seen_count)," \
    "repeats $(ask seen.db "SELECT count(*) - count(DISTINCT pipeline || id) FROM event")"
