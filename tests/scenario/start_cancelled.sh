# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# start_cancelled - a database that takes the connection and never answers: the first SIGTERM ends a
# start that waits for it, of `run` and of `tail`, and what had started before is stopped.
. "$SOURCE_DIR/tests/support/scenario.bash"

"$WFHOST" inspect >types.txt
grep -q postgres types.txt || skip "the provider postgres is not built"

# A process that is held: its port takes connections, and nobody reads them.
yaml deaf.yaml <<'YAML'
modules:
  - { name: web, type: http.server, config: { address: "127.0.0.1:0" } }
YAML
host_start deaf.yaml
port=$(http_port)
deaf=$host
kill -STOP "$deaf"
connects() {
    awk -v port=":$(printf %04X "$port")\$" '$3 ~ port && $4 == "01" { found = 1 } END { exit !found }' /proc/net/tcp
}

ask shop.db 'CREATE TABLE item (id INTEGER PRIMARY KEY, v)'
yaml config.yaml <<YAML
modules:
  - { name: shop, type: cdc.source, config: { provider: sqlite, source_id: shop, connection: shop.db } }
  - { name: far, type: cdc.source, dependsOn: [shop],
      config: { provider: postgres, source_id: far, connection: "host=127.0.0.1 port=$port user=u dbname=d" } }
  - { name: never, type: cdc.source, dependsOn: [far],
      config: { provider: sqlite, source_id: never, connection: shop.db } }
YAML

for signal in TERM:terminated INT:interrupted; do
    spawn run "$WFHOST" run --log-level debug config.yaml
    host_log=run.log
    wait_until 10 connects
    kill -"${signal%:*}" "$pid"
    ends "$pid" 0 4
    logged "${signal#*:}: stopped before all was started" || fail "it does not say why it ended"
    logged 'source is stopped source=shop' || fail "what had started was not stopped"
    logged 'source is stopped source=far' || fail "the start that was cancelled still runs"
    ! logged 'source=never' || fail "another module was started after the signal"
done

spawn tail "$WFHOST" tail --log-level info postgres "host=127.0.0.1 port=$port user=u dbname=d"
host_log=tail.log
wait_until 10 connects
kill -TERM "$pid"
ends "$pid" 0 4

kill -CONT "$deaf"
kill -TERM "$deaf"
ends "$deaf" 0
