/* SPDX-License-Identifier: MIT
 *
 * table - one block of memory holds the table, its names and their JSON labels.
 */
#include "plugin/core/table.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

struct table_block {
    struct cdc_table table;
    struct cdc_column *columns;
    wf_str *labels;
    uint16_t *keys;
    char *names; /* every text, one after the other */
};

/* Appends `"name":` and remembers where; offsets become pointers once the buffer is
 * final. */
static wf_str table_label(struct buf *texts, wf_str name)
{
    size_t at = texts->len;
    json_put_string(texts, name);
    buf_byte(texts, ':');
    return (wf_str){(const char *)(uintptr_t)at, texts->len - at};
}

static wf_str table_name(struct buf *texts, wf_str name)
{
    size_t at = texts->len;
    buf_str(texts, name);
    return (wf_str){(const char *)(uintptr_t)at, name.len};
}

static void table_rebase(wf_str *view, const char *base)
{
    view->ptr = base + (uintptr_t)view->ptr;
}

static void table_fill_keys(struct table_block *block, const struct cdc_column *columns,
                            const uint16_t *keys, size_t key_count)
{
    struct cdc_table *table = &block->table;
    if (keys) {
        memcpy(block->keys, keys, key_count * sizeof *keys);
        table->key_count = key_count;
    } else {
        for (size_t i = 0; i < table->count; i++)
            if (columns[i].key)
                block->keys[table->key_count++] = (uint16_t)i;
    }
    table->keys = block->keys;
}

static bool table_fill_names(struct table_block *block, wf_str name,
                             const struct cdc_column *columns)
{
    struct cdc_table *table = &block->table;
    struct buf texts;
    buf_init(&texts, LIMIT_CONFIG_BYTES * 4u);
    table->name = table_name(&texts, name);
    size_t at = texts.len;
    buf_lit(&texts, ",\"table\":");
    json_put_string(&texts, name);
    table->label = (wf_str){(const char *)(uintptr_t)at, texts.len - at};
    for (size_t i = 0; i < table->count; i++) {
        block->columns[i] = columns[i];
        block->columns[i].name = table_name(&texts, columns[i].name);
        block->labels[i] = table_label(&texts, columns[i].name);
    }
    block->names = buf_take(&texts);
    buf_release(&texts);
    if (!block->names)
        return false;
    table_rebase(&table->name, block->names);
    table_rebase(&table->label, block->names);
    for (size_t i = 0; i < table->count; i++) {
        table_rebase(&block->columns[i].name, block->names);
        table_rebase(&block->labels[i], block->names);
    }
    table->columns = block->columns;
    table->labels = block->labels;
    return true;
}

wf_status table_new(wf_str name, const struct cdc_column *columns, size_t count,
                    const uint16_t *keys, size_t key_count, struct cdc_table **out,
                    wf_error *err)
{
    if (count > LIMIT_COLUMNS || key_count > count)
        return error_set(err, WF_PROTOCOL,
                         "table '%.*s' has %zu columns, at most %d are possible",
                         STR_ARG(name), count, LIMIT_COLUMNS);
    for (size_t i = 0; keys && i < key_count; i++)
        if (keys[i] >= count)
            return error_set(err, WF_PROTOCOL,
                             "the key of table '%.*s' names column %u of %zu",
                             STR_ARG(name), keys[i] + 1u, count);
    struct table_block *block = calloc(1, sizeof *block);
    if (!block)
        return error_no_memory(err);
    block->table.count = count;
    block->columns = calloc(count + 1, sizeof *block->columns);
    block->labels = calloc(count + 1, sizeof *block->labels);
    block->keys = calloc(count + 1, sizeof *block->keys);
    if (!block->columns || !block->labels || !block->keys ||
        !table_fill_names(block, name, columns)) {
        table_free(&block->table);
        return error_no_memory(err);
    }
    table_fill_keys(block, columns, keys, key_count);
    *out = &block->table;
    return WF_OK;
}

void table_free(struct cdc_table *table)
{
    if (!table)
        return;
    struct table_block *block = CDC_CONTAINER(table, struct table_block, table);
    free(block->columns);
    free(block->labels);
    free(block->keys);
    free(block->names);
    free(block);
}

bool table_matches(wf_str pattern, wf_str name)
{
    if (str_glob(pattern, name))
        return true;
    if (str_find(pattern, STR(".")) >= 0)
        return false;
    ptrdiff_t dot = str_find(name, STR("."));
    return dot >= 0 && str_glob(pattern, str_slice(name, (size_t)dot + 1, name.len));
}

bool table_is_listed(const wf_str *patterns, size_t count, wf_str name)
{
    bool listed = !count;
    for (size_t i = 0; i < count && !listed; i++)
        listed = table_matches(patterns[i], name);
    return listed;
}
