# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_errors - what is wrong comes to whoever runs the engine in the plugin's words, once; a plugin that
# knows nothing of CDC runs by the same bridge, and its crash leaves one readable line.
. "$SOURCE_DIR/tests/support/engine.bash"

# refused TEXT - the engine does not start with config.yaml, and says so with that text at the end of a line.
refused() {
    engine_starts=$((engine_starts + 1))
    port_free
    engine_log config.yaml
    ends "$pid" 1 30
    grep -q "$1" "$host_log" || fail "'$1' is not in $(grep -i 'error\|warn' "$host_log")"
}
module() {
    echo "modules: [ { name: m, type: cdc.source, config: { $1 } } ]"
}
module 'provider: sqlite, source_id: s, connection: absent.db' >config.yaml
refused "failed to start module m: remote start: database 'absent.db' does not exist$"
module 'provider: sqlite, source_id: s, connection: a.db, options: { snapshott: initial }' >config.yaml
refused "plugin reported: cdc.source \"m\": .*snapshott"
# The engine has no bus for plugins: what cannot work without it says so.
module 'provider: memory, source_id: s' >config.yaml
refused 'this engine has no message bus for plugins: message subscribe handler not configured'
cat >config.yaml <<'YAML'
pipelines:
  p: { trigger: { type: cdc, config: { tables: [ t ] } }, steps: [ { name: a, type: step.set, config: { values: { a: b } } } ] }
YAML
refused "workflow \"pipeline:p\": trigger.cdc: .*source_id"
if grep -h 'stderr\|ERROR\|WARN\|rror:' engine.*.log | grep -E '(cdc\.source "m": |trigger\.cdc: )\1'; then
    fail "a prefix stands twice"
fi

# Another plugin by the same bridge.
for other in hello probe; do
    mkdir "engine/plugins/workflow-plugin-$other"
    cp "$engine_plugin/workflow-plugin-cdc" "engine/plugins/workflow-plugin-$other/workflow-plugin-$other"
done
cp "$BUILD_DIR/examples/workflow-plugin-hello.so" engine/plugins/workflow-plugin-hello/
cc -D_GNU_SOURCE -std=gnu17 -fPIC -shared -I"$SOURCE_DIR" "$SOURCE_DIR/bridge/testdata/probe.c" \
    -o engine/plugins/workflow-plugin-probe/workflow-plugin-probe.so -lpthread
for other in hello probe; do
    (cd engine/plugins/workflow-plugin-$other && PROBE_NOISE=1 ./workflow-plugin-$other -plugin-json >plugin.json 2>noise)
done
port_free
cat >config.yaml <<YAML
modules:
  - { name: web, type: http.server, config: { address: "127.0.0.1:$port" } }
  - { name: router, type: http.router, dependsOn: [ web ] }
workflows: { http: { server: web, router: router, routes: [] } }
pipelines:
  hello:
    trigger: { type: http, config: { path: "/hello/{name}", method: GET } }
    steps:
      - { name: say, type: step.hello, config: { greeting: 'Good morning, \${ name }' } }
      - { name: reply, type: step.json_response, config: { body_from: steps.say } }
  crash:
    trigger: { type: http, config: { path: /crash, method: GET } }
    steps:
      - { name: crash, type: step.probe_crash }
YAML
web=http://127.0.0.1:$port
export PROBE_NOISE=1
engine_start config.yaml
wait_until 10 curl -fs -m 5 -o answer "$web/hello/Ada"
same '{"text":"Good morning, Ada"}' "$(<answer)" "the answer of another plugin's step"
contains 'a library says something on stdout' "$host_log"
curl -s -m 10 -o answer "$web/crash"
wait_until 10 logged 'plugin "workflow-plugin-probe" stderr: [ERROR] workflow-plugin-probe has crashed: SIGSEGV at address 0x8, in workflow-plugin-probe.so+0x'
curl -fs -m 5 "$web/hello/Bob" >answer || fail "the engine did not live on"
kill -TERM "$engine"
ends "$engine" 0 30
