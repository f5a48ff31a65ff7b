/* SPDX-License-Identifier: MIT
 *
 * change - the words for operations, both ways.
 */
#include "plugin/core/change.h"

#include "base/str.h"

static const wf_str change_names[] = {
#define X(name) {#name, sizeof #name - 1},
    CDC_OP_MAP(X)
#undef X
};

/* Debezium's op letters; "m" is its logical message. */
static const struct {
    char letter;
    enum cdc_op op;
} change_letters[] = {
    {'c', CDC_INSERT},   {'u', CDC_UPDATE}, {'d', CDC_DELETE},
    {'t', CDC_TRUNCATE}, {'r', CDC_READ},   {'m', CDC_MESSAGE},
};

wf_str change_op_text(enum cdc_op op)
{
    return op < CDC_OP_COUNT ? change_names[op] : STR_EMPTY;
}

enum cdc_op change_op_parse(wf_str text)
{
    if (text.len == 1) {
        for (size_t i = 0; i < CDC_COUNT(change_letters); i++)
            if ((text.ptr[0] | 0x20) == change_letters[i].letter)
                return change_letters[i].op;
        return CDC_OP_NONE;
    }
    for (int op = 0; op < CDC_OP_COUNT; op++)
        if (str_eq_nocase(text, change_names[op]))
            return (enum cdc_op)op;
    return CDC_OP_NONE;
}
