/* SPDX-License-Identifier: MIT
 *
 * settings - three tables of rows filled from one config object: top level, core, provider.
 */
#include "plugin/core/settings.h"

#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/provider.h"

/* "memory or sqlite", "a, b, or c": how upstream lists what is possible. */
static void settings_names(struct buf *out, const struct cdc_provider *const *providers,
                           bool with_or)
{
    size_t count = 0;
    while (providers[count])
        count++;
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_cstr(out, with_or && count == 2 ? " or " : ", ");
        if (with_or && count > 2 && i + 1 == count)
            buf_lit(out, "or ");
        buf_cstr(out, providers[i]->name);
    }
}

static wf_status settings_provider(struct cdc_settings *settings,
                                   const struct cdc_provider *const *providers,
                                   wf_error *err)
{
    for (size_t i = 0; providers[i]; i++)
        if (str_is(settings->provider_name, providers[i]->name)) {
            settings->provider = providers[i];
            return WF_OK;
        }
    CDC_CLEANUP(buf_release) struct buf names;
    buf_init(&names, LIMIT_TEXT_BYTES);
    bool missing = !settings->provider_name.len;
    settings_names(&names, providers, missing);
    if (missing)
        return error_set(err, WF_CONFIG, "provider is required (%s)", buf_c(&names));
    return error_set(err, WF_CONFIG, "unknown CDC provider \"%.*s\" (valid: %s)",
                     STR_ARG(settings->provider_name), buf_c(&names));
}

static wf_status settings_fill_options(struct cdc_settings *settings, const cJSON *config,
                                       wf_error *err)
{
    const struct cdc_provider *provider = settings->provider;
    settings->options =
        settings_memory_alloc(&settings->memory, provider->options_size + 1);
    if (!settings->options)
        return error_no_memory(err);
    const cJSON *options = cJSON_GetObjectItemCaseSensitive(config, "options");
    if (options && !cJSON_IsNull(options) && !cJSON_IsObject(options))
        return error_set(err, WF_CONFIG, "'options' must be a map");
    struct cdc_option_target targets[] = {
        {settings_core_options, &settings->core},
        {provider->options, settings->options},
    };
    size_t count = provider->options ? 2 : 1;
    return option_fill(options, "options.", false, targets, count, &settings->memory, err);
}

static wf_status settings_check_id(wf_str id, wf_error *err)
{
    if (id.len > LIMIT_SOURCE_ID)
        return error_set(err, WF_CONFIG,
                         "'source_id' has %zu bytes, at most %d are possible", id.len,
                         LIMIT_SOURCE_ID);
    for (size_t i = 0; i < id.len; i++)
        if ((unsigned char)id.ptr[i] < 0x20 || id.ptr[i] == 0x7f)
            return error_set(err, WF_CONFIG, "'source_id' holds a control character");
    return WF_OK;
}

wf_status settings_parse(const cJSON *config, const struct cdc_provider *const *providers,
                         struct cdc_settings **out, wf_error *err)
{
    struct cdc_settings *settings = calloc(1, sizeof *settings);
    if (!settings)
        return error_no_memory(err);
    struct cdc_option_target top = {settings_top_options, settings};
    wf_status status = option_fill(config, "", true, &top, 1, &settings->memory, err);
    if (!status)
        status = settings_provider(settings, providers, err);
    if (!status)
        status = settings_check_id(settings->source_id, err);
    if (!status)
        status = settings_fill_options(settings, config, err);
    if (status) {
        settings_free(settings);
        return status;
    }
    *out = settings;
    return WF_OK;
}

void settings_free(struct cdc_settings *settings)
{
    if (!settings)
        return;
    settings_memory_release(&settings->memory);
    free(settings);
}

void settings_state_dir(const struct cdc_settings *settings, struct buf *out)
{
    wf_str dir = settings->core.state_dir;
    if (settings->config_dir.len && !str_starts(dir, STR("/"))) {
        buf_str(out, settings->config_dir);
        buf_byte(out, '/');
    }
    buf_str(out, dir);
}

#define TOP(member) offsetof(struct cdc_settings, member)
#define CORE(member) offsetof(struct cdc_core_options, member)

const struct cdc_option settings_top_options[] = {
    {.key = "provider",
     .type = CDC_OPTION_STRING,
     .offset = TOP(provider_name),
     .help = "How the changes are captured: the name of a provider"},
    {.key = "source_id",
     .type = CDC_OPTION_STRING,
     .offset = TOP(source_id),
     .help = "Name of this stream; triggers and steps refer to it, and its position is "
             "kept by it"},
    {.key = "source_type",
     .type = CDC_OPTION_STRING,
     .offset = TOP(source_type),
     .help = "Kind of database behind a provider that serves several"},
    {.key = "connection",
     .type = CDC_OPTION_STRING,
     .offset = TOP(connection),
     .secret = true,
     .help = "Where the database is, in the provider's own form"},
    {.key = "tables",
     .type = CDC_OPTION_LIST,
     .offset = TOP(tables),
     .help = "Tables to capture as schema.table, with * and ? as wildcards; none: all"},
    {.key = "_config_dir",
     .type = CDC_OPTION_STRING,
     .offset = TOP(config_dir),
     .help = "Folder of the configuration file; engines add it"},
    {.key = NULL},
};

const struct cdc_option settings_core_options[] = {
    {.key = "state_dir",
     .type = CDC_OPTION_STRING,
     .fallback = ".cdc-state",
     .offset = CORE(state_dir),
     .help = "Folder for positions, snapshot progress, schema versions and dead letters; "
             "relative "
             "to the configuration file"},
    {.key = "buffer_bytes",
     .type = CDC_OPTION_BYTES,
     .fallback = "16MiB",
     .min = 65536,
     .max = 1073741824,
     .offset = CORE(buffer_bytes),
     .help = "Memory for events that are read but not yet delivered; when it is full, "
             "reading waits"},
    {.key = "max_event_bytes",
     .type = CDC_OPTION_BYTES,
     .fallback = "64MiB",
     .min = 1024,
     .max = LIMIT_EVENT_BYTES,
     .offset = CORE(max_event_bytes),
     .help = "Larger events go to the dead letters without their rows"},
    {.key = "snapshot",
     .type = CDC_OPTION_CHOICE,
     .fallback = "never",
     .choices = "never|initial|always|when_needed",
     .offset = CORE(snapshot),
     .help = "When the rows that are already there are read: at the first start, at every "
             "start, or "
             "when the stored position can no longer be resumed"},
    {.key = "snapshot_chunk_rows",
     .type = CDC_OPTION_INT,
     .fallback = "10000",
     .min = 1,
     .max = 1000000,
     .offset = CORE(snapshot_chunk_rows),
     .help = "Rows read at once by a snapshot"},
    {.key = "standby",
     .type = CDC_OPTION_BOOL,
     .fallback = "false",
     .offset = CORE(standby),
     .help = "Wait instead of failing when another process has the source, or the far "
             "side cannot be reached, at a start"},
    {.key = NULL},
};
