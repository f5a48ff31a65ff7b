/* SPDX-License-Identifier: MIT
 *
 * json_read - the pull parser of json.h: RFC 8259, strictly, over untrusted text.
 *
 * The state is what may come next (enum json_want).  A comma is taken together with the
 * member or element behind it and a colon together with the key before it, so that one call
 * is one token.
 */
#include "base/error.h"
#include "base/json.h"
#include "base/json_scan.h"
#include "base/utf8.h"

enum json_want {
    JSON_WANT_TEXT,         /* the outermost value */
    JSON_WANT_MEMBER_VALUE, /* a key was read */
    JSON_WANT_FIRST_KEY,    /* '{' was read */
    JSON_WANT_FIRST_ELEMENT,
    JSON_WANT_NEXT_MEMBER, /* ',' and a key, or '}' */
    JSON_WANT_NEXT_ELEMENT,
    JSON_WANT_NOTHING, /* the outermost value is complete */
    JSON_WANT_NO_MORE, /* JSON_BAD was given */
};

static const char json_cut_short[] = "the text ends too early";

struct json_reader json_reader_of(wf_str text)
{
    const char *start = text.ptr ? text.ptr : "";
    return (struct json_reader){
        .start = start,
        .at = start,
        .end = start + (text.ptr ? text.len : 0),
        .expect = JSON_WANT_TEXT,
    };
}

CDC_NO_INLINE static enum json_token json_bad(struct json_reader *r, const char *at,
                                              const char *why)
{
    r->at = at;
    r->text = (wf_str){at, 0};
    r->why = why;
    r->expect = JSON_WANT_NO_MORE;
    return JSON_BAD;
}

static inline const char *json_space(const char *at, const char *end)
{
    /* Most tokens are not preceded by space, and everything above ' ' is none. */
    while (at < end && (unsigned char)*at <= ' ' &&
           (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    return at;
}

/* Length of the escape at `at`, a backslash; 0 when it is none. */
static size_t json_escape_length(const char *at, const char *end)
{
    if (end - at < 2)
        return 0;
    if (at[1] != 'u')
        return memchr("\"\\/bfnrt", at[1], 8) ? 2 : 0;
    if (end - at < 6)
        return 0;
    for (int i = 2; i < 6; i++) {
        char c = at[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return 0;
    }
    return 6;
}

/* Passes the byte at `at`, which is not plain and not the closing quote, with what belongs
 * to it; NULL when it may not stand in a string. */
CDC_NO_INLINE static const char *json_pass_special(struct json_reader *r, const char *at)
{
    if (*at == '\\') {
        size_t len = json_escape_length(at, r->end);
        if (len == 0) {
            json_bad(r, at, "an escape is wrong");
            return NULL;
        }
        r->escaped = true;
        return at + len;
    }
    if ((unsigned char)*at < 0x80) {
        json_bad(r, at, "a control character stands in a string");
        return NULL;
    }
    do {
        size_t len = utf8_sequence(at, (size_t)(r->end - at));
        if (len == 0) {
            json_bad(r, at, "a string is not UTF-8");
            return NULL;
        }
        at += len;
    } while (at < r->end && (unsigned char)*at >= 0x80);
    return at;
}

/* `at` is behind the opening quote; gives the closing one, or NULL after json_bad(). */
static inline const char *json_string_end(struct json_reader *r, const char *at)
{
    r->escaped = false;
    for (;;) {
        at = json_scan_plain(at, r->end);
        if (CDC_UNLIKELY(at == r->end)) {
            json_bad(r, at, "a string is not closed");
            return NULL;
        }
        if (CDC_LIKELY(*at == '"'))
            return at;
        at = json_pass_special(r, at);
        if (!at)
            return NULL;
    }
}

static inline bool json_is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static inline const char *json_digits(const char *at, const char *end)
{
    while (at < end && json_is_digit(*at))
        at++;
    return at;
}

static enum json_token json_number(struct json_reader *r, const char *at)
{
    const char *start = at;
    const char *end = r->end;
    if (*at == '-')
        at++;
    if (at == end || !json_is_digit(*at))
        return json_bad(r, at, "a number has no digits");
    const char *whole = at;
    at = json_digits(at, end);
    if (*whole == '0' && at - whole > 1)
        return json_bad(r, whole, "a number begins with a zero");
    if (at < end && *at == '.') {
        const char *fraction = ++at;
        at = json_digits(at, end);
        if (at == fraction)
            return json_bad(r, at, "a number has no digits after its point");
    }
    if (at < end && (*at | 0x20) == 'e') {
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const char *exponent = at;
        at = json_digits(at, end);
        if (at == exponent)
            return json_bad(r, at, "a number has no digits in its exponent");
    }
    r->text = (wf_str){start, (size_t)(at - start)};
    r->at = at;
    return JSON_NUMBER;
}

static enum json_token json_word(struct json_reader *r, const char *at, const char *word,
                                 size_t len, enum json_token token)
{
    if ((size_t)(r->end - at) < len || memcmp(at, word, len) != 0)
        return json_bad(r, at, "this is no value");
    r->text = (wf_str){at, len};
    r->at = at + len;
    return token;
}

static enum json_token json_open_level(struct json_reader *r, const char *at, bool object)
{
    unsigned level = r->depth;
    if (level == LIMIT_JSON_DEPTH)
        return json_bad(r, at, "it is nested too deeply");
    uint64_t bit = UINT64_C(1) << (level % 64);
    if (object)
        r->is_object[level / 64] |= bit;
    else
        r->is_object[level / 64] &= ~bit;
    r->depth = (uint16_t)(level + 1);
    r->expect = object ? JSON_WANT_FIRST_KEY : JSON_WANT_FIRST_ELEMENT;
    r->text = (wf_str){at, 1};
    r->at = at + 1;
    return object ? JSON_OBJECT : JSON_ARRAY;
}

/* What comes after a value on the level that is open now. */
static enum json_want json_want_next(const struct json_reader *r)
{
    if (r->depth == 0)
        return JSON_WANT_NOTHING;
    unsigned level = r->depth - 1u;
    return (r->is_object[level / 64] >> (level % 64)) & 1 ? JSON_WANT_NEXT_MEMBER
                                                          : JSON_WANT_NEXT_ELEMENT;
}

static enum json_token json_close_level(struct json_reader *r, const char *at,
                                        enum json_token token)
{
    r->depth--;
    r->expect = (uint8_t)json_want_next(r);
    r->text = (wf_str){at, 1};
    r->at = at + 1;
    return token;
}

/* A value at `at`; `next` is what to expect after it, when it is not an object or array. */
static inline enum json_token json_value(struct json_reader *r, const char *at,
                                         enum json_want next)
{
    if (at == r->end)
        return json_bad(r, at, json_cut_short);
    r->expect = (uint8_t)next;
    switch (*at) {
    case '"': {
        const char *close = json_string_end(r, at + 1);
        if (!close)
            return JSON_BAD;
        r->text = (wf_str){at + 1, (size_t)(close - at - 1)};
        r->at = close + 1;
        return JSON_STRING;
    }
    case '{':
        return json_open_level(r, at, true);
    case '[':
        return json_open_level(r, at, false);
    case 't':
        return json_word(r, at, "true", 4, JSON_TRUE);
    case 'f':
        return json_word(r, at, "false", 5, JSON_FALSE);
    case 'n':
        return json_word(r, at, "null", 4, JSON_NULL);
    default:
        if (*at == '-' || json_is_digit(*at))
            return json_number(r, at);
        return json_bad(r, at, "this is no value");
    }
}

static inline enum json_token json_key(struct json_reader *r, const char *at)
{
    if (at == r->end)
        return json_bad(r, at, json_cut_short);
    if (*at != '"')
        return json_bad(r, at, "a key in quotes is missing");
    const char *close = json_string_end(r, at + 1);
    if (!close)
        return JSON_BAD;
    const char *colon = json_space(close + 1, r->end);
    if (colon == r->end)
        return json_bad(r, colon, json_cut_short);
    if (*colon != ':')
        return json_bad(r, colon, "a ':' is missing");
    r->text = (wf_str){at + 1, (size_t)(close - at - 1)};
    r->at = colon + 1;
    r->expect = JSON_WANT_MEMBER_VALUE;
    return JSON_KEY;
}

enum json_token json_read(struct json_reader *r)
{
    const char *at = json_space(r->at, r->end);
    bool empty = at == r->end;
    switch (r->expect) {
    case JSON_WANT_NEXT_MEMBER:
        if (!empty && *at == ',')
            return json_key(r, json_space(at + 1, r->end));
        if (!empty && *at == '}')
            return json_close_level(r, at, JSON_OBJECT_END);
        return json_bad(r, at, empty ? json_cut_short : "a ',' or '}' is missing");
    case JSON_WANT_MEMBER_VALUE:
        return json_value(r, at, JSON_WANT_NEXT_MEMBER);
    case JSON_WANT_NEXT_ELEMENT:
        if (!empty && *at == ',')
            return json_value(r, json_space(at + 1, r->end), JSON_WANT_NEXT_ELEMENT);
        if (!empty && *at == ']')
            return json_close_level(r, at, JSON_ARRAY_END);
        return json_bad(r, at, empty ? json_cut_short : "a ',' or ']' is missing");
    case JSON_WANT_FIRST_KEY:
        if (!empty && *at == '}')
            return json_close_level(r, at, JSON_OBJECT_END);
        return json_key(r, at);
    case JSON_WANT_FIRST_ELEMENT:
        if (!empty && *at == ']')
            return json_close_level(r, at, JSON_ARRAY_END);
        return json_value(r, at, JSON_WANT_NEXT_ELEMENT);
    case JSON_WANT_TEXT:
        return json_value(r, at, JSON_WANT_NOTHING);
    case JSON_WANT_NOTHING:
        if (!empty)
            return json_bad(r, at, "more text follows the value");
        r->at = at;
        return JSON_END;
    default:
        return JSON_BAD;
    }
}

enum json_token json_skip(struct json_reader *r, wf_str *out)
{
    enum json_token kind;
    const char *start;
    uint16_t outside = r->depth;
    if (r->expect == JSON_WANT_FIRST_KEY || r->expect == JSON_WANT_FIRST_ELEMENT) {
        kind = r->expect == JSON_WANT_FIRST_KEY ? JSON_OBJECT : JSON_ARRAY;
        start = r->at - 1;
        outside--;
    } else if (r->expect == JSON_WANT_MEMBER_VALUE || r->expect == JSON_WANT_TEXT) {
        kind = json_read(r);
        start = kind == JSON_STRING ? r->text.ptr - 1 : r->text.ptr;
    } else {
        return json_bad(r, r->at, "there is no value to skip");
    }
    while (kind != JSON_BAD && r->depth > outside)
        if (json_read(r) == JSON_BAD)
            kind = JSON_BAD;
    if (kind != JSON_BAD && out)
        *out = (wf_str){start, (size_t)(r->at - start)};
    return kind;
}

bool json_pass(struct json_reader *r, wf_str known)
{
    if (r->expect != JSON_WANT_MEMBER_VALUE || !known.len)
        return false;
    const char *at = json_space(r->at, r->end);
    if ((size_t)(r->end - at) < known.len || memcmp(at, known.ptr, known.len) != 0)
        return false;
    r->at = at + known.len;
    r->expect = JSON_WANT_NEXT_MEMBER;
    return true;
}

wf_status json_error(const struct json_reader *r, const char *what, wf_error *err)
{
    return error_set(err, WF_CONFIG, "%s: %s at byte %zu", what,
                     r->why ? r->why : "this is not JSON", (size_t)(r->at - r->start));
}

wf_status json_check(wf_str text, const char *what, wf_error *err)
{
    struct json_reader r = json_reader_of(text);
    enum json_token token;
    do
        token = json_read(&r);
    while (token > JSON_BAD);
    return token == JSON_END ? WF_OK : json_error(&r, what, err);
}
