/* SPDX-License-Identifier: MIT
 *
 * dbz_options - see the header.
 */
#include "providers/debezium/dbz_options.h"

#include "base/error.h"
#include "base/str.h"
#include "plugin/core/settings.h"
#include "providers/debezium/dbz_connector.h"
#include "providers/debezium/dbz_name.h"
#include "providers/debezium/dbz_uri.h"

#define HOUR_MS INT64_C(3600000)

/* host:port, with commas between.  The brokers' names may be of a kind that only DNS
 * knows. */
static wf_status dbz_options_check_servers(wf_str servers, wf_error *err)
{
    size_t count = 0;
    for (wf_str server, host, port; str_next(&servers, ',', &server); count++) {
        server = str_trim(server);
        /* librdkafka takes a protocol before a host as well. */
        ptrdiff_t mark = str_find(server, STR("://"));
        wf_str rest = mark < 0 ? server : str_slice(server, (size_t)mark + 3, server.len);
        if (!dbz_uri_host(rest, &host, &port) || memchr(server.ptr, ' ', server.len))
            return error_set(err, WF_CONFIG,
                             "'options.bootstrap_servers' must be host:port, or several "
                             "with commas, not \"%.*s\"",
                             STR_ARG(str_slice(server, 0, 100)));
    }
    if (count)
        return WF_OK;
    return error_set(err, WF_CONFIG,
                     "'options.bootstrap_servers' is required: the host:port of Kafka's "
                     "brokers, as this host reaches them");
}

static wf_status dbz_options_check_signals(const struct dbz_options *options, wf_error *err)
{
    if (options->signals == DBZ_SIGNALS_TABLE && !options->signal_table.len)
        return error_set(err, WF_CONFIG,
                         "'options.signals' is table: 'options.signal_table' must name it, "
                         "as schema.table; it has the columns id, type and data");
    if (options->signal_table.len && str_find(options->signal_table, STR(".")) < 0)
        return error_set(err, WF_CONFIG,
                         "'options.signal_table' must be schema.table, not \"%.*s\"",
                         STR_ARG(str_slice(options->signal_table, 0, 100)));
    return WF_OK;
}

static wf_status dbz_options_check_files(const struct dbz_options *options, wf_error *err)
{
    if (!options->connect_cert_file.len != !options->connect_key_file.len)
        return error_set(err, WF_CONFIG,
                         "'options.connect_cert_file' and 'options.connect_key_file' go "
                         "together");
    return WF_OK;
}

wf_status dbz_options_check(const struct cdc_settings *settings, wf_error *err)
{
    const struct dbz_options *options = settings->options;
    wf_status status = dbz_options_check_servers(options->bootstrap_servers, err);
    if (status)
        return status;
    if (options->topic_prefix.len && !dbz_name_is_topic_prefix(options->topic_prefix))
        return error_set(err, WF_CONFIG,
                         "'options.topic_prefix' must be 1 to %d letters, digits, '.', '_' "
                         "and '-', not \"%.*s\"",
                         DBZ_NAME_PREFIX_MOST,
                         STR_ARG(str_slice(options->topic_prefix, 0, 150)));
    status = dbz_options_check_signals(options, err);
    if (!status)
        status = dbz_options_check_files(options, err);
    if (status)
        return status;
    struct dbz_connector connector;
    status = dbz_connector_make(settings, &connector, err);
    if (status)
        return status;
    if (connector.registry)
        status = error_set(err, WF_CONFIG, "%s", buf_c(&connector.registry_why));
    dbz_connector_release(&connector);
    return status;
}

#define DBZ_OPTION(name, member, option_type)                                              \
    .key = (name), .type = (option_type), .offset = offsetof(struct dbz_options, member)

const struct cdc_option dbz_option_rows[] = {
    {DBZ_OPTION("bootstrap_servers", bootstrap_servers, CDC_OPTION_STRING),
     .help = "Kafka's brokers as host:port, with commas between, as this host reaches "
             "them; required"},
    {DBZ_OPTION("database", database, CDC_OPTION_STRING_OR_MAP), .secret = true,
     .help = "The database, as Kafka Connect reaches it: a URI, or a map with host, port, "
             "user, password and name; ${file:PATH:KEY} is left for Kafka Connect to "
             "resolve; empty, with 'connector' empty too, means that the "
             "connector is there already and stays as it is"},
    {DBZ_OPTION("connector", connector, CDC_OPTION_MAP), .secret = true,
     .help = "Settings of Debezium's, laid over all that is made here; null takes one "
             "away"},
    {DBZ_OPTION("connector_kafka", connector_kafka, CDC_OPTION_MAP), .secret = true,
     .help = "How the connector's own clients of Kafka (signals, schema history) reach it, "
             "in Kafka's words for Java, such as security.protocol and sasl.jaas.config; "
             "bootstrap.servers too, where it is not ours"},
    {DBZ_OPTION("topic_prefix", topic_prefix, CDC_OPTION_STRING),
     .help = "Debezium's topic.prefix; empty makes it from source_id"},
    {DBZ_OPTION("group_id", group_id, CDC_OPTION_STRING),
     .help = "Consumer group; hosts that share it share the records; empty means the "
             "connector's name"},
    {DBZ_OPTION("kafka", kafka, CDC_OPTION_MAP), .secret = true,
     .help = "Properties of librdkafka, such as security.protocol and sasl.password"},
    {DBZ_OPTION("schemas", schemas, CDC_OPTION_BOOL), .fallback = "true",
     .help = "Records carry their schemas: JSON stays JSON, dates and times are texts; "
             "without, records are a sixth of the size, and such values come as Debezium "
             "writes them"},
    {DBZ_OPTION("on_stop", on_stop, CDC_OPTION_CHOICE), .fallback = "delete",
     .choices = "delete|keep|pause|stop",
     .help = "What a stop of the source does to the connector; a deleted one leaves its "
             "replication slot in the database"},
    {DBZ_OPTION("on_records_lost", on_records_lost, CDC_OPTION_CHOICE), .fallback = "fail",
     .choices = "fail|resnapshot",
     .help = "When Kafka has deleted records that were not read yet: fail, or read the "
             "tables again"},
    {DBZ_OPTION("signals", signals, CDC_OPTION_CHOICE), .fallback = "kafka",
     .choices = "kafka|table",
     .help = "What a snapshot of a streaming connector needs besides Kafka: nothing "
             "(PostgreSQL 13, MariaDB, MySQL with gtid_mode), or a table to write to"},
    {DBZ_OPTION("signal_table", signal_table, CDC_OPTION_STRING),
     .help = "The table for signals: table, as schema.table (SQL Server and Oracle: "
             "database.schema.table), with the columns id, type and data"},
    {DBZ_OPTION("snapshot_type", snapshot_type, CDC_OPTION_CHOICE),
     .fallback = "incremental", .choices = "incremental|blocking",
     .help = "How a snapshot of a streaming connector is taken: between the changes, by "
             "key, or while they wait"},
    {DBZ_OPTION("restarts", restarts, CDC_OPTION_INT), .fallback = "5", .min = 0,
     .max = 1000000, .help = "Failed tasks are restarted so many times in a row"},
    {DBZ_OPTION("start_timeout", start_timeout_ms, CDC_OPTION_DURATION), .fallback = "60s",
     .min = 1000, .max = 24 * HOUR_MS,
     .help = "How long the connector may take until its tasks run"},
    {DBZ_OPTION("connect_timeout", connect_timeout_ms, CDC_OPTION_DURATION),
     .fallback = "30s", .min = 100, .max = HOUR_MS,
     .help = "How long one request to Kafka Connect may take"},
    {DBZ_OPTION("connect_token", connect_token, CDC_OPTION_STRING), .secret = true,
     .help = "Bearer token for Kafka Connect"},
    {DBZ_OPTION("connect_ca_file", connect_ca_file, CDC_OPTION_STRING),
     .help = "Certificates (PEM) by which Kafka Connect's is checked; empty means the "
             "system's"},
    {DBZ_OPTION("connect_cert_file", connect_cert_file, CDC_OPTION_STRING),
     .help = "Certificate (PEM) of this host, for Kafka Connect"},
    {DBZ_OPTION("connect_key_file", connect_key_file, CDC_OPTION_STRING),
     .help = "The key (PEM) of that certificate"},
    {.key = NULL},
};
