/* SPDX-License-Identifier: MIT
 *
 * filter - patterns over names, bits over operations.
 */
#include "plugin/core/filter.h"

#include "base/json.h"
#include "base/str.h"
#include "plugin/core/table.h"

uint32_t filter_ops(const struct cdc_filter *filter, wf_str table)
{
    const struct cdc_list *tables = &filter->tables;
    /* An event without a table is of none that is named. */
    bool meant =
        table.len ? table_is_listed(tables->items, tables->count, table) : !tables->count;
    return meant ? filter->ops : 0;
}

wf_str filter_event_table(wf_str event)
{
    static const char *const names[] = {"table", "source"};
    for (size_t i = 0; i < CDC_COUNT(names); i++) {
        wf_str value;
        if (json_member(event, names[i], &value) && json_kind(value) == JSON_STRING)
            return str_slice(value, 1, value.len - 1);
    }
    return STR_EMPTY;
}

bool filter_wants_event(const struct cdc_filter *filter, wf_str event, enum cdc_op op)
{
    return filter_ops(filter, filter_event_table(event)) & (1u << op);
}

void filter_text(const struct cdc_filter *filter, struct buf *out)
{
    for (size_t i = 0; i < filter->tables.count; i++) {
        if (i)
            buf_byte(out, ',');
        buf_str(out, filter->tables.items[i]);
    }
    if (!filter->tables.count)
        buf_byte(out, '*');
    if (filter->ops == FILTER_ALL_OPS)
        return;
    buf_lit(out, " [");
    bool comma = false;
    for (int op = 0; op < CDC_OP_COUNT; op++) {
        if (!(filter->ops & (1u << op)))
            continue;
        if (comma)
            buf_byte(out, ',');
        buf_str(out, change_op_text((enum cdc_op)op));
        comma = true;
    }
    buf_byte(out, ']');
}
