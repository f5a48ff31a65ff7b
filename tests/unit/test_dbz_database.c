/* SPDX-License-Identifier: MIT
 *
 * providers/debezium/dbz_database, dbz_uri.
 */
#include <check.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/debezium/dbz_database.h"
#include "providers/debezium/dbz_uri.h"
#include "tests/support/run.h"

static struct dbz_config config;
static struct buf text;
static wf_error err;

static void setup(void)
{
    dbz_config_init(&config);
    buf_init(&text, 65536);
    err = (wf_error){0};
}

static void teardown(void)
{
    dbz_config_release(&config);
    buf_release(&text);
}

static const struct {
    const char *type, *database, *config;
} good[] = {
    {"postgres",
     "postgres://cdc:pw@db.example:5433/shop?sslmode=verify-full&sslrootcert=/ca",
     "{\"database.hostname\":\"db.example\",\"database.port\":\"5433\",\"database.user\":"
     "\"cdc\",\"database.password\":\"pw\",\"database.dbname\":\"shop\",\"database."
     "sslmode\":"
     "\"verify-full\",\"database.sslrootcert\":\"/ca\"}"},
    {"postgres", " postgresql://cdc@db/shop ",
     "{\"database.hostname\":\"db\",\"database.port\":\"5432\",\"database.user\":\"cdc\","
     "\"database.dbname\":\"shop\"}"},
    /* Percent-encoded, or as it should not be. */
    {"postgres", "postgres://c%40c:p%3Aw%2F%3F%25@[::1]/a%20b",
     "{\"database.hostname\":\"::1\",\"database.port\":\"5432\",\"database.user\":\"c@c\","
     "\"database.password\":\"p:w/?%\",\"database.dbname\":\"a b\"}"},
    {"postgres", "postgres://cdc:p@s/s:w?rd%zz@db/shop",
     "{\"database.hostname\":\"db\",\"database.port\":\"5432\",\"database.user\":\"cdc\","
     "\"database.password\":\"p@s/s:w?rd%zz\",\"database.dbname\":\"shop\"}"},
    /* References stay as they are, wherever they stand. */
    {"postgres",
     "postgres://${env:U}:${file:/run/secrets/db.properties:pass@word}@${env:H}:"
     "${env:P}/${file:/x:db}",
     "{\"database.hostname\":\"${env:H}\",\"database.port\":\"${env:P}\",\"database.user\":"
     "\"${env:U}\",\"database.password\":\"${file:/run/secrets/db.properties:pass@word}\","
     "\"database.dbname\":\"${file:/x:db}\"}"},
    {"mysql", "mysql://cdc:pw@db/my.shop?sslmode=required",
     "{\"database.hostname\":\"db\",\"database.port\":\"3306\",\"database.user\":\"cdc\","
     "\"database.password\":\"pw\",\"database.include.list\":\"my\\\\.shop\","
     "\"database.ssl.mode\":\"required\"}"},
    {"mariadb", "mysql://cdc:pw@db:3307",
     "{\"database.hostname\":\"db\",\"database.port\":\"3307\",\"database.user\":\"cdc\","
     "\"database.password\":\"pw\"}"},
    {"sqlserver", "sqlserver://sa:pw@db/shop",
     "{\"database.hostname\":\"db\",\"database.port\":\"1433\",\"database.user\":\"sa\","
     "\"database.password\":\"pw\",\"database.names\":\"shop\"}"},
    {"oracle", "oracle://c:pw@db/ORCLCDB",
     "{\"database.hostname\":\"db\",\"database.port\":\"1521\",\"database.user\":\"c\","
     "\"database.password\":\"pw\",\"database.dbname\":\"ORCLCDB\"}"},
    {"db2", "db2://c:pw@db/TESTDB",
     "{\"database.hostname\":\"db\",\"database.port\":\"50000\",\"database.user\":\"c\","
     "\"database.password\":\"pw\",\"database.dbname\":\"TESTDB\"}"},
    {"mongodb", "mongodb://u:p@a:1,b:2/?replicaSet=rs0",
     "{\"mongodb.connection.string\":\"mongodb://u:p@a:1,b:2/?replicaSet=rs0\"}"},
    {"mongodb", "${env:MONGO}", "{\"mongodb.connection.string\":\"${env:MONGO}\"}"},
    {"org.example.Connector", "thing://u:p@h:7/d",
     "{\"database.hostname\":\"h\",\"database.port\":\"7\",\"database.user\":\"u\","
     "\"database.password\":\"p\",\"database.dbname\":\"d\"}"},
    {"postgres",
     "{\"host\":\"db\",\"port\":5433,\"user\":\"cdc\",\"password\":\"${file:/a:b}\","
     "\"name\":\"shop\",\"sslmode\":\"require\"}",
     "{\"database.port\":\"5433\",\"database.hostname\":\"db\",\"database.user\":\"cdc\","
     "\"database.password\":\"${file:/a:b}\",\"database.dbname\":\"shop\","
     "\"database.sslmode\":\"require\"}"},
    {"mysql",
     "{\"hostname\":\"db\",\"username\":\"cdc\",\"password\":\"a%40\",\"database\":\"x,"
     "y\"}",
     "{\"database.port\":\"3306\",\"database.hostname\":\"db\",\"database.user\":\"cdc\","
     "\"database.password\":\"a%40\",\"database.include.list\":\"x\\\\x2cy\"}"},
};

START_TEST(a_database_becomes_settings)
{
    const struct dbz_class *of = dbz_class_of_type(str_from(good[_i].type));
    wf_status status = dbz_database_put(&config, of, str_from(good[_i].database), &err);
    ck_assert_msg(status == WF_OK, "%s", err.text);
    dbz_config_write(&config, &text);
    ck_assert_str_eq(buf_c(&text), good[_i].config);
}
END_TEST

static const struct {
    const char *type, *database, *words;
} bad[] = {
    {"postgres", "", "neither a URI"},
    {"postgres", "db.example", "such as postgres://user:password@host/name"},
    {"postgres", "host=db password=s3cr3t", "neither a URI"},
    {"postgres", "${env:DATABASE}", "neither a URI"},
    {"postgres", "postgres://", "neither a URI"},
    {"postgres", "postgres://u:s3cr3t@", "neither a URI"},
    {"postgres", "mysql://u:s3cr3t@h/d",
     "'mysql://', which is not for source_type postgres"},
    {"mysql", "postgres://u:s3cr3t@h/d", "not for source_type mysql"},
    {"mongodb", "mysql://u:s3cr3t@h/d", "not for source_type mongodb"},
    {"mongodb", "{\"host\":\"h\"}", "must be a URI, mongodb://"},
    {"postgres", "postgres://u:s3cr3t@a,b/d", "several hosts"},
    {"postgres", "postgres://u:s3cr3t@h:0/d", "a port that is none"},
    {"postgres", "postgres://u:s3cr3t@h:s3cr3t/d", "a port that is none"},
    {"postgres", "postgres://u:s3cr3t@h/d?s3cr3t=1", "a parameter that is not known"},
    {"mysql", "mysql://h/d?sslrootcert=1", "a parameter that is not known"},
    {"postgres", "postgres://u:s3cr3t%00@h/d", "NUL"},
    {"postgres", "{\"host\":\"h\",\"pass\":\"s3cr3t\"}",
     "a key that is not known; there is "
     "host, hostname, port"},
    {"postgres", "{\"user\":\"u\",\"password\":\"s3cr3t\"}", "has no 'host'"},
    {"postgres", "{\"host\":\"h\",\"port\":{}}", "'port' must be a text"},
    {"postgres", "{\"host\":\"h\",\"password\":\"s3cr3t\\u0000\"}", "NUL"},
    {"postgres", "{\"host\":\"h\",", "options.database"},
};

START_TEST(a_database_that_is_none_is_refused_and_not_shown)
{
    const struct dbz_class *of = dbz_class_of_type(str_from(bad[_i].type));
    ck_assert_int_eq(dbz_database_put(&config, of, str_from(bad[_i].database), &err),
                     WF_CONFIG);
    ck_assert_msg(strstr(err.text, bad[_i].words) != NULL, "%s", err.text);
    ck_assert_ptr_null(strstr(err.text, "s3cr3t"));
}
END_TEST

static const char uri[] =
    "postgres://${env:U}:p%40w@[::1]:5433/shop?sslmode=require&sslcert=${file:/a:b}";
static const char map[] = "{\"host\":\"db\",\"port\":5433,\"password\":\"\\u00e9\"}";

START_TEST(every_prefix_of_a_database_is_read_or_refused)
{
    wf_str whole = _i < (int)sizeof uri ? (wf_str){uri, (size_t)_i}
                                        : (wf_str){map, (size_t)_i - sizeof uri};
    const struct dbz_class *of = dbz_class_of_type(STR("postgres"));
    wf_status status = dbz_database_put(&config, of, whole, &err);
    ck_assert(status == WF_OK || status == WF_CONFIG);
    ck_assert_ptr_null(strstr(err.text, "p%40w"));
    ck_assert_ptr_null(strstr(err.text, "p@w"));
}
END_TEST

START_TEST(a_scheme_says_the_class)
{
    static const struct {
        const char *database;
        int kind;
    } schemes[] = {
        {"postgres://h/d", DBZ_CLASS_POSTGRES},
        {"POSTGRESQL://h/d", DBZ_CLASS_POSTGRES},
        {"mysql://h", DBZ_CLASS_MYSQL},
        {"mariadb://h", DBZ_CLASS_MARIADB},
        {"mongodb+srv://h", DBZ_CLASS_MONGODB},
        {"sqlserver://h", DBZ_CLASS_SQLSERVER},
        {"oracle://h", DBZ_CLASS_ORACLE},
        {"db2://h", DBZ_CLASS_DB2},
        {"http://h", -1},
        {"{\"host\":\"postgres://h\"}", -1},
        {"", -1},
    };
    for (size_t i = 0; i < CDC_COUNT(schemes); i++) {
        const struct dbz_class *of = dbz_database_class(str_from(schemes[i].database));
        ck_assert_int_eq(of ? (int)of->kind : -1, schemes[i].kind);
    }
}
END_TEST

START_TEST(a_class_is_known_by_each_of_its_names)
{
    static const char *const names[] = {"io.debezium.connector.mysql.MySqlConnector",
                                        "MySqlConnector", "MySql"};
    for (size_t i = 0; i < CDC_COUNT(names); i++)
        ck_assert_int_eq(dbz_class_of_name(str_from(names[i]))->kind, DBZ_CLASS_MYSQL);
    ck_assert_int_eq(dbz_class_of_name(STR("org.x.Y"))->kind, DBZ_CLASS_OTHER);
    ck_assert_int_eq(dbz_class_of_name(STR(""))->kind, DBZ_CLASS_OTHER);
    ck_assert_ptr_null(dbz_class_of_type(STR("")));
    ck_assert_ptr_null(dbz_class_of_type(STR("dynamodb")));
    ck_assert_int_eq(dbz_class_of_type(STR("PostgreSQL"))->kind, DBZ_CLASS_POSTGRES);
    ck_assert_int_eq(dbz_class_of_type(STR("org.x.Y"))->kind, DBZ_CLASS_OTHER);
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("dbz_database");
    TCase *t = tcase_create("dbz_database");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, a_database_becomes_settings, 0, CDC_COUNT(good));
    tcase_add_loop_test(t, a_database_that_is_none_is_refused_and_not_shown, 0,
                        CDC_COUNT(bad));
    tcase_add_loop_test(t, every_prefix_of_a_database_is_read_or_refused, 0,
                        (int)(sizeof uri + sizeof map));
    tcase_add_test(t, a_scheme_says_the_class);
    tcase_add_test(t, a_class_is_known_by_each_of_its_names);
    suite_add_tcase(s, t);
    return s;
}
