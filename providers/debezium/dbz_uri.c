/* SPDX-License-Identifier: MIT
 *
 * dbz_uri - see the header.
 */
#include "providers/debezium/dbz_uri.h"

#include "base/str.h"

static bool dbz_uri_is_scheme(wf_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!letter && (i == 0 || !other))
            return false;
    }
    return text.len > 0;
}

/* Passes the reference at `at`, ${file:/path:key}, which Kafka Connect's worker resolves:
 * what stands in it divides nothing.  `at` when there is none. */
static size_t dbz_uri_pass(wf_str text, size_t at)
{
    if (!str_starts(str_slice(text, at, text.len), STR("${")))
        return at;
    ptrdiff_t end = str_find(str_slice(text, at, text.len), STR("}"));
    return end < 0 ? at : at + (size_t)end + 1;
}

/* The first `c` outside of references; the text's end when there is none. */
static size_t dbz_uri_first(wf_str text, char c)
{
    size_t at = 0;
    while (at < text.len && text.ptr[at] != c) {
        size_t behind = dbz_uri_pass(text, at);
        at = behind > at ? behind : at + 1;
    }
    return at < text.len ? at : text.len;
}

/* Behind the last `c` outside of references; 0 when there is none. */
static size_t dbz_uri_behind_last(wf_str text, char c)
{
    size_t behind = 0;
    while (behind < text.len) {
        wf_str rest = str_slice(text, behind, text.len);
        size_t at = dbz_uri_first(rest, c);
        if (at == rest.len)
            break;
        behind += at + 1;
    }
    return behind;
}

/* Where the query begins: a '?' with "name=" behind it; the text's end when there is none.
 * Another '?' may be part of a password. */
static size_t dbz_uri_query(wf_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        size_t behind = dbz_uri_pass(text, i);
        if (behind > i) {
            i = behind - 1;
            continue;
        }
        if (text.ptr[i] != '?')
            continue;
        size_t at = i + 1;
        while (at < text.len && text.ptr[at] != '=' && text.ptr[at] != '/' &&
               text.ptr[at] != '@' && text.ptr[at] != '?' && text.ptr[at] != ':')
            at++;
        if (at > i + 1 && at < text.len && text.ptr[at] == '=')
            return i;
    }
    return text.len;
}

static void dbz_uri_user(wf_str user, struct dbz_uri *out)
{
    size_t end = dbz_uri_first(user, ':');
    out->user = str_slice(user, 0, end);
    out->password = str_slice(user, end + 1, user.len);
}

bool dbz_uri_parse(wf_str text, struct dbz_uri *out)
{
    ptrdiff_t mark = str_find(text, STR("://"));
    if (mark <= 0 || !dbz_uri_is_scheme(str_slice(text, 0, (size_t)mark)))
        return false;
    struct dbz_uri uri = {.scheme = str_slice(text, 0, (size_t)mark)};
    wf_str rest = str_slice(text, (size_t)mark + 3, text.len);
    size_t query = dbz_uri_query(rest);
    if (query < rest.len)
        uri.query = str_slice(rest, query + 1, rest.len);
    rest = str_slice(rest, 0, query);
    size_t at = dbz_uri_behind_last(rest, '@');
    if (at > 0)
        dbz_uri_user(str_slice(rest, 0, at - 1), &uri);
    rest = str_slice(rest, at, rest.len);
    size_t slash = dbz_uri_first(rest, '/');
    uri.hosts = str_slice(rest, 0, slash);
    uri.path = str_slice(rest, slash + 1, rest.len);
    if (!uri.hosts.len)
        return false;
    *out = uri;
    return true;
}

bool dbz_uri_host(wf_str host_and_port, wf_str *out_host, wf_str *out_port)
{
    wf_str host = host_and_port, port = STR_EMPTY;
    size_t behind = dbz_uri_behind_last(host, ':');
    size_t bracket = dbz_uri_behind_last(host, ']');
    if (behind > bracket) {
        port = str_slice(host, behind, host.len);
        host = str_slice(host, 0, behind - 1);
        uint64_t number;
        bool reference = port.len && dbz_uri_pass(port, 0) == port.len;
        if (port.len && !reference &&
            (!str_to_u64(port, &number) || number < 1 || number > 65535))
            return false;
    }
    if (str_starts(host, STR("[")) && str_ends(host, STR("]")))
        host = str_slice(host, 1, host.len - 1);
    if (!host.len)
        return false;
    *out_host = host;
    *out_port = port;
    return true;
}

static int dbz_uri_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

void dbz_uri_decode(struct buf *out, wf_str part)
{
    for (size_t i = 0; i < part.len; i++) {
        size_t behind = dbz_uri_pass(part, i);
        if (behind > i) {
            buf_str(out, str_slice(part, i, behind));
            i = behind - 1;
            continue;
        }
        int high = -1, low = -1;
        if (part.ptr[i] == '%' && part.len - i > 2) {
            high = dbz_uri_digit(part.ptr[i + 1]);
            low = dbz_uri_digit(part.ptr[i + 2]);
        }
        if (high < 0 || low < 0) {
            buf_byte(out, part.ptr[i]);
        } else {
            buf_byte(out, (char)(high * 16 + low));
            i += 2;
        }
    }
}

bool dbz_uri_next(wf_str *query, wf_str *out_name, wf_str *out_value)
{
    wf_str pair;
    if (!str_next(query, '&', &pair))
        return false;
    ptrdiff_t equals = str_find(pair, STR("="));
    size_t end = equals < 0 ? pair.len : (size_t)equals;
    *out_name = str_slice(pair, 0, end);
    *out_value = str_slice(pair, end + 1, pair.len);
    return true;
}
