/* SPDX-License-Identifier: MIT
 *
 * fuzz_json - base/json against any bytes, against itself and against cJSON.
 *
 *   - the tokens are balanced, lie in the text, and json_skip() ends where they do;
 *   - slicing stays inside the text, checked or not, and agrees with the tokens on
 *     checked text;
 *   - what json_put_string() and json_put_text() write of any bytes is JSON and reads back;
 *   - what json_check() accepts cJSON accepts (see fuzz_cjson() for the exceptions).
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"

#define FUZZ_LIMIT (16u * 1024u * 1024u)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static bool fuzz_inside(wf_str part, wf_str whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

/* Strings only: writing what an escaped string stands for, and reading that, changes
 * nothing. */
static void fuzz_round_trip(wf_str escaped)
{
    struct buf plain;
    struct buf written;
    struct buf again;
    buf_init(&plain, FUZZ_LIMIT);
    buf_init(&written, FUZZ_LIMIT);
    buf_init(&again, FUZZ_LIMIT);
    json_unescape(&plain, escaped);
    json_put_string(&written, buf_view(&plain));
    fuzz_must(json_check(buf_view(&written), "string", NULL) == WF_OK);
    json_unescape(&again, str_slice(buf_view(&written), 1, written.len - 1));
    if (str_is_utf8(buf_view(&plain)))
        fuzz_must(str_eq(buf_view(&plain), buf_view(&again)));
    buf_release(&plain);
    buf_release(&written);
    buf_release(&again);
}

/* Visits every member and element below a value; gives how many there are. */
static size_t fuzz_iterate(wf_str value, unsigned depth)
{
    struct json_iter it = json_iter_of(value);
    wf_str key;
    wf_str part;
    size_t count = 0;
    while (json_next(&it, &key, &part)) {
        fuzz_must(fuzz_inside(part, value) && fuzz_inside(key, value) && part.len > 0);
        if (depth > 0)
            count += fuzz_iterate(part, depth - 1);
        count++;
    }
    return count;
}

/* Gives false when the text is refused; *out_values counts members and elements. */
static bool fuzz_tokens(wf_str text, size_t *out_values)
{
    struct json_reader r = json_reader_of(text);
    size_t open = 0;
    size_t values = 0;
    enum json_token t;
    while ((t = json_read(&r)) > JSON_BAD) {
        fuzz_must(fuzz_inside(r.text, text));
        if (t == JSON_OBJECT_END || t == JSON_ARRAY_END) {
            fuzz_must(open > 0);
            open--;
        } else if (t != JSON_KEY) {
            values++;
        }
        if (t == JSON_OBJECT || t == JSON_ARRAY)
            open++;
        fuzz_must(r.depth == open);
        if (t == JSON_STRING || t == JSON_KEY)
            fuzz_round_trip(r.text);
    }
    fuzz_must(json_read(&r) == t);
    fuzz_must(t == JSON_BAD || (open == 0 && values > 0 && r.at == r.end));
    *out_values = values;
    return t == JSON_END;
}

static void fuzz_skip(wf_str text, bool good)
{
    struct json_reader r = json_reader_of(text);
    wf_str whole;
    enum json_token kind = json_skip(&r, &whole);
    if (kind == JSON_BAD) {
        fuzz_must(!good);
        return;
    }
    fuzz_must(fuzz_inside(whole, text));
    fuzz_must(json_check(whole, "skipped", NULL) == WF_OK && json_kind(whole) == kind);
    fuzz_must((json_read(&r) == JSON_END) == good);
}

/*
 * cJSON is laxer in many ways (control characters, invalid UTF-8, trailing text, leading
 * zeros), so only what we accept is compared.  It refuses lone surrogates and NUL escapes,
 * both of which stand behind a "\u", and numbers longer than its own buffer.
 */
static void fuzz_cjson(wf_str text)
{
    if (str_find(text, STR("\\u")) >= 0)
        return;
    struct json_reader r = json_reader_of(text);
    for (enum json_token t; (t = json_read(&r)) != JSON_END;)
        if (t == JSON_NUMBER && r.text.len > 60)
            return;
    cJSON *tree = cJSON_ParseWithLength(text.ptr, text.len);
    fuzz_must(tree != NULL);
    cJSON_Delete(tree);
}

static void fuzz_write(wf_str bytes)
{
    struct buf out;
    buf_init(&out, FUZZ_LIMIT);
    struct json_writer w = json_writer_of(&out);
    json_open(&w, NULL, '{');
    json_member_name(&w, bytes);
    json_put_text(&out, bytes);
    w.comma = true;
    json_str(&w, "s", bytes);
    json_close(&w, '}');
    fuzz_must(json_check(buf_view(&out), "written", NULL) == WF_OK);
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* A copy of exactly this size, so that ASan sees a byte read behind it. */
    char *copy = malloc(size ? size : 1);
    if (!copy)
        return 0;
    if (size)
        memcpy(copy, data, size);
    wf_str text = {copy, size};

    size_t values;
    bool good = fuzz_tokens(text, &values);
    fuzz_must((json_check(text, "text", NULL) == WF_OK) == good);
    fuzz_skip(text, good);
    size_t iterated = fuzz_iterate(text, good ? LIMIT_JSON_DEPTH : 3);
    if (good) {
        fuzz_must(iterated + 1 == values);
        fuzz_cjson(text);
    }
    wf_str found;
    if (json_member(text, "a", &found))
        fuzz_must(fuzz_inside(found, text));
    fuzz_round_trip(text);
    fuzz_write(text);
    free(copy);
    return 0;
}
