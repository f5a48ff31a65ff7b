/* SPDX-License-Identifier: MIT
 *
 * json - JSON as text: checked, sliced and written without building a tree (RFC 8259).
 *
 * A double never stands between the input and the output: numbers are views of their
 * digits.  cJSON (configuration, manifests, REST replies) is the other way; it is not used
 * for events.
 *
 * Reading.  json_reader is a pull parser over untrusted text: every length, escape, UTF-8
 * sequence and nesting depth (LIMIT_JSON_DEPTH) is checked.  json_member() and json_iter
 * slice text that json_check() or a json_reader has accepted before; on other text they may
 * answer wrongly, but stay inside it.
 *
 *     struct json_reader r = json_reader_of(text);
 *     for (enum json_token t; (t = json_read(&r)) != JSON_END;)
 *         if (t == JSON_BAD) return json_error(&r, "event", err);
 *
 * Writing.  The json_put_* functions append one value to a buf; struct json_writer adds the
 * commas.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/limits.h"

enum json_token {
    JSON_END, /* the one value is complete and nothing but space follows */
    JSON_BAD, /* not JSON; json_error() says why and where */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,    /* `text` is what stands between the quotes */
    JSON_STRING, /* the same */
    JSON_NUMBER, /* `text` is the number */
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL,
};

struct json_reader {
    const char *start;
    const char *at;
    const char *end;
    wf_str text;     /* of the last token, still escaped */
    bool escaped;    /* the last KEY or STRING holds a backslash */
    const char *why; /* after JSON_BAD */
    uint16_t depth;  /* open objects and arrays */
    uint8_t expect;  /* private */
    uint64_t is_object[(LIMIT_JSON_DEPTH + 63) / 64]; /* private: one bit per open level */
};

struct json_reader json_reader_of(wf_str text);
enum json_token json_read(struct json_reader *r);
/* After JSON_OBJECT, JSON_ARRAY or JSON_KEY, or before the first token: reads to the end of
 * that value.  `out` (may be NULL) is the value's text: for JSON_KEY the member's value,
 * else the whole object or array.  Gives the value's kind, JSON_OBJECT to JSON_NULL, or
 * JSON_BAD. */
enum json_token json_skip(struct json_reader *r, wf_str *out);
/* After JSON_KEY: goes past the member's value when that is `known`, byte for byte.  `known`
 * was accepted before as an object or array, on the same level or a deeper one; it is not
 * looked at again.  False: the value is another, and stands to be read. */
bool json_pass(struct json_reader *r, wf_str known);
/* WF_CONFIG "<what>: <why> at byte N". */
wf_status json_error(const struct json_reader *r, const char *what, wf_error *err);

/* WF_OK when `text` is one JSON value; else WF_CONFIG with "<what>: ... at byte N". */
wf_status json_check(wf_str text, const char *what, wf_error *err);

/* The kind of a checked value, by its first character: JSON_OBJECT, JSON_ARRAY,
 * JSON_STRING, JSON_NUMBER, JSON_TRUE, JSON_FALSE, JSON_NULL; JSON_BAD for an empty
 * view. */
enum json_token json_kind(wf_str value);

/* The value of the first member of that name in a checked object; false when there is none
 * or it is no object. */
bool json_member(wf_str object, const char *key, wf_str *out_value);

/* Members of a checked object, or elements of a checked array (key is then empty). */
struct json_iter {
    const char *at;
    const char *end;
    bool object;
};
struct json_iter json_iter_of(wf_str value);
/* The key is still escaped; out_key may be NULL. */
bool json_next(struct json_iter *it, wf_str *out_key, wf_str *out_value);

/* Whether an escaped key, as KEY tokens and json_next() give it, spells `name`. */
bool json_key_is(wf_str escaped_key, const char *name);

/* Appends what an escaped string (without its quotes) stands for, as UTF-8; a lone
 * surrogate becomes U+FFFD. */
void json_unescape(struct buf *out, wf_str escaped);
/* The content of a checked string value when it needs no unescaping. */
bool json_plain_string(wf_str value, wf_str *out);

/* ---- writing ------------------------------------------------------------------------ */

/* A quoted string.  Only '"', '\\' and control characters are escaped.  Each byte that is
 * not part of UTF-8 becomes U+FFFD. */
void json_put_string(struct buf *out, wf_str s);
/* A quoted string, or {"base64":"..."} when `s` is not UTF-8: nothing is lost. */
void json_put_text(struct buf *out, wf_str s);
/* A quoted base64 string. */
void json_put_bytes(struct buf *out, wf_str bytes);
/* With as few digits as read back as the same double (float); NaN and infinities become the
 * strings "NaN", "Infinity", "-Infinity".  The locale does not matter. */
void json_put_double(struct buf *out, double value);
void json_put_float(struct buf *out, float value);

struct json_writer {
    struct buf *out;
    bool comma;
};

struct json_writer json_writer_of(struct buf *out);
/* `key` is NULL inside arrays and for the outermost value; it must need no escaping. */
void json_open(struct json_writer *w, const char *key, char bracket); /* '{' or '[' */
void json_close(struct json_writer *w, char bracket);                 /* '}' or ']' */
void json_str(struct json_writer *w, const char *key, wf_str value);
void json_cstr(struct json_writer *w, const char *key, const char *value);
void json_i64(struct json_writer *w, const char *key, int64_t value);
void json_u64(struct json_writer *w, const char *key, uint64_t value);
void json_bool(struct json_writer *w, const char *key, bool value);
void json_null(struct json_writer *w, const char *key);
/* Text that is JSON already; an empty view is written as null. */
void json_raw(struct json_writer *w, const char *key, wf_str json);
/* A member whose name is not a literal: escaped, followed by ':'; a json_* with key NULL,
 * or json_raw, writes its value next. */
void json_member_name(struct json_writer *w, wf_str name);

#endif
