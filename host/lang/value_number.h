/* SPDX-License-Identifier: MIT
 *
 * value_number - arithmetic: exact on integers, a double when they overflow or are none.
 */
#ifndef HOST_LANG_VALUE_NUMBER_H
#define HOST_LANG_VALUE_NUMBER_H

#include "host/lang/value.h"

struct value_number {
    bool exact; /* integer holds the number; else only `real` does */
    int64_t integer;
    double real;
};

/* The number in an INT or NUMBER; false for every other kind. */
bool value_number_of(const struct value *v, struct value_number *out);
/* The number a text spells (also "Inf", "NaN" in the forms we print); false when it is
 * none. */
bool value_number_of_text(wf_str text, struct value_number *out);
/* NULL: out of memory. */
struct value *value_number_value(struct arena *a, struct value_number n);

struct value_number value_number_add(struct value_number a, struct value_number b);
struct value_number value_number_sub(struct value_number a, struct value_number b);
struct value_number value_number_mul(struct value_number a, struct value_number b);

/* -1, 0, 1; 2 when one is not a number. */
int value_number_compare(struct value_number a, struct value_number b);

/* Nearest int64; 0 for NaN. */
int64_t value_number_clamp(struct value_number n);

#endif
