/* SPDX-License-Identifier: MIT
 *
 * dbz_database - see the header.
 */
#include "providers/debezium/dbz_database.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/dbz_pattern.h"
#include "providers/debezium/dbz_uri.h"

/* A name that a URI's query or the map may have, and the setting that takes its value. */
struct dbz_database_field {
    const char *name;
    const char *key;   /* NULL: the class knows (the database's name) */
    const char *kinds; /* of connector: 'p'ostgres, 'm'ysql and mariadb, '*' */
};

static const struct dbz_database_field dbz_database_fields[] = {
    {"host", "database.hostname", "*"},
    {"hostname", "database.hostname", "*"},
    {"port", "database.port", "*"},
    {"user", "database.user", "*"},
    {"username", "database.user", "*"},
    {"password", "database.password", "*"},
    {"name", NULL, "*"},
    {"dbname", NULL, "*"},
    {"database", NULL, "*"},
    {"sslmode", "database.sslmode", "p"},
    {"sslrootcert", "database.sslrootcert", "p"},
    {"sslcert", "database.sslcert", "p"},
    {"sslkey", "database.sslkey", "p"},
    {"sslpassword", "database.sslpassword", "p"},
    {"sslmode", "database.ssl.mode", "m"},
    {"ssl-mode", "database.ssl.mode", "m"},
    {"ssl_mode", "database.ssl.mode", "m"},
};

static bool dbz_database_is_for(const struct dbz_database_field *field,
                                const struct dbz_class *of)
{
    switch (field->kinds[0]) {
    case 'p':
        return of->kind == DBZ_CLASS_POSTGRES;
    case 'm':
        return of->kind == DBZ_CLASS_MYSQL || of->kind == DBZ_CLASS_MARIADB;
    default:
        return true;
    }
}

static const struct dbz_database_field *dbz_database_find(const struct dbz_class *of,
                                                          wf_str name)
{
    for (size_t i = 0; i < CDC_COUNT(dbz_database_fields); i++)
        if (str_is(name, dbz_database_fields[i].name) &&
            dbz_database_is_for(&dbz_database_fields[i], of))
            return &dbz_database_fields[i];
    return NULL;
}

/* Only a name from a list of ours is shown: anything else may be a piece of a password. */
static wf_status dbz_database_unknown(const struct dbz_class *of, const char *part,
                                      wf_error *err)
{
    char known[256];
    struct buf list;
    buf_fixed(&list, known, sizeof known - 1);
    for (size_t i = 0; i < CDC_COUNT(dbz_database_fields); i++)
        if (dbz_database_is_for(&dbz_database_fields[i], of))
            buf_printf(&list, "%s%s", list.len ? ", " : "", dbz_database_fields[i].name);
    return error_set(err, WF_CONFIG,
                     "'options.database' has a %s that is not known; there is %s; settings "
                     "of Debezium's own belong into 'options.connector'",
                     part, buf_c(&list));
}

/* database.include.list takes patterns. */
static wf_status dbz_database_put_name(struct dbz_config *config,
                                       const struct dbz_class *of, wf_str name,
                                       wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    if (!of->name_key)
        return WF_OK;
    if (str_is(str_from(of->name_key), "database.include.list") &&
        !str_starts(name, STR("${")))
        dbz_pattern_put_name(&text, name);
    else
        buf_str(&text, name);
    dbz_config_set(config, of->name_key, buf_view(&text));
    return buf_status(&text, "options.database", err);
}

static wf_status dbz_database_put_field(struct dbz_config *config,
                                        const struct dbz_class *of,
                                        const struct dbz_database_field *field,
                                        wf_str value, wf_error *err)
{
    if (!value.len)
        return WF_OK;
    if (memchr(value.ptr, '\0', value.len))
        return error_set(err, WF_CONFIG, "'options.database' holds a NUL character");
    if (!field->key)
        return dbz_database_put_name(config, of, value, err);
    dbz_config_set(config, field->key, value);
    return WF_OK;
}

/* ---- a URI --------------------------------------------------------------------------- */

static wf_status dbz_database_put_part(struct dbz_config *config,
                                       const struct dbz_class *of, const char *name,
                                       wf_str part, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES);
    dbz_uri_decode(&text, part);
    wf_status status = buf_status(&text, "options.database", err);
    return status
               ? status
               : dbz_database_put_field(config, of, dbz_database_find(of, str_from(name)),
                                        buf_view(&text), err);
}

static wf_status dbz_database_put_query(struct dbz_config *config,
                                        const struct dbz_class *of, wf_str query,
                                        wf_error *err)
{
    wf_status status = WF_OK;
    for (wf_str name, value; !status && dbz_uri_next(&query, &name, &value);) {
        const struct dbz_database_field *field = dbz_database_find(of, name);
        if (!field)
            return dbz_database_unknown(of, "parameter", err);
        status = dbz_database_put_part(config, of, field->name, value, err);
    }
    return status;
}

static wf_status dbz_database_put_uri(struct dbz_config *config, const struct dbz_class *of,
                                      const struct dbz_uri *uri, wf_error *err)
{
    wf_str host, port;
    if (str_find(uri->hosts, STR(",")) >= 0)
        return error_set(err, WF_CONFIG,
                         "'options.database' names several hosts, Debezium takes one");
    if (!dbz_uri_host(uri->hosts, &host, &port))
        return error_set(err, WF_CONFIG,
                         "'options.database' has no host, or a port that is none; "
                         "characters such as @ / : ? in a password are written %%40 %%2F "
                         "%%3A %%3F");
    if (!port.len && of->port)
        port = str_from(of->port);
    wf_status status = dbz_database_put_part(config, of, "host", host, err);
    if (!status)
        status = dbz_database_put_part(config, of, "port", port, err);
    if (!status)
        status = dbz_database_put_part(config, of, "user", uri->user, err);
    if (!status)
        status = dbz_database_put_part(config, of, "password", uri->password, err);
    if (!status)
        status = dbz_database_put_part(config, of, "name", uri->path, err);
    return status ? status : dbz_database_put_query(config, of, uri->query, err);
}

const struct dbz_class *dbz_database_class(wf_str database)
{
    struct dbz_uri uri;
    database = str_trim(database);
    if (str_starts(database, STR("{")) || !dbz_uri_parse(database, &uri))
        return NULL;
    return dbz_class_of_scheme(uri.scheme);
}

/* ---- a map --------------------------------------------------------------------------- */

static wf_status dbz_database_put_map(struct dbz_config *config, const struct dbz_class *of,
                                      wf_str map, wf_error *err)
{
    struct dbz_config fields;
    dbz_config_init(&fields);
    wf_status status = dbz_config_status(&fields, err);
    if (!status)
        status = dbz_config_merge(&fields, map, "options.database", err);
    if (!status && of->port)
        dbz_config_set_text(config, "database.port", of->port);
    const void *at = NULL;
    const char *name;
    wf_str value;
    while (!status && dbz_config_next(&fields, &at, &name, &value)) {
        const struct dbz_database_field *field = dbz_database_find(of, str_from(name));
        status = field ? dbz_database_put_field(config, of, field, value, err)
                       : dbz_database_unknown(of, "key", err);
    }
    dbz_config_release(&fields);
    if (!status && !dbz_config_has(config, "database.hostname"))
        return error_set(err, WF_CONFIG, "'options.database' has no 'host'");
    return status;
}

/* ---- both ---------------------------------------------------------------------------- */

static wf_status dbz_database_no_uri(const struct dbz_class *of, wf_error *err)
{
    const char *schemes = of->schemes ? of->schemes : "scheme";
    return error_set(err, WF_CONFIG,
                     "'options.database' is neither a URI such as "
                     "%.*s://user:password@host/name nor a map with host, port, user, "
                     "password and name",
                     (int)strcspn(schemes, "|"), schemes);
}

/* MongoDB's connector takes the URI as it is. */
static wf_status dbz_database_put_whole(struct dbz_config *config, wf_str database,
                                        wf_error *err)
{
    if (str_starts(database, STR("{")))
        return error_set(err, WF_CONFIG,
                         "'options.database' of a MongoDB must be a URI, mongodb://...");
    dbz_config_set(config, "mongodb.connection.string", database);
    return WF_OK;
}

wf_status dbz_database_put(struct dbz_config *config, const struct dbz_class *of,
                           wf_str database, wf_error *err)
{
    struct dbz_uri uri;
    bool mongodb = of->kind == DBZ_CLASS_MONGODB;
    database = str_trim(database);
    if (memchr(database.ptr, '\0', database.len))
        return error_set(err, WF_CONFIG, "'options.database' holds a NUL character");
    if (mongodb && (str_starts(database, STR("{")) || str_starts(database, STR("${"))))
        return dbz_database_put_whole(config, database, err);
    if (str_starts(database, STR("{")))
        return dbz_database_put_map(config, of, database, err);
    if (!dbz_uri_parse(database, &uri))
        return dbz_database_no_uri(of, err);
    if (!dbz_class_takes_scheme(of, uri.scheme))
        return error_set(err, WF_CONFIG,
                         "'options.database' begins with '%.*s://', which is not for "
                         "source_type %.*s",
                         STR_ARG(str_slice(uri.scheme, 0, 20)),
                         (int)strcspn(of->source_type, "|"), of->source_type);
    return mongodb ? dbz_database_put_whole(config, database, err)
                   : dbz_database_put_uri(config, of, &uri, err);
}
