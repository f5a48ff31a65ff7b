/* SPDX-License-Identifier: MIT
 *
 * value_parse - JSON text into values.
 *
 * base/json checks the text and its nesting.  Finished children wait on one stack until
 * their list or map ends and its size is known; the stack begins in the caller's frame and
 * moves to the arena when it grows.
 */
#include "base/error.h"
#include "base/json.h"
#include "host/lang/value_map.h"

#define VALUE_PARSE_STACK 48

struct value_parse {
    struct arena *arena;
    struct json_reader reader;
    struct value_member *stack; /* keys are empty in lists */
    size_t count;
    size_t cap;
    bool no_memory;
};

static bool value_parse_push(struct value_parse *p, wf_str key, const struct value *v)
{
    if (CDC_UNLIKELY(p->count == p->cap)) {
        if (p->cap > SIZE_MAX / (2 * sizeof *p->stack))
            return false;
        struct value_member *stack = arena_alloc(p->arena, 2 * p->cap * sizeof *stack);
        if (!stack)
            return false;
        memcpy(stack, p->stack, p->count * sizeof *stack);
        p->stack = stack;
        p->cap *= 2;
    }
    p->stack[p->count++] = (struct value_member){key, v};
    return true;
}

/* The reader's present text, its escapes resolved; ptr NULL when out of memory. */
static wf_str value_parse_text(struct value_parse *p)
{
    wf_str text = p->reader.text;
    if (!text.len)
        return (wf_str){"", 0};
    if (!p->reader.escaped)
        return text;
    char *memory = arena_alloc(p->arena, text.len);
    if (!memory)
        return (wf_str){NULL, 0};
    struct buf plain; /* an escape is never shorter than what it stands for */
    buf_fixed(&plain, memory, text.len);
    json_unescape(&plain, text);
    return (wf_str){memory, plain.len};
}

static const struct value *value_parse_any(struct value_parse *p, enum json_token token);

static const struct value *value_parse_list(struct value_parse *p)
{
    size_t base = p->count;
    for (enum json_token t; (t = json_read(&p->reader)) != JSON_ARRAY_END;) {
        const struct value *item = value_parse_any(p, t);
        if (!item)
            return NULL;
        if (!value_parse_push(p, (wf_str){NULL, 0}, item)) {
            p->no_memory = true;
            return NULL;
        }
    }

    size_t count = p->count - base;
    const struct value **items = arena_alloc(p->arena, count * sizeof *items);
    for (size_t i = 0; items && i < count; i++)
        items[i] = p->stack[base + i].value;
    p->count = base;
    const struct value *list = items ? value_list(p->arena, items, count) : NULL;
    p->no_memory |= !list;
    return list;
}

static const struct value *value_parse_map(struct value_parse *p)
{
    size_t base = p->count;
    enum json_token token;
    while ((token = json_read(&p->reader)) == JSON_KEY) {
        wf_str key = value_parse_text(p);
        const struct value *v = value_parse_any(p, json_read(&p->reader));
        if (!v)
            return NULL;
        if (!key.ptr || !value_parse_push(p, key, v)) {
            p->no_memory = true;
            return NULL;
        }
    }
    if (token != JSON_OBJECT_END)
        return NULL;

    const struct value *map =
        value_map_of_members(p->arena, p->stack + base, p->count - base);
    p->count = base;
    p->no_memory |= !map;
    return map;
}

static const struct value *value_parse_scalar(struct value_parse *p, enum json_token token)
{
    const struct value *v = NULL;
    if (token == JSON_NUMBER) {
        v = value_of_number(p->arena, p->reader.text);
    } else if (token == JSON_STRING) {
        wf_str text = value_parse_text(p);
        v = text.ptr ? value_of_text(p->arena, text) : NULL;
    } else {
        v = token == JSON_TRUE    ? &value_true
            : token == JSON_FALSE ? &value_false
                                  : &value_null;
    }
    p->no_memory |= !v;
    return v;
}

/* NULL: out of memory when no_memory is set, else the text is no JSON. */
static const struct value *value_parse_any(struct value_parse *p, enum json_token token)
{
    switch (token) {
    case JSON_OBJECT:
        return value_parse_map(p);
    case JSON_ARRAY:
        return value_parse_list(p);
    case JSON_STRING:
    case JSON_NUMBER:
    case JSON_TRUE:
    case JSON_FALSE:
    case JSON_NULL:
        return value_parse_scalar(p, token);
    default:
        return NULL;
    }
}

wf_status value_parse(struct arena *a, wf_str json, const char *what,
                      const struct value **out, wf_error *err)
{
    struct value_member stack[VALUE_PARSE_STACK];
    struct value_parse p = {.arena = a,
                            .reader = json_reader_of(json),
                            .stack = stack,
                            .cap = VALUE_PARSE_STACK};

    const struct value *v = value_parse_any(&p, json_read(&p.reader));
    if (p.no_memory)
        return error_set(err, WF_NO_MEMORY, "%s: out of memory", what);
    if (!v || json_read(&p.reader) != JSON_END)
        return json_error(&p.reader, what, err);
    *out = v;
    return WF_OK;
}
