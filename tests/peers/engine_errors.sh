# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# engine_errors - what is wrong comes to whoever runs the engine in the plugin's words, once; a plugin that
# knows nothing of CDC runs by the same bridge, and its crash leaves one readable line.
. "$SOURCE_DIR/tests/support/engine.bash"

refused() {
    engine_refuses config.yaml "$1"
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
# Some that cannot be loaded: the engine goes on without them, and its log says why.
for other in none old text; do
    folder=engine/plugins/workflow-plugin-$other
    mkdir "$folder"
    cp "$engine_plugin/workflow-plugin-cdc" "$folder/workflow-plugin-$other"
    sed "s/workflow-plugin-hello/workflow-plugin-$other/" engine/plugins/workflow-plugin-hello/plugin.json >"$folder/plugin.json"
done
echo 'no shared object' >engine/plugins/workflow-plugin-text/some.so
sed 's/"abi": 1/"abi": 2/' "$SOURCE_DIR/bridge/testdata/probe.c" >old.c
cc -D_GNU_SOURCE -std=gnu17 -fPIC -shared -I"$SOURCE_DIR" old.c -o engine/plugins/workflow-plugin-old/some.so -lpthread
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
  echo:
    trigger: { type: http, config: { path: /echo, method: GET } }
    steps:
      - { name: say, type: step.probe_echo, config: { all: { n: null, t: true, f: false, i: -3, d: 2.5, e: "", s: "ä\"", l: [ 1, [ ], { } ] } } }
      - { name: reply, type: step.json_response, config: { body: { all: { _from: steps.say.config.all } } } }
  halt:
    trigger: { type: http, config: { path: /halt, method: GET } }
    steps:
      - { name: say, type: step.probe_echo, config: { and: stop } }
      - { name: reply, type: step.json_response, config: { body: { reached: yes } } }
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
curl -fs -m 5 "$web/echo" >answer
same '{"all":{"d":2.5,"e":"","f":false,"i":-3,"l":[1,[],{}],"n":null,"s":"ä\"","t":true}}' "$(<answer)" "a configuration that came back"
curl -fs -m 5 "$web/halt" >answer
grep -q reached answer && fail "a step ends the pipeline, and it goes on: $(<answer)"
logged "[ERROR] workflow-plugin-none: there is no shared object in '" || fail 'nothing is said of a missing shared object'
logged "some.so': speaks ABI 2, this host speaks 1" || fail 'nothing is said of a strange ABI'
logged "some.so: file too short" || logged "some.so: invalid ELF header" || fail 'nothing is said of a damaged shared object'
curl -s -m 10 -o answer "$web/crash"
wait_until 10 logged 'plugin "workflow-plugin-probe" stderr: [ERROR] workflow-plugin-probe has crashed: SIGSEGV at address 0x8, in workflow-plugin-probe.so+0x'
curl -fs -m 5 "$web/hello/Bob" >answer || fail "the engine did not live on"
kill -TERM "$engine"
ends "$engine" 0 30
