/* SPDX-License-Identifier: MIT
 *
 * description - what a module, step or trigger type is, for the manifest and the
 * documentation.
 */
#ifndef CORE_DESCRIPTION_H
#define CORE_DESCRIPTION_H

#include "plugin/core/option.h"

/* The rows inside an input of type MAP. */
struct cdc_nested {
    const char *key; /* NULL ends a list */
    const struct cdc_option *rows;
};

/* One member of what a step writes. */
struct cdc_output {
    const char *name; /* NULL ends a list */
    const char *type; /* string, int, bool, list, map */
    const char *help; /* one sentence, no full stop */
};

struct cdc_description {
    const char *type; /* "step.cdc_status" */
    const char *label;
    const char *summary; /* one sentence, no full stop */
    const struct cdc_option *inputs;
    const struct cdc_nested *nested;  /* may be NULL */
    const char *const *required;      /* keys among inputs, ends with NULL; may be NULL */
    const struct cdc_output *outputs; /* steps only */
    bool takes_options; /* has "options" besides: the core's and the provider's */
};

/* A provider whose library was missing when this was built. */
struct cdc_missing {
    const char *name; /* NULL ends a list */
    const char *reason;
};

#endif
