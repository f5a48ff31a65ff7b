# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# progress - the line of `wfhost run` on a terminal: what it counts, that it leaves log lines whole, and
# that it is nowhere else.
. "$SOURCE_DIR/tests/support/scenario.bash"

script --version 2>/dev/null | grep -q util-linux || skip "there is no script(1) of util-linux to make a terminal"
export TERM=xterm
yaml config.yaml <<'YAML'
modules:
  - { name: orders, type: cdc.source, config: { provider: sqlite, source_id: orders, connection: shop.db } }
pipelines:
  p:
    trigger: { type: cdc, config: { source_id: orders, retry: { max_attempts: 1 } } }
    steps:
      - { name: say, type: step.log, config: { message: "saw ${ trigger.key.id }" } }
      - { name: fail, type: step.json_parse, if: "${ trigger.key.id == 3 }", config: { source: nothing } }
YAML
ask shop.db 'CREATE TABLE item (id INTEGER PRIMARY KEY)'
erase=$'\r\e[K'

# on_terminal FILE [OPTION...] - `wfhost run` there; what the terminal got is in FILE.
on_terminal() {
    local file=$1
    shift
    : >"$file"
    script -qefc "exec $(printf '%q ' "$WFHOST" run config.yaml "$@")" "$file" >/dev/null 2>&1 </dev/null &
    pid=$!
    spawned+=("$pid")
    wait_until 15 logged 'running pipelines=1' "$file"
}

on_terminal terminal.txt --exit-when-idle 2s
ask shop.db 'INSERT INTO item VALUES (1), (2), (3), (4)'
wait_until 15 logged '4 runs  ' terminal.txt
ends "$pid" 0
contains "${erase}0 runs  0/s  0 failed" terminal.txt
grep -q $'\r\e\[K4 runs  [0-9]*/s  1 failed  last [0-9.]* s ago' terminal.txt || fail "the line does not count as it should"
# A log line begins at the left, after the line was erased, and ends before it is drawn again.
tr '\r' '\n' <terminal.txt | sed $'s/^\e\\[K//' >lines.txt
same 4 "$(grep -cE '^20[0-9T:.-]+Z INFO  saw [1-4] step=say$' lines.txt)" "log lines that are whole"
same 1 "$(grep -cE '^20[0-9T:.-]+Z INFO  stopped$' lines.txt)" "the last line of the log"
grep -vE '^(20[0-9T:.-]+Z (INFO |WARN |ERROR) .*|[0-9,]+ runs?  [0-9,]+/s  [0-9,]+ failed(  last [0-9.]+ s ago|  1 under way)?|Script .*|)$' lines.txt >torn.txt || true
same '' "$(cat torn.txt)" "lines that are neither of the log nor the counter's"
same '' "$(tail -n 1 lines.txt | grep -o ' runs ' || true)" "what is left on the last line"

# JSON lines are for programs; so is a pipe.
on_terminal json.txt --exit-when-idle 700ms --log-format json
ends "$pid" 0
same '' "$(grep -oF $'\e[K' json.txt | head -n 1)" "escapes among JSON lines"
exits 0 "$WFHOST" run config.yaml --exit-when-idle 700ms 2>pipe.txt
same '' "$(grep -oE $'\e|runs  ' pipe.txt | head -n 1)" "a line where there is no terminal"

# tail has the same line.
: >tail.txt
# shellcheck disable=SC2016
WFHOST=$WFHOST script -qefc 'exec "$WFHOST" tail sqlite shop.db --snapshot --exit-when-idle 1500ms >tail.out' tail.txt >/dev/null 2>&1 </dev/null
same 4 "$(lines tail.out)" "changes of the tail"
grep -q $'\r\e\[K[a-z]*  [0-9]* changes  [0-9,]*/s' tail.txt || fail "tail shows no line"
