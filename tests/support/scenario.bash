# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the scripts of tests/scenario and tests/fault share: starting and ending real processes, asking
# SQLite databases, and a database of the events that workflows have seen.
set -euo pipefail

: "${WFHOST:?run_script sets it}"
spawned=()
host_starts=0
host_log=

# Whatever the script started ends with it; when it failed, the log of the last host is told.  What a
# sanitizer said in any process is a failure, also of one that was killed.
scenario_end() {
    local status=$? one
    if [ "$status" -ne 0 ] && [ "$status" -ne 77 ] && [ -n "$host_log" ]; then
        tail -n 20 "$host_log" >&2
    fi
    for one in "${spawned[@]}"; do
        kill -KILL "$one" 2>/dev/null || true
    done
    if grep -lsE 'WARNING: ThreadSanitizer|ERROR: (Address|Leak)Sanitizer|runtime error: ' ./*.log ./*.txt >&2; then
        echo "FAIL: a sanitizer has found something; see the files above" >&2
        exit 1
    fi
}
trap scenario_end EXIT

# fail TEXT... - as everywhere, but also where a command's stderr goes to a file.
exec 8>&2
fail() {
    echo "FAIL: $*" >&8
    exit 1
}

# spawn NAME COMMAND... - in the background, with its output in NAME.out and NAME.log; sets $pid.
spawn() {
    local name=$1
    shift
    : >"$name.log"
    "$@" >"$name.out" 2>"$name.log" </dev/null &
    pid=$!
    spawned+=("$pid")
}

alive() {
    kill -0 "$1" 2>/dev/null
}

gone() {
    ! alive "$1"
}

# ends PID STATUS [SECONDS] - it ends by itself within that time, with that exit status.
ends() {
    local status=0
    wait_until "${3:-15}" gone "$1"
    wait "$1" || status=$?
    same "$2" "$status" "exit status of process $1"
}

# kill_now PID - kill -9, and waits until it is gone.
kill_now() {
    kill -KILL "$1"
    wait "$1" 2>/dev/null || true
}

host_is_up() {
    grep -q 'INFO  running pipelines=' "$host_log" || gone "$host"
}

# host_start CONFIG [OPTION...] - `wfhost run`, until it runs; sets $host and $host_log.
host_start() {
    host_starts=$((host_starts + 1))
    spawn "host.$host_starts" "$WFHOST" run "$@"
    host=$pid
    host_log=host.$host_starts.log
    wait_until 15 host_is_up
    grep -q 'INFO  running pipelines=' "$host_log" || {
        cat "$host_log" >&2
        fail "wfhost run $1 did not start"
    }
}

# host_stop - SIGTERM; it must end well.
host_stop() {
    kill -TERM "$host"
    ends "$host" 0
}

# ask DATABASE SQL - the answer; waits for other writers.
ask() {
    sqlite3 -batch -bail -cmd '.timeout 10000' "$1" "$2"
}

# answers EXPECTED DATABASE SQL - whether the answer is that.
answers() {
    [ "$(ask "$2" "$3")" = "$1" ]
}

# logged TEXT [FILE] - whether the host's log has it.
logged() {
    grep -qF -- "$1" "${2:-$host_log}"
}

# yaml FILE - writes stdin there.  "- @record" becomes a step that puts the event into seen.db.
yaml() {
    # shellcheck disable=SC2016
    local step='- { name: record, type: step.db_exec, config: { database: seen, query: "INSERT INTO event (pipeline, id, event) VALUES (?, ?, ?)", params: ["${ meta.pipeline }", "${ trigger.id }", "${ json(trigger) }"] } }'
    local module='- { name: seen, type: storage.sqlite, config: { dbPath: seen.db } }'
    sed -e "s|- @record|$step|" -e "s|- @seen|$module|" >"$1"
}

# step_pipeline NAME CONFIG - for a file of yaml(): POST /NAME runs step.cdc_NAME (of NAME what is before a
# dash) with that configuration and gives its output.
step_pipeline() {
    cat <<YAML
  $1:
    trigger: { type: http, config: { path: /$1, method: POST } }
    steps:
      - { name: go, type: step.cdc_${1%%-*}, config: { $2 } }
      - { name: answer, type: step.json_response, config: { body_from: steps.go } }
YAML
}

# recorder - for a file of yaml(): one workflow on source shop, which records every change in order.
recorder() {
    cat <<'YAML'
pipelines:
  all:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
YAML
}

# recorders - for a file of yaml(): three workflows on source shop, every change in order, with workers,
# only deletes.
recorders() {
    cat <<'YAML'
pipelines:
  strict:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - @record
  workers:
    trigger: { type: cdc, config: { source_id: shop, workers: 4 } }
    steps:
      - @record
  deletes:
    trigger: { type: cdc, config: { source_id: shop, actions: [ DELETE ] } }
    steps:
      - @record
YAML
}

# seen_create - seen.db, which the modules entry "- @seen" opens: every event as it came, and `seen`
# with what the checks look at.
seen_create() {
    sqlite3 seen.db >/dev/null <<'SQL'
PRAGMA journal_mode = WAL;
CREATE TABLE event (n INTEGER PRIMARY KEY, pipeline TEXT, id TEXT, event TEXT);
CREATE VIEW seen AS SELECT n, pipeline, id, event, event ->> 'op' AS op, event ->> 'table' AS tab,
    event -> 'key' AS key, event -> 'before' AS old, event -> 'after' AS new FROM event;
SQL
}

# seen_count [WHERE] - how many events there are.
seen_count() {
    ask seen.db "SELECT count(*) FROM seen ${1:+WHERE $1}"
}

# seen_at_least NUMBER [WHERE]
seen_at_least() {
    [ "$(seen_count "${2:-}")" -ge "$1" ]
}

# events_import FILE DATABASE - JSON lines into the table event(n, event).
events_import() {
    ask "$2" "CREATE TABLE IF NOT EXISTS event (event TEXT)"
    sqlite3 "$2" '.mode ascii' '.separator "\037" "\n"' ".import $1 event"
}

# same_contents DATABASE [WHERE] - no id in its table `event` stands for two different events.
same_contents() {
    same 0 "$(ask "$1" "SELECT count(*) FROM (SELECT 1 FROM event WHERE ${2:-true} GROUP BY event ->> 'id'
        HAVING count(DISTINCT event) > 1)")" "ids with two contents"
}

# gate_open, gate_shut - while gate.db is shut, a workflow's step that writes to it waits, up to the
# five seconds of storage.sqlite: a slow workflow whose end the test decides.
gate_create() {
    ask gate.db 'PRAGMA journal_mode = WAL; CREATE TABLE gate (passed INTEGER); INSERT INTO gate VALUES (0)' >/dev/null
}
gate_shut() {
    rm -f gate.fifo gate.shut
    mkfifo gate.fifo
    sqlite3 gate.db <gate.fifo >gate.out 2>&1 &
    gate=$!
    spawned+=("$gate")
    exec 9>gate.fifo
    printf '.timeout 10000\nBEGIN IMMEDIATE;\n.shell touch gate.shut\n' >&9
    wait_until 10 test -e gate.shut
}
gate_open() {
    printf 'COMMIT;\n' >&9
    exec 9>&-
    wait "$gate"
}

# http_port - the port that http.server found, from the log.
http_port() {
    sed -n '/http.server listens/s/.*address=.*:\([0-9]*\).*/\1/p' "$host_log"
}

# http METHOD PATH [JSON] - one request to the host; the body of the answer.
http() {
    curl -sS -m 10 -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} \
        "http://127.0.0.1:$(http_port)$2"
}

# json TEXT PATH - a member of a JSON text: a text or number as it is, else JSON.
json() {
    sqlite3 -batch :memory: "SELECT json_extract('${1//\'/\'\'}', '$2')"
}
