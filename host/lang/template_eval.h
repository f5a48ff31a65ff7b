/* SPDX-License-Identifier: MIT
 *
 * template_eval - the text that a compiled template yields.
 */
#ifndef HOST_LANG_TEMPLATE_EVAL_H
#define HOST_LANG_TEMPLATE_EVAL_H

#include "host/lang/template_part.h"

/* For templates that are not static. */
wf_status template_eval_parts(const struct template *t, const struct scope *scope,
                              struct arena *a, wf_str *out, wf_error *err);

#endif
