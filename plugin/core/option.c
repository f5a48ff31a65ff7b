/* SPDX-License-Identifier: MIT
 *
 * option - one converter per type, and a walk over the members that finds each one's row.
 */
#include "plugin/core/option.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

/* What one conversion needs. */
struct option_slot {
    const struct cdc_option *row;
    void *member;
    const char *where;
    struct settings_memory *memory;
};

static const struct {
    const char *name;
    const char *wanted; /* "'key' must be <wanted>" */
} option_types[] = {
    [CDC_OPTION_STRING] = {"string", "a string"},
    [CDC_OPTION_BOOL] = {"bool", "true or false"},
    [CDC_OPTION_INT] = {"int", "an integer"},
    [CDC_OPTION_NUMBER] = {"number", "a finite number"},
    [CDC_OPTION_DURATION] = {"duration", "a duration such as 30s or 500ms"},
    [CDC_OPTION_BYTES] = {"bytes", "a size such as 16MiB"},
    [CDC_OPTION_CHOICE] = {"choice", "one of its choices"},
    [CDC_OPTION_LIST] = {"list", "a list of strings, or one string with commas"},
    [CDC_OPTION_MAP] = {"map", "a map"},
    [CDC_OPTION_STRING_OR_MAP] = {"any", "a string or a map"},
};

const char *option_type_text(enum cdc_option_type type)
{
    return option_types[type].name;
}

static const char *option_kind_of(const cJSON *value)
{
    if (cJSON_IsNumber(value))
        return "a number";
    if (cJSON_IsString(value))
        return "a string";
    if (cJSON_IsBool(value))
        return "a boolean";
    if (cJSON_IsArray(value))
        return "a list";
    return cJSON_IsObject(value) ? "a map" : "null";
}

static wf_status option_wrong(const struct option_slot *slot, const cJSON *value,
                              wf_error *err)
{
    const struct cdc_option *row = slot->row;
    if (row->type == CDC_OPTION_CHOICE)
        return error_set(err, WF_CONFIG, "'%s%s' must be one of %s", slot->where, row->key,
                         row->choices);
    if (cJSON_IsString(value) && !row->secret)
        return error_set(err, WF_CONFIG, "'%s%s' must be %s, not \"%.80s\"", slot->where,
                         row->key, option_types[row->type].wanted, value->valuestring);
    return error_set(err, WF_CONFIG, "'%s%s' must be %s, not %s", slot->where, row->key,
                     option_types[row->type].wanted, option_kind_of(value));
}

static wf_status option_string(const struct option_slot *slot, const cJSON *value,
                               wf_error *err)
{
    if (!cJSON_IsString(value))
        return option_wrong(slot, value, err);
    wf_str copy = settings_memory_str(slot->memory, str_from(value->valuestring));
    if (!copy.ptr)
        return error_no_memory(err);
    *(wf_str *)slot->member = copy;
    return WF_OK;
}

static wf_status option_bool(const struct option_slot *slot, const cJSON *value,
                             wf_error *err)
{
    bool *out = slot->member;
    wf_str text =
        cJSON_IsString(value) ? str_trim(str_from(value->valuestring)) : STR_EMPTY;
    if (cJSON_IsBool(value))
        *out = cJSON_IsTrue(value);
    else if (str_eq_nocase(text, STR("true")) || str_is(text, "1"))
        *out = true;
    else if (str_eq_nocase(text, STR("false")) || str_is(text, "0"))
        *out = false;
    else
        return option_wrong(slot, value, err);
    return WF_OK;
}

/* The integer a number or string stands for, in the row's unit. */
static bool option_integer(const struct cdc_option *row, const cJSON *value, int64_t *out)
{
    if (cJSON_IsNumber(value)) {
        double number = value->valuedouble;
        if (number != floor(number) || fabs(number) > 9007199254740992.0)
            return false;
        /* A bare number is a count of bytes, or of seconds. */
        *out = (int64_t)number;
        if (row->type == CDC_OPTION_DURATION)
            return !__builtin_mul_overflow(*out, (int64_t)1000, out);
        return true;
    }
    if (!cJSON_IsString(value))
        return false;
    wf_str text = str_trim(str_from(value->valuestring));
    if (row->type == CDC_OPTION_INT)
        return str_to_i64(text, out);
    if (row->type == CDC_OPTION_DURATION)
        return str_to_duration_ms(text, out);
    uint64_t bytes;
    if (!str_to_bytes(text, &bytes) || bytes > INT64_MAX)
        return false;
    *out = (int64_t)bytes;
    return true;
}

static wf_status option_number(const struct option_slot *slot, const cJSON *value,
                               wf_error *err)
{
    const struct cdc_option *row = slot->row;
    int64_t number;
    if (!option_integer(row, value, &number))
        return option_wrong(slot, value, err);
    if ((row->min || row->max) && (number < row->min || number > row->max)) {
        const char *unit = row->type == CDC_OPTION_DURATION ? " ms"
                           : row->type == CDC_OPTION_BYTES  ? " bytes"
                                                            : "";
        return error_set(err, WF_CONFIG, "'%s%s' must be between %lld and %lld%s, not %lld",
                         slot->where, row->key, (long long)row->min, (long long)row->max,
                         unit, (long long)number);
    }
    *(int64_t *)slot->member = number;
    return WF_OK;
}

static wf_status option_real(const struct option_slot *slot, const cJSON *value,
                             wf_error *err)
{
    const struct cdc_option *row = slot->row;
    double number = value->valuedouble;
    wf_str text =
        cJSON_IsString(value) ? str_trim(str_from(value->valuestring)) : STR_EMPTY;
    if ((!cJSON_IsNumber(value) && !str_to_double(text, &number)) || !isfinite(number))
        return option_wrong(slot, value, err);
    if ((row->min || row->max) &&
        !(number >= (double)row->min && number <= (double)row->max))
        return error_set(err, WF_CONFIG, "'%s%s' must be between %lld and %lld, not %g",
                         slot->where, row->key, (long long)row->min, (long long)row->max,
                         number);
    *(double *)slot->member = number;
    return WF_OK;
}

static wf_status option_choice(const struct option_slot *slot, const cJSON *value,
                               wf_error *err)
{
    wf_str text =
        cJSON_IsString(value) ? str_trim(str_from(value->valuestring)) : STR_EMPTY;
    wf_str rest = str_from(slot->row->choices);
    int32_t index = 0;
    for (wf_str choice; str_next(&rest, '|', &choice); index++)
        if (str_eq(choice, text)) {
            *(int32_t *)slot->member = index;
            return WF_OK;
        }
    return option_wrong(slot, value, err);
}

static wf_status option_list_of_text(const struct option_slot *slot, wf_str text,
                                     char separator, wf_error *err)
{
    size_t most = 1;
    for (size_t i = 0; i < text.len; i++)
        most += text.ptr[i] == separator;
    wf_str *items = settings_memory_alloc(slot->memory, most * sizeof *items);
    if (!items)
        return error_no_memory(err);
    struct cdc_list *list = slot->member;
    list->items = items;
    list->count = 0;
    for (wf_str part; str_next(&text, separator, &part);) {
        part = str_trim(part);
        if (str_ends(part, STR(",")))
            part.len--;
        if (!part.len)
            continue;
        items[list->count] = settings_memory_str(slot->memory, part);
        if (!items[list->count++].ptr)
            return error_no_memory(err);
    }
    return WF_OK;
}

static wf_status option_list(const struct option_slot *slot, const cJSON *value,
                             wf_error *err);

/* "a, b", or what a template makes of a list: JSON, or as Go prints it, "[a b]". */
static wf_status option_list_text(const struct option_slot *slot, wf_str text,
                                  wf_error *err)
{
    text = str_trim(text);
    if (!str_starts(text, STR("[")) || !str_ends(text, STR("]")))
        return option_list_of_text(slot, text, ',', err);
    cJSON *array = cJSON_ParseWithLength(text.ptr, text.len);
    wf_status status =
        array ? option_list(slot, array, err)
              : option_list_of_text(slot, str_slice(text, 1, text.len - 1), ' ', err);
    cJSON_Delete(array);
    return status;
}

static wf_status option_list(const struct option_slot *slot, const cJSON *value,
                             wf_error *err)
{
    if (cJSON_IsString(value))
        return option_list_text(slot, str_from(value->valuestring), err);
    if (!cJSON_IsArray(value))
        return option_wrong(slot, value, err);
    size_t count = (size_t)cJSON_GetArraySize(value);
    wf_str *items = settings_memory_alloc(slot->memory, (count + 1) * sizeof *items);
    if (!items)
        return error_no_memory(err);
    size_t index = 0;
    const cJSON *item;
    cJSON_ArrayForEach(item, value)
    {
        if (!cJSON_IsString(item) || !item->valuestring[0])
            return error_set(err, WF_CONFIG, "'%s%s[%zu]' must be a string, not %s",
                             slot->where, slot->row->key, index,
                             cJSON_IsString(item) ? "an empty one" : option_kind_of(item));
        items[index] = settings_memory_str(slot->memory, str_from(item->valuestring));
        if (!items[index++].ptr)
            return error_no_memory(err);
    }
    *(struct cdc_list *)slot->member = (struct cdc_list){items, count};
    return WF_OK;
}

static wf_status option_map(const struct option_slot *slot, const cJSON *value,
                            wf_error *err)
{
    if (!cJSON_IsObject(value))
        return option_wrong(slot, value, err);
    char *text = cJSON_PrintUnformatted(value);
    if (!text)
        return error_no_memory(err);
    wf_str copy = settings_memory_str(slot->memory, str_from(text));
    cJSON_free(text);
    if (!copy.ptr)
        return error_no_memory(err);
    *(wf_str *)slot->member = copy;
    return WF_OK;
}

static wf_status option_convert(const struct option_slot *slot, const cJSON *value,
                                wf_error *err)
{
    switch (slot->row->type) {
    case CDC_OPTION_STRING:
        return option_string(slot, value, err);
    case CDC_OPTION_BOOL:
        return option_bool(slot, value, err);
    case CDC_OPTION_INT:
    case CDC_OPTION_DURATION:
    case CDC_OPTION_BYTES:
        return option_number(slot, value, err);
    case CDC_OPTION_NUMBER:
        return option_real(slot, value, err);
    case CDC_OPTION_CHOICE:
        return option_choice(slot, value, err);
    case CDC_OPTION_LIST:
        return option_list(slot, value, err);
    case CDC_OPTION_MAP:
        return option_map(slot, value, err);
    case CDC_OPTION_STRING_OR_MAP:
        return cJSON_IsString(value) ? option_string(slot, value, err)
                                     : option_map(slot, value, err);
    }
    return option_wrong(slot, value, err);
}

static wf_status option_defaults(const struct cdc_option_target *target, const char *where,
                                 struct settings_memory *memory, wf_error *err)
{
    for (const struct cdc_option *row = target->rows; row->key; row++) {
        if (!row->fallback)
            continue;
        struct option_slot slot = {row, (char *)target->target + row->offset, where,
                                   memory};
        /* The default is written as a user would write it, and read the same way. */
        cJSON value = {.type = cJSON_String,
                       .valuestring = (char *)(uintptr_t)row->fallback};
        wf_status status = option_convert(&slot, &value, err);
        if (status)
            return status;
    }
    return WF_OK;
}

static const struct cdc_option *option_find(const struct cdc_option_target *targets,
                                            size_t count, const char *key,
                                            size_t *out_target)
{
    for (size_t i = 0; i < count; i++)
        for (const struct cdc_option *row = targets[i].rows; row->key; row++)
            if (str_is(str_from(row->key), key)) {
                *out_target = i;
                return row;
            }
    return NULL;
}

static wf_status option_unknown(const char *where, const char *key,
                                const struct cdc_option_target *targets, size_t count,
                                wf_error *err)
{
    const char *nearest = NULL;
    unsigned best = 4;
    for (size_t i = 0; i < count; i++)
        for (const struct cdc_option *row = targets[i].rows; row->key; row++) {
            unsigned distance = str_distance(str_from(row->key), str_from(key), best);
            if (distance < best) {
                best = distance;
                nearest = row->key;
            }
        }
    if (nearest)
        return error_set(err, WF_CONFIG, "'%s%.80s' is not an option; did you mean '%s%s'",
                         where, key, where, nearest);
    return error_set(err, WF_CONFIG, "'%s%.80s' is not an option", where, key);
}

static wf_status option_required(const cJSON *object, const char *where,
                                 const struct cdc_option_target *targets, size_t count,
                                 wf_error *err)
{
    for (size_t i = 0; i < count; i++)
        for (const struct cdc_option *row = targets[i].rows; row->key; row++)
            if (row->required && !cJSON_GetObjectItemCaseSensitive(object, row->key))
                return error_set(err, WF_CONFIG, "'%s%s' is required: %s", where, row->key,
                                 row->help);
    return WF_OK;
}

wf_status option_fill(const cJSON *object, const char *where, bool open,
                      const struct cdc_option_target *targets, size_t count,
                      struct settings_memory *memory, wf_error *err)
{
    for (size_t i = 0; i < count; i++) {
        wf_status status = option_defaults(&targets[i], where, memory, err);
        if (status)
            return status;
    }
    const cJSON *value;
    cJSON_ArrayForEach(value, object)
    {
        size_t target = 0;
        const struct cdc_option *row = option_find(targets, count, value->string, &target);
        if (!row && open)
            continue;
        if (!row)
            return option_unknown(where, value->string, targets, count, err);
        if (cJSON_IsNull(value) && !row->required)
            continue; /* a YAML key without a value: as if it were not there */
        struct option_slot slot = {row, (char *)targets[target].target + row->offset, where,
                                   memory};
        wf_status status = option_convert(&slot, value, err);
        if (status)
            return status;
    }
    return option_required(object, where, targets, count, err);
}
