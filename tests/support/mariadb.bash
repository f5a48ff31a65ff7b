# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# What the tests share that need MariaDB, as Debian's mariadb-server-core has it, or MySQL, as
# scripts/peer-mysql gets it: a server of this test alone, with row events in its binlog, its files in the
# test's folder.  Everything of scenario.bash is there as well.
#
#     mariadb_start         sets $sql_port and $sql_server (its process)
#     mysql_start           the same with MySQL
#     sql STATEMENT         as user cdc, password cdc, in the database shop; the answer, tabs between columns
#     sql_stop, sql_crash   in an orderly way, by kill -9; a start after that finds port and data again
#
# The user cdc may do everything.  What a test adds to the configuration it puts into sql_settings before the
# first start: (OPTION=VALUE...).
. "$SOURCE_DIR/tests/support/server.bash"

mysql_home=${MYSQL_HOME:-$SOURCE_DIR/build/peers/mysql}
sql_settings=()
sql_port=
sql_server=
PATH=$PATH:/usr/sbin
command -v mariadb >/dev/null || skip "there is no mariadb client"

# sql_config LINE... - what both servers know; the socket's path is short because it is a relative one.
sql_config() {
    port_free
    sql_port=$port
    cat >sql-init.sql <<'EOF'
CREATE DATABASE IF NOT EXISTS shop;
CREATE USER IF NOT EXISTS cdc@'%' IDENTIFIED BY 'cdc';
GRANT ALL ON *.* TO cdc@'%' WITH GRANT OPTION;
EOF
    cat >sql.cnf <<EOF
[mysqld]
datadir=$PWD/sql-data
socket=server.sock
pid-file=$PWD/sql.pid
port=$sql_port
bind-address=127.0.0.1
skip-name-resolve
server-id=1
log-bin=binlog
binlog-format=ROW
binlog-row-image=FULL
binlog-row-metadata=FULL
sync-binlog=0
innodb-flush-log-at-trx-commit=2
innodb-buffer-pool-size=64M
character-set-server=utf8mb4
EOF
    printf '%s\n' "$@" "${sql_settings[@]}" >>sql.cnf
}

# A server refuses to be root unless that is said.
sql_user() {
    [ "$(id -u)" -ne 0 ] || echo --user=root
}

# sql_ready - until the user of the tests is let in.
sql_ready() {
    sql_server=$pid
    server_ready "$1" "$sql_server" 60 sql 'SELECT 1'
}

mariadb_start() {
    local server
    server=$(command -v mariadbd) || skip "there is no mariadbd"
    if [ -z "$sql_port" ]; then
        sql_config gtid-domain-id=0 gtid-strict-mode=1
        # shellcheck disable=SC2046
        mariadb-install-db --no-defaults --datadir="$PWD/sql-data" --skip-test-db \
            --auth-root-authentication-method=normal $(sql_user) >mariadb-install.log 2>&1 ||
            fail "$(<mariadb-install.log)"
    fi
    # shellcheck disable=SC2046
    spawn mariadb "$server" --defaults-file="$PWD/sql.cnf" --init-file="$PWD/sql-init.sql" $(sql_user)
    sql_ready mariadb
}

# mysqld_run ARGUMENT... - the server, by the loader and the libraries that came with it.
mysqld_run() {
    local libraries
    libraries=$(echo "$mysql_home"/system/usr/lib/*-linux-gnu)
    # shellcheck disable=SC2046
    exec "$(printf '%s\n' "$libraries"/ld-linux-*.so.*)" --library-path "$libraries" \
        "$mysql_home/system/usr/sbin/mysqld" --defaults-file="$PWD/sql.cnf" $(sql_user) "$@"
}

mysql_start() {
    [ -e "$mysql_home/complete" ] || skip "MySQL was not got; scripts/peer-mysql gets it"
    if [ -z "$sql_port" ]; then
        sql_config mysqlx=OFF gtid-mode=ON enforce-gtid-consistency=ON performance-schema=OFF \
            secure-file-priv=NULL innodb-redo-log-capacity=32M \
            basedir="$mysql_home/system/usr" plugin-dir="$mysql_home/system/usr/lib/mysql/plugin" \
            lc-messages-dir="$mysql_home/system/usr/share/mysql" \
            character-sets-dir="$mysql_home/system/usr/share/mysql/charsets"
        (mysqld_run --initialize-insecure) >mysql-install.log 2>&1 || fail "$(<mysql-install.log)"
    fi
    spawn mysql mysqld_run --init-file="$PWD/sql-init.sql"
    sql_ready mysql
}

# sql STATEMENT [DATABASE]
sql() {
    mariadb --no-defaults --protocol=tcp -h 127.0.0.1 -P "$sql_port" -u cdc -pcdc -BN -e "$1" "${2:-shop}"
}

# sql_connector NAME CLASS - the configuration of a Debezium connector for the database shop; needs kafka.bash.
# shellcheck disable=SC2154
sql_connector() {
    cat <<EOF
{
    "connector.class": "io.debezium.connector.$2", "topic.prefix": "$1", "database.server.id": "4711",
    "database.hostname": "127.0.0.1", "database.port": "$sql_port", "database.user": "cdc",
    "database.password": "cdc", "database.include.list": "shop", "connect.keep.alive.interval.ms": "1000",
    "schema.history.internal.kafka.topic": "$1.history",
    "schema.history.internal.kafka.bootstrap.servers": "$kafka_servers"
}
EOF
}

sql_stop() {
    server_stop "$sql_server"
}

sql_crash() {
    kill_now "$sql_server"
}
