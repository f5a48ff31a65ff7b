/* SPDX-License-Identifier: MIT
 *
 * pg_text_array - PostgreSQL documentation, "Array Input and Output Syntax", as array_out
 * writes it:
 *
 *     array    = [ 1*6( "[" int ":" int "]" ) "=" ] braces
 *     braces   = "{" [ item *( delimiter item ) ] "}"
 *     item     = braces | element          all elements are equally deep
 *     element  = "NULL" | plain | quoted   a backslash takes the next byte as it is
 *
 * An empty array is "{}" whatever its number of dimensions.
 */
#include "base/json.h"
#include "base/str.h"
#include "providers/postgres/pg_scalar.h"
#include "providers/postgres/pg_text.h"

#define PG_TEXT_DIMENSIONS 6 /* MAXDIM */

/* An integer up to `stop`, which is taken as well. */
static bool pg_text_array_bound(struct pg_text *text, struct pg_text_scan *scan, char stop)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at != stop)
        scan->at++;
    wf_str number = {from, (size_t)(scan->at - from)};
    struct cdc_value value;
    if (!pg_text_take(scan, stop) || !pg_scalar_int(number, &value))
        return false;
    buf_str(&text->out, number);
    return true;
}

/* [2:4][0:1]= becomes {"bounds":[[2,4],[0,1]],"values": with the object left open. */
static bool pg_text_array_bounds(struct pg_text *text, struct pg_text_scan *scan,
                                 unsigned *out_dimensions)
{
    if (!pg_text_open(text, '{'))
        return false;
    buf_lit(&text->out, "\"bounds\":[");
    unsigned dimensions = 0;
    for (; pg_text_take(scan, '['); dimensions++) {
        buf_cstr(&text->out, dimensions ? ",[" : "[");
        if (!pg_text_array_bound(text, scan, ':'))
            return false;
        buf_byte(&text->out, ',');
        if (!pg_text_array_bound(text, scan, ']'))
            return false;
        buf_byte(&text->out, ']');
    }
    buf_lit(&text->out, "],\"values\":");
    *out_dimensions = dimensions;
    return pg_text_take(scan, '=');
}

/* NULL, or text that needs no quotes. */
static bool pg_text_array_plain(struct pg_text *text, const struct pg_type *type,
                                struct pg_text_scan *scan)
{
    const char *from = scan->at;
    while (scan->at < scan->end && *scan->at != type->delimiter && *scan->at != '}') {
        if (*scan->at == '{' || *scan->at == '"' || *scan->at == '\\')
            return false;
        scan->at++;
    }
    wf_str plain = {from, (size_t)(scan->at - from)};
    if (!plain.len)
        return false;
    if (str_eq_nocase(plain, STR("NULL")))
        buf_lit(&text->out, "null");
    else
        pg_text_put(text, type->element, plain);
    return true;
}

static bool pg_text_array_element(struct pg_text *text, const struct pg_type *type,
                                  struct pg_text_scan *scan)
{
    bool read = true;
    if (pg_text_at(scan, '"')) {
        wf_str element;
        read = pg_text_quoted(text, scan, false, &element);
        text->level++;
        if (read)
            pg_text_put(text, type->element, element);
    } else {
        text->level++;
        read = pg_text_array_plain(text, type, scan);
    }
    text->level--;
    return read;
}

/* From the outermost brace to the end; *out_dimensions: how deep the elements are. */
static bool pg_text_array_braces(struct pg_text *text, const struct pg_type *type,
                                 struct pg_text_scan *scan, unsigned *out_dimensions)
{
    unsigned open = 0;
    unsigned deep = 0;
    do {
        while (pg_text_take(scan, '{'))
            if (++open > PG_TEXT_DIMENSIONS || !pg_text_open(text, '['))
                return false;
        deep = deep ? deep : open;
        if (!open || open != deep || !pg_text_array_element(text, type, scan))
            return false;
        while (open && pg_text_take(scan, '}')) {
            pg_text_close(text, ']');
            open--;
        }
        if (open)
            buf_byte(&text->out, ',');
    } while (open && pg_text_take(scan, type->delimiter));
    *out_dimensions = deep;
    return !open && scan->at == scan->end;
}

/* Elements may be arrays in JSON themselves: how many of the outermost brackets are the
 * array's own has to be said. */
static bool pg_text_array_dimensions(struct pg_text *text, const struct pg_text_scan *scan,
                                     unsigned *out_dimensions)
{
    if (!pg_text_open(text, '{'))
        return false;
    unsigned dimensions = 0;
    while (scan->end - scan->at > dimensions && scan->at[dimensions] == '{')
        dimensions++;
    buf_lit(&text->out, "\"dimensions\":");
    buf_u64(&text->out, dimensions);
    buf_lit(&text->out, ",\"values\":");
    *out_dimensions = dimensions;
    return true;
}

bool pg_text_array(struct pg_text *text, const struct pg_type *type, wf_str value)
{
    if (str_eq(value, STR("{}"))) {
        buf_lit(&text->out, "[]");
        return true;
    }
    struct pg_text_scan scan = {value.ptr, value.ptr + value.len};
    enum pg_type_kind element = type->element->kind;
    bool any_depth = element == PG_TYPE_JSON || element == PG_TYPE_ARRAY;
    unsigned told = 0;
    unsigned found;
    if (pg_text_at(&scan, '[') && !pg_text_array_bounds(text, &scan, &told))
        return false;
    if (!told && any_depth && str_starts(value, STR("{{")) &&
        !pg_text_array_dimensions(text, &scan, &told))
        return false;
    if (!pg_text_array_braces(text, type, &scan, &found))
        return false;
    if (told)
        pg_text_close(text, '}');
    return !told || told == found;
}
