/* SPDX-License-Identifier: MIT
 *
 * dbz_value - which conversion for which type.
 */
#include "providers/debezium/dbz_value.h"

#include "base/str.h"
#include "providers/debezium/dbz_decimal.h"
#include "providers/debezium/dbz_time.h"

#define DBZ_VALUE_KEEP (1u << 20) /* memory that stays from row to row */
/* The longest numbers of PostgreSQL's take a second each.  So many of them, and the rest of
 * the row stays as it came: the stream has to go on, also with what somebody made up. */
#define DBZ_VALUE_WORK (4 * (uint64_t)DBZ_DECIMAL_BYTES * DBZ_DECIMAL_BYTES)
#define DBZ_VALUE_TEXT "__debezium_unavailable_value"
#define DBZ_VALUE_BASE64 "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
#define DBZ_VALUE_HEX "5f5f646562657a69756d5f756e617661696c61626c655f76616c7565"
#define DBZ_VALUE_INTEGERS                                                                 \
    "95,95,100,101,98,101,122,105,117,109,95,117,110,97,118,97,105,108,97,98,108,101,95,"  \
    "118,97,108,117,101"

/* Every form, as a JSON value.  The UUID is the one of version 3 that its bytes make. */
static const wf_str dbz_value_unavailable[] = {
    {"\"" DBZ_VALUE_TEXT "\"", sizeof DBZ_VALUE_TEXT + 1},
    {"\"" DBZ_VALUE_BASE64 "\"", sizeof DBZ_VALUE_BASE64 + 1},
    {"\"" DBZ_VALUE_HEX "\"", sizeof DBZ_VALUE_HEX + 1},
    {"[\"" DBZ_VALUE_TEXT "\"]", sizeof DBZ_VALUE_TEXT + 3},
    {"[\"" DBZ_VALUE_BASE64 "\"]", sizeof DBZ_VALUE_BASE64 + 3},
    {"[\"" DBZ_VALUE_HEX "\"]", sizeof DBZ_VALUE_HEX + 3},
    {"[" DBZ_VALUE_INTEGERS "]", sizeof DBZ_VALUE_INTEGERS + 1},
    {"[\"b68a35a7-17ad-35b3-af2a-ae46edb4545a\"]", 40},
    {"{\"" DBZ_VALUE_TEXT "\":\"" DBZ_VALUE_TEXT "\"}", 2 * sizeof DBZ_VALUE_TEXT + 5},
    {"\"{\\\"" DBZ_VALUE_TEXT "\\\":\\\"" DBZ_VALUE_TEXT "\\\"}\"",
     2 * sizeof DBZ_VALUE_TEXT + 11},
};

bool dbz_value_is_unavailable(const struct dbz_cell *cell)
{
    size_t len = cell->text.len;
    if (CDC_LIKELY(len < sizeof DBZ_VALUE_TEXT + 1 || cell->kind > JSON_STRING))
        return false;
    for (size_t i = 0; i < CDC_COUNT(dbz_value_unavailable); i++)
        if (len == dbz_value_unavailable[i].len &&
            memcmp(cell->text.ptr, dbz_value_unavailable[i].ptr, len) == 0)
            return true;
    return false;
}

/* ---- memory ------------------------------------------------------------------------------ */

void dbz_value_init(struct dbz_value_memory *memory)
{
    buf_init(&memory->out, LIMIT_EVENT_BYTES);
    buf_init(&memory->bytes, LIMIT_EVENT_BYTES);
    buf_init(&memory->scratch, LIMIT_EVENT_BYTES);
    memory->work = 0;
}

void dbz_value_release(struct dbz_value_memory *memory)
{
    buf_release(&memory->out);
    buf_release(&memory->bytes);
    buf_release(&memory->scratch);
}

static void dbz_value_clear_one(struct buf *memory)
{
    if (memory->cap > DBZ_VALUE_KEEP && memory->len < DBZ_VALUE_KEEP / 4)
        buf_release(memory);
    buf_clear(memory);
}

void dbz_value_clear(struct dbz_value_memory *memory)
{
    dbz_value_clear_one(&memory->out);
    dbz_value_clear_one(&memory->bytes);
    dbz_value_clear_one(&memory->scratch);
    memory->work = 0;
}

/* None left is the whole row's failure, not a value that reads otherwise. */
static bool dbz_value_is_whole(struct dbz_value_memory *memory, const struct buf *part)
{
    if (part->broken == WF_NO_MEMORY)
        memory->out.broken = WF_NO_MEMORY;
    return !part->broken;
}

/* ---- decimals ---------------------------------------------------------------------------- */

static bool dbz_value_bytes(struct dbz_value_memory *memory, const struct dbz_cell *cell)
{
    buf_clear(&memory->bytes);
    bool read = cell->kind == JSON_STRING && !cell->escaped &&
                dbz_decimal_base64(&memory->bytes, dbz_cell_inner(cell));
    return dbz_value_is_whole(memory, &memory->bytes) && read;
}

static bool dbz_value_digits(struct dbz_value_memory *memory, const struct dbz_cell *cell,
                             int64_t scale)
{
    bool read = dbz_value_bytes(memory, cell);
    memory->work += (uint64_t)memory->bytes.len * memory->bytes.len;
    bool put =
        read && memory->work <= DBZ_VALUE_WORK &&
        dbz_decimal_put(&memory->out, buf_view(&memory->bytes), scale, &memory->scratch);
    return dbz_value_is_whole(memory, &memory->scratch) && put;
}

static bool dbz_value_decimal(struct dbz_value_memory *memory, const struct dbz_cell *cell,
                              int64_t scale)
{
    buf_byte(&memory->out, '"');
    if (!dbz_value_digits(memory, cell, scale))
        return false;
    buf_byte(&memory->out, '"');
    return true;
}

/* A member of an object as a cell of its own. */
static bool dbz_value_member(wf_str object, const char *name, struct dbz_cell *out)
{
    wf_str text;
    if (!json_member(object, name, &text))
        return false;
    *out = (struct dbz_cell){.text = text, .kind = (uint8_t)json_kind(text)};
    out->escaped = out->kind == JSON_STRING && memchr(text.ptr, '\\', text.len) != NULL;
    return true;
}

static bool dbz_value_variable(struct dbz_value_memory *memory, const struct dbz_cell *cell)
{
    struct dbz_cell scale;
    struct dbz_cell value;
    int64_t number;
    return cell->kind == JSON_OBJECT && dbz_value_member(cell->text, "scale", &scale) &&
           dbz_value_member(cell->text, "value", &value) && dbz_cell_i64(&scale, &number) &&
           dbz_value_decimal(memory, &value, number);
}

/* What Debezium calls the numbers of numeric that are none. */
static bool dbz_value_no_number(struct buf *out, const struct dbz_cell *cell)
{
    if (str_is(cell->text, "\"NAN\""))
        buf_lit(out, "\"NaN\"");
    else if (str_is(cell->text, "\"POSITIVE_INFINITY\""))
        buf_lit(out, "\"Infinity\"");
    else if (str_is(cell->text, "\"NEGATIVE_INFINITY\""))
        buf_lit(out, "\"-Infinity\"");
    else
        return false;
    return true;
}

static bool dbz_value_decimal_double(struct buf *out, const struct dbz_cell *cell)
{
    buf_byte(out, '"');
    if (cell->kind != JSON_NUMBER || !dbz_decimal_plain(out, cell->text))
        return false;
    buf_byte(out, '"');
    return true;
}

/* A BIGINT UNSIGNED that was forced into an int64. */
static bool dbz_value_unsigned(struct buf *out, const struct dbz_cell *cell)
{
    int64_t number;
    if (!dbz_cell_i64(cell, &number) || number >= 0)
        return false;
    buf_u64(out, (uint64_t)number);
    return true;
}

/* ---- bits, JSON -------------------------------------------------------------------------- */

/* The bytes are little-endian.  How long a value of BIT VARYING is, Debezium does not say:
 * it gets as many zeros in front as its bytes have. */
static bool dbz_value_bits(struct dbz_value_memory *memory, const struct dbz_type *type,
                           const struct dbz_cell *cell)
{
    if (!dbz_value_bytes(memory, cell))
        return false;
    const struct buf *bytes = &memory->bytes;
    size_t count = bytes->len * 8;
    if (type->bits && type->bits < count)
        count = type->bits;
    buf_byte(&memory->out, '"');
    for (size_t i = count; i > 0; i--) {
        unsigned byte = (unsigned char)bytes->data[(i - 1) / 8];
        buf_byte(&memory->out, (char)('0' + ((byte >> ((i - 1) % 8)) & 1)));
    }
    buf_byte(&memory->out, '"');
    return true;
}

bool dbz_value_is_json(wf_str text, unsigned depth)
{
    struct json_reader reader = json_reader_of(text);
    enum json_token token;
    do
        token = json_read(&reader);
    while (token > JSON_BAD && reader.depth <= depth);
    return token == JSON_END;
}

static bool dbz_value_json(struct buf *out, const struct dbz_cell *cell, unsigned depth)
{
    size_t from = out->len;
    if (cell->kind != JSON_STRING)
        return false;
    dbz_cell_put(out, cell);
    return !out->broken && out->len > from &&
           dbz_value_is_json((wf_str){out->data + from, out->len - from}, depth);
}

/* ---- time -------------------------------------------------------------------------------- */

static bool dbz_value_time_number(struct buf *out, enum dbz_type_kind kind, int64_t number)
{
    switch (kind) {
    case DBZ_TYPE_DATE:
        return dbz_time_date(out, number);
    case DBZ_TYPE_TIME_MS:
    case DBZ_TYPE_TIME_US:
    case DBZ_TYPE_TIME_NS:
        dbz_time_of_day(out, number, (enum dbz_time_unit)(kind - DBZ_TYPE_TIME_MS));
        return true;
    case DBZ_TYPE_TIMESTAMP_MS:
    case DBZ_TYPE_TIMESTAMP_US:
    case DBZ_TYPE_TIMESTAMP_NS:
        dbz_time_timestamp(out, number, (enum dbz_time_unit)(kind - DBZ_TYPE_TIMESTAMP_MS));
        return true;
    default:
        dbz_time_duration(out, number,
                          kind == DBZ_TYPE_DURATION_US ? DBZ_TIME_US : DBZ_TIME_NS);
        return true;
    }
}

static bool dbz_value_time_text(struct buf *out, enum dbz_type_kind kind, wf_str text)
{
    switch (kind) {
    case DBZ_TYPE_ISO_DATE:
        return dbz_time_iso_date(out, text);
    case DBZ_TYPE_ISO_TIME:
    case DBZ_TYPE_ZONED_TIME:
        return dbz_time_iso_time(out, text, kind == DBZ_TYPE_ZONED_TIME);
    case DBZ_TYPE_ISO_TIMESTAMP:
    case DBZ_TYPE_ZONED_TIMESTAMP:
        return dbz_time_iso_timestamp(out, text, kind == DBZ_TYPE_ZONED_TIMESTAMP);
    default:
        return dbz_time_iso_interval(out, text);
    }
}

static bool dbz_value_time(struct buf *out, enum dbz_type_kind kind,
                           const struct dbz_cell *cell)
{
    bool text = kind >= DBZ_TYPE_ZONED_TIME;
    int64_t number;
    buf_byte(out, '"');
    if (text && (cell->kind != JSON_STRING || cell->escaped ||
                 !dbz_value_time_text(out, kind, dbz_cell_inner(cell))))
        return false;
    if (!text &&
        (!dbz_cell_i64(cell, &number) || !dbz_value_time_number(out, kind, number)))
        return false;
    buf_byte(out, '"');
    return true;
}

_Static_assert(DBZ_TYPE_TIME_NS - DBZ_TYPE_TIME_MS == DBZ_TIME_NS - DBZ_TIME_MS &&
                   DBZ_TYPE_TIMESTAMP_NS - DBZ_TYPE_TIMESTAMP_MS ==
                       DBZ_TIME_NS - DBZ_TIME_MS,
               "units are told by their distance");

/* ---- values with parts --------------------------------------------------------------------- */

static bool dbz_value_convert_at(struct dbz_value_memory *memory,
                                 const struct dbz_type *type, const struct dbz_cell *cell,
                                 unsigned depth);

static void dbz_value_put_part(struct dbz_value_memory *memory, const struct dbz_type *type,
                               wf_str text, unsigned depth)
{
    struct dbz_cell part = {.text = text, .kind = (uint8_t)json_kind(text)};
    part.escaped = part.kind == JSON_STRING && memchr(text.ptr, '\\', text.len) != NULL;
    if (!type || !dbz_value_convert_at(memory, type, &part, depth))
        buf_str(&memory->out, text);
}

/* Arrays, maps and structs; their text was checked with the record. */
static bool dbz_value_parts(struct dbz_value_memory *memory, const struct dbz_type *type,
                            const struct dbz_cell *cell, unsigned depth)
{
    bool array = type->kind == DBZ_TYPE_ARRAY;
    if (cell->kind != (array ? JSON_ARRAY : JSON_OBJECT) || !depth)
        return false;
    struct buf *out = &memory->out;
    struct json_iter it = json_iter_of(cell->text);
    wf_str key;
    wf_str value;
    buf_byte(out, array ? '[' : '{');
    for (size_t i = 0; json_next(&it, &key, &value); i++) {
        const struct dbz_type *part = type->element;
        if (i)
            buf_byte(out, ',');
        if (type->kind == DBZ_TYPE_STRUCT) {
            const struct dbz_field *field = dbz_schema_field(type, i, key);
            part = field ? &field->type : NULL;
        }
        if (!array) {
            buf_byte(out, '"');
            buf_str(out, key);
            buf_lit(out, "\":");
        }
        dbz_value_put_part(memory, part, value, depth - 1);
    }
    buf_byte(out, array ? ']' : '}');
    return true;
}

static bool dbz_value_put(struct dbz_value_memory *memory, const struct dbz_type *type,
                          const struct dbz_cell *cell, unsigned depth)
{
    struct buf *out = &memory->out;
    switch (type->kind) {
    case DBZ_TYPE_VERBATIM:
        return false;
    case DBZ_TYPE_FLOAT:
    case DBZ_TYPE_DOUBLE:
        return cell->kind == JSON_NUMBER &&
               dbz_decimal_float(out, cell->text, type->kind == DBZ_TYPE_DOUBLE);
    case DBZ_TYPE_DECIMAL:
        return dbz_value_decimal(memory, cell, type->scale);
    case DBZ_TYPE_DECIMAL_VARIABLE:
        return dbz_value_variable(memory, cell);
    case DBZ_TYPE_DECIMAL_TEXT:
        return dbz_value_no_number(out, cell);
    case DBZ_TYPE_DECIMAL_DOUBLE:
        return dbz_value_decimal_double(out, cell);
    case DBZ_TYPE_WHOLE:
        return dbz_value_digits(memory, cell, 0);
    case DBZ_TYPE_UNSIGNED:
        return dbz_value_unsigned(out, cell);
    case DBZ_TYPE_BIT:
        buf_cstr(out, cell->kind == JSON_TRUE ? "\"1\"" : "\"0\"");
        return cell->kind == JSON_TRUE || cell->kind == JSON_FALSE;
    case DBZ_TYPE_JSON:
        return dbz_value_json(out, cell, depth);
    case DBZ_TYPE_BITS:
        return dbz_value_bits(memory, type, cell);
    case DBZ_TYPE_ARRAY:
    case DBZ_TYPE_MAP:
    case DBZ_TYPE_STRUCT:
        return dbz_value_parts(memory, type, cell, depth);
    default:
        return dbz_value_time(out, type->kind, cell);
    }
}

static bool dbz_value_convert_at(struct dbz_value_memory *memory,
                                 const struct dbz_type *type, const struct dbz_cell *cell,
                                 unsigned depth)
{
    size_t len = memory->out.len;
    if (cell->kind == JSON_NULL)
        return false;
    if (dbz_value_put(memory, type, cell, depth))
        return true;
    memory->out.len = len;
    return false;
}

bool dbz_value_convert(struct dbz_value_memory *memory, const struct dbz_type *type,
                       const struct dbz_cell *cell)
{
    return dbz_value_convert_at(memory, type, cell, DBZ_VALUE_DEPTH);
}
