# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dbz_signals - snapshots of a connector that streams, on a real Kafka Connect: an incremental one whose
# watermarks go to a signal table, and a blocking one, both while changes go on; PostgreSQL, then MariaDB.
# The brokers are reached over TLS, with a certificate of a CA that nobody but the configuration knows.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/debezium.bash"
. "$SOURCE_DIR/tests/support/mariadb.bash"

command -v openssl >/dev/null || skip "there is no openssl"

# authority NAME - a CA, NAME.pem and NAME.key.
authority() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$1" -keyout "$1.key" -out "$1.pem" 2>openssl.log ||
        fail "$(<openssl.log)"
}

authority ca
authority stranger
{
    openssl req -newkey rsa:2048 -nodes -subj /CN=broker -keyout broker.key -out broker.csr
    echo 'subjectAltName = IP:127.0.0.1' >broker.ext
    openssl x509 -req -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 30 -extfile broker.ext -out broker.crt
} 2>openssl.log || fail "$(<openssl.log)"
cat broker.key broker.crt >broker.pem

pg_create max_connections=30
seen_create
mariadb_start
port_free
inside=127.0.0.1:$port
port_free
outside=127.0.0.1:$port
port_free
kafka_settings=(
    # Workers and this script use the listener without TLS; nothing of ours may.
    "listeners=PLAINTEXT://$inside,OUTSIDE://$outside,CONTROLLER://127.0.0.1:$port"
    "advertised.listeners=PLAINTEXT://$inside,OUTSIDE://$outside"
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTSIDE:SSL,CONTROLLER:PLAINTEXT"
    "controller.quorum.voters=1@127.0.0.1:$port"
    "listener.name.outside.ssl.keystore.type=PEM"
    "listener.name.outside.ssl.keystore.location=$PWD/broker.pem"
)
kafka_log4j
kafka_config
kafka_servers=$inside
kafka_start
connect_start

# config FILE CA TYPE URI TABLES [LINE...] - source $id of the database.
config() {
    local file=$1 ca=$2 type=$3 uri=$4 tables=$5
    shift 5
    {
        echo 'modules:'
        kafka_servers=$outside dbz_module "$type" "$uri" 'snapshot: never' 'snapshot_chunk_rows: 100' \
            "state_dir: state-$id" "kafka: { security.protocol: SSL, ssl.ca.location: $PWD/$ca.pem }" \
            "connector_kafka: { security.protocol: SSL, ssl.truststore.type: PEM, ssl.truststore.location: $PWD/ca.pem }" "$@" |
            sed "s/^ *source_id: shop/&\n      tables: $tables/"
        echo '  - @seen'
        dbz_web
        recorder
        dbz_steps
    } | sed -e "s/source_id: shop/source_id: $id/" -e "s/name: shop/name: $id/" | yaml "$file"
}

# busy CLIENT FROM - changes of `item` until busy.stop is there: new rows, and the first hundred ones.
busy() {
    local n=$2
    until [ -e busy.stop ]; do
        n=$((n + 1))
        "$1" "INSERT INTO item VALUES ($n, 'new'); UPDATE item SET name = 'change $n' WHERE id = $((n * 7 % 100 + 1))"
        sleep 0.1
    done
}

# completed - how many snapshots the connector says it has completed.
completed() {
    local topic=__debezium-notifications.$id
    if kafka_has_topic "$topic"; then kafka_records "$topic" | grep -cF '"COMPLETED"' || true; else echo 0; fi
}

# all_heard - whether the host has read what the connector has said of itself, such as that it begins
# without a snapshot, which is one that is completed or skipped.
all_heard() {
    local said
    said=$(kafka_count "__debezium-notifications.$id")
    [ "$said" -eq 0 ] || dbz_is "$said" "\$.details.kafka.positions.\"__debezium-notifications.$id/0\".committed"
}

# asked CLIENT FROM TABLES PLACE - has the tables read while changes go on; each row that nobody changed meanwhile
# comes once, the others with what they are at last, and the status tells the end.  Sets $since, the last
# event before.
asked() {
    local before changes made
    since=$(ask seen.db 'SELECT coalesce(max(n), 0) FROM event')
    rm -f busy.stop
    spawn busy busy "$1" "$2"
    changes=$pid
    wait_until 30 seen_at_least 3 "n > $since AND op = 'INSERT'"
    wait_until 30 all_heard
    before=$(completed)
    contains snapshot_triggered <(http POST /snapshot "{\"tables\": $3}")
    wait_until 30 dbz_is snapshot '$.phase'
    wait_until 150 dbz_is streaming '$.phase'
    same '' "$(dbz_status '$.snapshot')" 'a snapshot in the status, after its end'
    same $((before + 1)) "$(completed)" 'snapshots that the connector has completed'
    touch busy.stop
    ends "$changes" 0 30
    "$1" "INSERT INTO item VALUES ($(($2 + 9000)), 'last')"
    wait_until 60 seen_at_least 1 "n > $since AND op = 'INSERT' AND tab = '$4.item' AND key ->> 'id' = $(($2 + 9000))"
    made=$("$1" "SELECT count(*) FROM item WHERE id > $2")
    same "$made $((made - 1))" "$(ask seen.db "SELECT count(DISTINCT new ->> 'id') FILTER (WHERE op = 'INSERT') || ' ' ||
        count(DISTINCT new ->> 'name') FILTER (WHERE op = 'UPDATE') FROM seen WHERE n > $since AND tab = '$4.item'")" \
        'inserts and updates that went on'
    same '900 900' "$(ask seen.db "SELECT count(*) || ' ' || count(DISTINCT new ->> 'id') FROM seen
        WHERE n > $since AND op = 'READ' AND tab = '$4.item' AND new ->> 'id' BETWEEN 101 AND 1000")" 'rows that were read'
    "$1" "SELECT concat(id, ' ', name) FROM item ORDER BY id" >rows.txt
    ask seen.db "SELECT id || ' ' || name FROM (SELECT new ->> 'id' AS id, new ->> 'name' AS name, max(n) FROM seen
        WHERE tab = '$4.item' AND op <> 'DDL' GROUP BY 1) ORDER BY id" >rows-seen.txt
    cmp -s rows.txt rows-seen.txt || fail "rows are not what was seen last: $(diff rows.txt rows-seen.txt | head -n 5)"
    same 0 "$(seen_count "op = 'READ' AND tab = '$4.other'")" 'rows of a table that nobody asked for'
    ! logged 'did not take up' || fail 'the connector did not hear the signal'
    echo "$id from $2 on: $(seen_count "n > $since AND op = 'READ'") rows read," \
        "$(seen_count "n > $since AND tab = '$4.item' AND op IN ('INSERT', 'UPDATE')") changes of $((2 * made - 1)) that were made"
}

# up CLIENT PLACE - until the connector has its place in the stream: without a snapshot, what is changed before
# that is not told, and it has that place only some time after it says that it runs.
up() {
    local from
    from=$(ask seen.db 'SELECT coalesce(max(n), 0) FROM event')
    wait_until 90 connect_state RUNNING "workflow-$id"
    told() {
        "$1" "UPDATE other SET n = n + 1"
        sleep 0.5
        seen_at_least 1 "n > $from AND tab = '$2.other'"
    }
    wait_until 60 told "$1" "$2"
}

# both CLIENT TYPE URI PLACE - the two kinds of snapshot.
both() {
    local client=$1 type=$2 uri=$3 place=$4 rows tables windows
    id=$type
    tables="[$place.item, $place.other, $place.plain]"
    rows=$(printf ",(%d,'old')" {1..1000})
    for one in "CREATE TABLE item (id int PRIMARY KEY, name varchar(40))" \
        "CREATE TABLE other (id int PRIMARY KEY, n int)" "CREATE TABLE plain (name varchar(40))" \
        "CREATE TABLE signals (id varchar(64) PRIMARY KEY, type varchar(64), data varchar(2048))" \
        "INSERT INTO item VALUES ${rows:1}" "INSERT INTO other VALUES (1, 0)" "INSERT INTO plain VALUES ('a'), ('b')"; do
        "$client" "$one"
    done
    config table.yaml ca "$type" "$uri" "$tables" 'signals: table' "signal_table: $place.signals"
    config blocking.yaml ca "$type" "$uri" "$tables" 'snapshot_type: blocking'

    host_start table.yaml
    up "$client" "$place"
    asked "$client" 2000 "\"$place.item\"" "$place"
    same '' "$(json "$(connect GET "/connectors/workflow-$id/config")" '$."read.only"')" 'read.only with a signal table'
    same 'snapshot-window-close snapshot-window-open' \
        "$("$client" 'SELECT DISTINCT type FROM signals ORDER BY type' | paste -sd ' ')" 'kinds of watermarks'
    windows=$("$client" 'SELECT count(*) FROM signals')
    [ "$windows" -ge 20 ] || fail "a thousand rows were read in $windows windows"
    same 0 "$(seen_count "tab LIKE '%signals'")" 'events of the signal table'
    host_stop

    host_start blocking.yaml
    up "$client" "$place"
    asked "$client" 20000 "[\"$place.item\", \"$place.plain\"]" "$place"
    # A topic that is new is found within ten seconds, and the end may be heard of before.
    wait_until 30 seen_at_least 2 "op = 'READ' AND tab = '$place.plain'"
    same 'a b' "$(ask seen.db "SELECT new ->> 'name' FROM seen WHERE n > $since AND op = 'READ' AND tab = '$place.plain'
        ORDER BY 1" | paste -sd ' ')" 'rows of a table without a key'
    same "$windows" "$("$client" 'SELECT count(*) FROM signals')" 'watermarks after a blocking snapshot'
    host_stop
}

both pg postgres "postgresql://postgres:none@127.0.0.1:$(<"$server/port")/shop" public
both sql mariadb "mariadb://cdc:cdc@127.0.0.1:$sql_port/shop" shop
same SSL "$(kafka_records connect_configs | sed -n 's/.*"signal.consumer.security.protocol":"\([A-Z]*\)".*/\1/p' | sort -u)" \
    'how connectors reach the brokers'

# A certificate of somebody else's is not taken.
config wrong.yaml stranger mariadb "mariadb://cdc:cdc@127.0.0.1:$sql_port/shop" '[shop.item]'
spawn wrong timeout 60 "$WFHOST" run wrong.yaml
wait_until 30 logged 'certificate verify failed' wrong.log
sql_stop
