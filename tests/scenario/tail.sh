# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# wfhost tail: a line per change, nothing left behind, nothing missed with a state_dir.
command -v sqlite3 >/dev/null || skip "needs sqlite3"

db() {
    sqlite3 -cmd '.timeout 10000' shop.db "$1"
}
tail_of=("$WFHOST" tail sqlite shop.db --plugin "$PLUGIN_SO" --table orders)
captured() {
    [ "$(db "select count(*) from sqlite_master where type = 'trigger'")" -gt 0 ]
}

db 'create table orders(id integer primary key, item text)'
db "insert into orders(item) values('before')"

# --snapshot gives the rows that are there, --max ends it, and the database is as it was.
"${tail_of[@]}" --snapshot --max 1 >one.jsonl
same 1 "$(lines one.jsonl)" "lines of --max 1"
contains '"op":"READ"' one.jsonl
contains '"item":"before"' one.jsonl
same orders "$(db .tables)" "tables after tail"
captured && fail "capture triggers are left"

# A signal ends it with 0, after the changes so far are written.
"${tail_of[@]}" >signal.jsonl &
pid=$!
wait_until 20 captured
db "insert into orders(item) values('seen')"
wait_until 20 grep -q seen signal.jsonl
kill -INT "$pid"
exits 0 wait "$pid"
captured && fail "capture triggers are left after a signal"

# A reader that goes away ends it, too.
(wait_until 20 captured; for i in 1 2 3 4 5 6; do
    db "insert into orders(item) values('pipe $i')" 2>/dev/null || true
    sleep 0.1
done) &
"${tail_of[@]}" --exit-when-idle 15s | head -n 1 >pipe.jsonl
wait
contains '"item":"pipe' pipe.jsonl

# With a state_dir, one that was killed misses nothing.
"${tail_of[@]}" --option state_dir=state --exit-when-idle 15s >kept.jsonl &
pid=$!
wait_until 20 captured
db "insert into orders(item) values('first')"
wait_until 20 grep -q first kept.jsonl
kill -KILL "$pid"
wait "$pid" || true
db "insert into orders(item) values('while away')"
"${tail_of[@]}" --option state_dir=state --exit-when-idle 2s >>kept.jsonl
contains '"item":"while away"' kept.jsonl

# What is wrong ends it with 1.
exits 1 "${tail_of[@]}" --option nonsense=1 2>wrong.txt
contains nonsense wrong.txt
exits 1 "$WFHOST" tail nothing shop.db --plugin "$PLUGIN_SO" 2>wrong.txt
contains nothing wrong.txt
