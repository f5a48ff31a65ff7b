/* SPDX-License-Identifier: MIT
 *
 * dbz_schema - from text to types.  All memory of a schema is a list of blocks.
 */
#include "providers/debezium/dbz_schema.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

struct dbz_schema_block {
    struct dbz_schema_block *next;
    struct dbz_field fields[];
};

struct dbz_schema_names {
    const char *name;
    enum dbz_type_kind kind;
};

/* Semantic types by their full names; those that are not here (Uuid, Xml, Enum, EnumSet,
 * Ltree, Year, geometry, vectors ...) are written as they come. */
static const struct dbz_schema_names dbz_schema_kinds[] = {
    {"org.apache.kafka.connect.data.Decimal", DBZ_TYPE_DECIMAL},
    {"org.apache.kafka.connect.data.Date", DBZ_TYPE_DATE},
    {"org.apache.kafka.connect.data.Time", DBZ_TYPE_TIME_MS},
    {"org.apache.kafka.connect.data.Timestamp", DBZ_TYPE_TIMESTAMP_MS},
    {"io.debezium.data.VariableScaleDecimal", DBZ_TYPE_DECIMAL_VARIABLE},
    {"io.debezium.data.Json", DBZ_TYPE_JSON},
    {"io.debezium.data.Bits", DBZ_TYPE_BITS},
    {"io.debezium.time.Date", DBZ_TYPE_DATE},
    {"io.debezium.time.Time", DBZ_TYPE_TIME_MS},
    {"io.debezium.time.MicroTime", DBZ_TYPE_TIME_US},
    {"io.debezium.time.NanoTime", DBZ_TYPE_TIME_NS},
    {"io.debezium.time.Timestamp", DBZ_TYPE_TIMESTAMP_MS},
    {"io.debezium.time.MicroTimestamp", DBZ_TYPE_TIMESTAMP_US},
    {"io.debezium.time.NanoTimestamp", DBZ_TYPE_TIMESTAMP_NS},
    {"io.debezium.time.MicroDuration", DBZ_TYPE_DURATION_US},
    {"io.debezium.time.NanoDuration", DBZ_TYPE_DURATION_NS},
    {"io.debezium.time.ZonedTime", DBZ_TYPE_ZONED_TIME},
    {"io.debezium.time.ZonedTimestamp", DBZ_TYPE_ZONED_TIMESTAMP},
    {"io.debezium.time.IsoDate", DBZ_TYPE_ISO_DATE},
    {"io.debezium.time.IsoTime", DBZ_TYPE_ISO_TIME},
    {"io.debezium.time.IsoTimestamp", DBZ_TYPE_ISO_TIMESTAMP},
    {"io.debezium.time.Interval", DBZ_TYPE_INTERVAL},
};

/* What one schema says of itself, before it is known what that makes. */
struct dbz_schema_parts {
    wf_str primitive, name, parameters, items, values, keys, fields;
};

static wf_str dbz_schema_inner(wf_str json)
{
    return json_kind(json) == JSON_STRING ? str_slice(json, 1, json.len - 1) : STR_EMPTY;
}

static int64_t dbz_schema_number(wf_str digits)
{
    int64_t number;
    return str_to_i64(digits, &number) && number >= INT32_MIN && number <= INT32_MAX
               ? number
               : 0;
}

/* A decimal that comes as text or as a double is only known by its column. */
static bool dbz_schema_is_decimal(wf_str source_type)
{
    if (str_starts(source_type, STR("_"))) /* PostgreSQL's arrays */
        source_type = str_slice(source_type, 1, source_type.len);
    return str_starts(source_type, STR("NUMERIC")) ||
           str_starts(source_type, STR("DECIMAL")) || str_is(source_type, "NUMBER");
}

static enum dbz_type_kind dbz_schema_plain_kind(const struct dbz_type *type)
{
    wf_str primitive = type->primitive;
    bool decimal = dbz_schema_is_decimal(type->source_type);
    if (str_is(primitive, "struct"))
        return DBZ_TYPE_STRUCT;
    if (str_is(primitive, "array"))
        return DBZ_TYPE_ARRAY;
    if (str_is(primitive, "map"))
        return DBZ_TYPE_MAP;
    if (str_is(primitive, "float"))
        return DBZ_TYPE_FLOAT;
    if (str_is(primitive, "double"))
        return decimal ? DBZ_TYPE_DECIMAL_DOUBLE : DBZ_TYPE_DOUBLE;
    if (str_is(primitive, "string") && decimal)
        return DBZ_TYPE_DECIMAL_TEXT;
    if (str_is(primitive, "boolean") && str_is(type->source_type, "BIT"))
        return DBZ_TYPE_BIT;
    if (str_is(primitive, "int64") && str_starts(type->source_type, STR("BIGINT UNSIGNED")))
        return DBZ_TYPE_UNSIGNED;
    return DBZ_TYPE_VERBATIM;
}

static enum dbz_type_kind dbz_schema_kind(const struct dbz_type *type, wf_str name)
{
    for (size_t i = 0; i < CDC_COUNT(dbz_schema_kinds); i++) {
        if (!str_is(name, dbz_schema_kinds[i].name))
            continue;
        enum dbz_type_kind kind = dbz_schema_kinds[i].kind;
        bool whole = kind == DBZ_TYPE_DECIMAL && type->scale == 0 &&
                     str_starts(type->source_type, STR("BIGINT"));
        return whole ? DBZ_TYPE_WHOLE : kind;
    }
    return dbz_schema_plain_kind(type);
}

static void dbz_schema_parameters(wf_str json, struct dbz_type *out)
{
    struct json_iter it = json_iter_of(json);
    wf_str key;
    wf_str value;
    while (json_next(&it, &key, &value)) {
        wf_str text = dbz_schema_inner(value);
        if (str_is(key, "scale"))
            out->scale = (int32_t)dbz_schema_number(text);
        else if (str_is(key, "length"))
            out->bits = (uint32_t)dbz_schema_number(text);
        else if (str_is(key, "connect.decimal.precision"))
            out->precision = text;
        else if (str_is(key, "__debezium.source.column.type"))
            out->source_type = text;
        else if (str_is(key, "__debezium.source.column.length"))
            out->source_length = text;
        else if (str_is(key, "__debezium.source.column.scale"))
            out->source_scale = text;
    }
}

static struct dbz_schema_parts dbz_schema_split(wf_str json, struct dbz_type *out,
                                                wf_str *out_field)
{
    struct dbz_schema_parts parts = {0};
    struct json_iter it = json_iter_of(json);
    wf_str key;
    wf_str value;
    while (json_next(&it, &key, &value)) {
        if (str_is(key, "type"))
            parts.primitive = dbz_schema_inner(value);
        else if (str_is(key, "name"))
            parts.name = dbz_schema_inner(value);
        else if (str_is(key, "field"))
            *out_field = dbz_schema_inner(value);
        else if (str_is(key, "optional"))
            out->optional = json_kind(value) == JSON_TRUE;
        else if (str_is(key, "default"))
            out->default_json = value;
        else if (str_is(key, "parameters"))
            parts.parameters = value;
        else if (str_is(key, "items"))
            parts.items = value;
        else if (str_is(key, "keys"))
            parts.keys = value;
        else if (str_is(key, "values"))
            parts.values = value;
        else if (str_is(key, "fields"))
            parts.fields = value;
    }
    return parts;
}

static struct dbz_field *dbz_schema_fields_new(struct dbz_schema *schema, size_t count)
{
    struct dbz_schema_block *block =
        calloc(1, sizeof *block + count * sizeof(struct dbz_field));
    if (!block)
        return NULL;
    block->next = schema->memory;
    schema->memory = block;
    return block->fields;
}

static bool dbz_schema_type(struct dbz_schema *schema, wf_str json, struct dbz_type *out,
                            wf_str *out_field);

/* Whether the members are written as they come, so that the whole is. */
static bool dbz_schema_is_verbatim(const struct dbz_type *type)
{
    for (size_t i = 0; i < type->count; i++)
        if (type->fields[i].type.kind != DBZ_TYPE_VERBATIM)
            return false;
    return !type->element || type->element->kind == DBZ_TYPE_VERBATIM;
}

static bool dbz_schema_struct(struct dbz_schema *schema, wf_str json, struct dbz_type *out)
{
    size_t count = 0;
    struct json_iter it = json_iter_of(json);
    wf_str value;
    while (json_next(&it, NULL, &value))
        count++;
    struct dbz_field *fields = dbz_schema_fields_new(schema, count);
    if (!fields)
        return false;
    it = json_iter_of(json);
    for (size_t i = 0; i < count && json_next(&it, NULL, &value); i++)
        if (!dbz_schema_type(schema, value, &fields[i].type, &fields[i].name))
            return false;
    out->fields = fields;
    out->count = count;
    return true;
}

static bool dbz_schema_element(struct dbz_schema *schema, wf_str json, struct dbz_type *out)
{
    struct dbz_field *element = dbz_schema_fields_new(schema, 1);
    if (!element || !dbz_schema_type(schema, json, &element->type, &element->name))
        return false;
    /* Propagated parameters describe the column, and it is the elements that have its
     * type. */
    if (dbz_schema_is_decimal(out->source_type) && !element->type.source_type.len) {
        element->type.source_type = out->source_type;
        if (element->type.kind == DBZ_TYPE_VERBATIM ||
            element->type.kind == DBZ_TYPE_DOUBLE)
            element->type.kind = dbz_schema_plain_kind(&element->type);
    }
    out->element = &element->type;
    return true;
}

/* A recursion as deep as the text, which was accepted with LIMIT_JSON_DEPTH. */
static bool dbz_schema_type(struct dbz_schema *schema, wf_str json, struct dbz_type *out,
                            wf_str *out_field)
{
    struct dbz_schema_parts parts = dbz_schema_split(json, out, out_field);
    out->primitive = parts.primitive;
    if (parts.parameters.len)
        dbz_schema_parameters(parts.parameters, out);
    out->kind = dbz_schema_kind(out, parts.name);
    if (str_is(out->primitive, "struct") && !dbz_schema_struct(schema, parts.fields, out))
        return false;
    wf_str element = out->kind == DBZ_TYPE_ARRAY ? parts.items : parts.values;
    bool holds = out->kind == DBZ_TYPE_ARRAY || out->kind == DBZ_TYPE_MAP;
    if (holds && !dbz_schema_element(schema, element, out))
        return false;
    /* Maps with other keys are written as arrays of pairs. */
    struct dbz_type key = {0};
    wf_str none;
    if (out->kind == DBZ_TYPE_MAP)
        key.primitive = dbz_schema_split(parts.keys, &key, &none).primitive;
    bool pairs = out->kind == DBZ_TYPE_MAP && !str_is(key.primitive, "string");
    if (pairs || ((holds || out->kind == DBZ_TYPE_STRUCT) && dbz_schema_is_verbatim(out)))
        out->kind = DBZ_TYPE_VERBATIM;
    return true;
}

wf_status dbz_schema_parse(wf_str text, struct dbz_schema *out, wf_error *err)
{
    struct dbz_schema schema = {.text = {str_dup(text), text.len}};
    wf_str none;
    if (!schema.text.ptr || !dbz_schema_type(&schema, schema.text, &schema.type, &none)) {
        dbz_schema_release(&schema);
        return error_no_memory(err);
    }
    *out = schema;
    return WF_OK;
}

void dbz_schema_release(struct dbz_schema *schema)
{
    while (schema->memory) {
        struct dbz_schema_block *block = schema->memory;
        schema->memory = block->next;
        free(block);
    }
    free((void *)(uintptr_t)schema->text.ptr);
    *schema = (struct dbz_schema){.memory = NULL};
}

const struct dbz_field *dbz_schema_field(const struct dbz_type *type, size_t at,
                                         wf_str name)
{
    if (at < type->count && str_eq(type->fields[at].name, name))
        return &type->fields[at];
    for (size_t i = 0; i < type->count; i++)
        if (str_eq(type->fields[i].name, name))
            return &type->fields[i];
    return NULL;
}

const struct dbz_type *dbz_schema_row(const struct dbz_schema *schema)
{
    if (!schema->text.len || !str_is(schema->type.primitive, "struct"))
        return NULL;
    const struct dbz_field *row = dbz_schema_field(&schema->type, 1, STR("after"));
    if (!row)
        row = dbz_schema_field(&schema->type, 0, STR("before"));
    if (!row)
        return &schema->type;
    return str_is(row->type.primitive, "struct") ? &row->type : NULL;
}
