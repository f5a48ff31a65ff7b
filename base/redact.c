/* SPDX-License-Identifier: MIT
 *
 * redact - connection strings without their secrets.
 *
 * Two passes.  The first copies the text and hides the values of secret parameters; the
 * second looks in the copy for "user:secret@" and hides the secret in place.
 */
#include "base/redact.h"

#include "base/str.h"

#define REDACT_STARS "***"

static bool redact_is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '_' || c == '-' || c == '.';
}

static bool redact_is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t redact_pass_space(wf_str s, size_t at)
{
    while (at < s.len && redact_is_space(s.ptr[at]))
        at++;
    return at;
}

static size_t redact_pass_name(wf_str s, size_t at)
{
    while (at < s.len && redact_is_name(s.ptr[at]))
        at++;
    return at;
}

/* Where the value of "name = value" at `at` begins; 0 when that is not what stands
 * there. */
static size_t redact_value_start(wf_str s, size_t at)
{
    size_t name_end = redact_pass_name(s, at);
    size_t equals = redact_pass_space(s, name_end);
    if (name_end == at || equals >= s.len || s.ptr[equals] != '=')
        return 0;
    return redact_pass_space(s, equals + 1);
}

static bool redact_is_secret_name(wf_str name)
{
    static const char *const words[] = {"pass",  "pwd", "secret",
                                        "token", "key", "credential"};
    for (size_t i = 0; i < CDC_COUNT(words); i++) {
        wf_str word = str_from(words[i]);
        for (size_t at = 0; at + word.len <= name.len; at++)
            if (str_eq_nocase(str_slice(name, at, at + word.len), word))
                return true;
    }
    return false;
}

/* Passes a quoted value: backslash escapes as in libpq, doubled quotes as in ODBC.  One
 * that is not closed ends with the text. */
static size_t redact_pass_quoted(wf_str s, size_t at)
{
    char quote = s.ptr[at++];
    while (at < s.len) {
        if (s.ptr[at] == '\\') {
            at += 2;
        } else if (s.ptr[at] != quote) {
            at++;
        } else if (at + 1 < s.len && s.ptr[at + 1] == quote) {
            at += 2;
        } else {
            return at + 1;
        }
    }
    return s.len;
}

/* Passes a value.  It ends where the separator that stood before its name stands again with
 * a name and '=' behind it; a separator alone may be part of a secret. */
static size_t redact_pass_value(wf_str s, size_t at, char separator)
{
    if (at < s.len && (s.ptr[at] == '\'' || s.ptr[at] == '"'))
        return redact_pass_quoted(s, at);
    for (; at < s.len; at++) {
        bool ends = separator == ' ' ? redact_is_space(s.ptr[at]) : s.ptr[at] == separator;
        if (ends && redact_value_start(s, redact_pass_space(s, at + 1)) > 0)
            return at;
    }
    return s.len;
}

static char redact_separator(wf_str s, size_t name)
{
    while (name > 0 && redact_is_space(s.ptr[name - 1]))
        name--;
    if (name == 0)
        return ' ';
    char before = s.ptr[name - 1];
    if (before == '?' || before == '&')
        return '&';
    return before == ';' || before == ',' ? before : ' ';
}

static void redact_parameters(struct buf *out, wf_str s)
{
    size_t at = 0;
    while (at < s.len) {
        size_t name_end = redact_pass_name(s, at);
        size_t value = redact_value_start(s, at);
        if (value > 0 && redact_is_secret_name(str_slice(s, at, name_end))) {
            buf_str(out, str_slice(s, at, value));
            buf_lit(out, REDACT_STARS);
            at = redact_pass_value(s, value, redact_separator(s, at));
        } else {
            size_t next = name_end > at ? name_end : at + 1;
            buf_str(out, str_slice(s, at, next));
            at = next;
        }
    }
}

/* "postgres://", "jdbc:mysql://": where the authority begins.  0 when there is no
 * scheme. */
static size_t redact_authority(wf_str s)
{
    ptrdiff_t mark = str_find(s, STR("://"));
    if (mark < 0)
        return 0;
    wf_str scheme = str_slice(s, 0, (size_t)mark);
    ptrdiff_t colon = str_find(scheme, STR(":"));
    /* "user:pa://ss@host" is a DSN whose password looks like a scheme's end. */
    if (colon >= 0 && !str_starts(scheme, STR("jdbc:")) && !redact_value_start(s, 0))
        return 0;
    return (size_t)mark + 3;
}

static bool redact_is_port(wf_str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] < '0' || s.ptr[i] > '9')
            return false;
    return s.len > 0;
}

/* The '@' that ends "user:secret" in [from, s.len); s.len when there is none.  Secrets hold
 * raw '@', '/' and '?' more often than hosts and paths do, so it is the last '@', unless
 * that one is in a query and what is before the query is complete without it. */
static size_t redact_user_end(wf_str s, size_t from)
{
    size_t last = s.len;
    size_t before_query = s.len;
    bool query = false;
    for (size_t i = from; i < s.len; i++) {
        if (s.ptr[i] == '?' && redact_value_start(s, i + 1) > 0)
            query = true;
        if (s.ptr[i] != '@')
            continue;
        last = i;
        if (!query)
            before_query = i;
    }
    if (!query || before_query < s.len)
        return query ? before_query : last;
    /* host?user=me@x and host:5432/db?user=me@x have no user part. */
    size_t host_end = from;
    while (host_end < s.len && s.ptr[host_end] != '/' && s.ptr[host_end] != '?')
        host_end++;
    wf_str authority = str_slice(s, from, host_end);
    ptrdiff_t colon = str_find(authority, STR(":"));
    if (colon < 0 || redact_is_port(str_slice(authority, (size_t)colon + 1, authority.len)))
        return s.len;
    return last;
}

/* Hides the secret of "user:secret@" in the text that was appended to `out` at `start`. */
static void redact_user(struct buf *out, size_t start)
{
    wf_str s = str_slice(buf_view(out), start, out->len);
    size_t from = redact_authority(s);
    if (from == 0 && redact_value_start(s, 0) > 0)
        return; /* name=value pairs and no URI: an '@' is part of some user's name */
    size_t at_sign = redact_user_end(s, from);
    ptrdiff_t colon = str_find(str_slice(s, from, at_sign), STR(":"));
    if (at_sign == s.len || colon < 0)
        return;
    size_t secret = start + from + (size_t)colon + 1;
    size_t tail = start + at_sign;
    if (!buf_reserve(out, sizeof REDACT_STARS - 1))
        return;
    size_t tail_len = out->len - tail;
    memmove(out->data + secret + sizeof REDACT_STARS - 1, out->data + tail, tail_len);
    memcpy(out->data + secret, REDACT_STARS, sizeof REDACT_STARS - 1);
    out->len = secret + sizeof REDACT_STARS - 1 + tail_len;
}

void redact_connection(struct buf *out, wf_str connection)
{
    size_t start = out->len;
    redact_parameters(out, connection);
    if (out->broken) {
        out->len = start; /* no half-hidden text */
        return;
    }
    redact_user(out, start);
    if (out->broken)
        out->len = start;
}

void redact_secret(char *text, wf_str secret)
{
    if (secret.len < sizeof REDACT_STARS - 1)
        return;
    wf_str rest = str_from(text);
    char *to = text;
    for (;;) {
        ptrdiff_t hit = str_find(rest, secret);
        size_t run = hit < 0 ? rest.len : (size_t)hit;
        memmove(to, rest.ptr, run);
        to += run;
        if (hit < 0)
            break;
        memcpy(to, REDACT_STARS, sizeof REDACT_STARS - 1);
        to += sizeof REDACT_STARS - 1;
        rest = str_slice(rest, run + secret.len, rest.len);
    }
    *to = '\0';
}
