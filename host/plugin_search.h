/* SPDX-License-Identifier: MIT
 *
 * plugin_search - the places where plugins lie, for plugins_search().
 */
#ifndef HOST_PLUGIN_SEARCH_H
#define HOST_PLUGIN_SEARCH_H

#include "sdk/wf_plugin.h"

/* Calls found(ctx, path) for every file that may be a plugin, in the order of the places
 * and of the names.  Places that do not exist are passed over. */
wf_status plugin_search(void (*found)(void *ctx, const char *path), void *ctx,
                        wf_error *err);

#endif
