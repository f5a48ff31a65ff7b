/* SPDX-License-Identifier: MIT
 *
 * sqlite_index - cutting CREATE statements into their parts.
 *
 *     CREATE UNIQUE INDEX name ON table ( part [ASC|DESC] , ... ) [WHERE condition]
 *     CREATE TABLE name ( column | constraint , ... )
 *     column = name [type] ... [GENERATED ALWAYS] AS ( expression ) ...
 */
#include "providers/sqlite/sqlite_index.h"

#include "base/str.h"

struct sqlite_index_cursor {
    const char *at;
    const char *end;
    wf_str token;
    bool apart; /* space or a comment stood before the token */
};

static bool sqlite_index_is_word(char c)
{
    unsigned char u = (unsigned char)c;
    return u >= 0x80 || u == '_' || u == '$' || (u >= '0' && u <= '9') ||
           ((u | 0x20) >= 'a' && (u | 0x20) <= 'z');
}

static void sqlite_index_skip_space(struct sqlite_index_cursor *c)
{
    while (c->at < c->end) {
        size_t left = (size_t)(c->end - c->at);
        wf_str rest = {c->at, left};
        if (strchr(" \t\n\r\f", *c->at) && *c->at) {
            c->at++;
        } else if (str_starts(rest, STR("--"))) {
            const char *line_end = memchr(c->at, '\n', left);
            c->at = line_end ? line_end + 1 : c->end;
        } else if (str_starts(rest, STR("/*"))) {
            ptrdiff_t close = str_find(str_slice(rest, 2, left), STR("*/"));
            c->at = close < 0 ? c->end : c->at + close + 4;
        } else {
            return;
        }
    }
}

/* One token into c->token; false at the end.  A quoted text is one token, quotes
 * included. */
static bool sqlite_index_next(struct sqlite_index_cursor *c)
{
    const char *before = c->at;
    sqlite_index_skip_space(c);
    if (c->at >= c->end)
        return false;
    c->apart = c->at != before;
    const char *start = c->at++;
    char first = *start;
    if (first == '\'' || first == '"' || first == '`' || first == '[') {
        char quote = first == '[' ? ']' : first;
        while (c->at < c->end) {
            bool closes = *c->at++ == quote;
            if (!closes)
                continue;
            if (quote == ']' || c->at >= c->end || *c->at != quote)
                break;
            c->at++; /* a doubled quote */
        }
    } else if (sqlite_index_is_word(first)) {
        while (c->at < c->end && (sqlite_index_is_word(*c->at) || *c->at == '.'))
            c->at++;
    }
    c->token = (wf_str){start, (size_t)(c->at - start)};
    return true;
}

/* Moves behind the opening parenthesis of the list of parts. */
static bool sqlite_index_enter(struct sqlite_index_cursor *c, wf_str statement)
{
    *c = (struct sqlite_index_cursor){statement.ptr, statement.ptr + statement.len,
                                      STR_EMPTY, false};
    while (sqlite_index_next(c)) {
        if (str_eq_nocase(c->token, STR("ON")))
            break;
    }
    while (sqlite_index_next(c)) {
        if (str_is(c->token, "("))
            return true;
    }
    return false;
}

/* A space only where the statement had one: `x'00'`, `1e+5` and `||` are several tokens
 * here. */
static void sqlite_index_put(struct buf *out, bool apart, wf_str token)
{
    if (!out)
        return;
    if (apart && out->len)
        buf_byte(out, ' ');
    buf_str(out, token);
}

/* Reads to the comma or parenthesis that ends the part; true at a comma. */
static bool sqlite_index_read_part(struct sqlite_index_cursor *c, struct buf *out)
{
    size_t depth = 0;
    wf_str held = STR_EMPTY; /* ASC and DESC count only as the last word */
    while (sqlite_index_next(c)) {
        wf_str token = c->token;
        bool ends = depth == 0 && (str_is(token, ",") || str_is(token, ")"));
        if (ends)
            return str_is(token, ",");
        if (held.len)
            sqlite_index_put(out, true, held);
        held = STR_EMPTY;
        if (str_is(token, "("))
            depth++;
        if (str_is(token, ")"))
            depth--;
        if (str_eq_nocase(token, STR("ASC")) || str_eq_nocase(token, STR("DESC")))
            held = token;
        else
            sqlite_index_put(out, c->apart, token);
    }
    return false;
}

bool sqlite_index_part(wf_str statement, size_t part, struct buf *out)
{
    struct sqlite_index_cursor c;
    if (!sqlite_index_enter(&c, statement))
        return false;
    for (size_t i = 0; i < part; i++) {
        if (!sqlite_index_read_part(&c, NULL))
            return false;
    }
    sqlite_index_read_part(&c, out);
    return true;
}

bool sqlite_index_where(wf_str statement, struct buf *out)
{
    struct sqlite_index_cursor c;
    if (!sqlite_index_enter(&c, statement))
        return false;
    while (sqlite_index_read_part(&c, NULL))
        ;
    if (!sqlite_index_next(&c) || !str_eq_nocase(c.token, STR("WHERE")))
        return false;
    while (sqlite_index_next(&c))
        sqlite_index_put(out, c.apart, c.token);
    return true;
}

/* A table's constraints stand among its columns: behind the first ones, before those that
 * ALTER TABLE added. */
static bool sqlite_index_is_constraint(wf_str token)
{
    static const char *const words[] = {"CONSTRAINT", "PRIMARY", "UNIQUE", "CHECK",
                                        "FOREIGN"};
    for (size_t i = 0; i < CDC_COUNT(words); i++) {
        if (str_eq_nocase(token, str_from(words[i])))
            return true;
    }
    return false;
}

/* Reads a column's definition to its end.  The expression of AS (...) goes to `out` if
 * there is one (NULL: nowhere). */
static bool sqlite_index_read_column(struct sqlite_index_cursor *c, struct buf *out,
                                     bool *found)
{
    size_t depth = 0;
    bool as = false; /* the token before was AS, outside of parentheses */
    bool inside = false;
    while (sqlite_index_next(c)) {
        wf_str token = c->token;
        if (depth == 0 && (str_is(token, ",") || str_is(token, ")")))
            return str_is(token, ",");
        if (str_is(token, ")") && --depth == 0)
            inside = false;
        if (inside)
            sqlite_index_put(out, c->apart, token);
        if (str_is(token, "(") && depth++ == 0 && as)
            inside = *found = true;
        as = depth == 0 && str_eq_nocase(token, STR("AS"));
    }
    return false;
}

bool sqlite_index_generated(wf_str statement, size_t column, struct buf *out)
{
    struct sqlite_index_cursor c = {statement.ptr, statement.ptr + statement.len, STR_EMPTY,
                                    false};
    while (sqlite_index_next(&c) && !str_is(c.token, "("))
        ;
    bool found = false;
    for (bool more = true; more;) {
        if (!sqlite_index_next(&c)) /* the column's name, or a constraint's first word */
            return false;
        bool counts = !sqlite_index_is_constraint(c.token);
        bool wanted = counts && column == 0;
        more = sqlite_index_read_column(&c, wanted ? out : NULL, &found);
        if (wanted)
            return found;
        column -= counts;
        found = false;
    }
    return false;
}

/* `"a""b"` names a"b. */
static bool sqlite_index_names(wf_str token, wf_str name)
{
    char quote = token.len ? token.ptr[0] : 0;
    if (quote != '"' && quote != '`' && quote != '[' && quote != '\'')
        return str_eq_nocase(token, name);
    char close = quote == '[' ? ']' : quote;
    size_t at = 0;
    for (size_t i = 1; i + 1 < token.len; i++, at++) {
        if (at >= name.len ||
            !str_eq_nocase((wf_str){token.ptr + i, 1}, (wf_str){name.ptr + at, 1}))
            return false;
        i += token.ptr[i] == close;
    }
    return at == name.len;
}

bool sqlite_index_mentions(wf_str text, wf_str name)
{
    struct sqlite_index_cursor c = {text.ptr, text.ptr + text.len, STR_EMPTY, false};
    while (sqlite_index_next(&c)) {
        wf_str token = c.token;
        ptrdiff_t dot = token.ptr[0] == '"' ? -1 : str_find(token, STR("."));
        if (dot >= 0 && str_eq_nocase(str_slice(token, (size_t)dot + 1, token.len), name))
            return true;
        if (sqlite_index_names(token, name))
            return true;
    }
    return false;
}
