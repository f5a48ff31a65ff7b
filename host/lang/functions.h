/* SPDX-License-Identifier: MIT
 *
 * functions - the functions of both languages, one row each in functions.c, in the order of
 * arguments that Go's templates use: the value comes last, so that `.name | upper` works.
 */
#ifndef HOST_LANG_FUNCTIONS_H
#define HOST_LANG_FUNCTIONS_H

#include "host/lang/value.h"

#define FUNCTIONS_ARGS 16

struct function_call {
    const struct function *function;
    const struct value **args; /* none is NULL; a missing value is VALUE_NULL */
    size_t count;              /* between min_args and max_args */
    bool go;                   /* called from `{{ }}` */
    struct arena *arena;
    wf_error *err; /* texts begin with the function's name; the caller adds the column */
};

struct function {
    const char *name;
    uint8_t min_args;
    uint8_t max_args;
    wf_status (*run)(struct function_call *call, const struct value **out);
    /* Optional: refuses at compile time what is wrong with a first argument that is a
     * literal. */
    bool (*check)(const struct value *first, size_t args, char *why, size_t why_size);
};

/* NULL when there is none. */
const struct function *functions_find(wf_str name);

/* ---- helpers for the functions
 * ------------------------------------------------------------ */

/* The value, or WF_NO_MEMORY when it is NULL. */
wf_status functions_give(struct function_call *call, const struct value *v,
                         const struct value **out);
wf_status functions_give_text(struct function_call *call, wf_str text,
                              const struct value **out);
/* Argument `i` as text: a string, or the digits of a number, or true/false; else an
 * error. */
wf_status functions_text(struct function_call *call, size_t i, wf_str *out);
/* "null", "a string", "a map" ... */
const char *functions_kind(const struct value *v);
/* As Go's templates decide `if`: not null, false, 0, nor empty. */
bool functions_truth(const struct value *v);
wf_status functions_no_memory(struct function_call *call);

/* ---- function_text.c
 * ---------------------------------------------------------------------- */
wf_status function_text_upper(struct function_call *call, const struct value **out);
wf_status function_text_lower(struct function_call *call, const struct value **out);
wf_status function_text_title(struct function_call *call, const struct value **out);
wf_status function_text_trim_space(struct function_call *call, const struct value **out);
wf_status function_text_trim_prefix(struct function_call *call, const struct value **out);
wf_status function_text_trim_suffix(struct function_call *call, const struct value **out);
wf_status function_text_replace(struct function_call *call, const struct value **out);
wf_status function_text_contains(struct function_call *call, const struct value **out);
wf_status function_text_has_prefix(struct function_call *call, const struct value **out);
wf_status function_text_has_suffix(struct function_call *call, const struct value **out);
wf_status function_text_split(struct function_call *call, const struct value **out);
wf_status function_text_join(struct function_call *call, const struct value **out);
wf_status function_text_url_encode(struct function_call *call, const struct value **out);
wf_status function_text_b64(struct function_call *call, const struct value **out);
wf_status function_text_json(struct function_call *call, const struct value **out);
wf_status function_text_to_string(struct function_call *call, const struct value **out);

/* ---- function_format.c
 * -------------------------------------------------------------------- */
wf_status function_format_printf(struct function_call *call, const struct value **out);
wf_status function_format_print(struct function_call *call, const struct value **out);
bool function_format_check(const struct value *first, size_t args, char *why,
                           size_t why_size);

/* ---- function_math.c
 * ---------------------------------------------------------------------- */
wf_status function_math_add(struct function_call *call, const struct value **out);
wf_status function_math_sub(struct function_call *call, const struct value **out);
wf_status function_math_mul(struct function_call *call, const struct value **out);
wf_status function_math_div(struct function_call *call, const struct value **out);
wf_status function_math_to_int(struct function_call *call, const struct value **out);
wf_status function_math_to_float(struct function_call *call, const struct value **out);
wf_status function_math_sum(struct function_call *call, const struct value **out);
wf_status function_math_min(struct function_call *call, const struct value **out);
wf_status function_math_max(struct function_call *call, const struct value **out);

/* ---- function_list.c
 * ---------------------------------------------------------------------- */
wf_status function_list_first(struct function_call *call, const struct value **out);
wf_status function_list_last(struct function_call *call, const struct value **out);
wf_status function_list_pluck(struct function_call *call, const struct value **out);
wf_status function_list_flatten(struct function_call *call, const struct value **out);
wf_status function_list_unique(struct function_call *call, const struct value **out);
wf_status function_list_group_by(struct function_call *call, const struct value **out);
wf_status function_list_sort_by(struct function_call *call, const struct value **out);
wf_status function_list_index(struct function_call *call, const struct value **out);
wf_status function_list_len(struct function_call *call, const struct value **out);
wf_status function_list_length(struct function_call *call, const struct value **out);
/* The member `key` (may be NULL) of a map, else the item itself; never NULL. */
const struct value *function_list_field(const struct value *item, const wf_str *key);

/* ---- function_logic.c
 * --------------------------------------------------------------------- */
wf_status function_logic_default(struct function_call *call, const struct value **out);
wf_status function_logic_coalesce(struct function_call *call, const struct value **out);
wf_status function_logic_not(struct function_call *call, const struct value **out);
wf_status function_logic_eq(struct function_call *call, const struct value **out);
wf_status function_logic_ne(struct function_call *call, const struct value **out);
wf_status function_logic_lt(struct function_call *call, const struct value **out);
wf_status function_logic_le(struct function_call *call, const struct value **out);
wf_status function_logic_gt(struct function_call *call, const struct value **out);
wf_status function_logic_ge(struct function_call *call, const struct value **out);

/* ---- function_time.c
 * ---------------------------------------------------------------------- */
wf_status function_time_now(struct function_call *call, const struct value **out);
wf_status function_time_uuid(struct function_call *call, const struct value **out);

#endif
