/* SPDX-License-Identifier: MIT
 *
 * schema_value - what each type accepts; ranges are compared in the type's unit.
 *
 * Strings that hold a number, a boolean, a duration or a size are good for those types, as
 * templates and the environment only make strings.  Whoever reads the value may still be
 * stricter.
 */
#include "host/schema_value.h"

#include "base/limits.h"
#include "base/str.h"
#include "host/node.h"

#define SCHEMA_VALUE_SHOWN 60 /* bytes of a wrong text that are shown */

wf_str schema_value_text(const struct value *field, const char *key)
{
    const struct value *v = value_get(field, str_from(key));
    return v && v->kind == VALUE_STRING ? v->text : STR_EMPTY;
}

const struct value *schema_value_list(const struct value *field, const char *key)
{
    const struct value *v = value_get(field, str_from(key));
    return v && v->kind == VALUE_LIST ? v : NULL;
}

bool schema_value_is(const struct value *field, const char *key)
{
    const struct value *v = value_get(field, str_from(key));
    return v && v->kind == VALUE_BOOL && v->boolean;
}

/* ---- types --------------------------------------------------------------------------- */

static bool schema_value_is_string(const struct value *v)
{
    return v->kind == VALUE_STRING;
}

static bool schema_value_is_bool(const struct value *v)
{
    wf_str text = v->kind == VALUE_STRING ? str_trim(v->text) : STR_EMPTY;
    return v->kind == VALUE_BOOL || str_eq_nocase(text, STR("true")) ||
           str_eq_nocase(text, STR("false")) || str_is(text, "1") || str_is(text, "0");
}

static bool schema_value_is_int(const struct value *v)
{
    int64_t number;
    return v->kind == VALUE_INT ||
           (v->kind == VALUE_STRING && str_to_i64(str_trim(v->text), &number));
}

static bool schema_value_is_number(const struct value *v)
{
    double number;
    return v->kind != VALUE_BOOL && value_to_double(v, &number);
}

static bool schema_value_is_duration(const struct value *v)
{
    int64_t ms;
    return v->kind == VALUE_INT || v->kind == VALUE_NUMBER ||
           (v->kind == VALUE_STRING && (str_to_duration_ms(str_trim(v->text), &ms) ||
                                        str_to_i64(str_trim(v->text), &ms)));
}

static bool schema_value_is_bytes(const struct value *v)
{
    uint64_t bytes;
    return v->kind == VALUE_INT ||
           (v->kind == VALUE_STRING && str_to_bytes(str_trim(v->text), &bytes));
}

static bool schema_value_is_list(const struct value *v)
{
    return v->kind == VALUE_LIST || v->kind == VALUE_STRING;
}

static bool schema_value_is_map(const struct value *v)
{
    return v->kind == VALUE_MAP;
}

static const struct {
    const char *type;
    bool (*good)(const struct value *v);
    const char *wanted;
} schema_value_types[] = {
    {"string", schema_value_is_string, "a string"},
    {"choice", schema_value_is_string, "a string"},
    {"bool", schema_value_is_bool, "true or false"},
    {"int", schema_value_is_int, "an integer"},
    {"number", schema_value_is_number, "a number"},
    {"duration", schema_value_is_duration, "a duration such as '30s'"},
    {"bytes", schema_value_is_bytes, "a size such as '16MiB'"},
    {"list", schema_value_is_list, "a list"},
    {"map", schema_value_is_map, "a map"},
};

/* What it should be, or NULL. */
static const char *schema_value_wanted(const struct value *field, const struct value *v)
{
    wf_str type = schema_value_text(field, "type");
    for (size_t i = 0; i < CDC_COUNT(schema_value_types); i++)
        if (str_is(type, schema_value_types[i].type))
            return schema_value_types[i].good(v) ? NULL : schema_value_types[i].wanted;
    return NULL;
}

/* ---- ranges -------------------------------------------------------------------------- */

/* Milliseconds, bytes or just the number. */
static bool schema_value_amount(wf_str type, const struct value *v, double *out)
{
    wf_str text = v->kind == VALUE_STRING ? str_trim(v->text) : STR_EMPTY;
    bool duration = str_is(type, "duration");
    int64_t ms;
    uint64_t bytes;
    if (duration && str_to_duration_ms(text, &ms))
        *out = (double)ms;
    else if (str_is(type, "bytes") && str_to_bytes(text, &bytes))
        *out = (double)bytes;
    else if (!value_to_double(v, out))
        return false;
    else if (duration)
        *out *= 1000; /* a bare number counts seconds */
    return true;
}

/* "64KiB", "1h", "1000": as a user would write it. */
static void schema_value_put_amount(wf_str type, const struct value *bound, struct buf *out)
{
    static const struct {
        const char *type, *unit;
        int64_t size;
    } units[] = {
        {"duration", "h", 3600000}, {"duration", "m", 60000},  {"duration", "s", 1000},
        {"duration", "ms", 1},      {"bytes", "GiB", 1 << 30}, {"bytes", "MiB", 1 << 20},
        {"bytes", "KiB", 1 << 10},
    };
    for (size_t i = 0; bound->kind == VALUE_INT && i < CDC_COUNT(units); i++)
        if (str_is(type, units[i].type) && bound->integer >= units[i].size &&
            bound->integer % units[i].size == 0) {
            buf_printf(out, "%lld%s", (long long)(bound->integer / units[i].size),
                       units[i].unit);
            return;
        }
    value_print(out, bound);
}

/* True when it is out of range, and says the range then. */
static bool schema_value_out_of_range(const struct value *field, const struct value *v,
                                      struct buf *out)
{
    const struct value *min = value_get(field, STR("min"));
    const struct value *max = value_get(field, STR("max"));
    wf_str type = schema_value_text(field, "type");
    double least, most, amount;
    if (!min || !max || !value_to_double(min, &least) || !value_to_double(max, &most) ||
        !schema_value_amount(type, v, &amount) || (amount >= least && amount <= most))
        return false;
    buf_lit(out, "must be between ");
    schema_value_put_amount(type, min, out);
    buf_lit(out, " and ");
    schema_value_put_amount(type, max, out);
    return true;
}

/* ---- choices ------------------------------------------------------------------------- */

static bool schema_value_is_choice(const struct value *field, wf_str word)
{
    const struct value *choices = schema_value_list(field, "choices");
    bool any_case = schema_value_is(field, "any_case");
    word = str_trim(word);
    for (size_t i = 0; choices && i < choices->list.count; i++) {
        const struct value *choice = choices->list.items[i];
        if (choice->kind == VALUE_STRING &&
            (any_case ? str_eq_nocase(choice->text, word) : str_eq(choice->text, word)))
            return true;
    }
    return !choices;
}

static void schema_value_say_choices(const struct value *field, struct buf *out)
{
    const struct value *choices = schema_value_list(field, "choices");
    for (size_t i = 0; choices && i < choices->list.count; i++) {
        buf_cstr(out, i ? ", " : "must be one of ");
        value_print(out, choices->list.items[i]);
    }
}

/* ---- all of it ----------------------------------------------------------------------- */

static void schema_value_say_found(const struct value *field, const struct value *written,
                                   struct buf *out)
{
    bool secret = schema_value_is(field, "secret");
    if (written->kind == VALUE_STRING && !secret) {
        buf_printf(out, ", not '%.*s'",
                   STR_ARG(str_slice(written->text, 0, SCHEMA_VALUE_SHOWN)));
        return;
    }
    buf_lit(out, ", not ");
    if ((written->kind == VALUE_INT || written->kind == VALUE_NUMBER) && !secret)
        value_print(out, written);
    else
        buf_cstr(out, node_value_kind(written));
}

bool schema_value_check(const struct value *field, const struct value *v,
                        const struct value *written, struct buf *out)
{
    const char *wanted = schema_value_wanted(field, v);
    bool listed = str_is(schema_value_text(field, "type"), "list");
    if (wanted)
        buf_printf(out, "must be %s", wanted);
    else if (v->kind == VALUE_STRING && !listed && !schema_value_is_choice(field, v->text))
        schema_value_say_choices(field, out);
    else if (!schema_value_out_of_range(field, v, out))
        return true;
    schema_value_say_found(field, written, out);
    return false;
}

bool schema_value_check_item(const struct value *field, const struct value *item,
                             struct buf *out)
{
    bool text = item->kind == VALUE_STRING;
    bool texts = str_is(schema_value_text(field, "items"), "string");
    if (texts && text && !item->text.len) {
        buf_lit(out, "must be a string, not an empty one");
        return false;
    }
    if (texts && !text)
        buf_lit(out, "must be a string");
    else if (text && !schema_value_is_choice(field, item->text))
        schema_value_say_choices(field, out);
    else
        return true;
    schema_value_say_found(field, item, out);
    return false;
}
