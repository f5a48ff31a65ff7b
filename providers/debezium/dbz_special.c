/* SPDX-License-Identifier: MIT
 *
 * dbz_special - rare records; what they hold is looked for member by member.
 */
#include "providers/debezium/dbz_special.h"

#include "base/str.h"
#include "providers/debezium/dbz_decimal.h"

/* A part of the buffer, until it no longer grows. */
struct dbz_special_part {
    size_t from;
    size_t len;
};

static struct dbz_special_part dbz_special_put(struct buf *memory,
                                               const struct dbz_cell *cell)
{
    size_t from = memory->len;
    dbz_cell_put(memory, cell);
    return (struct dbz_special_part){from, memory->len - from};
}

static wf_str dbz_special_view(const struct buf *memory, struct dbz_special_part part)
{
    return part.len && !memory->broken ? (wf_str){memory->data + part.from, part.len}
                                       : STR_EMPTY;
}

bool dbz_special_message(const struct dbz_envelope *e, struct buf *memory,
                         struct cdc_change *out)
{
    const struct dbz_cell *content = dbz_members_get(&e->message, DBZ_MESSAGE_CONTENT);
    buf_clear(memory);
    struct dbz_special_part prefix =
        dbz_special_put(memory, dbz_members_get(&e->message, DBZ_MESSAGE_PREFIX));
    struct dbz_special_part bytes = {memory->len, 0};
    if (content->escaped || !dbz_decimal_base64(memory, dbz_cell_inner(content)))
        return false;
    bytes.len = memory->len - bytes.from;
    out->prefix = dbz_special_view(memory, prefix);
    out->content = dbz_special_view(memory, bytes);
    return true;
}

/* ---- schema changes ---------------------------------------------------------------------- */

/* "db"."schema"."table", as Debezium writes an id: its last two parts without the quotes;
 * a quote in a name stands twice. */
static struct dbz_special_part dbz_special_table(struct buf *memory, wf_str id)
{
    CDC_CLEANUP(buf_release) struct buf spelt;
    buf_init(&spelt, LIMIT_TEXT_BYTES);
    json_unescape(&spelt, id);
    if (spelt.broken == WF_NO_MEMORY)
        memory->broken = WF_NO_MEMORY;
    size_t starts[2] = {memory->len, memory->len};
    bool quoted = false;
    for (size_t i = 0; i < spelt.len; i++) {
        char c = spelt.data[i];
        bool twice = quoted && c == '"' && i + 1 < spelt.len && spelt.data[i + 1] == '"';
        i += twice;
        if (c == '"' && !twice) {
            quoted = !quoted;
            continue;
        }
        buf_byte(memory, c);
        if (c == '.' && !quoted) {
            starts[0] = starts[1];
            starts[1] = memory->len;
        }
    }
    return (struct dbz_special_part){starts[0], memory->len - starts[0]};
}

/* An element of "tableChanges"; false: it names no table, or one to be left out. */
static bool dbz_special_change(wf_str change, bool describes, wf_str *out_id)
{
    wf_str type;
    if (json_kind(change) != JSON_OBJECT || !json_member(change, "id", out_id) ||
        json_kind(*out_id) != JSON_STRING)
        return false;
    return !describes || !json_member(change, "type", &type) || !str_is(type, "\"DROP\"");
}

void dbz_special_ddl(const struct dbz_envelope *e, struct buf *memory,
                     struct dbz_decoded *out)
{
    struct dbz_special_part tables[CDC_COUNT(out->ddl_tables)];
    wf_str snapshot =
        dbz_cell_inner(dbz_members_get(&e->source.members, DBZ_SOURCE_SNAPSHOT));
    bool describes = snapshot.len && !str_is(snapshot, "false");
    size_t count = 0;
    buf_clear(memory);
    struct dbz_special_part ddl =
        dbz_special_put(memory, dbz_envelope_get(e, DBZ_ENVELOPE_DDL));
    struct json_iter it =
        json_iter_of(dbz_envelope_get(e, DBZ_ENVELOPE_TABLE_CHANGES)->text);
    wf_str change;
    wf_str id;
    while (count < CDC_COUNT(tables) && json_next(&it, NULL, &change))
        if (dbz_special_change(change, describes, &id))
            tables[count++] = dbz_special_table(memory, str_slice(id, 1, id.len - 1));
    out->ddl = dbz_special_view(memory, ddl);
    out->ddl_describes = describes;
    out->ddl_table_count = count;
    for (size_t i = 0; i < count; i++)
        out->ddl_tables[i] = dbz_special_view(memory, tables[i]);
}

/* ---- notifications ------------------------------------------------------------------------- */

/* The first of the members that is there, of a map of strings. */
static struct dbz_special_part dbz_special_data(struct buf *memory, wf_str data,
                                                const char *first, const char *second)
{
    wf_str value;
    if (!json_member(data, first, &value) && !(second && json_member(data, second, &value)))
        return (struct dbz_special_part){0, 0};
    size_t from = memory->len;
    if (json_kind(value) == JSON_STRING)
        json_unescape(memory, str_slice(value, 1, value.len - 1));
    return (struct dbz_special_part){from, memory->len - from};
}

/* One table at most is named: of a list that is several, none. */
static wf_str dbz_special_one(wf_str tables)
{
    return str_find(tables, STR(",")) >= 0 ? STR_EMPTY : tables;
}

void dbz_special_notification(const struct dbz_envelope *e, struct buf *memory,
                              struct dbz_notification *out)
{
    wf_str data = dbz_envelope_get(e, DBZ_ENVELOPE_ADDITIONAL_DATA)->text;
    buf_clear(memory);
    struct dbz_special_part aggregate =
        dbz_special_put(memory, dbz_envelope_get(e, DBZ_ENVELOPE_AGGREGATE_TYPE));
    struct dbz_special_part type =
        dbz_special_put(memory, dbz_envelope_get(e, DBZ_ENVELOPE_TYPE));
    struct dbz_special_part id =
        dbz_special_put(memory, dbz_envelope_get(e, DBZ_ENVELOPE_ID));
    struct dbz_special_part now = dbz_special_data(
        memory, data, "current_collection_in_progress", "scanned_collection");
    struct dbz_special_part all = dbz_special_data(memory, data, "data_collections", NULL);
    struct dbz_special_part rows =
        dbz_special_data(memory, data, "total_rows_scanned", NULL);
    struct dbz_special_part status = dbz_special_data(memory, data, "status", NULL);
    out->aggregate = dbz_special_view(memory, aggregate);
    out->type = dbz_special_view(memory, type);
    out->id = dbz_special_view(memory, id);
    out->table = dbz_special_view(memory, now);
    if (!out->table.len)
        out->table = dbz_special_one(dbz_special_view(memory, all));
    out->status = dbz_special_view(memory, status);
    out->rows = -1;
    str_to_i64(dbz_special_view(memory, rows), &out->rows);
}
