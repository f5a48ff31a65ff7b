# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# peer_mysql - the far side alone: Kafka Connect captures MySQL by Debezium, through kill -9 of the server.
. "$SOURCE_DIR/tests/support/kafka.bash"
. "$SOURCE_DIR/tests/support/mariadb.bash"

mysql_start
kafka_start
connect_start
sql "CREATE TABLE item (id int PRIMARY KEY, name varchar(40)); INSERT INTO item VALUES (1, 'Zoë')"
connect_put shop "$(sql_connector shop mysql.MySqlConnector)"
wait_until 60 kafka_at_least 1 shop.shop.item
sql "INSERT INTO item VALUES (2, 'two'); UPDATE item SET name = 'one' WHERE id = 1"
wait_until 60 kafka_at_least 3 shop.shop.item
same 'r c u' "$(kafka_records shop.shop.item | sed 's/.*"op":"\(.\)".*/\1/' | xargs)" operations
contains '"name":"Zoë"' <(kafka_records shop.shop.item)

sql_crash
mysql_start
same 2 "$(sql 'SELECT count(*) FROM item')" 'rows after a kill -9'
sql "DELETE FROM item WHERE id = 2"
# The deletion, and a tombstone.
wait_until 90 kafka_at_least 5 shop.shop.item
sql_stop
