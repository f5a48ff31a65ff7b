/* SPDX-License-Identifier: MIT
 *
 * dbz_connector - see the header.
 */
#include "providers/debezium/dbz_connector.h"

#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/dbz_config.h"
#include "providers/debezium/dbz_database.h"
#include "providers/debezium/dbz_defaults.h"
#include "providers/debezium/dbz_name.h"
#include "providers/debezium/dbz_options.h"

/* ---- memory -------------------------------------------------------------------------- */

static void dbz_connector_init(struct dbz_connector *connector)
{
    *connector = (struct dbz_connector){0};
    buf_init(&connector->name, LIMIT_TEXT_BYTES);
    buf_init(&connector->class_name, LIMIT_TEXT_BYTES);
    buf_init(&connector->topic_prefix, LIMIT_TEXT_BYTES);
    buf_init(&connector->config, LIMIT_CONFIG_BYTES);
    buf_init(&connector->signal_topic, LIMIT_TEXT_BYTES);
    buf_init(&connector->signal_table, LIMIT_TEXT_BYTES);
    buf_init(&connector->notify_topic, LIMIT_TEXT_BYTES);
    buf_init(&connector->remains, LIMIT_TEXT_BYTES);
    buf_init(&connector->registry_why, LIMIT_TEXT_BYTES);
}

void dbz_connector_release(struct dbz_connector *connector)
{
    if (connector->config.data)
        explicit_bzero(connector->config.data, connector->config.cap);
    buf_release(&connector->name);
    buf_release(&connector->class_name);
    buf_release(&connector->topic_prefix);
    buf_release(&connector->config);
    buf_release(&connector->signal_topic);
    buf_release(&connector->signal_table);
    buf_release(&connector->notify_topic);
    buf_release(&connector->remains);
    buf_release(&connector->registry_why);
}

static wf_status dbz_connector_status(const struct dbz_connector *connector, wf_error *err)
{
    const struct buf *all[] = {
        &connector->name,         &connector->class_name,   &connector->topic_prefix,
        &connector->config,       &connector->signal_topic, &connector->signal_table,
        &connector->notify_topic, &connector->remains,      &connector->registry_why};
    wf_status status = WF_OK;
    for (size_t i = 0; !status && i < CDC_COUNT(all); i++)
        status = buf_status(all[i], "the connector's configuration", err);
    return status;
}

/* ---- reading a configuration --------------------------------------------------------- */

static bool dbz_connector_is_in(wf_str list, const char *word)
{
    for (wf_str part; str_next(&list, ',', &part);)
        if (str_is(str_trim(part), word))
            return true;
    return false;
}

/* The converters that write JSON as it is read here.  Empty: the worker's own, which is
 * told apart by its records. */
static bool dbz_connector_is_json(wf_str converter)
{
    return !converter.len || str_is(converter, "JsonConverter") ||
           str_ends(converter, STR(".JsonConverter"));
}

static void dbz_connector_read_converter(struct dbz_connector *connector,
                                         const struct dbz_config *config, const char *key)
{
    wf_str converter = dbz_config_get(config, key);
    if (connector->registry || dbz_connector_is_json(converter))
        return;
    connector->registry = true;
    buf_printf(
        &connector->registry_why,
        "the connector's '%s' is '%.*s': records of Avro, Protobuf and other formats "
        "that need a schema registry are not supported; take "
        "org.apache.kafka.connect.json.JsonConverter",
        key, STR_ARG(str_slice(converter, 0, 200)));
}

/* A transformation that takes the envelope off leaves nothing to tell an insert from an
 * update by. */
static void dbz_connector_read_transforms(struct dbz_connector *connector,
                                          const struct dbz_config *config)
{
    static const char *const flattening[] = {"ExtractNewRecordState",
                                             "ExtractNewDocumentState", "EventRouter"};
    wf_str names = dbz_config_get(config, "transforms");
    for (wf_str name; str_next(&names, ',', &name);) {
        char key[256];
        name = str_trim(name);
        snprintf(key, sizeof key, "transforms.%.*s.type", STR_ARG(name));
        wf_str type = dbz_config_get(config, key);
        for (size_t i = 0; i < CDC_COUNT(flattening); i++) {
            if (connector->registry || !str_ends(type, str_from(flattening[i])))
                continue;
            connector->registry = true;
            buf_printf(
                &connector->registry_why,
                "the connector's transformation '%.*s' (%s) takes Debezium's envelope "
                "off, which is what changes are read from; leave it out",
                STR_ARG(str_slice(name, 0, 100)), flattening[i]);
        }
    }
}

static void dbz_connector_put(struct buf *out, wf_str text)
{
    buf_clear(out);
    buf_str(out, text);
}

static void dbz_connector_read(struct dbz_connector *connector,
                               const struct dbz_config *config)
{
    wf_str class_name = dbz_config_get(config, "connector.class");
    const struct dbz_class *of = dbz_class_of_name(class_name);
    wf_str prefix = dbz_config_get(config, "topic.prefix");
    dbz_connector_put(&connector->class_name, class_name);
    if (prefix.len)
        dbz_connector_put(&connector->topic_prefix, prefix);
    dbz_connector_put(
        &connector->signal_table,
        dbz_class_table(of, dbz_config_get(config, "signal.data.collection")));
    buf_clear(&connector->signal_topic);
    if (dbz_connector_is_in(dbz_config_get(config, "signal.enabled.channels"), "kafka")) {
        wf_str topic = dbz_config_get(config, "signal.kafka.topic");
        buf_str(&connector->signal_topic, topic);
        if (!topic.len)
            buf_printf(&connector->signal_topic, "%.*s-signal", STR_ARG(prefix));
    }
    buf_clear(&connector->notify_topic);
    if (dbz_connector_is_in(dbz_config_get(config, "notification.enabled.channels"),
                            "sink"))
        buf_str(&connector->notify_topic,
                dbz_config_get(config, "notification.sink.topic.name"));
    connector->schema_topic =
        of->history && !str_is(dbz_config_get(config, "include.schema.changes"), "false");
    connector->registry = false;
    buf_clear(&connector->registry_why);
    dbz_connector_read_converter(connector, config, "value.converter");
    dbz_connector_read_converter(connector, config, "key.converter");
    dbz_connector_read_transforms(connector, config);
}

/* What stays where a connector of PostgreSQL was: the slot keeps WAL for nobody. */
static void dbz_connector_read_remains(struct dbz_connector *connector,
                                       const struct dbz_config *config)
{
    wf_str slot = dbz_config_get(config, "slot.name");
    wf_str publication = dbz_config_get(config, "publication.name");
    wf_str creation = dbz_config_get(config, "publication.autocreate.mode");
    wf_str class_name = dbz_config_get(config, "connector.class");
    struct buf *out = &connector->remains;
    if (dbz_class_of_name(class_name)->kind != DBZ_CLASS_POSTGRES)
        return;
    if (slot.len && !str_is(dbz_config_get(config, "slot.drop.on.stop"), "true")) {
        buf_printf(out, "replication slot %.*s, which holds back WAL: ", STR_ARG(slot));
        buf_lit(out, "SELECT pg_drop_replication_slot(");
        buf_sql_quoted(out, slot, '\'');
        buf_lit(out, ");\n");
    }
    if (publication.len && !str_is(creation, "disabled")) {
        buf_printf(out, "publication %.*s: DROP PUBLICATION IF EXISTS ",
                   STR_ARG(publication));
        buf_sql_quoted(out, publication, '"');
        buf_lit(out, ";\n");
    }
}

/* ---- making one ---------------------------------------------------------------------- */

static wf_status dbz_connector_class(const struct cdc_settings *settings,
                                     const struct dbz_config *given,
                                     const struct dbz_class **out, wf_error *err)
{
    const struct dbz_options *options = settings->options;
    wf_str class_name = dbz_config_get(given, "connector.class");
    const struct dbz_class *of = NULL;
    if (class_name.len)
        of = dbz_class_of_name(class_name);
    else if (settings->source_type.len)
        of = dbz_class_of_type(settings->source_type);
    else
        of = dbz_database_class(options->database);
    if (!of && settings->source_type.len)
        return error_set(err, WF_CONFIG, "'source_type' must be %s, not \"%.*s\"",
                         dbz_class_types, STR_ARG(str_slice(settings->source_type, 0, 80)));
    if (!of)
        return error_set(err, WF_CONFIG,
                         "'source_type' is required where 'options.database' does not "
                         "begin with a scheme that says it: %s",
                         dbz_class_types);
    *out = of;
    return WF_OK;
}

/* Debezium would look for it in vain, once the first snapshot is asked for. */
static wf_status dbz_connector_check_signals(const struct dbz_options *options,
                                             const struct dbz_class *of, wf_error *err)
{
    wf_str table = options->signal_table;
    if (!table.len || !of->database_first || dbz_class_table(of, table).len < table.len)
        return WF_OK;
    return error_set(err, WF_CONFIG,
                     "'options.signal_table' must be database.schema.table for source_type "
                     "%.*s, not \"%.*s\"",
                     (int)strcspn(of->source_type, "|"), of->source_type,
                     STR_ARG(str_slice(table, 0, 100)));
}

static void dbz_connector_put_class(struct dbz_config *config,
                                    const struct cdc_settings *settings,
                                    const struct dbz_class *of)
{
    if (of->class_name)
        dbz_config_set_text(config, "connector.class", of->class_name);
    else if (settings->source_type.len)
        dbz_config_set(config, "connector.class", settings->source_type);
}

/* The prefix that counts: others of our names are made from it. */
static wf_status dbz_connector_prefix(struct dbz_connector *connector,
                                      const struct cdc_settings *settings,
                                      const struct dbz_config *given, wf_error *err)
{
    const struct dbz_options *options = settings->options;
    wf_str prefix = dbz_config_get(given, "topic.prefix");
    if (!prefix.len)
        prefix = options->topic_prefix;
    if (prefix.len && !dbz_name_is_topic_prefix(prefix))
        return error_set(err, WF_CONFIG,
                         "'topic.prefix' must be 1 to %d letters, digits, '.', '_' and "
                         "'-', not \"%.*s\"",
                         DBZ_NAME_PREFIX_MOST, STR_ARG(str_slice(prefix, 0, 150)));
    if (prefix.len)
        buf_str(&connector->topic_prefix, prefix);
    else
        dbz_name_topic_prefix(&connector->topic_prefix, settings->source_id);
    return buf_status(&connector->topic_prefix, "'topic.prefix'", err);
}

static wf_status dbz_connector_name(struct dbz_connector *connector,
                                    const struct cdc_settings *settings,
                                    const struct dbz_config *given, wf_error *err)
{
    wf_str name = dbz_config_get(given, "name");
    if (name.len)
        buf_str(&connector->name, name);
    else
        dbz_name_connector(&connector->name, settings->source_id);
    return buf_status(&connector->name, "the connector's name", err);
}

/* options.connector over our settings.  Debezium takes a list of the messages' prefixes that
 * are wanted or one of those that are not, and we have the latter. */
static wf_status dbz_connector_overlay(struct dbz_config *config,
                                       const struct dbz_config *given, wf_str connector,
                                       wf_error *err)
{
    static const wf_str none = {"{\"message.prefix.exclude.list\":null}", 36};
    wf_status status = WF_OK;
    if (dbz_config_get(given, "message.prefix.include.list").len)
        status = dbz_config_merge(config, none, "options.connector", err);
    return status ? status : dbz_config_merge(config, connector, "options.connector", err);
}

static wf_status dbz_connector_fill(struct dbz_connector *connector,
                                    const struct cdc_settings *settings,
                                    const struct dbz_config *given,
                                    struct dbz_config *config, wf_error *err)
{
    const struct dbz_options *options = settings->options;
    const struct dbz_class *of = NULL;
    wf_status status = dbz_connector_class(settings, given, &of, err);
    if (status)
        return status;
    dbz_config_set(config, "name", buf_view(&connector->name));
    dbz_connector_put_class(config, settings, of);
    status = dbz_connector_check_signals(options, of, err);
    if (!status && options->database.len)
        status = dbz_database_put(config, of, options->database, err);
    if (!status)
        status =
            dbz_defaults_put(config, settings, of, buf_view(&connector->topic_prefix), err);
    if (!status && options->connector.len)
        status = dbz_connector_overlay(config, given, options->connector, err);
    if (!status)
        status = dbz_config_status(config, err);
    if (status)
        return status;
    if (!dbz_config_has(config, "connector.class"))
        return error_set(err, WF_CONFIG,
                         "'options.connector' takes 'connector.class' away");
    dbz_connector_read(connector, config);
    dbz_connector_read_remains(connector, config);
    dbz_config_write(config, &connector->config);
    return WF_OK;
}

static wf_status dbz_connector_build(struct dbz_connector *connector,
                                     const struct cdc_settings *settings,
                                     struct dbz_config *given, struct dbz_config *config,
                                     wf_error *err)
{
    const struct dbz_options *options = settings->options;
    wf_status status = dbz_config_status(given, err);
    if (!status)
        status = dbz_config_status(config, err);
    if (!status && options->connector.len)
        status = dbz_config_merge(given, options->connector, "options.connector", err);
    if (!status)
        status = dbz_connector_name(connector, settings, given, err);
    if (!status)
        status = dbz_connector_prefix(connector, settings, given, err);
    bool ours = options->database.len || options->connector.len;
    if (!status && ours)
        status = dbz_connector_fill(connector, settings, given, config, err);
    return status ? status : dbz_connector_status(connector, err);
}

wf_status dbz_connector_make(const struct cdc_settings *settings, struct dbz_connector *out,
                             wf_error *err)
{
    struct dbz_connector connector;
    struct dbz_config given, config;
    dbz_connector_init(&connector);
    dbz_config_init(&given);
    dbz_config_init(&config);
    wf_status status = dbz_connector_build(&connector, settings, &given, &config, err);
    dbz_config_release(&given);
    dbz_config_release(&config);
    if (status)
        dbz_connector_release(&connector);
    else
        *out = connector;
    return status;
}

wf_status dbz_connector_adopt(struct dbz_connector *connector, wf_str config, wf_error *err)
{
    struct dbz_config read;
    dbz_config_init(&read);
    wf_status status = dbz_config_status(&read, err);
    if (!status)
        status = dbz_config_merge(&read, config, "the connector's configuration", err);
    if (!status)
        dbz_connector_read(connector, &read);
    dbz_config_release(&read);
    return status ? status : dbz_connector_status(connector, err);
}

/* ---- cures --------------------------------------------------------------------------- */

const char *dbz_connector_cure(const char *why)
{
    static const struct {
        const char *words, *cure;
    } cures[] = {
        {"requires GTID_MODE to be ON",
         "set gtid_mode to ON in the database, or options.snapshot_type to blocking, or "
         "options.signals to table"},
        {"no longer available on the server",
         "set options.snapshot to when_needed, and the tables are read again"},
        {"db history topic or its content is fully or partially missing",
         "set snapshot.mode to recovery in options.connector, once"},
        {"must be superuser to create FOR ALL TABLES publication",
         "leave publication.autocreate.mode at filtered, or make the publication by hand"},
        {"\"eventTxId\" is null",
         "set options.snapshot_type to blocking: an incremental snapshot does not bear "
         "messages outside of transactions (pg_logical_emit_message(false, ...))"},
        {"a slave with the same server_uuid/server_id",
         "set another database.server.id in options.connector"},
    };
    for (size_t i = 0; i < CDC_COUNT(cures); i++)
        if (strcasestr(why, cures[i].words))
            return cures[i].cure;
    return "";
}
