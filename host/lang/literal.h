/* SPDX-License-Identifier: MIT
 *
 * literal - what the text of a number or a string stands for.
 */
#ifndef HOST_LANG_LITERAL_H
#define HOST_LANG_LITERAL_H

#include "host/lang/value.h"

/* 7, -7, 1_000, 1.50, 2e3.  WF_CONFIG: it is no such number. */
wf_status literal_number(struct arena *a, wf_str digits, const struct value **out);

/* Resolves the escapes between two quotes.  WF_CONFIG: there is an unknown one at
 * *out_bad. */
wf_status literal_unescape(struct arena *a, wf_str inner, wf_str *out, size_t *out_bad);

#endif
