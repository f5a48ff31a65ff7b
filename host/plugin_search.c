/* SPDX-License-Identifier: MIT
 *
 * plugin_search - beside the executable, in lib/workflow-plugins next to it, in
 * WF_PLUGIN_PATH.
 */
#include "host/plugin_search.h"

#include <dirent.h>
#include <limits.h>

#include "base/error.h"
#include "base/str.h"

struct plugin_search {
    void (*found)(void *ctx, const char *path);
    void *ctx;
};

static int plugin_search_is_plugin(const struct dirent *entry)
{
    return str_ends(str_from(entry->d_name), STR(".so"));
}

static int plugin_search_is_named(const struct dirent *entry)
{
    return str_starts(str_from(entry->d_name), STR("workflow-plugin-")) &&
           plugin_search_is_plugin(entry);
}

static void plugin_search_folder(const struct plugin_search *search, const char *folder,
                                 int (*wanted)(const struct dirent *))
{
    struct dirent **entries;
    int count = scandir(folder, &entries, wanted, alphasort);
    for (int i = 0; i < count; i++) {
        char path[PATH_MAX];
        int len = snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
        if (len > 0 && (size_t)len < sizeof(path))
            search->found(search->ctx, path);
        free(entries[i]);
    }
    if (count >= 0)
        free(entries);
}

static void plugin_search_variable(const struct plugin_search *search)
{
    wf_str rest = str_from(getenv("WF_PLUGIN_PATH"));
    for (wf_str part; str_next(&rest, ':', &part);) {
        char folder[PATH_MAX];
        if (!part.len || part.len >= sizeof(folder))
            continue;
        memcpy(folder, part.ptr, part.len);
        folder[part.len] = '\0';
        plugin_search_folder(search, folder, plugin_search_is_plugin);
    }
}

wf_status plugin_search(void (*found)(void *ctx, const char *path), void *ctx,
                        wf_error *err)
{
    const struct plugin_search search = {found, ctx};
    char self[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (len < 0)
        return error_set(err, WF_FAILED, "cannot find the host's own executable");
    self[len] = '\0';
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = '\0';
    plugin_search_folder(&search, self, plugin_search_is_named);

    char installed[PATH_MAX + 32];
    snprintf(installed, sizeof(installed), "%s/../lib/workflow-plugins", self);
    plugin_search_folder(&search, installed, plugin_search_is_plugin);
    plugin_search_variable(&search);
    return WF_OK;
}
