# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What bench_debezium runs.  Debezium's records are without schemas (BENCH_SCHEMAS=true: with), and lie in one
# partition.  Each of our readers is a member of a group of its own, and a process of its own that loads the
# plugin as a host does; times are from before the process to its last event, for kcat to its end.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/kafka.bash"

rows=$BENCH_ROWS
heap=${BENCH_HEAP:-1024}
reader=$BUILD_DIR/bench/bench_pg_reader

# The compiler may do all it can here, and the heap is what Kafka Connect takes by itself.
kafka_java() {
    local most=$1
    [ "$2" != org.apache.kafka.connect.cli.ConnectDistributed ] || most=$heap
    exec java -Xms64m "-Xmx${most}m" -Djava.awt.headless=true \
        "-Dlog4j2.configurationFile=$PWD/log4j2.properties" -cp "$kafka_home/libs/*" "${@:2}"
}

# now - seconds of the monotonic clock.
now() {
    cut -d ' ' -f 1 /proc/uptime
}

# cpu PID - seconds of processor time that a process has taken; rss PID - its memory, at most, in MB.
cpu() {
    awk -v hz="$(getconf CLK_TCK)" '{ sub(/.*\) /, ""); print ($12 + $13) / hz }' "/proc/$1/stat"
}
rss() {
    awk '/VmHWM/ { printf "%.0f", $2 / 1024 }' "/proc/$1/status"
}

# row LABEL SECONDS CPU_SECONDS MB
row() {
    awk -v l="$1" -v n="$rows" -v s="$2" -v c="$3" -v m="$4" 'BEGIN {
        printf "  %-44s %9.0f /s %7.2f us each %6.0f MB\n", l, n / s, c / n * 1e6, m }'
}

# took LABEL SINCE
took() {
    awk -v l="$1" -v e="$(now)" -v b="$2" 'BEGIN { printf "  %-44s %9.1f s\n", l, e - b }'
}

# reader_start CONFIG - its output in reader.out; sets $reading and $begin.
reader_start() {
    rm -f reader.stdin
    : >reader.out
    mkfifo reader.stdin
    begin=$(now)
    "$reader" "$1" "$rows" <reader.stdin >reader.out 2>reader.log &
    reading=$!
    spawned+=("$reading")
    exec 7>reader.stdin
    wait_until 90 grep -q ready reader.out
}
# reader_end LABEL - waits for the last event, and prints.
reader_end() {
    wait_until 600 reader_said
    local end_ns cpu_ns kb
    read -r end_ns cpu_ns kb _ < <(tail -n 1 reader.out)
    exec 7>&-
    wait "$reading"
    row "$1" "$(awk -v e="$end_ns" -v b="$begin" 'BEGIN { print e / 1e9 - b }')" \
        "$(awk -v c="$cpu_ns" 'BEGIN { print c / 1e9 }')" "$(awk -v k="$kb" 'BEGIN { print k / 1024 }')"
}
reader_said() {
    [ "$(lines reader.out)" -ge 2 ] || { gone "$reading" && fail "the reader ended: $(<reader.log)"; }
}

debezium() {
    cat <<JSON
{"provider": "debezium", "source_id": "bench", "source_type": "postgres", "connection": "$connect_url",
 "tables": ["public.orders"], "options": {"state_dir": "$PWD/state-$1", "bootstrap_servers": "$kafka_servers", "group_id": "$1",
 "on_stop": "keep", "schemas": "${BENCH_SCHEMAS:-false}", "database": "postgresql://postgres:none@127.0.0.1:$(<"$server/port")/shop"}}
JSON
}

load() {
    pg "DO \$\$ BEGIN
        FOR i IN 0 .. $rows / 1000 - 1 LOOP
            INSERT INTO orders SELECT i * 1000 + n, n % 100, 'customer number ' || n, n * 0.25, now(), '{\"a\": [1, 2]}'
                FROM generate_series(1, 1000) n;
            COMMIT;
        END LOOP; END \$\$"
}

pg_create max_wal_size=8GB
begin=$(now)
kafka_start
connect_start
took 'start of Kafka and Kafka Connect' "$begin"
pg 'CREATE TABLE orders (id bigint PRIMARY KEY, n int, customer text, amount numeric(12,2), created timestamptz, attrs jsonb)'

echo "from COMMIT to the callback, $rows rows in 1,000-row transactions"
reader_start "$(debezium first)"
wait_until 60 connect_state RUNNING workflow-bench
wait_until 60 pg_streams dbz_bench
took 'exec of our process to the slot being read' "$begin"
begin=$(now)
connect_cpu=$(cpu "$connect")
kafka_cpu=$(cpu "$kafka")
load
row '(the load itself)' "$(awk -v e="$(now)" -v b="$begin" 'BEGIN { print e - b }')" 0 0
reader_end 'provider debezium, our process'
end=$(now)
row '  Kafka Connect with Debezium' "$(awk -v e="$end" -v b="$begin" 'BEGIN { print e - b }')" \
    "$(awk -v e="$(cpu "$connect")" -v b="$connect_cpu" 'BEGIN { print e - b }')" "$(rss "$connect")"
row '  Kafka' "$(awk -v e="$end" -v b="$begin" 'BEGIN { print e - b }')" \
    "$(awk -v e="$(cpu "$kafka")" -v b="$kafka_cpu" 'BEGIN { print e - b }')" "$(rss "$kafka")"

echo "from the topic to the callback, records of $(kafka_records bench.public.orders '%S\n' | awk '{ n += $1 } END { print int(n / NR) }') bytes"
for run in $(seq "$BENCH_RUNS"); do
    begin=$(now)
    kcat_cpu=$( { TIMEFORMAT='%U %S'; time kcat -C -e -q -b "$kafka_servers" -t bench.public.orders -o beginning >/dev/null; } 2>&1)
    row 'peer: kcat to /dev/null' "$(awk -v e="$(now)" -v b="$begin" 'BEGIN { print e - b }')" \
        "$(awk '{ print $1 + $2 }' <<<"$kcat_cpu")" 0
    reader_start "$(debezium "run$run")"
    reader_end 'provider debezium'
done
connect DELETE /connectors/workflow-bench >deleted.txt
connect_stop

echo "the same changes by provider postgres"
pg 'TRUNCATE orders'
reader_start "{\"provider\": \"postgres\", \"source_id\": \"bench\", \"connection\": \"$connection\", \"tables\": [\"public.orders\"],
    \"options\": {\"state_dir\": \"$PWD/state-native\"}}"
wait_until 30 pg_streams cdc_bench
took 'exec of our process to the slot being read' "$begin"
begin=$(now)
load
row '(the load itself)' "$(awk -v e="$(now)" -v b="$begin" 'BEGIN { print e - b }')" 0 0
reader_end 'provider postgres'
uptime
