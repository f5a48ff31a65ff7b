/* SPDX-License-Identifier: MIT
 *
 * providers/debezium/dbz_connector and its parts, dbz_options.
 */
#include <cjson/cJSON.h>
#include <check.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "providers/debezium/dbz_connector.h"
#include "providers/debezium/dbz_options.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

#define DATABASE "\"database\":\"postgres://cdc:pw@db/shop\""

static struct cdc_settings settings;
static struct dbz_options options;
static struct dbz_connector connector;
static wf_error err;
static cJSON *config;

/* What a user writes, as one source's settings. */
static void given(const char *source_id, const char *source_type, const char *json)
{
    cJSON *object = cJSON_Parse(json);
    struct cdc_option_target target = {dbz_option_rows, &options};
    ck_assert_ptr_nonnull(object);
    settings_memory_release(&settings.memory);
    memset(&options, 0, sizeof options);
    settings = (struct cdc_settings){.source_id = str_from(source_id),
                                     .source_type = str_from(source_type),
                                     .options = &options};
    settings.core.snapshot = CDC_SNAPSHOT_INITIAL;
    settings.core.snapshot_chunk_rows = 10000;
    ck_assert_msg(
        option_fill(object, "options.", false, &target, 1, &settings.memory, &err) == WF_OK,
        "%s", err.text);
    cJSON_Delete(object);
    if (!options.bootstrap_servers.len)
        options.bootstrap_servers = STR("kafka:9092");
}

static void tables(const char *list)
{
    static wf_str items[8];
    wf_str rest = str_from(list);
    settings.tables = (struct cdc_list){items, 0};
    while (str_next(&rest, ' ', &items[settings.tables.count]))
        settings.tables.count++;
}

static void forget(void)
{
    cJSON_Delete(config);
    config = NULL;
    dbz_connector_release(&connector);
}

static void make(void)
{
    forget();
    ck_assert_msg(dbz_connector_make(&settings, &connector, &err) == WF_OK, "%s", err.text);
    if (connector.config.len)
        ck_assert_ptr_nonnull(config = cJSON_Parse(buf_c(&connector.config)));
}

/* "": it is not set. */
static const char *set(const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config, key);
    ck_assert(!item || cJSON_IsString(item));
    return item ? item->valuestring : "";
}

static void setup(void)
{
    settings = (struct cdc_settings){0};
    err = (wf_error){0};
}

static void teardown(void)
{
    forget();
    settings_memory_release(&settings.memory);
}

START_TEST(a_postgres_has_all_it_needs_to_lose_nothing)
{
    static const struct {
        const char *key, *value;
    } wanted[] = {
        {"name", "workflow-shop"},
        {"connector.class", "io.debezium.connector.postgresql.PostgresConnector"},
        {"database.hostname", "db"},
        {"database.port", "5432"},
        {"database.user", "cdc"},
        {"database.password", "pw"},
        {"database.dbname", "shop"},
        {"topic.prefix", "shop"},
        {"tasks.max", "1"},
        {"plugin.name", "pgoutput"},
        {"slot.name", "dbz_shop"},
        {"publication.name", "dbz_pub_shop"},
        {"publication.autocreate.mode", "filtered"},
        {"table.include.list", "public\\.orders,(.*\\.)?items"},
        {"snapshot.mode", "initial"},
        {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"value.converter", "org.apache.kafka.connect.json.JsonConverter"},
        {"value.converter.schemas.enable", "true"},
        {"value.converter.replace.null.with.default", "false"},
        {"key.converter.replace.null.with.default", "false"},
        {"decimal.handling.mode", "string"},
        {"binary.handling.mode", "base64"},
        {"time.precision.mode", "adaptive"},
        {"interval.handling.mode", "string"},
        {"include.unknown.datatypes", "true"},
        {"skipped.operations", "none"},
        {"tombstones.on.delete", "false"},
        {"provide.transaction.metadata", "true"},
        {"heartbeat.interval.ms", "10000"},
        {"message.prefix.exclude.list", "workflow-plugin-cdc[.].*"},
        {"heartbeat.action.query",
         "SELECT pg_logical_emit_message(true, 'workflow-plugin-cdc.heartbeat', '')"},
        {"signal.enabled.channels", "kafka"},
        {"signal.kafka.topic", "__debezium-signal.shop"},
        {"signal.kafka.bootstrap.servers", "kafka:9092"},
        {"signal.data.collection", ""},
        {"read.only", "true"},
        {"notification.enabled.channels", "sink"},
        {"notification.sink.topic.name", "__debezium-notifications.shop"},
        {"incremental.snapshot.chunk.size", "10000"},
        {"database.server.id", ""},
        {"schema.history.internal.kafka.topic", ""},
    };
    given("shop", "postgres", "{" DATABASE "}");
    tables("public.orders items");
    make();
    for (size_t i = 0; i < CDC_COUNT(wanted); i++)
        ck_assert_msg(strcmp(set(wanted[i].key), wanted[i].value) == 0, "%s is '%s'",
                      wanted[i].key, set(wanted[i].key));
    ck_assert_str_eq(buf_c(&connector.name), "workflow-shop");
    ck_assert_str_eq(buf_c(&connector.topic_prefix), "shop");
    ck_assert_str_eq(buf_c(&connector.signal_topic), "__debezium-signal.shop");
    ck_assert_str_eq(buf_c(&connector.notify_topic), "__debezium-notifications.shop");
    ck_assert_uint_eq(connector.signal_table.len, 0);
    ck_assert(!connector.schema_topic);
    ck_assert(!connector.registry);
    ck_assert_str_eq(buf_c(&connector.remains),
                     "replication slot dbz_shop, which holds back WAL: SELECT "
                     "pg_drop_replication_slot('dbz_shop');\n"
                     "publication dbz_pub_shop: DROP PUBLICATION IF EXISTS "
                     "\"dbz_pub_shop\";\n");
}
END_TEST

START_TEST(a_mysql_or_mariadb_has_history_and_a_server_id)
{
    static const char *const types[] = {"mysql", "mariadb"};
    static const char *const classes[] = {"io.debezium.connector.mysql.MySqlConnector",
                                          "io.debezium.connector.mariadb.MariaDbConnector"};
    int64_t id = 0;
    given("shop", types[_i], "{\"database\":\"mysql://cdc:pw@db\"}");
    make();
    ck_assert_str_eq(set("connector.class"), classes[_i]);
    ck_assert_str_eq(set("schema.history.internal.kafka.topic"),
                     "__debezium-schema-history.shop");
    ck_assert_str_eq(set("schema.history.internal.kafka.bootstrap.servers"), "kafka:9092");
    ck_assert_str_eq(set("include.schema.changes"), "true");
    ck_assert_str_eq(set("time.precision.mode"), "adaptive_time_microseconds");
    ck_assert_str_eq(set("bigint.unsigned.handling.mode"), "precise");
    ck_assert_str_eq(set("table.include.list"), "");
    ck_assert_str_eq(set("slot.name"), "");
    ck_assert(str_to_i64(str_from(set("database.server.id")), &id));
    ck_assert_int_ge(id, 1 << 30);
    ck_assert_int_le(id, INT32_MAX);
    ck_assert(connector.schema_topic);
    ck_assert_uint_eq(connector.remains.len, 0);
}
END_TEST

/* MySQL without GTIDs does not start in read-only mode; blocking snapshots do without. */
START_TEST(read_only_is_for_whom_it_works)
{
    static const struct {
        const char *type, *more, *read_only, *channels, *table;
    } cases[] = {
        {"postgres", "", "true", "kafka", ""},
        {"mariadb", "", "true", "kafka", ""},
        {"mysql", "", "true", "kafka", ""},
        {"mysql", ",\"snapshot_type\":\"blocking\"", "", "kafka", ""},
        {"mariadb", ",\"snapshot_type\":\"blocking\"", "true", "kafka", ""},
        {"sqlserver", "", "", "kafka", ""},
        {"postgres", ",\"signals\":\"table\",\"signal_table\":\"public.sig\"", "",
         "source,kafka", "public.sig"},
        {"mysql", ",\"signals\":\"table\",\"signal_table\":\"inv.sig\"", "", "source,kafka",
         "inv.sig"},
    };
    char json[256];
    snprintf(json, sizeof json, "{\"database\":{\"host\":\"db\"}%s}", cases[_i].more);
    given("shop", cases[_i].type, json);
    tables("a.b");
    make();
    ck_assert_str_eq(set("read.only"), cases[_i].read_only);
    ck_assert_str_eq(set("signal.enabled.channels"), cases[_i].channels);
    ck_assert_str_eq(set("signal.data.collection"), cases[_i].table);
    ck_assert_str_eq(buf_c(&connector.signal_table), cases[_i].table);
    /* It has to be captured as well. */
    ck_assert_str_eq(set("table.include.list"), !cases[_i].table[0] ? "a\\.b"
                                                : cases[_i].table[0] == 'p'
                                                    ? "a\\.b,public\\.sig"
                                                    : "a\\.b,inv\\.sig");
}
END_TEST

START_TEST(each_snapshot_mode_has_its_word_and_none_is_always)
{
    static const char *const words[] = {
        [CDC_SNAPSHOT_NEVER] = "no_data",
        [CDC_SNAPSHOT_INITIAL] = "initial",
        [CDC_SNAPSHOT_ALWAYS] = "initial",
        [CDC_SNAPSHOT_WHEN_NEEDED] = "when_needed",
    };
    given("shop", "postgres", "{" DATABASE "}");
    settings.core.snapshot = _i;
    make();
    ck_assert_str_eq(set("snapshot.mode"), words[_i]);
}
END_TEST

START_TEST(options_connector_is_laid_over_all_of_it)
{
    given("shop", "postgres",
          "{" DATABASE
          ",\"connector\":{\"slot.name\":\"mine\",\"heartbeat.action.query\":null,"
          "\"max.batch.size\":4096,\"slot.failover\":true,\"topic.prefix\":\"other\","
          "\"column.exclude.list\":[\"a.b.c\",\"a.b.d\"],\"name\":\"theirs\","
          "\"big\":12345678901234,\"include.schema.changes\":\"x\"}}");
    make();
    ck_assert_str_eq(set("slot.name"), "mine");
    ck_assert_ptr_null(cJSON_GetObjectItemCaseSensitive(config, "heartbeat.action.query"));
    ck_assert_str_eq(set("max.batch.size"), "4096");
    ck_assert_str_eq(set("slot.failover"), "true");
    ck_assert_str_eq(set("column.exclude.list"), "a.b.c,a.b.d");
    ck_assert_str_eq(set("big"), "12345678901234");
    /* What is made of the prefix and the name follows them. */
    ck_assert_str_eq(buf_c(&connector.topic_prefix), "other");
    ck_assert_str_eq(set("signal.kafka.topic"), "__debezium-signal.other");
    ck_assert_str_eq(buf_c(&connector.signal_topic), "__debezium-signal.other");
    ck_assert_str_eq(buf_c(&connector.name), "theirs");
    ck_assert_str_eq(set("name"), "theirs");
    ck_assert_ptr_nonnull(strstr(buf_c(&connector.remains), "'mine'"));
}
END_TEST

/* Debezium refuses both at once. */
START_TEST(a_list_of_wanted_messages_takes_the_place_of_ours)
{
    given("shop", "postgres",
          "{" DATABASE ",\"connector\":{\"message.prefix.include.list\":\"app\"}}");
    make();
    ck_assert_str_eq(set("message.prefix.include.list"), "app");
    ck_assert_str_eq(set("message.prefix.exclude.list"), "");
    given("shop", "postgres",
          "{" DATABASE ",\"connector\":{\"message.prefix.include.list\":null}}");
    make();
    ck_assert_str_eq(set("message.prefix.exclude.list"), "workflow-plugin-cdc[.].*");
}
END_TEST

START_TEST(what_is_overridden_is_what_is_told)
{
    given("shop", "postgres",
          "{" DATABASE ",\"connector\":{\"signal.enabled.channels\":\"file, kafka\","
          "\"signal.kafka.topic\":null,\"notification.enabled.channels\":\"log\","
          "\"signal.data.collection\":\"a.b\",\"slot.drop.on.stop\":\"true\","
          "\"publication.autocreate.mode\":\"disabled\"}}");
    make();
    ck_assert_str_eq(buf_c(&connector.signal_topic), "shop-signal");
    ck_assert_uint_eq(connector.notify_topic.len, 0);
    ck_assert_str_eq(buf_c(&connector.signal_table), "a.b");
    ck_assert_uint_eq(connector.remains.len, 0);
    given("shop", "mysql",
          "{\"database\":\"mysql://db\",\"connector\":{\"include.schema.changes\":false,"
          "\"signal.enabled.channels\":\"source\"}}");
    make();
    ck_assert(!connector.schema_topic);
    ck_assert_uint_eq(connector.signal_topic.len, 0);
}
END_TEST

/* A worker's own settings do not hold for the clients that a connector makes. */
START_TEST(clients_of_the_connector_reach_kafka_as_they_are_told)
{
    static const char json[] =
        "{\"database\":{\"host\":\"db\"},\"connector_kafka\":{\"bootstrap.servers\":"
        "\"inside:9093\",\"security.protocol\":\"SASL_SSL\",\"sasl.mechanism\":\"PLAIN\","
        "\"gone\":null},\"connector\":{\"signal.consumer.sasl.mechanism\":\"GSSAPI\"}}";
    given("shop", "mysql", json);
    make();
    ck_assert_str_eq(set("signal.kafka.bootstrap.servers"), "inside:9093");
    ck_assert_str_eq(set("schema.history.internal.kafka.bootstrap.servers"), "inside:9093");
    ck_assert_str_eq(set("signal.consumer.bootstrap.servers"), "");
    ck_assert_str_eq(set("signal.consumer.security.protocol"), "SASL_SSL");
    ck_assert_str_eq(set("schema.history.internal.producer.security.protocol"), "SASL_SSL");
    ck_assert_str_eq(set("schema.history.internal.consumer.security.protocol"), "SASL_SSL");
    ck_assert_str_eq(set("schema.history.internal.consumer.sasl.mechanism"), "PLAIN");
    ck_assert_str_eq(set("signal.consumer.sasl.mechanism"), "GSSAPI"); /* it is laid over */
    ck_assert_str_eq(set("signal.consumer.gone"), "");
    given("shop", "postgres", json); /* keeps no history */
    make();
    ck_assert_str_eq(set("signal.kafka.bootstrap.servers"), "inside:9093");
    ck_assert_str_eq(set("signal.consumer.security.protocol"), "SASL_SSL");
    ck_assert_str_eq(set("schema.history.internal.producer.security.protocol"), "");
    ck_assert_str_eq(set("schema.history.internal.kafka.bootstrap.servers"), "");
}
END_TEST

/* Its rows say schema and table only. */
START_TEST(a_signal_table_may_have_its_database_in_front)
{
    static const char *const types[] = {"sqlserver", "oracle"};
    given("shop", types[_i],
          "{\"database\":{\"host\":\"db\"},\"signals\":\"table\","
          "\"signal_table\":\"d.s.sig\"}");
    tables("s.t");
    make();
    ck_assert_str_eq(set("signal.data.collection"), "d.s.sig");
    ck_assert_str_eq(set("table.include.list"), "s\\.t,s\\.sig");
    ck_assert_str_eq(buf_c(&connector.signal_table), "s.sig");
}
END_TEST

START_TEST(without_schemas_the_converters_are_told_so)
{
    given("shop", "postgres", "{" DATABASE ",\"schemas\":false}");
    make();
    ck_assert_str_eq(set("value.converter.schemas.enable"), "false");
    ck_assert_str_eq(set("key.converter.schemas.enable"), "false");
    ck_assert_str_eq(set("time.precision.mode"), "isostring");
}
END_TEST

static const struct {
    const char *connector, *words;
} unreadable[] = {
    {"\"value.converter\":\"io.confluent.connect.avro.AvroConverter\"", "AvroConverter"},
    {"\"key.converter\":\"io.confluent.connect.protobuf.ProtobufConverter\"",
     "key.converter"},
    {"\"value.converter\":\"io.apicurio.registry.utils.converter.ExtJsonConverter\"",
     "ExtJsonConverter"},
    {"\"value.converter\":\"io.debezium.converters.CloudEventsConverter\"", "CloudEvents"},
    {"\"transforms\":\"route, "
     "unwrap\",\"transforms.route.type\":\"x.y.ByLogicalTableRouter\","
     "\"transforms.unwrap.type\":\"io.debezium.transforms.ExtractNewRecordState\"",
     "'unwrap' (ExtractNewRecordState)"},
};

START_TEST(records_that_could_not_be_read_are_told_before_the_first)
{
    char json[512];
    snprintf(json, sizeof json,
             "{" DATABASE ",\"bootstrap_servers\":\"k:1\",\"connector\":{%s}}",
             unreadable[_i].connector);
    given("shop", "postgres", json);
    make();
    ck_assert(connector.registry);
    ck_assert_ptr_nonnull(strstr(buf_c(&connector.registry_why), unreadable[_i].words));
    ck_assert_int_eq(dbz_options_check(&settings, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, buf_c(&connector.registry_why));
}
END_TEST

START_TEST(an_adopted_connector_is_read)
{
    given("shop", "", "{}");
    make();
    ck_assert_uint_eq(connector.config.len, 0);
    ck_assert_str_eq(buf_c(&connector.name), "workflow-shop");
    ck_assert_str_eq(buf_c(&connector.topic_prefix), "shop");
    ck_assert_int_eq(
        dbz_connector_adopt(&connector,
                            STR("{\"connector.class\":\"io.debezium.connector.mysql."
                                "MySqlConnector\",\"topic.prefix\":\"their.prefix\","
                                "\"notification.enabled.channels\":\"sink\","
                                "\"notification.sink.topic.name\":\"n\","
                                "\"value.converter\":\"a.AvroConverter\"}"),
                            &err),
        WF_OK);
    ck_assert_str_eq(buf_c(&connector.topic_prefix), "their.prefix");
    ck_assert_str_eq(buf_c(&connector.notify_topic), "n");
    ck_assert_uint_eq(connector.signal_topic.len, 0);
    ck_assert_uint_eq(connector.remains.len, 0);
    ck_assert(connector.schema_topic);
    ck_assert(connector.registry);
    ck_assert_int_eq(dbz_connector_adopt(&connector, STR("[]"), &err), WF_CONFIG);
    ck_assert_int_eq(dbz_connector_adopt(&connector, STR("{\"a\":"), &err), WF_CONFIG);
}
END_TEST

static const struct {
    const char *type, *json, *words;
} refused[] = {
    {"dynamodb", "{" DATABASE "}",
     "'source_type' must be postgres, mysql, mariadb, mongodb"},
    {"", "{\"database\":{\"host\":\"h\"}}", "'source_type' is required"},
    {"mysql", "{" DATABASE "}", "not for source_type mysql"},
    {"postgres", "{" DATABASE ",\"connector\":{\"slot\":{\"name\":\"x\"}}}",
     "key 'slot' must be a text, a number"},
    {"postgres", "{" DATABASE ",\"connector\":{\"topic.prefix\":\"a b\"}}",
     "'topic.prefix'"},
    {"postgres", "{" DATABASE ",\"connector\":{\"topic.prefix\":\"..\"}}",
     "'topic.prefix'"},
    {"postgres", "{" DATABASE ",\"connector\":{\"connector.class\":null,\"a\":[[]]}}",
     "key 'a'"},
    {"postgres", "{" DATABASE ",\"connector\":{\"connector.class\":null}}",
     "takes 'connector.class' away"},
    {"postgres", "{\"database\":\"nonsense\"}", "neither a URI"},
    {"postgres", "{" DATABASE ",\"connector_kafka\":{\"sasl\":{\"mechanism\":\"PLAIN\"}}}",
     "'options.connector_kafka', key 'sasl'"},
    {"sqlserver", "{\"database\":{\"host\":\"h\"},\"signal_table\":\"dbo.sig\"}",
     "must be database.schema.table for source_type sqlserver"},
};

START_TEST(what_is_wrong_is_told_without_asking_anybody)
{
    given("shop", refused[_i].type, refused[_i].json);
    memset(&connector, 0x55, sizeof connector);
    struct dbz_connector before = connector;
    ck_assert_int_eq(dbz_connector_make(&settings, &connector, &err), WF_CONFIG);
    ck_assert_msg(strstr(err.text, refused[_i].words) != NULL, "%s", err.text);
    ck_assert_mem_eq(&before, &connector, sizeof before);
    memset(&connector, 0, sizeof connector);
}
END_TEST

START_TEST(a_source_type_may_be_left_to_the_uri_or_be_any_class)
{
    given("shop", "", "{\"database\":\"mariadb://db\"}");
    make();
    ck_assert_str_eq(set("connector.class"),
                     "io.debezium.connector.mariadb.MariaDbConnector");
    given("shop", "org.example.VitessConnector", "{\"database\":{\"host\":\"h\"}}");
    make();
    ck_assert_str_eq(set("connector.class"), "org.example.VitessConnector");
    ck_assert_str_eq(set("time.precision.mode"), "");
    given("shop", "anything",
          "{\"connector\":{\"connector.class\":\"MySql\",\"database.hostname\":\"h\"}}");
    make();
    ck_assert_str_eq(set("connector.class"), "MySql");
    ck_assert_str_ne(set("database.server.id"), "");
    given("shop", "mongodb", "{\"database\":\"mongodb://a,b/?replicaSet=r\"}");
    tables("shop.orders");
    make();
    ck_assert_str_eq(set("collection.include.list"), "shop\\.orders");
    ck_assert_str_eq(set("mongodb.connection.string"), "mongodb://a,b/?replicaSet=r");
}
END_TEST

static const struct {
    const char *json, *words; /* "": it is good */
} checks[] = {
    {"{\"bootstrap_servers\":\"a:9092, b:9092,[::1]:1,SSL://c:1\"}", ""},
    {"{\"bootstrap_servers\":\" \"}", "'options.bootstrap_servers'"},
    {"{\"bootstrap_servers\":\"a:9092,\"}", "host:port"},
    {"{\"bootstrap_servers\":\"a:x\"}", "host:port"},
    {"{\"bootstrap_servers\":\"a:1 b:1\"}", "host:port"},
    {"{\"bootstrap_servers\":\"a:1\",\"topic_prefix\":\"a.b-C_9\"}", ""},
    {"{\"bootstrap_servers\":\"a:1\",\"topic_prefix\":\"\xc3\xa9\"}",
     "'options.topic_prefix'"},
    {"{\"bootstrap_servers\":\"a:1\",\"topic_prefix\":\".\"}", "'options.topic_prefix'"},
    {"{\"bootstrap_servers\":\"a:1\",\"signals\":\"table\"}", "'options.signal_table'"},
    {"{\"bootstrap_servers\":\"a:1\",\"signals\":\"table\",\"signal_table\":\"x\"}",
     "must be schema.table"},
    {"{\"bootstrap_servers\":\"a:1\",\"connect_cert_file\":\"x\"}", "go together"},
    {"{\"bootstrap_servers\":\"a:1\",\"connect_cert_file\":\"x\",\"connect_key_file\":"
     "\"y\"}",
     ""},
};

START_TEST(options_are_checked_together)
{
    given("shop", "postgres", checks[_i].json);
    bool is_good = !checks[_i].words[0];
    wf_status status = dbz_options_check(&settings, &err);
    ck_assert_msg(status == (is_good ? WF_OK : WF_CONFIG), "%s", err.text);
    ck_assert_ptr_nonnull(strstr(is_good ? "" : err.text, checks[_i].words));
}
END_TEST

START_TEST(bootstrap_servers_are_required)
{
    given("shop", "postgres", "{}");
    options.bootstrap_servers = STR_EMPTY;
    ck_assert_int_eq(dbz_options_check(&settings, &err), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "is required"));
}
END_TEST

START_TEST(a_known_failure_has_a_cure)
{
    ck_assert_ptr_nonnull(strstr(
        dbz_connector_cure("java.lang.UnsupportedOperationException: Read only connection "
                           "requires GTID_MODE to be ON"),
        "snapshot_type"));
    ck_assert_str_eq(dbz_connector_cure("something else"), "");
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    given("a.b", "mysql",
          "{\"database\":\"mysql://cdc:p%40w@db/x?sslmode=required\",\"connector\":{"
          "\"a\":null,\"b\":[1,2],\"topic.prefix\":\"p\"},"
          "\"connector_kafka\":{\"security.protocol\":\"SSL\"}}");
    tables("a.b c");
    for (long n = 0; n < OOM_MOST; n++) {
        forget();
        oom_arm(n);
        wf_status status = dbz_connector_make(&settings, &connector, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        if (!hit)
            return;
    }
    ck_abort_msg("no end");
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("dbz_connector");
    TCase *t = tcase_create("dbz_connector");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, a_postgres_has_all_it_needs_to_lose_nothing);
    tcase_add_loop_test(t, a_mysql_or_mariadb_has_history_and_a_server_id, 0, 2);
    tcase_add_loop_test(t, read_only_is_for_whom_it_works, 0, 8);
    tcase_add_loop_test(t, each_snapshot_mode_has_its_word_and_none_is_always, 0, 4);
    tcase_add_test(t, options_connector_is_laid_over_all_of_it);
    tcase_add_test(t, a_list_of_wanted_messages_takes_the_place_of_ours);
    tcase_add_test(t, what_is_overridden_is_what_is_told);
    tcase_add_test(t, clients_of_the_connector_reach_kafka_as_they_are_told);
    tcase_add_loop_test(t, a_signal_table_may_have_its_database_in_front, 0, 2);
    tcase_add_test(t, without_schemas_the_converters_are_told_so);
    tcase_add_loop_test(t, records_that_could_not_be_read_are_told_before_the_first, 0,
                        CDC_COUNT(unreadable));
    tcase_add_test(t, an_adopted_connector_is_read);
    tcase_add_loop_test(t, what_is_wrong_is_told_without_asking_anybody, 0,
                        CDC_COUNT(refused));
    tcase_add_test(t, a_source_type_may_be_left_to_the_uri_or_be_any_class);
    tcase_add_loop_test(t, options_are_checked_together, 0, CDC_COUNT(checks));
    tcase_add_test(t, bootstrap_servers_are_required);
    tcase_add_test(t, a_known_failure_has_a_cure);
    if (OOM_POSSIBLE)
        tcase_add_test(t, every_allocation_may_fail);
    suite_add_tcase(s, t);
    return s;
}
