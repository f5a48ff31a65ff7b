/* SPDX-License-Identifier: MIT
 *
 * option - configuration described by rows.
 *
 * Every option is one row of a table: key, type, default, range, secret, help.  Parsing,
 * checking, the manifest's schema and docs/configuration.md all come from the rows.
 * Strings that hold numbers, booleans, durations ("30s") and sizes ("16MiB") are accepted,
 * because templates and environments only make strings.  A wrong type or an unknown key is
 * an error that names the key, never a silent default.
 */
#ifndef CORE_OPTION_H
#define CORE_OPTION_H

#include <stdbool.h>

#include "base/buf.h"
#include "plugin/core/settings_memory.h"

struct cJSON;

enum cdc_option_type {
    CDC_OPTION_STRING,        /* wf_str */
    CDC_OPTION_BOOL,          /* bool */
    CDC_OPTION_INT,           /* int64_t */
    CDC_OPTION_NUMBER,        /* double */
    CDC_OPTION_DURATION,      /* int64_t, milliseconds */
    CDC_OPTION_BYTES,         /* int64_t */
    CDC_OPTION_CHOICE,        /* int32_t: index into choices */
    CDC_OPTION_LIST,          /* struct cdc_list: a list of strings, or "a, b" */
    CDC_OPTION_MAP,           /* wf_str: a JSON object, verbatim */
    CDC_OPTION_STRING_OR_MAP, /* wf_str: what a string says, or a JSON object, verbatim */
};

struct cdc_option {
    const char *key; /* NULL ends a table */
    enum cdc_option_type type;
    const char *fallback; /* default, as a user would write it; NULL: empty, 0, false */
    int64_t min, max;     /* INT, NUMBER, DURATION (ms), BYTES; both 0: any */
    /* CHOICE: "never|initial|always".  STRING and LIST: for the manifest; whoever reads the
     * value checks it. */
    const char *choices;
    bool any_case; /* of choices, for the manifest */
    size_t offset; /* of the member in the struct the table fills */
    bool required;
    bool secret;
    const char *help; /* one sentence, no full stop */
};

struct cdc_list {
    wf_str *items;
    size_t count;
};

/* Rows and the struct they fill. */
struct cdc_option_target {
    const struct cdc_option *rows;
    void *target;
};

/* Fills every target: the defaults first, then the members of `object` (NULL: none).  A
 * row's members live as long as `memory`.  With `open`, unknown members are ignored; else
 * they are an error that names the nearest key.  `where` ("options.", "") goes before keys
 * in errors. */
wf_status option_fill(const struct cJSON *object, const char *where, bool open,
                      const struct cdc_option_target *targets, size_t count,
                      struct settings_memory *memory, wf_error *err);

/* The type a manifest gives for a row: string, bool, int, number, duration, bytes, choice,
 * list, map. */
const char *option_type_text(enum cdc_option_type type);

#endif
