/* SPDX-License-Identifier: MIT
 *
 * dbz_defaults - see the header.
 *
 * Names of topics that are not for rows begin with "__debezium-", as the heartbeats' does:
 * none of them begins with "<prefix>.", where the rows are, and no source's prefix is one.
 */
#include "providers/debezium/dbz_defaults.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/dbz_name.h"
#include "providers/debezium/dbz_options.h"
#include "providers/debezium/dbz_pattern.h"

#define DBZ_DEFAULTS_QUEUE_BYTES (64 << 20)

struct dbz_defaults_row {
    const char *key, *value;
};

static void dbz_defaults_rows(struct dbz_config *config,
                              const struct dbz_defaults_row *rows)
{
    for (; rows->key; rows++)
        dbz_config_set_text(config, rows->key, rows->value);
}

static const struct dbz_defaults_row dbz_defaults_common[] = {
    {"tasks.max", "1"},
    {"key.converter", "org.apache.kafka.connect.json.JsonConverter"},
    {"value.converter", "org.apache.kafka.connect.json.JsonConverter"},
    /* Else a null becomes the column's default. */
    {"key.converter.replace.null.with.default", "false"},
    {"value.converter.replace.null.with.default", "false"},
    /* Digits instead of base64, in the few places where a decimal is not a text. */
    {"key.converter.decimal.format", "NUMERIC"},
    {"value.converter.decimal.format", "NUMERIC"},
    {"decimal.handling.mode", "string"},
    {"binary.handling.mode", "base64"},
    {"skipped.operations", "none"},
    {"tombstones.on.delete", "false"},
    {"provide.transaction.metadata", "true"},
    {"extended.headers.enabled", "false"},
    {"heartbeat.interval.ms", "10000"},
    {"signal.poll.interval.ms", "1000"},
    {"notification.enabled.channels", "sink"},
    /* The broker's defaults, also where brokers do not make topics by themselves. */
    {"topic.creation.default.partitions", "-1"},
    {"topic.creation.default.replication.factor", "-1"},
    {NULL, NULL},
};

/* The heartbeat is a message in the WAL, which the connector passes: else the slot of a
 * quiet database keeps the WAL of the busy ones beside it.  What Debezium has for this,
 * lsn.flush.mode, moves the slot on but not the connector's offset, and a task that is
 * restarted then refuses to begin.  (Seen with 3.5.)
 *
 * It takes a transaction each time: one without makes an incremental snapshot beside it fail
 * ("eventTxId is null"), which on a quiet database also waits for a new transaction, and is
 * not known again by a task that was restarted at it.  (Seen with 3.5; debezium/dbz#1379.) */
static const struct dbz_defaults_row dbz_defaults_postgres[] = {
    {"plugin.name", "pgoutput"},
    {"publication.autocreate.mode", "filtered"},
    {"interval.handling.mode", "string"},
    {"hstore.handling.mode", "json"},
    {"include.unknown.datatypes", "true"},
    /* Only so can the NaN of a numeric be told from a text that says NAN. */
    {"datatype.propagate.source.type", ".+[.]_?numeric"},
    {"heartbeat.action.query",
     "SELECT pg_logical_emit_message(true, 'workflow-plugin-cdc.heartbeat', '')"},
    {"message.prefix.exclude.list", "workflow-plugin-cdc[.].*"},
    {NULL, NULL},
};

/* The server's heartbeats come at 0.8 of the interval, and both wait for one of them: the
 * connector that finds its server gone, and a snapshot while nothing changes. */
static const struct dbz_defaults_row dbz_defaults_mysql[] = {
    {"connect.keep.alive.interval.ms", "10000"},
    {"bigint.unsigned.handling.mode", "precise"},
    {NULL, NULL},
};

/* never, initial, always, when_needed.  Nothing is left on that reads all tables at every
 * start: what the core wants read again it asks for while the connector streams. */
static const char *dbz_defaults_snapshot_mode(int32_t mode)
{
    switch ((enum cdc_snapshot_mode)mode) {
    case CDC_SNAPSHOT_NEVER:
        return "no_data";
    case CDC_SNAPSHOT_WHEN_NEEDED:
        return "when_needed";
    case CDC_SNAPSHOT_INITIAL:
    case CDC_SNAPSHOT_ALWAYS:
        break;
    }
    return "initial";
}

static void dbz_defaults_slot(struct dbz_config *config, const char *key, const char *start,
                              wf_str source_id)
{
    char memory[64];
    struct buf name;
    buf_fixed(&name, memory, sizeof memory);
    dbz_name_slot(&name, start, source_id);
    dbz_config_set(config, key, buf_view(&name));
}

static void dbz_defaults_names(struct dbz_config *config,
                               const struct cdc_settings *settings,
                               const struct dbz_class *of)
{
    if (of->kind == DBZ_CLASS_POSTGRES) {
        dbz_defaults_slot(config, "slot.name", "dbz_", settings->source_id);
        dbz_defaults_slot(config, "publication.name", "dbz_pub_", settings->source_id);
    }
    if (of->server_id)
        dbz_config_set_i64(config, "database.server.id",
                           dbz_name_server_id(settings->source_id));
}

/* The signal table has to be captured. */
static void dbz_defaults_tables(struct dbz_config *config,
                                const struct cdc_settings *settings,
                                const struct dbz_class *of, wf_str signal_table)
{
    struct buf list;
    if (!settings->tables.count)
        return;
    buf_init(&list, LIMIT_CONFIG_BYTES);
    for (size_t i = 0; i < settings->tables.count; i++) {
        if (i)
            buf_byte(&list, ',');
        dbz_pattern_put(&list, settings->tables.items[i]);
    }
    if (signal_table.len) {
        buf_byte(&list, ',');
        dbz_pattern_put_name(&list, dbz_class_table(of, signal_table));
    }
    dbz_config_set(config, of->tables_key, buf_view(&list));
    if (list.broken)
        config->broken = list.broken;
    buf_release(&list);
}

static void dbz_defaults_topic(struct dbz_config *config, const char *key,
                               const char *start, wf_str topic_prefix)
{
    char topic[256];
    int len = snprintf(topic, sizeof topic, "%s.%.*s", start, STR_ARG(topic_prefix));
    dbz_config_set(config, key, (wf_str){topic, (size_t)len});
}

/* MySQL's connector does not start in read-only mode without GTIDs; it does without the
 * mode, and blocking snapshots work then. */
static bool dbz_defaults_is_read_only(const struct dbz_options *options,
                                      const struct dbz_class *of)
{
    if (!of->read_only || options->signals == DBZ_SIGNALS_TABLE)
        return false;
    return of->kind != DBZ_CLASS_MYSQL ||
           options->snapshot_type == DBZ_SNAPSHOT_INCREMENTAL;
}

static void dbz_defaults_signals(struct dbz_config *config,
                                 const struct dbz_options *options,
                                 const struct dbz_class *of, wf_str topic_prefix)
{
    bool table = options->signal_table.len > 0;
    dbz_config_set_text(config, "signal.enabled.channels",
                        table ? "source,kafka" : "kafka");
    dbz_config_set(config, "signal.kafka.bootstrap.servers", options->bootstrap_servers);
    dbz_defaults_topic(config, "signal.kafka.topic", "__debezium-signal", topic_prefix);
    dbz_defaults_topic(config, "notification.sink.topic.name", "__debezium-notifications",
                       topic_prefix);
    if (table)
        dbz_config_set(config, "signal.data.collection", options->signal_table);
    if (dbz_defaults_is_read_only(options, of))
        dbz_config_set_text(config, "read.only", "true");
}

static void dbz_defaults_client(struct dbz_config *config, const char *start,
                                const char *key, wf_str value)
{
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_TEXT_BYTES);
    buf_printf(&name, "%s%s", start, key);
    if (name.broken)
        config->broken = name.broken;
    else
        dbz_config_set(config, buf_c(&name), value);
}

/* Rows, heartbeats and notifications are written by the worker; but a connector reads
 * signals and keeps its schema history with clients of its own, which know nothing of the
 * worker's settings.  (Debezium 3.5 documentation, "signal.consumer.*",
 * "schema.history.internal.producer.*".) */
static wf_status dbz_defaults_clients(struct dbz_config *config,
                                      const struct dbz_options *options,
                                      const struct dbz_class *of, wf_error *err)
{
    static const char *const starts[] = {"signal.consumer.",
                                         "schema.history.internal.producer.",
                                         "schema.history.internal.consumer."};
    static const char *const servers[] = {"signal.kafka.",
                                          "schema.history.internal.kafka."};
    struct dbz_config given;
    const void *at = NULL;
    const char *key;
    wf_str value;
    if (!options->connector_kafka.len)
        return WF_OK;
    dbz_config_init(&given);
    wf_status status = dbz_config_status(&given, err);
    if (!status)
        status = dbz_config_merge(&given, options->connector_kafka,
                                  "options.connector_kafka", err);
    while (!status && dbz_config_next(&given, &at, &key, &value)) {
        bool is_servers = strcmp(key, "bootstrap.servers") == 0;
        size_t most = is_servers ? CDC_COUNT(servers) : CDC_COUNT(starts);
        for (size_t i = 0; i < (of->history ? most : 1); i++)
            dbz_defaults_client(config, is_servers ? servers[i] : starts[i], key, value);
    }
    dbz_config_release(&given);
    return status;
}

/* Without schemas a time of PostgreSQL's is best as a text; what that loses elsewhere
 * stands at dbz_class. */
static void dbz_defaults_values(struct dbz_config *config,
                                const struct dbz_options *options,
                                const struct dbz_class *of)
{
    const char *schemas = options->schemas ? "true" : "false";
    const char *time_mode = of->time_mode;
    if (of->kind == DBZ_CLASS_POSTGRES && !options->schemas)
        time_mode = "isostring";
    dbz_config_set_text(config, "key.converter.schemas.enable", schemas);
    dbz_config_set_text(config, "value.converter.schemas.enable", schemas);
    if (time_mode)
        dbz_config_set_text(config, "time.precision.mode", time_mode);
}

wf_status dbz_defaults_put(struct dbz_config *config, const struct cdc_settings *settings,
                           const struct dbz_class *of, wf_str topic_prefix, wf_error *err)
{
    const struct dbz_options *options = settings->options;
    dbz_config_set(config, "topic.prefix", topic_prefix);
    dbz_defaults_rows(config, dbz_defaults_common);
    dbz_config_set_i64(config, "max.queue.size.in.bytes", DBZ_DEFAULTS_QUEUE_BYTES);
    dbz_config_set_i64(config, "incremental.snapshot.chunk.size",
                       settings->core.snapshot_chunk_rows);
    dbz_config_set_text(config, "snapshot.mode",
                        dbz_defaults_snapshot_mode(settings->core.snapshot));
    dbz_defaults_names(config, settings, of);
    dbz_defaults_tables(config, settings, of, options->signal_table);
    dbz_defaults_signals(config, options, of, topic_prefix);
    dbz_defaults_values(config, options, of);
    if (of->kind == DBZ_CLASS_POSTGRES)
        dbz_defaults_rows(config, dbz_defaults_postgres);
    if (of->kind == DBZ_CLASS_MYSQL || of->kind == DBZ_CLASS_MARIADB)
        dbz_defaults_rows(config, dbz_defaults_mysql);
    if (of->history) {
        dbz_config_set_text(config, "include.schema.changes", "true");
        dbz_config_set(config, "schema.history.internal.kafka.bootstrap.servers",
                       options->bootstrap_servers);
        dbz_defaults_topic(config, "schema.history.internal.kafka.topic",
                           "__debezium-schema-history", topic_prefix);
    }
    wf_status status = dbz_defaults_clients(config, options, of, err);
    return status ? status : dbz_config_status(config, err);
}
