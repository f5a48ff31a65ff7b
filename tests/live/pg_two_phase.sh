# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# pg_two_phase - prepared transactions: committed, rolled back, large enough for the server to stream them
# before they are prepared, and with wfhost killed between PREPARE and COMMIT PREPARED.  Nothing is lost, each
# fires at its COMMIT PREPARED, and never one that was rolled back; without options.two_phase and, from
# PostgreSQL 15 on, with it.
. "$SOURCE_DIR/tests/support/postgres.bash"

pg_create max_connections=40
version=$(pg_version)
sources=(a b c d)
if [ "$version" -lt 15 ]; then sources=(c d); fi
count=${#sources[@]}
pg "CREATE TABLE item (id bigint PRIMARY KEY, n bigint, filler text)"
# Sources that differ in two_phase, and in whether the server streams what runs.
small="$connection options=-clogical_decoding_work_mem=64kB"
seen_create
# source_of NAME CONNECTION [OPTION...]
source_of() {
    local name=$1 to=$2 IFS=,
    shift 2
    echo "  - { name: $name, type: cdc.source, config: { provider: postgres, source_id: $name, connection: \"$to\", tables: [ public.item ], options: { $* } } }"
}
a=("$connection" "two_phase: true")
# shellcheck disable=SC2034
b=("$small" "two_phase: true" "spool_memory: 64KiB")
# shellcheck disable=SC2034
c=("$connection")
# shellcheck disable=SC2034
d=("$small")
yaml config.yaml <<YAML
modules:
$(for one in "${sources[@]}"; do
    declare -n what=$one
    source_of "$one" "${what[@]}"
done)
  - @seen
pipelines:
$(for one in "${sources[@]}"; do printf '  %s:\n    trigger: { type: cdc, config: { source_id: %s } }\n    steps:\n      - @record\n' "$one" "$one"; done)
YAML
if [ "$version" -lt 15 ]; then
    yaml refused.yaml <<YAML
modules:
$(source_of a "${a[@]}")
pipelines: {}
YAML
    exits 1 timeout 20 "$WFHOST" run refused.yaml 2>refused.log
    contains "'options.two_phase' needs PostgreSQL 15" refused.log
fi
all_stream() {
    pg_answers "$count" "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
}
host_start config.yaml
wait_until 20 all_stream
if [ "$version" -ge 15 ]; then
    same 2 "$(pg "SELECT count(*) FROM pg_replication_slots WHERE two_phase")" "slots with two_phase"
fi

# prepare NAME FIRST ROWS - inserts that a later transaction decides about.
prepare() {
    pg "BEGIN; INSERT INTO item SELECT g, g, repeat(md5(g::text), 4) FROM generate_series($2, $2 + $3 - 1) g;
        SAVEPOINT s; UPDATE item SET n = -1 WHERE id = $2; ROLLBACK TO s;
        UPDATE item SET n = n + 1 WHERE id = $2; PREPARE TRANSACTION '$1'"
}
# each COUNT - every source has given so many different events.
each() {
    [ "$(ask seen.db "SELECT group_concat(c) FROM (SELECT count(DISTINCT id) AS c FROM event GROUP BY pipeline ORDER BY pipeline)")" = "$(printf "$1%.0s," "${sources[@]}" | sed 's/,$//')" ]
}
plain() {
    pg "INSERT INTO item VALUES ($1, 0, '')"
}
prepare small 1000 3
prepare large 2000 2000
prepare never 5000 3
prepare never_large 6000 2000
plain 1
wait_until 20 each 1
pg "COMMIT PREPARED 'large'"
pg "ROLLBACK PREPARED 'never'"
pg "ROLLBACK PREPARED 'never_large'"
pg "COMMIT PREPARED 'small'"
plain 2
wait_until 30 each 2007

# Killed while they wait; the second time what was delivered behind them is confirmed.
prepare small 11000 3
prepare large 12000 2000
prepare never 15000 2000
plain 3
wait_until 20 each 2008
kill_now "$host"
host_start config.yaml
wait_until 20 all_stream
plain 4
wait_until 20 each 2009
sleep 1
kill_now "$host"
pg "COMMIT PREPARED 'small'"
pg "ROLLBACK PREPARED 'never'"
host_start config.yaml
wait_until 20 all_stream
wait_until 20 each 2013
pg "COMMIT PREPARED 'large'"
plain 5
wait_until 30 each 4015
host_stop
# The same events from all of them, ids and order and all.
for one in "${sources[@]}"; do
    same_contents seen.db "pipeline = '$one'"
    ask seen.db "SELECT id, event ->> 'op', event -> 'key', event ->> 'seq', event -> 'after' ->> 'n' FROM event
        WHERE pipeline = '$one' GROUP BY id ORDER BY min(n)" >"$one.txt"
done
for one in "${sources[@]:1}"; do
    cmp -s "${sources[0]}.txt" "$one.txt" || fail "$one differs from ${sources[0]}: $(diff "${sources[0]}.txt" "$one.txt" | head -n 5)"
done
same 0 "$(seen_count "CAST(key ->> 'id' AS INTEGER) BETWEEN 5000 AND 10999 OR CAST(key ->> 'id' AS INTEGER) BETWEEN 15000 AND 16999")" "events of transactions that were rolled back"
