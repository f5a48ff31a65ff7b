/* SPDX-License-Identifier: MIT
 *
 * dbz_class - see the header.
 *
 * time.precision.mode.  What says a point in time as text, isostring, makes null of a TIME
 * of MySQL's that is negative or longer than a day, and forgets BC and 24:00 in PostgreSQL;
 * numbers with a schema beside them say all of it.  adaptive_time_microseconds would cut
 * the seventh digit of SQL Server's times.
 */
#include "providers/debezium/dbz_class.h"

#include <string.h>

#include "base/str.h"

const char dbz_class_types[] =
    "postgres, mysql, mariadb, mongodb, sqlserver, oracle or db2, or the name of a class";

static const struct dbz_class dbz_classes[] = {
    [DBZ_CLASS_POSTGRES] = {.kind = DBZ_CLASS_POSTGRES,
                            .source_type = "postgres|postgresql",
                            .class_name =
                                "io.debezium.connector.postgresql.PostgresConnector",
                            .schemes = "postgres|postgresql",
                            .port = "5432",
                            .name_key = "database.dbname",
                            .tables_key = "table.include.list",
                            .time_mode = "adaptive",
                            .read_only = true},
    [DBZ_CLASS_MYSQL] = {.kind = DBZ_CLASS_MYSQL,
                         .source_type = "mysql",
                         .class_name = "io.debezium.connector.mysql.MySqlConnector",
                         .schemes = "mysql",
                         .port = "3306",
                         .name_key = "database.include.list",
                         .tables_key = "table.include.list",
                         .time_mode = "adaptive_time_microseconds",
                         .history = true,
                         .server_id = true,
                         .read_only = true},
    [DBZ_CLASS_MARIADB] = {.kind = DBZ_CLASS_MARIADB,
                           .source_type = "mariadb",
                           .class_name = "io.debezium.connector.mariadb.MariaDbConnector",
                           .schemes = "mariadb",
                           .port = "3306",
                           .name_key = "database.include.list",
                           .tables_key = "table.include.list",
                           .time_mode = "adaptive_time_microseconds",
                           .history = true,
                           .server_id = true,
                           .read_only = true},
    [DBZ_CLASS_MONGODB] = {.kind = DBZ_CLASS_MONGODB,
                           .source_type = "mongodb",
                           .class_name = "io.debezium.connector.mongodb.MongoDbConnector",
                           .schemes = "mongodb|mongodb+srv",
                           .tables_key = "collection.include.list"},
    [DBZ_CLASS_SQLSERVER] = {.kind = DBZ_CLASS_SQLSERVER,
                             .source_type = "sqlserver|mssql",
                             .class_name =
                                 "io.debezium.connector.sqlserver.SqlServerConnector",
                             .schemes = "sqlserver|mssql",
                             .port = "1433",
                             .name_key = "database.names",
                             .tables_key = "table.include.list",
                             .time_mode = "adaptive",
                             .history = true,
                             .database_first = true},
    [DBZ_CLASS_ORACLE] = {.kind = DBZ_CLASS_ORACLE,
                          .source_type = "oracle",
                          .class_name = "io.debezium.connector.oracle.OracleConnector",
                          .schemes = "oracle",
                          .port = "1521",
                          .name_key = "database.dbname",
                          .tables_key = "table.include.list",
                          .time_mode = "adaptive",
                          .history = true,
                          .database_first = true},
    [DBZ_CLASS_DB2] = {.kind = DBZ_CLASS_DB2,
                       .source_type = "db2",
                       .class_name = "io.debezium.connector.db2.Db2Connector",
                       .schemes = "db2",
                       .port = "50000",
                       .name_key = "database.dbname",
                       .tables_key = "table.include.list",
                       .time_mode = "adaptive",
                       .history = true},
    [DBZ_CLASS_OTHER] = {.kind = DBZ_CLASS_OTHER,
                         .name_key = "database.dbname",
                         .tables_key = "table.include.list"},
};

static bool dbz_class_is_in(const char *words, wf_str word)
{
    wf_str rest = str_from(words);
    for (wf_str one; str_next(&rest, '|', &one);)
        if (str_eq_nocase(one, word))
            return true;
    return false;
}

static const struct dbz_class *dbz_class_other(void)
{
    return &dbz_classes[DBZ_CLASS_OTHER];
}

const struct dbz_class *dbz_class_of_type(wf_str source_type)
{
    if (str_find(source_type, STR(".")) >= 0)
        return dbz_class_of_name(source_type);
    for (size_t i = 0; i < DBZ_CLASS_OTHER; i++)
        if (dbz_class_is_in(dbz_classes[i].source_type, source_type))
            return &dbz_classes[i];
    return NULL;
}

/* Kafka Connect takes the last part of a name, with or without "Connector", as well. */
const struct dbz_class *dbz_class_of_name(wf_str class_name)
{
    for (size_t i = 0; i < DBZ_CLASS_OTHER; i++) {
        wf_str full = str_from(dbz_classes[i].class_name);
        const char *dot = strrchr(dbz_classes[i].class_name, '.');
        wf_str last = str_from(dot ? dot + 1 : dbz_classes[i].class_name);
        wf_str shorter = str_slice(last, 0, last.len - strlen("Connector"));
        if (str_eq(class_name, full) || str_eq(class_name, last) ||
            str_eq(class_name, shorter))
            return &dbz_classes[i];
    }
    return dbz_class_other();
}

const struct dbz_class *dbz_class_of_scheme(wf_str scheme)
{
    for (size_t i = 0; i < DBZ_CLASS_OTHER; i++)
        if (dbz_class_is_in(dbz_classes[i].schemes, scheme))
            return &dbz_classes[i];
    return NULL;
}

/* One may be written for the other: the two speak the same protocol. */
bool dbz_class_takes_scheme(const struct dbz_class *of, wf_str scheme)
{
    if (!of->schemes)
        return true;
    if (of->kind == DBZ_CLASS_MYSQL || of->kind == DBZ_CLASS_MARIADB)
        return dbz_class_is_in("mysql|mariadb", scheme);
    return dbz_class_is_in(of->schemes, scheme);
}

wf_str dbz_class_table(const struct dbz_class *of, wf_str signal_table)
{
    ptrdiff_t first = str_find(signal_table, STR("."));
    if (!of->database_first || first < 0)
        return signal_table;
    wf_str rest = str_slice(signal_table, (size_t)first + 1, signal_table.len);
    return str_find(rest, STR(".")) < 0 ? signal_table : rest;
}
