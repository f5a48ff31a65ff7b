/* SPDX-License-Identifier: MIT
 *
 * dbz_config - a connector's configuration while it is put together: names with texts, in
 * the order they were set.
 */
#ifndef PROVIDERS_DBZ_CONFIG_H
#define PROVIDERS_DBZ_CONFIG_H

#include "base/buf.h"

struct cJSON;

/* A set() that fails is told once, by dbz_config_status(). */
struct dbz_config {
    struct cJSON *object;
    wf_status broken;
};

void dbz_config_init(struct dbz_config *config);
void dbz_config_release(struct dbz_config *config);
wf_status dbz_config_status(const struct dbz_config *config, wf_error *err);

void dbz_config_set(struct dbz_config *config, const char *key, wf_str value);
void dbz_config_set_text(struct dbz_config *config, const char *key, const char *value);
void dbz_config_set_i64(struct dbz_config *config, const char *key, int64_t value);
/* A view that is good until the key is set again; empty when it is not set. */
wf_str dbz_config_get(const struct dbz_config *config, const char *key);
bool dbz_config_has(const struct dbz_config *config, const char *key);

/* Lays a JSON object over it: texts, numbers and booleans replace, null removes, a list
 * becomes one text with commas.  WF_CONFIG for anything else; `where` is named then. */
wf_status dbz_config_merge(struct dbz_config *config, wf_str json, const char *where,
                           wf_error *err);

/* Appends the JSON object. */
void dbz_config_write(const struct dbz_config *config, struct buf *out);

/* The next key and value, from *at == NULL on; false at the end. */
bool dbz_config_next(const struct dbz_config *config, const void **at, const char **out_key,
                     wf_str *out_value);

#endif
