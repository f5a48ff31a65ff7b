# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests share that need Kafka and Kafka Connect with Debezium, as scripts/peer-kafka gets them:
# one broker (KRaft), one worker, both of this test alone, with their files in its folder.  Everything of
# scenario.bash is there as well.
#
#     kafka_start             sets $kafka_servers (127.0.0.1:PORT) and $kafka (its process)
#     connect_start           sets $connect_url and $connect
#     connect_put NAME JSON   a connector of a test's own; connect METHOD PATH [JSON] for anything else
#     kafka_records TOPIC     what is in the topic
#
# The time after which a killed process counts as gone is short (3 s), so that tests of that are.  Each start
# can be repeated after a stop or crash: port and files stay the same.  What a test adds to the
# configuration it puts into kafka_settings and connect_settings before the first one: (PROPERTY=VALUE...).
. "$SOURCE_DIR/tests/support/server.bash"

kafka_home=${KAFKA_HOME:-$SOURCE_DIR/build/peers/kafka}
[ -e "$kafka_home/complete" ] || skip "Kafka was not got; scripts/peer-kafka gets it"
command -v java >/dev/null || skip "there is no java"
command -v kcat >/dev/null || skip "there is no kcat"
kafka_settings=()
connect_settings=()
kafka_servers=
kafka=
connect_url=
connect=

# kafka_log4j - lets the Java programs write their log to stdout.
kafka_log4j() {
    cat >log4j2.properties <<'EOF'
status = error
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = [%d] %p %m (%c)%n
rootLogger.level = INFO
rootLogger.appenderRef.out.ref = out
EOF
}

# kafka_java HEAP_MB... CLASS ARGUMENT... - a Java program of Kafka's.  Its compiler may not take both
# cores of a small machine from the others for long, thus only the first tier; the heap is small.
kafka_java() {
    exec java -Xms64m "-Xmx$1m" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true \
        "-Dlog4j2.configurationFile=$PWD/log4j2.properties" -cp "$kafka_home/libs/*" "${@:2}"
}

kafka_config() {
    local controller
    port_free
    controller=$port
    port_free
    kafka_servers=127.0.0.1:$port
    cat >kafka.properties <<EOF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$controller
listeners=PLAINTEXT://$kafka_servers,CONTROLLER://127.0.0.1:$controller
advertised.listeners=PLAINTEXT://$kafka_servers
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=$PWD/kafka
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=2000
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
auto.create.topics.enable=true
EOF
    printf '%s\n' "${kafka_settings[@]}" >>kafka.properties
    # A folder has to be formatted once, which takes a Java program; the cluster's name is the same for all.
    (kafka_java 128 kafka.tools.StorageTool format -t Y2RjLXRlc3RzLWthZmthLQ -c "$PWD/kafka.properties") \
        >kafka-format.log 2>&1 || fail "$(<kafka-format.log)"
}

# kafka_start - the broker, until it serves.
kafka_start() {
    kafka_log4j
    [ -n "$kafka_servers" ] || kafka_config
    server_log kafka
    spawn kafka kafka_run
    kafka=$pid
    server_ready kafka "$kafka" 90 kafka_serves
}

kafka_run() {
    kafka_java 384 kafka.Kafka "$PWD/kafka.properties" 1>&2
}

kafka_serves() {
    grep -q 'Kafka Server started' kafka.log && kcat -b "$kafka_servers" -m 2 -L
}

# kafka_stop - in an orderly way; it takes about five seconds.
kafka_stop() {
    server_stop "$kafka"
}

# kafka_crash - kill -9.
kafka_crash() {
    kill_now "$kafka"
}

# kafka_topic NAME [PARTITIONS] [SETTING=VALUE...] - makes a topic.
kafka_topic() {
    local name=$1 partitions=${2:-1} settings=() one
    shift $(($# < 2 ? $# : 2))
    for one; do settings+=(--config "$one"); done
    (kafka_java 128 org.apache.kafka.tools.TopicCommand --bootstrap-server "$kafka_servers" --create \
        --topic "$name" --partitions "$partitions" "${settings[@]}") >kafka-topic.log 2>&1 ||
        fail "$(<kafka-topic.log)"
}

# kafka_topics - their names, one a line.
kafka_topics() {
    kcat -b "$kafka_servers" -L | sed -n 's/^  topic "\([^"]*\)" with .*/\1/p'
}

# kafka_has_topic NAME
kafka_has_topic() {
    kafka_topics | grep -qxF -- "$1"
}

# kafka_records TOPIC [FORMAT] - the values (or what kcat's FORMAT says: '%k %s\n') of all that is in it.
kafka_records() {
    kcat -q -b "$kafka_servers" -C -t "$1" -o beginning -e -f "${2:-%s\n}"
}

# kafka_count TOPIC - how many records there are, tombstones too; 0 when there is no such topic.
kafka_count() {
    if kafka_has_topic "$1"; then kafka_records "$1" '%o\n' | wc -l; else echo 0; fi
}

# kafka_at_least NUMBER TOPIC - for wait_until.
kafka_at_least() {
    [ "$(kafka_count "$2")" -ge "$1" ]
}

# kafka_produce TOPIC - stdin, one record a line, KEY<tab>VALUE; an empty value is a tombstone.
kafka_produce() {
    kcat -q -b "$kafka_servers" -P -t "$1" -K '	' -Z
}

# kafka_lag GROUP TOPIC - how many records lie behind what the group has committed, over all partitions.
kafka_lag() {
    (kafka_java 128 org.apache.kafka.tools.consumer.group.ConsumerGroupCommand --bootstrap-server \
        "$kafka_servers" --describe --group "$1") 2>kafka-group.log |
        awk -v topic="$2" '$2 == topic { lag += $6 } END { print lag + 0 }'
}

connect_config() {
    port_free
    connect_url=http://127.0.0.1:$port
    cat >connect.properties <<EOF
bootstrap.servers=$kafka_servers
group.id=connect
listeners=HTTP://127.0.0.1:$port
rest.advertised.host.name=127.0.0.1
rest.advertised.port=$port
plugin.path=$kafka_home/plugins
plugin.discovery=service_load
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
key.converter.schemas.enable=false
value.converter.schemas.enable=false
config.storage.topic=connect_configs
config.storage.replication.factor=1
offset.storage.topic=connect_offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic=connect_status
status.storage.replication.factor=1
status.storage.partitions=1
offset.flush.interval.ms=1000
session.timeout.ms=3000
heartbeat.interval.ms=500
scheduled.rebalance.max.delay.ms=0
EOF
    printf '%s\n' "${connect_settings[@]}" >>connect.properties
}

# connect_start - the worker, until it serves.
connect_start() {
    [ -n "$connect_url" ] || connect_config
    server_log connect
    spawn connect connect_run
    connect=$pid
    # It answers 503 while it joins its group and reads its topics.
    server_ready connect "$connect" 120 curl -sf -m 5 "$connect_url/health"
}

connect_run() {
    kafka_java 512 org.apache.kafka.connect.cli.ConnectDistributed "$PWD/connect.properties" 1>&2
}

connect_stop() {
    server_stop "$connect"
}

# connect_crash - kill -9.
connect_crash() {
    kill_now "$connect"
}

# connect METHOD PATH [JSON] - one request to the worker, the body of the answer; fails when the status is
# none of 2xx.
connect() {
    curl -sS -m 60 --fail-with-body -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} "$connect_url$2"
}

# connect_put NAME JSON - a connector with that configuration, and waits until its task runs.
connect_put() {
    connect PUT "/connectors/$1/config" "$2" >connect-put.log || fail "$(<connect-put.log)"
    wait_until 60 connect_state RUNNING "$1"
}

# connect_state STATE NAME - whether the connector and its only task are in that state.
connect_state() {
    local status
    status=$(connect GET "/connectors/$2/status" 2>/dev/null) || return 1
    [ "$(json "$status" "$.connector.state")/$(json "$status" "$.tasks[0].state")" = "$1/$1" ]
}

# connect_connectors - their names, as a JSON array.
connect_connectors() {
    connect GET /connectors
}
