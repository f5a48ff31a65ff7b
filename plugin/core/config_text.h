/* SPDX-License-Identifier: MIT
 *
 * config_text - the configuration of a module, step or trigger as a host hands it over:
 * JSON text.
 */
#ifndef CORE_CONFIG_TEXT_H
#define CORE_CONFIG_TEXT_H

#include "sdk/wf_plugin.h"

struct cJSON;

/* Parses an object; an empty view reads as {}.  WF_CONFIG when it is anything else,
 * larger than LIMIT_CONFIG_BYTES, nested too deeply, not UTF-8, or holds a string that C
 * text cannot (a NUL, half a surrogate pair).  gives, end it with cJSON_Delete(). */
wf_status config_text_parse(wf_str text, struct cJSON **out, wf_error *err);

/* The same checks without the tree. */
wf_status config_text_check(wf_str text, wf_error *err);

/* For CDC_CLEANUP. */
void config_text_free(struct cJSON **config);

#endif
