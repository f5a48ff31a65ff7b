# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests share in which tests/fault_writer changes a SQLite database, with a journal of what it has
# committed, while a host is killed; to be read after scenario.bash or engine.bash.
#
#     journal_create             shop.db, and config.yaml with a source and the three workflows of recorders()
#     journal_arrives SECONDS    waits until every commit has come to each workflow; sets $committed
#     journal_compare            what came is what was committed, in order for whoever asked for order; repeats
#                                have the content of the first time, and there are no dead letters

journal_create() {
    ask shop.db '
PRAGMA journal_mode = WAL;
CREATE TABLE item (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, filler TEXT);
CREATE TABLE journal (n INTEGER PRIMARY KEY, op TEXT, id INTEGER, old INTEGER, new INTEGER)' >wal.txt
    seen_create
    yaml config.yaml <<YAML
modules:
  - name: shop
    type: cdc.source
    config: { provider: sqlite, source_id: shop, connection: shop.db, tables: [ main.item ], options: { buffer_bytes: 64KiB } }
  - @seen
$(recorders)
YAML
}

journal_arrived() {
    [ "$(ask seen.db "SELECT group_concat(c) FROM (SELECT count(DISTINCT id) AS c FROM event GROUP BY pipeline ORDER BY pipeline)")" = "$1" ]
}

journal_arrives() {
    committed=$(ask shop.db 'SELECT count(*) FROM journal')
    wait_until "$1" journal_arrived "$(ask shop.db "SELECT count(*) FROM journal WHERE op = 'DELETE'"),$committed,$committed"
}

# journal_same PIPELINE TEXT ORDER [WHERE] - TEXT says what is wrong.
journal_same() {
    ask shop.db "SELECT op, id, old, new FROM journal ${4:-} ORDER BY $3" >journal.txt
    ask seen.db "SELECT op, item, old, new FROM first WHERE pipeline = '$1' ORDER BY ${3/id/item}" >"$1.txt"
    cmp journal.txt "$1.txt" || fail "$2: $(diff journal.txt "$1.txt" | head -n 5)"
}

journal_compare() {
    ask seen.db "CREATE TABLE first AS SELECT pipeline, id, min(n) AS n, op, key ->> 'id' AS item, old ->> 'n' AS old, new ->> 'n' AS new
        FROM seen GROUP BY pipeline, id"
    journal_same strict 'not what was committed, or not in order' n
    journal_same deletes 'not the deletes, or not in order' n "WHERE op = 'DELETE'"
    journal_same workers 'not in order per key' 'id, n'
    same_contents seen.db
    "$WFHOST" dead-letters list --state-dir .cdc-state >letters 2>letters.txt || fail "$(<letters.txt)"
    same 0 "$(lines letters)" "dead letters"
}
