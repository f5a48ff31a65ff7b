/* SPDX-License-Identifier: MIT
 *
 * sdk_user - a stranger's file that uses every type of the contract; compiled as C and as
 * C++ with all warnings, never linked.
 */
#include "wf_plugin.h"

WF_EXPORT wf_str wf_plugin_manifest(void);
WF_EXPORT wf_status wf_plugin_open(const wf_host *host, wf_plugin **out, wf_error *err);
WF_EXPORT void wf_plugin_close(wf_plugin *plugin);

const char *sdk_user_status(wf_status status);
int sdk_user_has(const wf_host *host, const wf_module *module, const wf_trigger *trigger,
                 const wf_step *step, const wf_step_input *input);
wf_status sdk_user_write(void *ctx, const char *data, size_t len);
wf_status sdk_user_call(wf_plugin *plugin, wf_new_module_fn new_module,
                        wf_new_step_fn new_step, wf_new_trigger_fn new_trigger,
                        const wf_callback *callback, wf_error *err);
wf_plugin_manifest_fn sdk_user_manifest(void);
wf_plugin_open_fn sdk_user_open(void);
wf_plugin_close_fn sdk_user_close(void);

const char *sdk_user_status(wf_status status)
{
    switch (status) {
#define X(name, code, text)                                                                \
    case WF_##name:                                                                        \
        return text;
        WF_STATUS_MAP(X)
#undef X
    default:
        return "";
    }
}

int sdk_user_has(const wf_host *host, const wf_module *module, const wf_trigger *trigger,
                 const wf_step *step, const wf_step_input *input)
{
    return WF_HAS(host, publish) && WF_HAS(host, subscribe) && WF_HAS(module, init) &&
           WF_HAS(trigger, stop) && WF_HAS(step, execute) && input->size >= sizeof *input;
}

wf_status sdk_user_write(void *ctx, const char *data, size_t len)
{
    return ctx || !data || !len ? WF_FAILED : WF_OK;
}

wf_status sdk_user_call(wf_plugin *plugin, wf_new_module_fn new_module,
                        wf_new_step_fn new_step, wf_new_trigger_fn new_trigger,
                        const wf_callback *callback, wf_error *err)
{
    const wf_sink sink = {NULL, sdk_user_write};
    const wf_module *module = NULL;
    const wf_step *step = NULL;
    const wf_trigger *trigger = NULL;
    const wf_str none = {NULL, 0};
    wf_step_input input = {sizeof(wf_step_input), none, none, none, none, none};
    int32_t stop = 0;

    wf_status status = new_module(plugin, none, none, &module, err);
    if (status == WF_OK)
        status = new_trigger(plugin, none, callback, &trigger, err);
    if (status == WF_OK)
        status = new_step(plugin, none, none, &step, err);
    if (status == WF_OK)
        status = step->execute(step->self, &input, &sink, &stop, err);
    return status;
}

wf_plugin_manifest_fn sdk_user_manifest(void)
{
    return wf_plugin_manifest;
}

wf_plugin_open_fn sdk_user_open(void)
{
    return wf_plugin_open;
}

wf_plugin_close_fn sdk_user_close(void)
{
    return wf_plugin_close;
}
