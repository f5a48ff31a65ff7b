/* SPDX-License-Identifier: MIT
 *
 * function_text - functions on strings.  Letters are those of ASCII; bytes beyond are kept.
 */
#include "base/str.h"
#include "host/lang/arena_text.h"
#include "host/lang/functions.h"

static wf_status function_text_two(struct function_call *call, wf_str *first,
                                   wf_str *second)
{
    wf_status status = functions_text(call, 0, first);
    return status ? status : functions_text(call, 1, second);
}

static char function_text_upper_char(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static char function_text_lower_char(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static wf_status function_text_map(struct function_call *call, char (*change)(char),
                                   const struct value **out)
{
    wf_str text;
    wf_status status = functions_text(call, 0, &text);
    if (status)
        return status;
    char *changed = arena_alloc(call->arena, text.len);
    if (!changed)
        return functions_no_memory(call);
    for (size_t i = 0; i < text.len; i++)
        changed[i] = change(text.ptr[i]);
    return functions_give_text(call, (wf_str){changed, text.len}, out);
}

wf_status function_text_upper(struct function_call *call, const struct value **out)
{
    return function_text_map(call, function_text_upper_char, out);
}

wf_status function_text_lower(struct function_call *call, const struct value **out)
{
    return function_text_map(call, function_text_lower_char, out);
}

static bool function_text_is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Words begin with a capital and are one space apart. */
wf_status function_text_title(struct function_call *call, const struct value **out)
{
    wf_str text;
    wf_status status = functions_text(call, 0, &text);
    if (status)
        return status;
    char *words = arena_alloc(call->arena, text.len);
    if (!words)
        return functions_no_memory(call);

    size_t len = 0;
    bool inside = false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (function_text_is_space(c)) {
            inside = false;
            continue;
        }
        if (!inside && len)
            words[len++] = ' ';
        words[len++] = inside ? c : function_text_upper_char(c);
        inside = true;
    }
    return functions_give_text(call, (wf_str){words, len}, out);
}

wf_status function_text_trim_space(struct function_call *call, const struct value **out)
{
    wf_str text;
    wf_status status = functions_text(call, 0, &text);
    if (status)
        return status;
    while (text.len && function_text_is_space(text.ptr[0]))
        text = str_slice(text, 1, text.len);
    while (text.len && function_text_is_space(text.ptr[text.len - 1]))
        text.len--;
    return functions_give_text(call, text, out);
}

wf_status function_text_trim_prefix(struct function_call *call, const struct value **out)
{
    wf_str prefix, text;
    wf_status status = function_text_two(call, &prefix, &text);
    if (status)
        return status;
    if (str_starts(text, prefix))
        text = str_slice(text, prefix.len, text.len);
    return functions_give_text(call, text, out);
}

wf_status function_text_trim_suffix(struct function_call *call, const struct value **out)
{
    wf_str suffix, text;
    wf_status status = function_text_two(call, &suffix, &text);
    if (status)
        return status;
    if (str_ends(text, suffix))
        text.len -= suffix.len;
    return functions_give_text(call, text, out);
}

/* Bytes of the character at the front: an empty separator stands between characters. */
static size_t function_text_character(wf_str text)
{
    size_t len = text.len ? 1 : 0;
    while (len && len < text.len && ((unsigned char)text.ptr[len] & 0xC0) == 0x80)
        len++;
    return len;
}

static void function_text_replace_empty(struct arena_text *t, wf_str with, wf_str text)
{
    arena_text_str(t, with);
    while (text.len && !t->broken) {
        size_t len = function_text_character(text);
        arena_text_append(t, text.ptr, len);
        arena_text_str(t, with);
        text = str_slice(text, len, text.len);
    }
}

wf_status function_text_replace(struct function_call *call, const struct value **out)
{
    wf_str old, with, text;
    wf_status status = function_text_two(call, &old, &with);
    if (!status)
        status = functions_text(call, 2, &text);
    if (status)
        return status;

    struct arena_text t = arena_text_of(call->arena, text.len);
    if (old.len == 0) {
        function_text_replace_empty(&t, with, text);
        text.len = 0;
    }
    for (ptrdiff_t at; text.len && !t.broken && (at = str_find(text, old)) >= 0;) {
        arena_text_append(&t, text.ptr, (size_t)at);
        arena_text_str(&t, with);
        text = str_slice(text, (size_t)at + old.len, text.len);
    }
    arena_text_str(&t, text);

    wf_str replaced;
    if (!arena_text_end(&t, &replaced))
        return functions_no_memory(call);
    return functions_give_text(call, replaced, out);
}

wf_status function_text_contains(struct function_call *call, const struct value **out)
{
    wf_str part, text;
    wf_status status = function_text_two(call, &part, &text);
    if (!status)
        *out = value_of_bool(str_find(text, part) >= 0);
    return status;
}

wf_status function_text_has_prefix(struct function_call *call, const struct value **out)
{
    wf_str prefix, text;
    wf_status status = function_text_two(call, &prefix, &text);
    if (!status)
        *out = value_of_bool(str_starts(text, prefix));
    return status;
}

wf_status function_text_has_suffix(struct function_call *call, const struct value **out)
{
    wf_str suffix, text;
    wf_status status = function_text_two(call, &suffix, &text);
    if (!status)
        *out = value_of_bool(str_ends(text, suffix));
    return status;
}

/* Takes the next part off the front of *rest; false after the last one. */
static bool function_text_next_part(wf_str *rest, wf_str separator, wf_str *part)
{
    ptrdiff_t at;
    if (!rest->ptr)
        return false;
    if (separator.len)
        at = str_find(*rest, separator);
    else
        at = rest->len > function_text_character(*rest)
                 ? (ptrdiff_t)function_text_character(*rest)
                 : -1;
    if (at < 0) {
        *part = *rest;
        *rest = (wf_str){NULL, 0};
        return true;
    }
    *part = str_slice(*rest, 0, (size_t)at);
    size_t next = (size_t)at + separator.len;
    *rest = (wf_str){rest->ptr + next, rest->len - next};
    return true;
}

/* As Go: splitting "" by something gives one empty part, by nothing gives none. */
wf_status function_text_split(struct function_call *call, const struct value **out)
{
    wf_str separator, text, rest, part;
    wf_status status = function_text_two(call, &separator, &text);
    if (status)
        return status;
    if (!text.ptr)
        text = STR("");
    bool none = text.len == 0 && separator.len == 0;

    size_t count = 0;
    for (rest = text; !none && function_text_next_part(&rest, separator, &part);)
        count++;
    if (count > SIZE_MAX / sizeof(struct value))
        return functions_no_memory(call);
    const struct value **items = arena_alloc(call->arena, count * sizeof *items);
    struct value *parts = arena_alloc(call->arena, count * sizeof *parts);
    if (!items || !parts)
        return functions_no_memory(call);

    rest = text;
    for (size_t i = 0; i < count && function_text_next_part(&rest, separator, &part); i++) {
        parts[i] = (struct value){.kind = VALUE_STRING, .text = part};
        items[i] = &parts[i];
    }
    return functions_give(call, value_list(call->arena, items, count), out);
}

/* What fmt's %v prints: null is <nil> there. */
static void function_text_go(struct arena_text *t, const struct value *v)
{
    if (v->kind == VALUE_NULL)
        arena_text_str(t, STR("<nil>"));
    else
        arena_text_value(t, v);
}

static wf_status function_text_finish(struct function_call *call, struct arena_text *t,
                                      const struct value **out)
{
    wf_str text;
    if (!arena_text_end(t, &text))
        return functions_no_memory(call);
    return functions_give_text(call, text, out);
}

wf_status function_text_join(struct function_call *call, const struct value **out)
{
    const struct value *list = call->args[1];
    wf_str separator;
    wf_status status = functions_text(call, 0, &separator);
    if (status)
        return status;
    struct arena_text t = arena_text_of(call->arena, 64);
    if (list->kind != VALUE_LIST)
        function_text_go(&t, list);
    for (size_t i = 0; list->kind == VALUE_LIST && i < list->list.count && !t.broken; i++) {
        if (i)
            arena_text_str(&t, separator);
        function_text_go(&t, list->list.items[i]);
    }
    return function_text_finish(call, &t, out);
}

/* As an HTML form does: a space is '+'. */
wf_status function_text_url_encode(struct function_call *call, const struct value **out)
{
    static const char hex[] = "0123456789ABCDEF";
    wf_str text;
    wf_status status = functions_text(call, 0, &text);
    if (status)
        return status;
    struct arena_text t = arena_text_of(call->arena, text.len);
    for (size_t i = 0; i < text.len && !t.broken; i++) {
        char c = text.ptr[i];
        unsigned byte = (unsigned char)c;
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                     (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
        char escaped[3] = {'%', hex[byte >> 4], hex[byte & 15]};
        if (plain || c == ' ')
            arena_text_byte(&t, plain ? c : '+');
        else
            arena_text_append(&t, escaped, 3);
    }
    return function_text_finish(call, &t, out);
}

wf_status function_text_b64(struct function_call *call, const struct value **out)
{
    wf_str text;
    wf_status status = functions_text(call, 0, &text);
    if (status)
        return status;
    if (text.len > SIZE_MAX / 2)
        return functions_no_memory(call);
    size_t size = (text.len + 2) / 3 * 4;
    char *memory = arena_alloc(call->arena, size);
    if (!memory)
        return functions_no_memory(call);
    struct buf encoded;
    buf_fixed(&encoded, memory, size);
    buf_base64(&encoded, text.ptr, text.len);
    return functions_give_text(call, buf_view(&encoded), out);
}

wf_status function_text_json(struct function_call *call, const struct value **out)
{
    struct arena_text t = arena_text_of(call->arena, 0);
    arena_text_json(&t, call->args[0]);
    return function_text_finish(call, &t, out);
}

wf_status function_text_to_string(struct function_call *call, const struct value **out)
{
    struct arena_text t = arena_text_of(call->arena, 0);
    function_text_go(&t, call->args[0]);
    return function_text_finish(call, &t, out);
}
