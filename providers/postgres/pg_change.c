/* SPDX-License-Identifier: MIT
 *
 * pg_change - the old row first, because the new one may take values over from it.
 */
#include "providers/postgres/pg_change.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

void pg_change_init(struct pg_change *rows)
{
    pg_row_init(&rows->before);
    pg_row_init(&rows->after);
    buf_init(&rows->merged, LIMIT_EVENT_BYTES);
}

void pg_change_release(struct pg_change *rows)
{
    pg_row_release(&rows->before);
    pg_row_release(&rows->after);
    buf_release(&rows->merged);
}

static CDC_NO_INLINE wf_status pg_change_misfit(const struct pg_relation *relation,
                                                const struct pgoutput_tuple *tuple,
                                                wf_error *err)
{
    return error_set(err, WF_PROTOCOL,
                     "the server sent a row of %u columns for table '%.*s', which it "
                     "described with %zu",
                     tuple->columns, STR_ARG(relation->table->name),
                     relation->table->count);
}

static CDC_NO_INLINE wf_status pg_change_binary(const struct pg_relation *relation,
                                                size_t column, wf_error *err)
{
    return error_set(err, WF_PROTOCOL,
                     "the server sent column '%.*s' of table '%.*s' in binary form, which "
                     "was not asked for",
                     STR_ARG(relation->table->columns[column].name),
                     STR_ARG(relation->table->name));
}

/* ---- values -------------------------------------------------------------------------- */

static wf_status pg_change_old(struct pg_change *rows, const struct pg_relation *relation,
                               const struct pgoutput_message *message, wf_error *err)
{
    const struct pgoutput_tuple *tuple = &message->old;
    if (CDC_UNLIKELY(tuple->columns != relation->table->count))
        return pg_change_misfit(relation, tuple, err);
    wf_status status = pg_row_begin(&rows->before, tuple->columns, err);
    if (status)
        return status;
    struct reader rest = reader_of(tuple->raw.ptr, tuple->raw.len);
    struct pgoutput_column column;
    for (size_t i = 0; i < tuple->columns && pgoutput_next_column(&rest, &column); i++) {
        if (message->old_is_key && !relation->identity[i])
            pg_row_kind(&rows->before, CDC_VALUE_ABSENT); /* sent as null: it is not */
        else if (CDC_LIKELY(column.kind == 't'))
            pg_row_text(&rows->before, relation->types[i], column.text);
        else if (column.kind == 'n')
            pg_row_kind(&rows->before, CDC_VALUE_NULL);
        else if (column.kind == 'u')
            pg_row_kind(&rows->before, CDC_VALUE_ABSENT);
        else
            return pg_change_binary(relation, i, err);
    }
    return pg_row_end(&rows->before, err);
}

/* A value that did not change, and so was not sent. */
static void pg_change_unchanged(struct pg_change *rows,
                                const struct pgoutput_message *message, size_t column)
{
    const struct cdc_value *old = message->has_old ? &rows->before.values[column] : NULL;
    if (old && old->kind != CDC_VALUE_ABSENT)
        pg_row_copy(&rows->after, old);
    else
        pg_row_kind(&rows->after, CDC_VALUE_UNCHANGED);
}

static wf_status pg_change_new(struct pg_change *rows, const struct pg_relation *relation,
                               const struct pgoutput_message *message, wf_error *err)
{
    const struct pgoutput_tuple *tuple = &message->row;
    if (CDC_UNLIKELY(tuple->columns != relation->table->count))
        return pg_change_misfit(relation, tuple, err);
    wf_status status = pg_row_begin(&rows->after, tuple->columns, err);
    if (status)
        return status;
    struct reader rest = reader_of(tuple->raw.ptr, tuple->raw.len);
    struct pgoutput_column column;
    for (size_t i = 0; i < tuple->columns && pgoutput_next_column(&rest, &column); i++) {
        if (CDC_LIKELY(column.kind == 't'))
            pg_row_text(&rows->after, relation->types[i], column.text);
        else if (column.kind == 'n')
            pg_row_kind(&rows->after, CDC_VALUE_NULL);
        else if (column.kind == 'u')
            pg_change_unchanged(rows, message, i);
        else
            return pg_change_binary(relation, i, err);
    }
    return pg_row_end(&rows->after, err);
}

/* ---- identity ------------------------------------------------------------------------ */

void pg_change_identity_null(struct buf *out)
{
    buf_byte(out, 'n');
}

void pg_change_identity_text(struct buf *out, wf_str text)
{
    const char head[5] = {
        't',
        (char)(text.len >> 24),
        (char)(text.len >> 16),
        (char)(text.len >> 8),
        (char)text.len,
    };
    buf_append(out, head, sizeof head);
    buf_str(out, text);
}

/* The new row with the old one's bytes where its own were not sent. */
static wf_status pg_change_merge(struct pg_change *rows,
                                 const struct pgoutput_message *message, wf_str *out,
                                 wf_error *err)
{
    struct reader fresh = reader_of(message->row.raw.ptr, message->row.raw.len);
    struct reader old = reader_of(message->old.raw.ptr, message->old.raw.len);
    struct pgoutput_column column, before;
    bool borrowed = true;
    buf_clear(&rows->merged);
    while (pgoutput_next_column(&fresh, &column)) {
        bool kept = pgoutput_next_column(&old, &before) && column.kind == 'u';
        if (kept)
            column = before;
        borrowed = borrowed && !kept;
        if (column.kind == 't')
            pg_change_identity_text(&rows->merged, column.text);
        else
            buf_byte(&rows->merged, column.kind);
    }
    *out = borrowed ? message->row.raw : buf_view(&rows->merged);
    return buf_status(&rows->merged, "row", err);
}

static wf_status pg_change_identity(struct pg_change *rows,
                                    const struct pgoutput_message *message,
                                    struct cdc_change *out, wf_error *err)
{
    switch (message->kind) {
    case PGOUTPUT_INSERT:
        out->identity = message->row.raw;
        return WF_OK;
    case PGOUTPUT_DELETE:
        out->identity = message->old.raw;
        return WF_OK;
    default:
        out->old_identity = message->old.raw;
        return pg_change_merge(rows, message, &out->identity, err);
    }
}

wf_status pg_change_rows(struct pg_change *rows, const struct pg_relation *relation,
                         const struct pgoutput_message *message, struct cdc_change *out,
                         wf_error *err)
{
    wf_status status = WF_OK;
    if (message->has_old)
        status = pg_change_old(rows, relation, message, err);
    if (!status && message->kind != PGOUTPUT_DELETE)
        status = pg_change_new(rows, relation, message, err);
    if (CDC_UNLIKELY(status))
        return status;
    out->op = message->kind == PGOUTPUT_INSERT   ? CDC_INSERT
              : message->kind == PGOUTPUT_UPDATE ? CDC_UPDATE
                                                 : CDC_DELETE;
    out->table = relation->table;
    out->before = message->has_old ? rows->before.values : NULL;
    out->after = message->kind != PGOUTPUT_DELETE ? rows->after.values : NULL;
    out->identity = out->old_identity = STR_EMPTY;
    return relation->table->key_count ? WF_OK : pg_change_identity(rows, message, out, err);
}
