# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# validate - every class of mistake, with file, line, column and key; all of them at once.
. "$SOURCE_DIR/tests/support/scenario.bash"

cat >bad.yaml <<'YAML'
module: []
modules:
  - name: orders
    type: cdc.source
    config: { provider: sqlit, source_id: orders, connection: shop.db }
  - name: items
    type: cdc.source
    config:
      provider: sqlite
      source_id: items
      connection: shop.db
      options: { buffer_byte: 5, snapshot: sometimes, busy_timeout: soon }
  - name: orders
    type: storage.sqlite
    config: {}
  - { name: x, type: nope }
  - { name: y, type: messaging.broker, dependsOn: [ zzz ] }
pipelines:
  a:
    trigger: { type: cdc, config: { sourceid: orders } }
    on_eror: stop
    timeout: abc
    steps:
      - { name: s, type: step.log, config: { message: "${ foo( }" } }
      - { name: t, type: step.log, config: {} }
      - { name: s, type: step.lo }
      - { name: c, type: step.conditional, config: { field: op, routes: { a: nowhere } } }
  b:
    trigger: { type: cdcc, config: {} }
    steps: {}
  c:
    trigger: { type: cdc, config: { source_id: orders, workers: 1000 } }
    steps:
      - { name: q, type: step.db_exec, config: { database: none, query: "INSERT INTO t VALUES ('${ x }')" } }
      - { name: r, type: step.set, config: { values: { a: "{{ if }}" } }, if: "${ a +}" }
      - { name: v, type: step.cdc_stop, config: { source_id: orders, cleanup: maybe } }
  d:
    trigger: { type: cdc, config: { source_id: orders, actions: [ INSRT ] } }
    steps: []
  e:
    trigger: { type: cdc, config: { source_id: orders, on_failure: later, retry: { max: 3, max_attempts: few } } }
    steps: []
  f:
    trigger: { type: http, config: { path: /x, method: GET } }
    steps: []
YAML
exits 1 "$WFHOST" validate bad.yaml >found.txt 2>summary.txt
# The words may get better; places, kinds and keys are what is promised.
cat >expected.txt <<'END'
1:1 warning: module
5:25 modules[0].config.provider
12:31 modules[1].config.options.buffer_byte
12:44 modules[1].config.options.snapshot
12:69 modules[1].config.options.busy_timeout
13:11 modules[2].name
15:13 modules[2].config.dbPath
16:22 modules[3].type
17:53 modules[4].dependsOn[0]
20:35 pipelines.a.trigger.config.source_id
20:37 warning: pipelines.a.trigger.config.sourceid
21:5 warning: pipelines.a.on_eror
22:14 pipelines.a.timeout
24:55 pipelines.a.steps[0].config.message
25:44 pipelines.a.steps[1].config.message
26:17 pipelines.a.steps[2].name
26:26 pipelines.a.steps[2].type
27:73 pipelines.a.steps[3].config.routes
29:22 pipelines.b.trigger.type
30:12 pipelines.b.steps
32:65 pipelines.c.trigger.config.workers
34:60 pipelines.c.steps[0].config.database
34:73 pipelines.c.steps[0].config.query
35:59 pipelines.c.steps[1].config.values.a
35:79 pipelines.c.steps[1].if
36:79 pipelines.c.steps[2].config.cleanup
38:67 pipelines.d.trigger.config.actions[0]
41:68 pipelines.e.trigger.config.on_failure
41:89 pipelines.e.trigger.config.retry.max
41:106 pipelines.e.trigger.config.retry.max_attempts
44:36 pipelines.f.trigger.config
END
sed -E 's/^bad.yaml:([0-9]+:[0-9]+): (warning: )?([^ ]*): .*/\1 \2\3/' found.txt >places.txt
diff expected.txt places.txt || fail "the mistakes found are others"
contains "must be one of memory, " found.txt
contains "the nearest is buffer_bytes" found.txt
contains "did you mean 'modules'?" found.txt
contains "did you mean 'step.log'?" found.txt
contains "there are http.server, " found.txt
same 'bad.yaml: 28 mistakes' "$(cat summary.txt)" "the count"
# `run` says the same and starts nothing.
exits 1 "$WFHOST" run bad.yaml 2>run.txt
grep -c '^bad.yaml:' run.txt | grep -qx 31 || fail "run tells other mistakes than validate: $(cat run.txt)"

# one FILE TEXT PATTERN - a file with that text has one mistake, which begins with that.
one() {
    printf '%b' "$2" >"$1"
    exits 1 "$WFHOST" validate "$1" >one.txt 2>&1
    grep -q "^$1$3" one.txt || fail "$1: expected '$3', got $(cat one.txt)"
}
one quote.yaml 'modules: "a\n' ':2:1: not YAML: '
one tab.yaml 'modules:\n\t- a\n' ':2:1: not YAML: '
one twice.yaml 'modules: []\npipelines: {}\nmodules: []\n' ':3:1: .*modules.*line 1'
one list.yaml 'pipelines:\n  - name: x\n' ':2:3: pipelines: must be a map name -> pipeline, not a list'
one scalar.yaml 'hello\n' ':1:1: '
one trigger.yaml 'pipelines:\n  p:\n    trigger: cdc\n    steps: []\n' ':3:14: pipelines.p.trigger: '
one ring.yaml 'modules:\n  - { name: a, type: messaging.broker, dependsOn: [ b ] }\n  - { name: b, type: messaging.broker, dependsOn: [ a ] }\n' ':2:51: .*cycle'
one two.yaml 'a: 1\n---\nb: 2\n' ':2:1: a second document'
one control.yaml 'a: "\\x01\x01"\n' ': not YAML: control characters are not allowed at byte 8'
exits 1 "$WFHOST" validate absent.yaml >absent.txt 2>summary.txt
contains "cannot read 'absent.yaml': No such file or directory" absent.txt
# A mistake in an imported file is told with that file's name.
echo 'imports: [ part.yaml ]' >whole.yaml
printf 'modules:\n  - { name: a, type: nope }\n' >part.yaml
exits 1 "$WFHOST" validate whole.yaml >one.txt 2>&1
grep -q '^part.yaml:2:22: modules\[0\].type: ' one.txt || fail "the imported file's mistake: $(cat one.txt)"

# A good file.
cat >good.yaml <<'YAML'
pipelines:
  p: { steps: [ { name: a, type: step.log, config: { message: "${ x }" } } ] }
YAML
exits 0 "$WFHOST" validate good.yaml >one.txt 2>&1
