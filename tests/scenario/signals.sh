# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# signals - SIGTERM lets the running pipeline finish, what comes after waits for the next start; a
# second signal ends the process at once, and then nothing is lost either.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
gate_create
yaml config.yaml <<'YAML'
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: gate, type: storage.sqlite, config: { dbPath: gate.db } }
  - @seen
pipelines:
  work:
    trigger: { type: cdc, config: { source_id: shop } }
    steps:
      - { name: begun, type: step.log, config: { message: "begun ${ key.id }" } }
      - { name: slow, type: step.db_exec, config: { database: gate, query: UPDATE gate SET passed = passed + 1 } }
      - @record
YAML
seen_keys() {
    ask seen.db "SELECT group_concat(key ->> 'id', ' ') FROM (SELECT * FROM seen ORDER BY n)"
}

# SIGTERM while the first of two events is being worked on.
host_start config.yaml
gate_shut
ask shop.db 'INSERT INTO item VALUES (1, 1), (2, 2)'
wait_until 10 logged 'begun 1'
kill -TERM "$host"
wait_until 10 logged 'terminated: stopping'
alive "$host" || fail "it did not wait for the running pipeline"
same 0 "$(seen_count)" "events that passed the shut gate"
gate_open
ends "$host" 0
same 1 "$(seen_keys)" "what was finished"
! logged 'begun 2' || fail "another run was begun after SIGTERM"
host_start config.yaml
wait_until 10 seen_at_least 2
same '1 2' "$(seen_keys)" "what came after the next start"
host_stop

# Two signals: it ends at once, with the signal's code; the event comes again.
for signal in TERM:143 INT:130; do
    gate_shut
    events=$(seen_count)
    host_start config.yaml
    ask shop.db "INSERT INTO item (v) VALUES ('$signal')"
    wait_until 10 logged 'begun '
    kill -"${signal%:*}" "$host"
    wait_until 10 logged ': stopping'
    kill -"${signal%:*}" "$host"
    ends "$host" "${signal#*:}" 4
    same "$events" "$(seen_count)" "events that passed the shut gate"
    gate_open
    host_start config.yaml
    wait_until 10 seen_at_least $((events + 1))
    host_stop
done
same '1 2 3 4' "$(seen_keys)" "all events, once each"

# SIGINT is as good as SIGTERM; SIGTERM in the first moments of a start, too.
host_start config.yaml
kill -INT "$host"
ends "$host" 0
for _ in 1 2 3 4 5; do
    spawn early "$WFHOST" run config.yaml
    wait_until 5 test -s early.log
    kill -TERM "$pid"
    ends "$pid" 0
done
