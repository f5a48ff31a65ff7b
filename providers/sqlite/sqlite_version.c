/* SPDX-License-Identifier: MIT
 *
 * sqlite_version - reading a table's version when the first change under it arrives.
 */
#include "providers/sqlite/sqlite_version.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/provider.h"
#include "providers/sqlite/sqlite_schema.h"

#define SQLITE_VERSION_MAX 1000000 /* a number above is no version, but a broken database */

static wf_status sqlite_version_bad(const struct sqlite_version_list *list, int64_t number,
                                    wf_error *err)
{
    return error_set(err, WF_STATE,
                     "database '%s' has changes of a table version (%lld) that it does not "
                     "describe: its capture tables were tampered with; " CDC_BEGIN_ANEW,
                     list->db->shown, (long long)number);
}

static wf_status sqlite_version_grow(struct sqlite_version_list *list, size_t count,
                                     wf_error *err)
{
    if (count <= list->count)
        return WF_OK;
    struct sqlite_version *grown = realloc(list->items, count * sizeof(*grown));
    if (!grown)
        return error_no_memory(err);
    memset(grown + list->count, 0, (count - list->count) * sizeof(*grown));
    list->items = grown;
    list->count = count;
    return WF_OK;
}

struct sqlite_version_columns {
    struct cdc_column *columns;
    uint16_t *keys;
    char **names;
    size_t count;
    size_t key_count;
};

static void sqlite_version_columns_release(struct sqlite_version_columns *c)
{
    for (size_t i = 0; i < c->count; i++)
        free(c->names[i]);
    free(c->names);
    free(c->columns);
    free(c->keys);
}

static wf_status sqlite_version_read_columns(const struct sqlite_version_list *list,
                                             int64_t number, size_t count,
                                             struct sqlite_version_columns *c,
                                             wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        list->db,
        "SELECT name, key_rank FROM main._cdc_column WHERE version = ?1 ORDER BY position",
        &stmt, err);
    if (status)
        return status;
    sqlite3_bind_int64(stmt, 1, number);
    for (bool row;;) {
        status = sqlite_db_step(list->db, stmt, &row, err);
        if (status || !row)
            break;
        if (c->count == count)
            return sqlite_version_bad(list, number, err);
        wf_str text;
        status = sqlite_db_text(list->db, stmt, 0, &text, err);
        if (status)
            break;
        char *name = str_dup(text);
        if (!name)
            return error_no_memory(err);
        int64_t rank = sqlite3_column_int64(stmt, 1);
        c->names[c->count] = name;
        c->columns[c->count] = (struct cdc_column){str_from(name), rank > 0};
        if (rank < 0 || (size_t)rank > count) {
            c->count++;
            return sqlite_version_bad(list, number, err);
        }
        if (rank > 0) {
            c->keys[rank - 1] = (uint16_t)c->count;
            c->key_count++;
        }
        c->count++;
    }
    if (!status && c->count != count)
        return sqlite_version_bad(list, number, err);
    return status;
}

static wf_status sqlite_version_make_table(const struct sqlite_version_list *list,
                                           int64_t number, wf_str name, size_t count,
                                           struct cdc_table **out, wf_error *err)
{
    CDC_CLEANUP(sqlite_version_columns_release)
    struct sqlite_version_columns c = {
        .columns = calloc(count + 1, sizeof(*c.columns)),
        .keys = calloc(count + 1, sizeof(*c.keys)),
        .names = calloc(count + 1, sizeof(*c.names)),
    };
    if (!c.columns || !c.keys || !c.names)
        return error_no_memory(err);
    wf_status status = sqlite_version_read_columns(list, number, count, &c, err);
    if (status)
        return status;
    return table_new(name, c.columns, count, c.keys, c.key_count, out, err);
}

static wf_status sqlite_version_read(struct sqlite_version_list *list, int64_t number,
                                     struct sqlite_version *version, wf_error *err)
{
    CDC_CLEANUP(sqlite_db_finalize) sqlite3_stmt *stmt = NULL;
    wf_status status = sqlite_db_prepare(
        list->db, "SELECT name, columns, ddl FROM main._cdc_version WHERE id = ?1", &stmt,
        err);
    if (status)
        return status;
    sqlite3_bind_int64(stmt, 1, number);
    bool row = false;
    status = sqlite_db_step(list->db, stmt, &row, err);
    if (status)
        return status;
    int64_t columns = row ? sqlite3_column_int64(stmt, 1) : 0;
    if (columns < 1 || columns > LIMIT_COLUMNS)
        return sqlite_version_bad(list, number, err);
    wf_str name, text;
    status = sqlite_db_text(list->db, stmt, 0, &name, err);
    if (!status)
        status = sqlite_db_text(list->db, stmt, 2, &text, err);
    if (status)
        return status;
    char *ddl = str_dup(text);
    if (!ddl)
        return error_no_memory(err);
    status = sqlite_version_make_table(list, number, name, (size_t)columns, &version->table,
                                       err);
    if (status) {
        free(ddl);
        return status;
    }
    version->ddl = ddl;
    version->mine =
        sqlite_schema_matches(list->patterns->items, list->patterns->count, name);
    version->known = true;
    return WF_OK;
}

wf_status sqlite_version_get(struct sqlite_version_list *list, int64_t number,
                             const struct sqlite_version **out, wf_error *err)
{
    if (number < 1 || number > SQLITE_VERSION_MAX)
        return sqlite_version_bad(list, number, err);
    wf_status status = sqlite_version_grow(list, (size_t)number + 1, err);
    if (!status && !list->items[number].known)
        status = sqlite_version_read(list, number, &list->items[number], err);
    if (!status)
        *out = &list->items[number];
    return status;
}

void sqlite_version_release(struct sqlite_version_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        table_free(list->items[i].table);
        free(list->items[i].ddl);
    }
    free(list->items);
    list->items = NULL;
    list->count = 0;
}
