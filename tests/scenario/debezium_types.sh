# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# debezium_types - a source of every source_type: its configuration is checked, the connector that is put under
# Kafka Connect is the one for that database, and a record as that connector writes it becomes an event.
# Kafka Connect and Kafka are fakes; those that can be had are in tests/peers.
#
# References of this kind are for Kafka Connect.
# shellcheck disable=SC2016
. "$SOURCE_DIR/tests/support/scenario.bash"

far=$BUILD_DIR/tests/fake_far
[ -x "$far" ] || skip "built without librdkafka"
case ${CDC_SANITIZE:-} in
*thread*) skip "ThreadSanitizer does not know librdkafka's threads; test programs bring c11_threads.c" ;;
esac
informix=io.debezium.connector.informix.InformixConnector
classes=(mysql.MySqlConnector mongodb.MongoDbConnector sqlserver.SqlServerConnector oracle.OracleConnector
    db2.Db2Connector informix.InformixConnector)
mkfifo far.stdin
"$far" "${classes[@]/#/io.debezium.connector.}" <far.stdin >far.out 2>far.log &
far_pid=$!
spawned+=("$far_pid")
exec 7>far.stdin
wait_until 10 test -s far.out
read -r connect_url kafka_servers <far.out

# source ID TYPE TABLE OPTION... - a module with that source, and its workflow; each OPTION is a line.
modules='' pipelines=''
source_of() {
    local option
    modules+="
  - name: $1
    type: cdc.source
    config:
      provider: debezium
      source_id: $1
      source_type: $2
      connection: $connect_url
      tables: [ $3 ]
      options:
        bootstrap_servers: $kafka_servers
        kafka: { topic.metadata.refresh.interval.ms: 5000 }"
    for option in "${@:4}"; do modules+=$'\n'"        $option"; done
    pipelines+="
  of_$1:
    trigger: { type: cdc, config: { source_id: $1 } }
    steps:
      - @record"
}
source_of pg postgres public.item 'database: { host: db.example, user: cdc, password: "${file:/etc/connect/pg:password}", name: shop }'
source_of my mysql shop.item 'database: "mysql://cdc:geheim@db.example:3307/shop?sslmode=required"'
source_of ma mariadb shop.item 'database: "mariadb://cdc:geheim@db.example/shop"'
source_of mo mongodb shop.item 'database: "mongodb://cdc:geheim@a.example,b.example/?replicaSet=rs0"'
source_of ms sqlserver dbo.item 'database: { host: db.example, user: cdc, password: geheim, name: shop }' \
    'signals: table' 'signal_table: shop.dbo.signals' 'connector: { database.encrypt: false }'
source_of or oracle SHOP.ITEM 'database: "oracle://cdc:geheim@db.example/ORCLCDB"' 'connector: { database.pdb.name: ORCLPDB1 }' \
    'connector_kafka: { bootstrap.servers: "kafka.inside:9093", security.protocol: SASL_SSL, sasl.mechanism: PLAIN, sasl.jaas.config: "${file:/etc/connect/kafka:jaas}" }'
source_of d2 db2 CDC.ITEM 'database: "db2://cdc:geheim@db.example/SHOP"'
source_of other "$informix" informix.item 'database: { host: db.example, port: 9088, user: cdc, password: geheim, name: shop }' \
    'connector: { schema.history.internal.kafka.topic: history, schema.history.internal.kafka.bootstrap.servers: "kafka:9092" }'
yaml config.yaml <<<"modules:
  - @seen$modules
pipelines:$pipelines"
"$WFHOST" validate config.yaml >validated.txt || fail "$(<validated.txt)"

# A record of each, as its connector writes it.  record TOPIC KEY SOURCE BEFORE AFTER OP [TRANSACTION]
records=0
record() {
    printf '%s\t%s\t{"before":%s,"after":%s,"source":{"version":"3.5.0.Final","name":"%s","ts_ms":1795352917379,"snapshot":"false",%s},"transaction":%s,"op":"%s","ts_ms":1795352917426}\n' \
        "$1" "$2" "$4" "$5" "${1%%.*}" "$3" "${7:-null}" "$6" >&7
    records=$((records + 1))
    wait_until 10 produced
}
produced() {
    [ "$(grep -c '^done$' far.out)" = "$records" ]
}
record pg.public.item '{"id":1}' '"connector":"postgresql","db":"shop","schema":"public","table":"item","txId":745,"lsn":27006904' \
    null '{"id":1,"name":"Zoë"}' c '{"id":"745:27006904","total_order":1,"data_collection_order":1}'
record my.shop.item '{"id":1}' '"connector":"mysql","db":"shop","table":"item","server_id":1,"gtid":null,"file":"binlog.000003","pos":154,"row":0' \
    '{"id":1,"name":"old"}' '{"id":1,"name":null}' u '{"id":"file=binlog.000003,pos=100","total_order":2,"data_collection_order":2}'
record ma.shop.item '{"id":1}' '"connector":"mariadb","db":"shop","table":"item","server_id":1,"gtid":"0-1-11","file":"b.1","pos":4,"row":3' \
    '{"id":1,"name":"gone"}' null d '{"id":"0-1-11","total_order":1,"data_collection_order":1}'
record mo.shop.item '{"id":"{\"$oid\": \"6a\"}"}' '"connector":"mongodb","db":"shop","collection":"item","ord":2,"lsid":null,"txnNumber":null' \
    null '"{\"_id\": {\"$oid\": \"6a\"},\"n\": {\"$numberLong\": \"9007199254740993\"}}"' c
record ms.shop.dbo.item '{"id":1}' '"connector":"sqlserver","db":"shop","schema":"dbo","table":"item","change_lsn":"00000025:00000d98:0002","commit_lsn":"00000025:00000d98:0003","event_serial_no":2' \
    '{"id":1,"price":"9.90"}' '{"id":1,"price":"19.90"}' u '{"id":"00000025:00000d98:0003","total_order":1,"data_collection_order":1}'
record ms.shop.dbo.signals '{"id":"s1"}' '"connector":"sqlserver","db":"shop","schema":"dbo","table":"signals","change_lsn":"1","commit_lsn":"2","event_serial_no":1' \
    null '{"id":"s1","type":"snapshot-window-open","data":""}' c
record or.SHOP.ITEM '{"ID":"12345678901234567890"}' '"connector":"oracle","db":"ORCLPDB1","schema":"SHOP","table":"ITEM","txId":"09001a00c2030000","scn":"2122184","commit_scn":"2122185","lcr_position":null,"rs_id":"001234.00012345.0124","ssn":0,"redo_thread":1,"user_name":"SHOP"' \
    null '{"ID":"12345678901234567890","NAME":"x"}' c '{"id":"09001a00c2030000","total_order":1,"data_collection_order":1}'
record d2.CDC.ITEM '{"ID":1}' '"connector":"db2","db":"SHOP","schema":"CDC","table":"ITEM","change_lsn":"00000000:00000000:00000000:00031a04","commit_lsn":"00000000:00000000:00000000:00031b04"' \
    '{"ID":1,"NAME":"gone"}' null d
record other.shop.informix.item '{"id":1}' '"connector":"informix","db":"shop","schema":"informix","table":"item","commit_lsn":"4294967400","change_lsn":"4294967500","txId":7,"begin_lsn":"4294967300"' \
    null '{"id":1}' c '{"id":"7:4294967400","total_order":1,"data_collection_order":1}'

seen_create
host_start config.yaml
wait_until 30 seen_at_least 8

# config ID - what was put, sorted; wants ID KEY=VALUE... - these are in it, "KEY=" is not.
config() {
    curl -sSf -H 'Accept: application/json' "$connect_url/connectors/workflow-$1/config" >"$1.json"
}
wants() {
    local id=$1 one got
    config "$id"
    for one in "${@:2}"; do
        got=$(sqlite3 :memory: "SELECT value FROM json_each(readfile('$id.json')) WHERE key = '${one%%=*}'")
        same "${one#*=}" "$got" "$id: ${one%%=*}"
    done
}
for id in pg my ma mo ms or d2 other; do
    wants "$id" name=workflow-$id topic.prefix=$id snapshot.mode=no_data tombstones.on.delete=false \
        decimal.handling.mode=string skipped.operations=none value.converter.replace.null.with.default=false \
        value.converter=org.apache.kafka.connect.json.JsonConverter
done
dbz=io.debezium.connector
wants pg "connector.class=$dbz.postgresql.PostgresConnector" plugin.name=pgoutput slot.name=dbz_pg publication.name=dbz_pub_pg \
    publication.autocreate.mode=filtered 'database.password=${file:/etc/connect/pg:password}' database.port=5432 \
    'table.include.list=public\.item' database.dbname=shop database.server.id= schema.history.internal.kafka.topic=
wants my "connector.class=$dbz.mysql.MySqlConnector" database.hostname=db.example database.port=3307 database.password=geheim \
    database.ssl.mode=required database.include.list=shop 'table.include.list=shop\.item' \
    schema.history.internal.kafka.topic=__debezium-schema-history.my "schema.history.internal.kafka.bootstrap.servers=$kafka_servers"
wants ma "connector.class=$dbz.mariadb.MariaDbConnector" database.include.list=shop include.schema.changes=true slot.name=
[ "$(grep -o '"database.server.id":"[0-9]*"' my.json)" != "$(grep -o '"database.server.id":"[0-9]*"' ma.json)" ] ||
    fail 'two connectors are the same replica'
wants mo "connector.class=$dbz.mongodb.MongoDbConnector" 'mongodb.connection.string=mongodb://cdc:geheim@a.example,b.example/?replicaSet=rs0' \
    'collection.include.list=shop\.item' database.hostname= table.include.list=
wants ms "connector.class=$dbz.sqlserver.SqlServerConnector" database.names=shop database.port=1433 database.encrypt=false \
    signal.data.collection=shop.dbo.signals 'table.include.list=dbo\.item,dbo\.signals' signal.enabled.channels=source,kafka read.only=
wants or "connector.class=$dbz.oracle.OracleConnector" database.dbname=ORCLCDB database.pdb.name=ORCLPDB1 database.port=1521 \
    schema.history.internal.kafka.bootstrap.servers=kafka.inside:9093 signal.kafka.bootstrap.servers=kafka.inside:9093 \
    'signal.consumer.sasl.jaas.config=${file:/etc/connect/kafka:jaas}' schema.history.internal.producer.security.protocol=SASL_SSL \
    schema.history.internal.consumer.sasl.mechanism=PLAIN schema.history.internal.producer.bootstrap.servers=
wants d2 "connector.class=$dbz.db2.Db2Connector" database.dbname=SHOP database.port=50000 'table.include.list=CDC\.ITEM'
wants other "connector.class=$informix" database.port=9088 database.dbname=shop schema.history.internal.kafka.topic=history \
    'table.include.list=informix\.item'

# event ID - as the workflow got it; the signal table is not asked for and no event.
event() {
    ask seen.db "SELECT op || ' ' || tab || ' ' || key || ' ' || old || ' ' || new || ' ' || (event ->> 'position') || ' ' || id
        FROM seen WHERE pipeline = 'of_$1' ORDER BY n"
}
same 'INSERT public.item {"id":1} null {"id":1,"name":"Zoë"} 0/19C17B8 dbz:745:27006904:1' "$(event pg)" postgres
same 'UPDATE shop.item {"id":1} {"id":1,"name":"old"} {"id":1,"name":null} binlog.000003:154 dbz:binlog.000003:154:0:2' "$(event my)" mysql
same 'DELETE shop.item {"id":1} {"id":1,"name":"gone"} null 0-1-11 dbz:0-1-11:3:1' "$(event ma)" mariadb
same 'INSERT shop.item {"_id":{"$oid":"6a"}} null {"_id":{"$oid":"6a"},"n":{"$numberLong":"9007199254740993"}} 2 dbz:mo.shop.item:0:0' \
    "$(event mo)" mongodb
same 'UPDATE dbo.item {"id":1} {"id":1,"price":"9.90"} {"id":1,"price":"19.90"} 00000025:00000d98:0003 dbz:00000025:00000d98:0003:00000025:00000d98:0003:00000025:00000d98:0002:2:1' \
    "$(event ms)" sqlserver
same 'INSERT SHOP.ITEM {"ID":"12345678901234567890"} null {"ID":"12345678901234567890","NAME":"x"} 2122185 dbz:09001a00c2030000:2122185:2122184:001234.00012345.0124:0:1' \
    "$(event or)" oracle
same 'DELETE CDC.ITEM {"ID":1} {"ID":1,"NAME":"gone"} null 00000000:00000000:00000000:00031b04 dbz:d2.CDC.ITEM:0:0' "$(event d2)" db2
same 'INSERT informix.item {"id":1} null {"id":1} 4294967400 dbz:7:4294967400:4294967400:4294967500:1' "$(event other)" 'a class by name'
same 8 "$(seen_count)" events
! grep -rl geheim ./*.log .cdc-state >leaks.txt 2>/dev/null || fail "the password stands in $(<leaks.txt)"
host_stop
exec 7>&-
ends "$far_pid" 0

# What cannot be read is said of each source by name, before anything is made.
sed -e 's|        database: .*|&\n        connector: { value.converter: io.confluent.connect.avro.AvroConverter }|' -e '/^        connector: { data/d' \
    -e '/^        connector: { schema/d' config.yaml >avro.yaml
exits 1 "$WFHOST" validate avro.yaml >avro.txt
same 8 "$(grep -c "Avro, Protobuf and other formats that need a schema registry are not supported" avro.txt)" 'sources that are refused'
for i in 1 8; do contains "modules[$i].config" avro.txt; done
sed 's|signal_table: shop.dbo.signals|signal_table: dbo.signals|' config.yaml >signals.yaml
exits 1 "$WFHOST" validate signals.yaml >signals.txt
contains "'options.signal_table' must be database.schema.table for source_type sqlserver" signals.txt
