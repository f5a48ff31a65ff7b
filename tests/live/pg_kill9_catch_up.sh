# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_kill9_catch_up - `wfhost tail` is killed ROUNDS times (10) while it catches up with a server that went
# on without it, in each phase of that, at the change to streaming and after it, while clients go on changing
# rows.  What the lines add up to is what was committed, in order, and repeats are repeats.
. "$SOURCE_DIR/tests/support/postgres.bash"

rounds=${ROUNDS:-10}
pg_create logical_decoding_work_mem=64kB
load_create
seen_create
mkdir state
tail_start() {
    spawn "tail.$1" "$WFHOST" tail postgres "$connection" --table public.item --log-level debug \
        --option slot=shop --option publication=shop --option state_dir="$PWD/state" \
        --option catch_up_threshold=1MiB
    tail=$pid
}
tail_start 0
wait_until 20 pg_streams shop
load_start 2
# backlog CHANGES - committed quickly, a few rows each.
backlog() {
    pg "DO \$\$ BEGIN FOR i IN 1 .. $1 LOOP PERFORM change(9); COMMIT; END LOOP; END \$\$"
}
for round in $(seq "$rounds"); do
    kill_now "$tail"
    backlog $((200 + RANDOM % 800))
    tail_start "$round"
    # A third of them as soon as something comes, the others at any moment.
    if [ $((round % 3)) -eq 0 ]; then wait_until 30 test -s "tail.$round.out"; fi
    sleep "$((RANDOM % 2)).$(printf '%03d' $((RANDOM % 1000)))"
done
load_stop
# The last one has the time it needs.
pg "SELECT change_one(8)" >load.log
last=$(pg 'SELECT max(n) FROM journal')
complete() {
    grep -q "\"n\":${last}[,}]" "tail.$rounds.out"
}
wait_until 120 complete
kill -TERM "$tail"
ends "$tail" 0
caught_up=$(grep -l ' catching up: ' tail.*.log | wc -l)
[ "$caught_up" -ge $((rounds / 2)) ] || fail "only $caught_up of $rounds rounds say that they caught up"
load_check_lines $(seq -f 'tail.%g.out' 0 "$rounds")
echo "rounds $rounds, $caught_up of them caught up"
