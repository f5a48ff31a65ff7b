/* SPDX-License-Identifier: MIT
 *
 * pg_text_composite - PostgreSQL documentation, "Composite Type Input and Output Syntax",
 * as record_out writes it:
 *
 *     composite = "(" [ field *( "," field ) ] ")"
 *     field     = nothing (NULL) | plain | quoted   quotes and backslashes are doubled
 */
#include "base/json.h"
#include "providers/postgres/pg_text.h"

static bool pg_text_composite_plain(struct pg_text_scan *scan, wf_str *out)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at != ',' && *scan->at != ')') {
        if (*scan->at == '(' || *scan->at == '"' || *scan->at == '\\')
            return false;
        scan->at++;
    }
    *out = (wf_str){from, (size_t)(scan->at - from)};
    return true;
}

static bool pg_text_composite_field(struct pg_text *text, const struct pg_type_field *field,
                                    struct pg_text_scan *scan)
{
    wf_str value;
    bool quoted = pg_text_at(scan, '"');
    bool read = quoted ? pg_text_quoted(text, scan, true, &value)
                       : pg_text_composite_plain(scan, &value);
    if (!read)
        return false;
    buf_str(&text->out, field->label);
    if (!quoted && !value.len) {
        buf_lit(&text->out, "null");
        return true;
    }
    text->level++;
    pg_text_put(text, field->type, value);
    text->level--;
    return true;
}

bool pg_text_composite(struct pg_text *text, const struct pg_type *type, wf_str value)
{
    struct pg_text_scan scan = {value.ptr, value.ptr + value.len};
    if (!pg_text_take(&scan, '(') || !pg_text_open(text, '{'))
        return false;
    for (size_t i = 0; i < type->count; i++) {
        if (i && !pg_text_take(&scan, ','))
            return false;
        if (i)
            buf_byte(&text->out, ',');
        if (!pg_text_composite_field(text, &type->fields[i], &scan))
            return false;
    }
    pg_text_close(text, '}');
    return pg_text_take(&scan, ')') && scan.at == scan.end;
}
