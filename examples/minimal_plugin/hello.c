/* SPDX-License-Identifier: MIT
 *
 * hello - a whole plugin: step.hello answers {"text": its greeting}; see sdk/README.md.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sdk/wf_plugin.h"

#define HELLO_JSON(...) #__VA_ARGS__
/* clang-format off */
static const char hello_manifest[] = HELLO_JSON({
  "name": "workflow-plugin-hello", "version": "1.0.0", "abi": 1,
  "steps": [{"type": "step.hello", "summary": "Greets somebody",
    "fields": [{"name": "greeting", "type": "string", "required": true, "help": "what to say"}],
    "outputs": [{"name": "text", "type": "string", "help": "what was said"}]}]});
/* clang-format on */

struct wf_plugin {
    const wf_host *host; /* log, publish, subscribe, for all that the plugin makes */
};

static wf_status hello_error(wf_error *err, wf_status code, const char *text)
{
    snprintf(err->text, sizeof err->text, "step.hello: %s", text);
    return err->code = code;
}

static wf_status hello_execute(void *self, const wf_step_input *in, const wf_sink *output,
                               int32_t *out_stop, wf_error *err)
{
    (void)self;
    cJSON *config = cJSON_ParseWithLength(in->config.ptr, in->config.len);
    const cJSON *greeting = cJSON_GetObjectItemCaseSensitive(config, "greeting");
    int has_text = cJSON_IsString(greeting) && *greeting->valuestring;
    cJSON *answer = cJSON_CreateObject();
    char *json = NULL;
    if (has_text && cJSON_AddStringToObject(answer, "text", greeting->valuestring))
        json = cJSON_PrintUnformatted(answer);
    wf_status status;
    if (json)
        status = output->write(output->ctx, json, strlen(json));
    else if (has_text || (!config && in->config.len))
        status = hello_error(err, WF_NO_MEMORY, "out of memory");
    else
        status = hello_error(err, WF_CONFIG, "'greeting' must be text, and not empty");
    *out_stop = 0;
    free(json);
    cJSON_Delete(answer);
    cJSON_Delete(config);
    return status;
}

WF_EXPORT wf_status new_step_hello(wf_plugin *plugin, wf_str name, wf_str config,
                                   const wf_step **out, wf_error *err)
{
    (void)plugin, (void)name, (void)config; /* execute() gets it, templates resolved */
    wf_step *step = malloc(sizeof *step);
    if (!step)
        return hello_error(err, WF_NO_MEMORY, "out of memory");
    *step = (wf_step){sizeof *step, step, hello_execute, free};
    *out = step;
    return WF_OK;
}

WF_EXPORT wf_str wf_plugin_manifest(void)
{
    return (wf_str){hello_manifest, sizeof hello_manifest - 1};
}

WF_EXPORT wf_status wf_plugin_open(const wf_host *host, wf_plugin **out, wf_error *err)
{
    wf_plugin *plugin = malloc(sizeof *plugin);
    if (!plugin)
        return hello_error(err, WF_NO_MEMORY, "out of memory");
    plugin->host = host;
    *out = plugin;
    return WF_OK;
}

WF_EXPORT void wf_plugin_close(wf_plugin *plugin)
{
    free(plugin);
}
