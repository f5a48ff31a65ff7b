/* SPDX-License-Identifier: MIT
 *
 * dbz_config - see the header.
 */
#include "providers/debezium/dbz_config.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

void dbz_config_init(struct dbz_config *config)
{
    *config = (struct dbz_config){.object = cJSON_CreateObject()};
    if (!config->object)
        config->broken = WF_NO_MEMORY;
}

void dbz_config_release(struct dbz_config *config)
{
    cJSON_Delete(config->object);
    *config = (struct dbz_config){0};
}

wf_status dbz_config_status(const struct dbz_config *config, wf_error *err)
{
    if (config->broken == WF_CONFIG)
        return error_set(err, WF_CONFIG, "the connector's configuration is too large");
    return config->broken ? error_no_memory(err) : WF_OK;
}

/* cJSON's own call that replaces a member forgets to look whether there was memory for its
 * name. */
static bool dbz_config_put(struct dbz_config *config, const char *key, const char *value)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(config->object, key);
    return old ? cJSON_SetValuestring(old, value) != NULL
               : cJSON_AddStringToObject(config->object, key, value) != NULL;
}

void dbz_config_set(struct dbz_config *config, const char *key, wf_str value)
{
    if (config->broken)
        return;
    char *copy = str_dup(value);
    if (!copy || !dbz_config_put(config, key, copy))
        config->broken = WF_NO_MEMORY;
    free(copy);
}

void dbz_config_set_text(struct dbz_config *config, const char *key, const char *value)
{
    dbz_config_set(config, key, str_from(value));
}

void dbz_config_set_i64(struct dbz_config *config, const char *key, int64_t value)
{
    char text[32];
    snprintf(text, sizeof text, "%lld", (long long)value);
    dbz_config_set_text(config, key, text);
}

wf_str dbz_config_get(const struct dbz_config *config, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(config->object, key);
    return cJSON_IsString(item) ? str_from(item->valuestring) : STR_EMPTY;
}

bool dbz_config_has(const struct dbz_config *config, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(config->object, key) != NULL;
}

/* ---- merging ------------------------------------------------------------------------- */

/* What a scalar says; a number as it is written. */
static bool dbz_config_scalar(wf_str value, struct buf *out)
{
    switch (json_kind(value)) {
    case JSON_STRING:
        json_unescape(out, str_slice(value, 1, value.len - 1));
        return true;
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
        buf_str(out, value);
        return true;
    default:
        return false;
    }
}

static bool dbz_config_value(wf_str value, struct buf *out)
{
    if (json_kind(value) != JSON_ARRAY)
        return dbz_config_scalar(value, out);
    struct json_iter it = json_iter_of(value);
    size_t count = 0;
    for (wf_str item; json_next(&it, NULL, &item); count++) {
        if (count)
            buf_byte(out, ',');
        if (!dbz_config_scalar(item, out))
            return false;
    }
    return true;
}

static wf_status dbz_config_merge_one(struct dbz_config *config, wf_str escaped,
                                      wf_str value, const char *where, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf key, text;
    buf_init(&key, LIMIT_TEXT_BYTES);
    buf_init(&text, LIMIT_CONFIG_BYTES);
    json_unescape(&key, escaped);
    wf_status status = buf_status(&key, where, err);
    if (status)
        return status;
    if (!key.len || memchr(key.data, '\0', key.len))
        return error_set(err, WF_CONFIG, "'%s' has a key that is none", where);
    const char *name = buf_c(&key);
    if (json_kind(value) == JSON_NULL) {
        cJSON_DeleteItemFromObjectCaseSensitive(config->object, name);
        return WF_OK;
    }
    if (!dbz_config_value(value, &text))
        return error_set(err, WF_CONFIG,
                         "'%s', key '%.100s' must be a text, a number, true, false or a "
                         "list of these; keys are written in full, as in "
                         "\"slot.name\": \"x\"",
                         where, name);
    status = buf_status(&text, where, err);
    if (status)
        return status;
    if (text.len && memchr(text.data, '\0', text.len))
        return error_set(err, WF_CONFIG, "'%s', key '%.100s' holds a NUL character", where,
                         name);
    dbz_config_set(config, name, buf_view(&text));
    return dbz_config_status(config, err);
}

wf_status dbz_config_merge(struct dbz_config *config, wf_str json, const char *where,
                           wf_error *err)
{
    wf_status status = json_check(json, where, err);
    if (status)
        return status;
    json = str_trim(json);
    if (json_kind(json) != JSON_OBJECT)
        return error_set(err, WF_CONFIG, "'%s' must be a map", where);
    struct json_iter it = json_iter_of(json);
    for (wf_str key, value; !status && json_next(&it, &key, &value);)
        status = dbz_config_merge_one(config, key, value, where, err);
    return status;
}

/* ---- reading ------------------------------------------------------------------------- */

bool dbz_config_next(const struct dbz_config *config, const void **at, const char **out_key,
                     wf_str *out_value)
{
    const cJSON *item =
        *at ? ((const cJSON *)*at)->next : (config->object ? config->object->child : NULL);
    if (!item)
        return false;
    *at = item;
    *out_key = item->string;
    *out_value = str_from(item->valuestring);
    return true;
}

void dbz_config_write(const struct dbz_config *config, struct buf *out)
{
    struct json_writer w = json_writer_of(out);
    const void *at = NULL;
    const char *key;
    wf_str value;
    json_open(&w, NULL, '{');
    while (dbz_config_next(config, &at, &key, &value)) {
        json_member_name(&w, str_from(key));
        json_str(&w, NULL, value);
    }
    json_close(&w, '}');
}
