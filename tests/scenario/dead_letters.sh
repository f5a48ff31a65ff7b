# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dead_letters - a workflow that fails is tried again, then its event is put away with the error, the
# stream goes on, and `wfhost dead-letters` lists, fires again and drops.
. "$SOURCE_DIR/tests/support/scenario.bash"

ask shop.db 'PRAGMA journal_mode = WAL; CREATE TABLE item (id INTEGER PRIMARY KEY, v)' >wal.txt
seen_create
yaml config.yaml <<'YAML'
modules:
  - name: shop
    type: cdc.source
    config: { provider: sqlite, source_id: shop, connection: shop.db, options: { state_dir: state } }
  - @seen
pipelines:
  fragile:
    trigger:
      type: cdc
      config: { source_id: shop, retry: { max_attempts: 3, initial_backoff: 10ms, max_backoff: 20ms } }
    steps:
      - @record
      - name: needs_table
        type: step.db_exec
        if: "${ key.id < 100 }"
        config: { database: seen, query: "INSERT INTO absent VALUES (?)", params: [ "${ key.id }" ] }
  far:
    trigger:
      type: cdc
      config: { source_id: shop, actions: [ delete ], retry: { max_attempts: 2, initial_backoff: 10ms } }
    steps:
      - { name: call, type: step.http_call, config: { url: "http://127.0.0.1:1/closed", timeout: 2s } }
YAML

# letters COMMAND... - wfhost dead-letters on this state.
letters() {
    "$WFHOST" dead-letters "$1" --state-dir state "${@:2}" 2>letters.log
}
# of_letters PATH - that member of each letter.
of_letters() {
    letters list >letters.jsonl
    rm -f letters.db
    events_import letters.jsonl letters.db
    ask letters.db "SELECT event ->> '$1' FROM event"
}
letter_count() {
    same "$1" "$(letters list | wc -l)" "dead letters"
}
has_letters() {
    [ "$(letters list | wc -l)" = "$1" ]
}

host_start config.yaml
ask shop.db "INSERT INTO item VALUES (1, 'a'), (2, 'b'), (100, 'c')"
wait_until 10 seen_at_least 7
wait_until 10 has_letters 2
# Three attempts each, in order, nothing of the next event in between; then the stream went on.
same '1 1 1 2 2 2 100' "$(ask seen.db "SELECT group_concat(key ->> 'id', ' ') FROM (SELECT * FROM seen ORDER BY n)")" "attempts"
same '3 3' "$(of_letters attempts | paste -sd ' ')" "attempts in the letters"
same 'failed fragile dead main.item INSERT' "$(ask letters.db "SELECT DISTINCT event ->> 'reason' || ' ' ||
    replace(event ->> 'subscription', 'pipeline:', '') || ' ' || (event ->> 'state') || ' ' || (event ->> 'table') || ' ' ||
    (event ->> 'op') FROM event")" "what the letters say"
same 'workflow execution failed: pipeline "fragile" execution failed: step "needs_table" failed: db_exec step "needs_table": exec failed: no such table: absent' \
    "$(ask letters.db "SELECT DISTINCT event ->> 'error' FROM event")" "the error"
same "$(ask seen.db "SELECT DISTINCT event FROM event WHERE event ->> '\$.key.id' = 1")" \
    "$(ask letters.db "SELECT event ->> 'event' FROM event ORDER BY rowid LIMIT 1")" "the letter's event"

# Replay while it still fails: the letters are dead again, with one attempt more.
same '2 dead letters will be fired again' "$(letters replay)" "replay"
attempted() {
    [ "$(of_letters attempts | paste -sd ' ')" = '4 4' ]
}
wait_until 10 attempted
# Replay of one, after the cause is mended, while the host runs: no restart.
ask seen.db 'CREATE TABLE absent (id)'
first=$(of_letters id | head -n 1)
letters replay --id "$first" >replay.txt
wait_until 10 has_letters 1
same 1 "$(ask seen.db "SELECT group_concat(id) FROM absent")" "the replayed event's work"

# A step that cannot reach its server.
ask shop.db 'DELETE FROM item WHERE id = 100'
wait_until 10 has_letters 2
of_letters error | grep -q 'step "call" failed: http_call step "call": request failed: ' || fail "the error of http_call: $(of_letters error)"
! of_letters error | grep -q 'closed' || fail "an error shows the URL"
host_stop

# Replay before a start; the other source's letters stay where they are.
same '0 dead letters will be fired again' "$(letters replay --source other)" "replay of another source"
same '2 dead letters will be fired again' "$(letters replay --source shop)" "replay"
host_start config.yaml
wait_until 10 has_letters 1
same '1 2' "$(ask seen.db "SELECT group_concat(id, ' ') FROM absent")" "the replayed events' work"
wait_until 10 answers far letters.db "SELECT replace(event ->> 'subscription', 'pipeline:', '') FROM event ORDER BY rowid DESC LIMIT 1"
host_stop
same '1 dead letter dropped' "$(letters drop --source shop)" "drop"
letter_count 0
