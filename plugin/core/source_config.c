/* SPDX-License-Identifier: MIT
 *
 * source_config - parsed, and checked as far as that is possible without connecting.
 */
#include "plugin/core/source_config.h"

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/provider.h"

wf_status source_config_parse(const cJSON *config,
                              const struct cdc_provider *const *providers,
                              const struct cdc_missing *missing, struct cdc_settings **out,
                              wf_error *err)
{
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(config, "provider");
    wf_str provider = cJSON_IsString(name) ? str_from(name->valuestring) : STR_EMPTY;
    for (; missing && missing->name; missing++)
        if (str_is(provider, missing->name))
            return error_set(err, WF_UNSUPPORTED, "CDC provider \"%s\" is %s",
                             missing->name, missing->reason);
    return settings_parse(config, providers, out, err);
}

wf_status source_config_complete(const struct cdc_settings *settings, wf_error *err)
{
    if (!settings->source_id.len)
        return error_set(err, WF_CONFIG, "source_id is required");
    if (settings->provider->connection_help && !settings->connection.len)
        return error_set(err, WF_CONFIG, "connection is required");
    return settings->provider->check ? settings->provider->check(settings, err) : WF_OK;
}
