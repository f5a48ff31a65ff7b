/* SPDX-License-Identifier: MIT
 *
 * plugin_host - wf_host over host/bus.h and base/log.h.
 */
#include "host/plugin_host.h"

static void plugin_host_log(void *ctx, int32_t level, wf_str line)
{
    const struct plugin_host *host = ctx;
    if (host->logger->write)
        host->logger->write(host->logger->ctx, level, line);
}

static wf_status plugin_host_publish(void *ctx, wf_str topic, wf_str payload,
                                     wf_str metadata_json, wf_error *err)
{
    const struct plugin_host *host = ctx;
    return bus_publish(host->bus, topic, payload, metadata_json, err);
}

static wf_status plugin_host_subscribe(void *ctx, wf_str topic, wf_on_message fn,
                                       void *fn_ctx, uint64_t *out_subscription,
                                       wf_error *err)
{
    const struct plugin_host *host = ctx;
    return bus_subscribe(host->bus, topic, fn, fn_ctx, out_subscription, err);
}

static void plugin_host_unsubscribe(void *ctx, uint64_t subscription)
{
    const struct plugin_host *host = ctx;
    bus_unsubscribe(host->bus, subscription);
}

void plugin_host_init(struct plugin_host *host, const struct logger *logger,
                      struct bus *bus)
{
    *host = (struct plugin_host){
        .table =
            {
                .size = sizeof(host->table),
                .ctx = host,
                .log = plugin_host_log,
                .publish = plugin_host_publish,
                .subscribe = plugin_host_subscribe,
                .unsubscribe = plugin_host_unsubscribe,
            },
        .logger = logger,
        .bus = bus,
    };
}
