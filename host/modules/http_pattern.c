/* SPDX-License-Identifier: MIT
 *
 * http_pattern - the paths of routes, as the engine's router reads them.
 */
#include "host/modules/http_pattern.h"

#include "base/error.h"
#include "base/str.h"

/* In the order of how specific they are. */
enum segment_kind { SEGMENT_REST, SEGMENT_ONE, SEGMENT_END, SEGMENT_LITERAL };

struct segment {
    enum segment_kind kind;
    wf_str text; /* the literal, or the wildcard's name (empty: none) */
};

struct http_pattern {
    char *text;
    size_t count;
    struct segment segments[HTTP_PATTERN_SEGMENTS];
};

static bool http_pattern_is_name(wf_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i && c >= '0' && c <= '9'))
            return false;
    }
    return name.len > 0;
}

static wf_status http_pattern_wildcard(struct http_pattern *p, wf_str segment, bool last,
                                       wf_error *err)
{
    struct segment *out = &p->segments[p->count];
    wf_str name = str_slice(segment, 1, segment.len - 1);
    if (segment.ptr[0] != '{' || segment.ptr[segment.len - 1] != '}')
        return error_set(err, WF_CONFIG,
                         "a wildcard must be a whole segment, as in '/a/{id}'");
    if (str_is(name, "$")) {
        *out = (struct segment){SEGMENT_END, STR_EMPTY};
    } else if (str_ends(name, STR("..."))) {
        *out = (struct segment){SEGMENT_REST, str_slice(name, 0, name.len - 3)};
    } else {
        *out = (struct segment){SEGMENT_ONE, name};
    }
    if (out->kind != SEGMENT_ONE && !last)
        return error_set(err, WF_CONFIG, "'%.*s' may only stand at the end",
                         STR_ARG(segment));
    if (out->kind != SEGMENT_END && !http_pattern_is_name(out->text))
        return error_set(err, WF_CONFIG, "'%.*s' is no name for a wildcard",
                         STR_ARG(out->text));
    for (size_t i = 0; i < p->count && out->text.len; i++)
        if (p->segments[i].kind != SEGMENT_LITERAL &&
            str_eq(p->segments[i].text, out->text))
            return error_set(err, WF_CONFIG, "wildcard '%.*s' stands twice",
                             STR_ARG(out->text));
    return WF_OK;
}

static wf_status http_pattern_add(struct http_pattern *p, wf_str segment, bool last,
                                  wf_error *err)
{
    if (p->count == HTTP_PATTERN_SEGMENTS)
        return error_set(err, WF_CONFIG, "has more than %d segments",
                         HTTP_PATTERN_SEGMENTS);
    bool wild = str_find(segment, STR("{")) >= 0 || str_find(segment, STR("}")) >= 0;
    if (wild) {
        wf_status status = http_pattern_wildcard(p, segment, last, err);
        if (status)
            return status;
    } else if (last && segment.len == 0) {
        p->segments[p->count] = (struct segment){SEGMENT_REST, STR_EMPTY};
    } else if (segment.len == 0) {
        return error_set(err, WF_CONFIG, "has an empty segment ('//')");
    } else {
        p->segments[p->count] = (struct segment){SEGMENT_LITERAL, segment};
    }
    p->count++;
    return WF_OK;
}

wf_status http_pattern_new(wf_str path, struct http_pattern **out, wf_error *err)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return error_set(err, WF_CONFIG, "must begin with '/'");
    struct http_pattern *p = calloc(1, sizeof *p);
    if (!p)
        return error_no_memory(err);
    wf_status status = WF_OK;
    p->text = str_dup(path);
    if (!p->text)
        status = error_no_memory(err);

    size_t from = 1;
    for (bool last = false; !status && !last;) {
        wf_str rest = {p->text + from, path.len - from};
        ptrdiff_t slash = str_find(rest, STR("/"));
        last = slash < 0;
        wf_str segment = last ? rest : str_slice(rest, 0, (size_t)slash);
        status = http_pattern_add(p, segment, last, err);
        from += segment.len + 1;
    }
    if (status) {
        http_pattern_free(p);
        return status;
    }
    *out = p;
    return WF_OK;
}

void http_pattern_free(struct http_pattern *p)
{
    if (!p)
        return;
    free(p->text);
    free(p);
}

wf_str http_pattern_text(const struct http_pattern *p)
{
    return str_from(p->text);
}

static int http_pattern_hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* One decoded byte off the front of *text, which is not empty. */
static char http_pattern_byte(wf_str *text, bool plus)
{
    char c = text->ptr[0];
    size_t used = 1;
    if (c == '+' && plus) {
        c = ' ';
    } else if (c == '%' && text->len >= 3) {
        int high = http_pattern_hex(text->ptr[1]);
        int low = http_pattern_hex(text->ptr[2]);
        if (high >= 0 && low >= 0) {
            c = (char)(high * 16 + low);
            used = 3;
        }
    }
    *text = str_slice(*text, used, text->len);
    return c;
}

wf_str http_pattern_decode(struct arena *a, wf_str text, bool plus)
{
    if (text.len == 0)
        return STR("");
    char *out = arena_alloc(a, text.len);
    if (!out)
        return STR_EMPTY;
    size_t len = 0;
    while (text.len)
        out[len++] = http_pattern_byte(&text, plus);
    return (wf_str){out, len};
}

static bool http_pattern_same(wf_str literal, wf_str sent)
{
    size_t i = 0;
    for (; sent.len && i < literal.len; i++)
        if (http_pattern_byte(&sent, false) != literal.ptr[i])
            return false;
    return sent.len == 0 && i == literal.len;
}

/* The part of `path` from *at up to the next slash; *at moves behind that, or past the
 * end. */
static wf_str http_pattern_segment(wf_str path, size_t *at)
{
    wf_str rest = str_slice(path, *at, path.len);
    ptrdiff_t slash = str_find(rest, STR("/"));
    wf_str segment = slash < 0 ? rest : str_slice(rest, 0, (size_t)slash);
    *at += segment.len + 1;
    return segment;
}

bool http_pattern_matches(const struct http_pattern *p, wf_str path)
{
    if (path.len == 0 || path.ptr[0] != '/')
        return false;
    size_t at = 1;
    for (size_t i = 0; i < p->count; i++) {
        const struct segment *s = &p->segments[i];
        if (at > path.len)
            return false;
        if (s->kind == SEGMENT_REST)
            return true;
        wf_str sent = http_pattern_segment(path, &at);
        bool fits =
            s->kind == SEGMENT_ONE ? sent.len > 0 : http_pattern_same(s->text, sent);
        if (!fits)
            return false;
    }
    return at > path.len;
}

bool http_pattern_params(const struct http_pattern *p, wf_str path, struct arena *a,
                         struct value *params)
{
    size_t at = 1;
    for (size_t i = 0; i < p->count; i++) {
        const struct segment *s = &p->segments[i];
        size_t from = at;
        wf_str sent = http_pattern_segment(path, &at);
        if (s->kind == SEGMENT_REST)
            sent = str_slice(path, from, path.len);
        if (s->kind == SEGMENT_LITERAL || s->text.len == 0)
            continue;
        wf_str decoded = http_pattern_decode(a, sent, false);
        struct value *v = decoded.ptr ? value_of_text(a, decoded) : NULL;
        /* The engine leaves an empty "{rest...}" out. */
        if (!v || (decoded.len && !value_set(a, params, s->text, v)))
            return false;
    }
    return true;
}

int http_pattern_compare(const struct http_pattern *p, const struct http_pattern *q)
{
    for (size_t i = 0; i < p->count && i < q->count; i++) {
        int difference = (int)p->segments[i].kind - (int)q->segments[i].kind;
        if (difference)
            return difference;
        if (p->segments[i].kind == SEGMENT_LITERAL &&
            !str_eq(p->segments[i].text, q->segments[i].text))
            return 1; /* no path matches both, so that the order does not matter */
    }
    return (int)p->count - (int)q->count;
}
