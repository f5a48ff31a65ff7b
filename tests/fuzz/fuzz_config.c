/* SPDX-License-Identifier: MIT
 *
 * fuzz_config - any JSON as the configuration of a source whose provider has an option of
 * every type.
 *
 *   - it is taken or refused as WF_CONFIG with words, and the same way a second time;
 *   - what is taken is within its range, NUL-terminated, and points to memory of its own;
 *   - a secret that stands only where secrets belong is in no error.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "tests/support/made_up.h"

#define FUZZ_SECRET "hunter2"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

/* Reads all of it, for ASan. */
static void fuzz_text(wf_str s)
{
    fuzz_must(!s.ptr || s.ptr[s.len] == '\0');
    fuzz_must(s.len == 0 || strnlen(s.ptr, s.len) == s.len);
}

static void fuzz_list(const struct cdc_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        fuzz_must(list->items[i].len > 0);
        fuzz_text(list->items[i]);
    }
}

static void fuzz_options(const struct made_up_options *options)
{
    fuzz_text(options->name);
    fuzz_text(options->password);
    fuzz_text(options->headers);
    fuzz_list(&options->friends);
    fuzz_must(options->legs >= 0 && options->legs <= 8);
    fuzz_must(options->ratio >= -1 && options->ratio <= 1);
    fuzz_must(options->pause_ms >= 0 && options->pause_ms <= 60000);
    fuzz_must(options->size >= 1 && options->size <= 1048576);
    fuzz_must(options->colour >= 0 && options->colour <= 2);
    if (options->headers.len) {
        cJSON *map = cJSON_Parse(options->headers.ptr);
        fuzz_must(cJSON_IsObject(map));
        cJSON_Delete(map);
    }
}

static void fuzz_settings(const struct cdc_settings *settings)
{
    fuzz_must(settings->provider == &made_up_provider);
    fuzz_must(str_is(settings->provider_name, made_up_provider.name));
    fuzz_text(settings->source_id);
    fuzz_text(settings->source_type);
    fuzz_text(settings->connection);
    fuzz_text(settings->config_dir);
    fuzz_list(&settings->tables);
    fuzz_must(settings->source_id.len <= LIMIT_SOURCE_ID);
    for (size_t i = 0; i < settings->source_id.len; i++)
        fuzz_must((unsigned char)settings->source_id.ptr[i] >= 0x20);
    fuzz_must(settings->core.buffer_bytes >= 65536);
    fuzz_must(settings->core.max_event_bytes >= 1024);
    fuzz_must(settings->core.max_event_bytes <= LIMIT_EVENT_BYTES);
    fuzz_must(settings->core.snapshot >= 0);
    fuzz_must(settings->core.snapshot <= CDC_SNAPSHOT_WHEN_NEEDED);
    fuzz_must(settings->core.snapshot_chunk_rows >= 1);
    fuzz_options(settings->options);
}

static bool fuzz_holds_secret(const cJSON *object, const char *key)
{
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsString(value) && strstr(value->valuestring, FUZZ_SECRET);
}

/* Whether the secret is in the input once, as the value of a secret. */
static bool fuzz_is_secret(const cJSON *config, wf_str input)
{
    ptrdiff_t at = str_find(input, STR(FUZZ_SECRET));
    if (at < 0 ||
        str_find(str_slice(input, (size_t)at + 1, input.len), STR(FUZZ_SECRET)) >= 0)
        return false;
    return fuzz_holds_secret(config, "connection") ||
           fuzz_holds_secret(cJSON_GetObjectItemCaseSensitive(config, "options"),
                             "password");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cdc_provider *const providers[] = {&made_up_provider, NULL};
    wf_str input = {(const char *)data, size};
    /* As at the border of the plugin: only checked JSON gets to cJSON. */
    if (json_check(input, "config", NULL))
        return 0;
    cJSON *config = cJSON_ParseWithLength(input.ptr, input.len);
    if (!config)
        return 0;
    struct cdc_settings *settings = NULL;
    struct cdc_settings *again = NULL;
    wf_error err = {0};
    wf_error err_again = {0};
    wf_status status = settings_parse(config, providers, &settings, &err);
    fuzz_must(settings_parse(config, providers, &again, &err_again) == status);
    bool secret = fuzz_is_secret(config, input);
    cJSON_Delete(config); /* nothing may point into it */
    if (status == WF_OK) {
        fuzz_settings(settings);
        fuzz_settings(again);
    } else {
        fuzz_must(status == WF_CONFIG && err.code == WF_CONFIG && !settings && !again);
        fuzz_must(err.text[0] && memchr(err.text, '\0', sizeof err.text));
        fuzz_must(str_is(str_from(err.text), err_again.text));
        fuzz_must(!secret || !strstr(err.text, FUZZ_SECRET));
    }
    settings_free(settings);
    settings_free(again);
    return 0;
}
