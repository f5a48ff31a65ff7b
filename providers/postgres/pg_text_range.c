/* SPDX-License-Identifier: MIT
 *
 * pg_text_range - PostgreSQL documentation, "Range Input/Output", as range_out and
 * multirange_out write it:
 *
 *     range      = "empty" | ( "[" | "(" ) bound "," bound ( "]" | ")" )
 *     bound      = nothing (there is none) | plain | quoted   quotes and backslashes doubled
 *     multirange = "{" [ range *( "," range ) ] "}"
 */
#include "base/json.h"
#include "base/str.h"
#include "providers/postgres/pg_text.h"

static bool pg_text_range_plain(struct pg_text_scan *scan, wf_str *out)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at != ',' && *scan->at != ')' &&
           *scan->at != ']') {
        if (memchr("[(\"\\", *scan->at, 4))
            return false;
        scan->at++;
    }
    *out = (wf_str){from, (size_t)(scan->at - from)};
    return true;
}

static bool pg_text_range_bound(struct pg_text *text, const struct pg_type *element,
                                struct pg_text_scan *scan)
{
    wf_str value;
    bool quoted = pg_text_at(scan, '"');
    bool read = quoted ? pg_text_quoted(text, scan, true, &value)
                       : pg_text_range_plain(scan, &value);
    if (!read)
        return false;
    if (!quoted && !value.len) {
        buf_lit(&text->out, "null");
        return true;
    }
    text->level++;
    pg_text_put(text, element, value);
    text->level--;
    return true;
}

/* Takes one that is not empty. */
static bool pg_text_range_take(struct pg_text *text, const struct pg_type *type,
                               struct pg_text_scan *scan)
{
    if (!pg_text_at(scan, '[') && !pg_text_at(scan, '('))
        return false;
    char bounds[] = {*scan->at++, 0};
    if (!pg_text_open(text, '{'))
        return false;
    buf_lit(&text->out, "\"lower\":");
    if (!pg_text_range_bound(text, type->element, scan) || !pg_text_take(scan, ','))
        return false;
    buf_lit(&text->out, ",\"upper\":");
    if (!pg_text_range_bound(text, type->element, scan))
        return false;
    if (!pg_text_at(scan, ']') && !pg_text_at(scan, ')'))
        return false;
    bounds[1] = *scan->at++;
    buf_lit(&text->out, ",\"bounds\":\"");
    buf_append(&text->out, bounds, sizeof bounds);
    buf_byte(&text->out, '"');
    pg_text_close(text, '}');
    return true;
}

bool pg_text_range(struct pg_text *text, const struct pg_type *type, wf_str value)
{
    if (str_eq(value, STR("empty"))) {
        if (!pg_text_open(text, '{'))
            return false;
        buf_lit(&text->out, "\"empty\":true");
        pg_text_close(text, '}');
        return true;
    }
    struct pg_text_scan scan = {value.ptr, value.ptr + value.len};
    return pg_text_range_take(text, type, &scan) && scan.at == scan.end;
}

bool pg_text_multirange(struct pg_text *text, const struct pg_type *type, wf_str value)
{
    struct pg_text_scan scan = {value.ptr, value.ptr + value.len};
    if (!pg_text_take(&scan, '{') || !pg_text_open(text, '['))
        return false;
    bool more = !pg_text_at(&scan, '}');
    text->level++;
    while (more) {
        if (!pg_text_range_take(text, type->element, &scan))
            return false;
        more = pg_text_take(&scan, ',');
        if (more)
            buf_byte(&text->out, ',');
    }
    text->level--;
    pg_text_close(text, ']');
    return pg_text_take(&scan, '}') && scan.at == scan.end;
}
