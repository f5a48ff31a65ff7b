/* SPDX-License-Identifier: MIT
 *
 * plugin_host - the services this host gives to plugins: its log and its bus.
 */
#ifndef HOST_PLUGIN_HOST_H
#define HOST_PLUGIN_HOST_H

#include "base/log.h"
#include "host/bus.h"

struct plugin_host {
    wf_host table;
    const struct logger *logger;
    struct bus *bus;
};

/* Fills in the table; `host` must not move afterwards, and outlive every plugin. */
void plugin_host_init(struct plugin_host *host, const struct logger *logger,
                      struct bus *bus);

#endif
