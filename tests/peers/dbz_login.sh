# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# dbz_login - brokers that want a login: ours by options.kafka, those of the connector's own clients (signals,
# schema history) by options.connector_kafka, where the login is a reference that only the worker resolves.
. "$SOURCE_DIR/tests/support/debezium.bash"
. "$SOURCE_DIR/tests/support/mariadb.bash"

seen_create
mariadb_start
plain=org.apache.kafka.common.security.plain.PlainLoginModule
echo "jaas=$plain required username=\"connector\" password=\"geheim2\";" >login.properties
port_free
inside=127.0.0.1:$port
port_free
outside=127.0.0.1:$port
port_free
kafka_settings=(
    # Workers and this script use the listener without a login; nothing of ours may.
    "listeners=PLAINTEXT://$inside,OUTSIDE://$outside,CONTROLLER://127.0.0.1:$port"
    "advertised.listeners=PLAINTEXT://$inside,OUTSIDE://$outside"
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,OUTSIDE:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT"
    "controller.quorum.voters=1@127.0.0.1:$port"
    "sasl.enabled.mechanisms=PLAIN"
    "listener.name.outside.plain.sasl.jaas.config=$plain required user_host=\"geheim1\" user_connector=\"geheim2\";"
)
connect_settings=("config.providers=file" "config.providers.file.class=org.apache.kafka.common.config.provider.FileConfigProvider"
    "config.providers.file.param.allowed.paths=$PWD")
kafka_log4j
kafka_config
kafka_servers=$inside
kafka_start
connect_start
sql "CREATE TABLE item (id int PRIMARY KEY, name varchar(40)); INSERT INTO item VALUES (1, 'one')"

# config FILE PASSWORD
config() {
    {
        echo 'modules:'
        kafka_servers=$outside dbz_module mariadb "mariadb://cdc:cdc@127.0.0.1:$sql_port/shop" 'snapshot: initial' \
            "kafka: { security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.username: host, sasl.password: $2 }" \
            "connector_kafka: { security.protocol: SASL_PLAINTEXT, sasl.mechanism: PLAIN, sasl.jaas.config: '\${file:$PWD/login.properties:jaas}' }"
        echo '  - @seen'
        dbz_web
        recorder
        dbz_steps
    } | yaml "$1"
}
config config.yaml geheim1
config wrong.yaml falsch

host_start config.yaml
dbz_up 60
wait_until 30 seen_at_least 1 "op = 'READ'"
sql "INSERT INTO item VALUES (2, 'two'); ALTER TABLE item ADD size int"
wait_until 20 seen_at_least 1 "op = 'INSERT'"
wait_until 20 seen_at_least 1 "op = 'DDL' AND event ->> 'ddl' LIKE 'ALTER TABLE%'"
# The signal is read by a client of the connector's.
contains snapshot_triggered <(http POST /snapshot '{"tables": "shop.item"}')
wait_until 60 seen_at_least 3 "op = 'READ'"
kafka_has_topic __debezium-schema-history.shop || fail 'there is no schema history'
config=$(connect GET /connectors/workflow-shop/config)
same "\${file:$PWD/login.properties:jaas}" "$(json "$config" '$."signal.consumer.sasl.jaas.config"')" 'the reference'
case $config in *geheim*) fail "a password stands in Kafka Connect: $config" ;; esac
host_stop

spawn wrong timeout 60 "$WFHOST" run wrong.yaml
wait_until 30 logged sasl.password wrong.log
! grep -l -e geheim -e falsch host.*.log wrong.log || fail 'a password is in a log'
sql_stop
