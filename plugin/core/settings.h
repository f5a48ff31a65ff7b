/* SPDX-License-Identifier: MIT
 *
 * settings - the configuration of one source, parsed and range-checked.
 *
 * Top level: provider, source_id, source_type, connection, tables, options; other keys
 * there are accepted, because engines add some.  Inside `options`: the core's rows and the
 * provider's own, and nothing else.
 */
#ifndef CORE_SETTINGS_H
#define CORE_SETTINGS_H

#include "plugin/core/option.h"

struct cJSON;
struct cdc_provider;

enum cdc_snapshot_mode {
    CDC_SNAPSHOT_NEVER,
    CDC_SNAPSHOT_INITIAL,
    CDC_SNAPSHOT_ALWAYS,
    CDC_SNAPSHOT_WHEN_NEEDED,
};

/* The options every provider has, in `options`. */
struct cdc_core_options {
    wf_str state_dir;
    int64_t buffer_bytes;
    int64_t max_event_bytes;
    int32_t snapshot; /* enum cdc_snapshot_mode */
    int64_t snapshot_chunk_rows;
    bool standby;
};

struct cdc_settings {
    wf_str provider_name;
    wf_str source_id;
    wf_str source_type;
    wf_str connection;      /* a secret: show it only through redact_connection() */
    struct cdc_list tables; /* empty: all */
    wf_str config_dir;      /* "_config_dir"; empty where the host gave none */
    struct cdc_core_options core;
    const struct cdc_provider *provider;
    void *options; /* the provider's own struct, provider->options_size bytes */
    struct settings_memory memory; /* private: what the views point into */
};

/* The core's rows, and the rows of the top level (provider, source_id ...). */
extern const struct cdc_option settings_core_options[];
extern const struct cdc_option settings_top_options[];

/* Parses a module's or cdc_start's config.  Does not insist on source_id and connection:
 * who asks for them differs (see behaviour of cdc.source and step.cdc_start).  gives, end
 * it with settings_free().  `providers` is NULL-terminated. */
wf_status settings_parse(const struct cJSON *config,
                         const struct cdc_provider *const *providers,
                         struct cdc_settings **out, wf_error *err);
void settings_free(struct cdc_settings *settings);

/* Appends the absolute or working-directory path of options.state_dir. */
void settings_state_dir(const struct cdc_settings *settings, struct buf *out);

#endif
