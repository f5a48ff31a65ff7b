/* SPDX-License-Identifier: MIT
 *
 * memory_schema - a list; each row holds its object as text.
 */
#include "providers/memory/memory_schema.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

struct memory_schema_row {
    struct memory_schema_row *next;
    wf_str table;
    wf_str json;
    char memory[];
};

void memory_schema_init(struct memory_schema *schema)
{
    pthread_mutex_init(&schema->lock, NULL);
    schema->first = NULL;
    schema->last = &schema->first;
    schema->count = 0;
}

void memory_schema_release(struct memory_schema *schema)
{
    while (schema->first) {
        struct memory_schema_row *row = schema->first;
        schema->first = row->next;
        free(row);
    }
    pthread_mutex_destroy(&schema->lock);
}

static struct memory_schema_row *memory_schema_row(wf_str table, wf_str json)
{
    struct memory_schema_row *row = malloc(sizeof *row + table.len + json.len);
    if (!row)
        return NULL;
    if (table.len)
        memcpy(row->memory, table.ptr, table.len);
    memcpy(row->memory + table.len, json.ptr, json.len);
    row->next = NULL;
    row->table = (wf_str){row->memory, table.len};
    row->json = (wf_str){row->memory + table.len, json.len};
    return row;
}

wf_status memory_schema_add(struct memory_schema *schema,
                            const struct memory_schema_version *version, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf json;
    buf_init(&json, LIMIT_CONFIG_BYTES);
    struct json_writer w = json_writer_of(&json);
    json_open(&w, NULL, '{');
    json_str(&w, "table", version->table);
    json_i64(&w, "version", version->version);
    json_str(&w, "ddl", version->ddl);
    json_str(&w, "applied_at", version->applied_at);
    json_close(&w, '}');
    wf_status status = buf_status(&json, "schema version", err);
    if (status)
        return status;
    struct memory_schema_row *row = memory_schema_row(version->table, buf_view(&json));
    if (!row)
        return error_no_memory(err);
    pthread_mutex_lock(&schema->lock);
    bool room = schema->count < MEMORY_SCHEMA_VERSIONS;
    if (room) {
        *schema->last = row;
        schema->last = &row->next;
        schema->count++;
    }
    pthread_mutex_unlock(&schema->lock);
    if (room)
        return WF_OK;
    free(row);
    return error_set(err, WF_STATE, "there are %d schema versions, no more are kept",
                     MEMORY_SCHEMA_VERSIONS);
}

wf_status memory_schema_list(struct memory_schema *schema, wf_str table,
                             struct buf *out_json, wf_error *err)
{
    struct json_writer w = json_writer_of(out_json);
    json_open(&w, NULL, '[');
    pthread_mutex_lock(&schema->lock);
    for (const struct memory_schema_row *row = schema->first; row; row = row->next)
        if (str_eq(row->table, table))
            json_raw(&w, NULL, row->json);
    pthread_mutex_unlock(&schema->lock);
    json_close(&w, ']');
    return buf_status(out_json, "schema history", err);
}
