# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# peer_postgres - the far side alone: Kafka Connect captures PostgreSQL by Debezium, through kill -9 of the
# worker and of the broker.  When this fails, the fault is not ours.
. "$SOURCE_DIR/tests/support/postgres.bash"
. "$SOURCE_DIR/tests/support/kafka.bash"

kafka_start
connect_start
pg_create max_connections=30
pg "CREATE TABLE item (id int PRIMARY KEY, name text); INSERT INTO item VALUES (1, 'Zoë')"
connect_put pg "{\"connector.class\": \"io.debezium.connector.postgresql.PostgresConnector\", \"topic.prefix\": \"pg\",
    \"database.hostname\": \"127.0.0.1\", \"database.port\": \"$(<"$server/port")\", \"database.user\": \"postgres\",
    \"database.password\": \"none\", \"database.dbname\": \"shop\", \"plugin.name\": \"pgoutput\"}"
wait_until 60 kafka_at_least 1 pg.public.item
pg "INSERT INTO item VALUES (2, 'two')"
wait_until 60 kafka_at_least 2 pg.public.item
contains '"name":"Zoë"' <(kafka_records pg.public.item)

connect_crash
pg "INSERT INTO item VALUES (3, 'three')"
connect_start
wait_until 60 connect_state RUNNING pg
wait_until 60 kafka_at_least 3 pg.public.item

kafka_crash
pg "INSERT INTO item VALUES (4, 'four')"
kafka_start
# Whoever was killed repeats: a number of records says nothing of the last one.
all_rows() {
    [ "$(kafka_records pg.public.item | sed 's/.*"after":{"id":\([0-9]*\).*/\1/' | sort -u | xargs)" = '1 2 3 4' ]
}
wait_until 60 all_rows
connect_stop
kafka_stop
