/* SPDX-License-Identifier: MIT
 *
 * problems - mistakes of a configuration, kept sorted by place.
 */
#include "host/problems.h"

#include <stdarg.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/config.h"

#define PROBLEMS_KEPT 1000 /* more than anyone reads; the rest is only counted */

struct problem {
    char *file;
    unsigned line, column;
    bool warning;
    char *text;
};

struct problems {
    struct problem *items;
    size_t count, cap;
    size_t errors, warnings;
    bool no_memory;
};

struct problems *problems_new(void)
{
    return calloc(1, sizeof(struct problems));
}

void problems_free(struct problems *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++) {
        free(p->items[i].file);
        free(p->items[i].text);
    }
    free(p->items);
    free(p);
}

static int problems_compare(const struct problem *a, const struct problem *b)
{
    int order = strcmp(a->file, b->file);
    if (order)
        return order;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    if (a->column != b->column)
        return a->column < b->column ? -1 : 1;
    return 0;
}

static bool problems_grow(struct problems *p)
{
    if (p->count < p->cap)
        return true;
    size_t cap = p->cap ? p->cap * 2 : 16;
    struct problem *items = realloc(p->items, cap * sizeof(*items));
    if (!items)
        return false;
    p->items = items;
    p->cap = cap;
    return true;
}

/* Takes file and text.  The same mistake found twice is one. */
static void problems_insert(struct problems *p, struct problem found)
{
    size_t at = p->count;
    while (at > 0 && problems_compare(&p->items[at - 1], &found) > 0)
        at--;
    for (size_t i = at; i > 0 && !problems_compare(&p->items[i - 1], &found); i--) {
        if (!strcmp(p->items[i - 1].text, found.text)) {
            free(found.file);
            free(found.text);
            return;
        }
    }
    memmove(p->items + at + 1, p->items + at, (p->count - at) * sizeof(*p->items));
    p->items[at] = found;
    p->count++;
    if (found.warning)
        p->warnings++;
    else
        p->errors++;
}

/* `where` holds "key: " and the text is added to it. */
static void problems_keep(struct problems *p, struct problem place, const char *file,
                          struct buf *text)
{
    if (p->count == PROBLEMS_KEPT) {
        p->errors += !place.warning;
        return;
    }
    place.file = str_dup(str_from(file));
    place.text = buf_take(text);
    if (place.file && place.text && problems_grow(p)) {
        problems_insert(p, place);
        return;
    }
    p->no_memory = true;
    free(place.file);
    free(place.text);
}

__attribute__((format(printf, 2, 0))) static void problems_format(struct buf *out,
                                                                  const char *format,
                                                                  va_list args)
{
    char text[1024];
    int len = vsnprintf(text, sizeof(text), format, args);
    if (len < 0)
        return;
    buf_append(out, text, (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1);
}

/* The place of `key` below `node`: of its longest part that is there. */
static struct problem problems_place(const struct node *node, const char *key)
{
    if (!node)
        return (struct problem){.line = 0};
    const struct node *at = key ? node_deepest(node, str_from(key)) : node;
    return (struct problem){.line = at->line, .column = at->column};
}

/* "modules[0].config.options.slot" */
static void problems_path(const struct node *node, const char *key, struct buf *out)
{
    size_t before = out->len;
    if (node)
        node_path(node, out);
    if (key && out->len > before && key[0] != '[')
        buf_byte(out, '.');
    if (key)
        buf_cstr(out, key);
}

__attribute__((format(printf, 5, 0))) static void problems_found(
    struct problems *p, struct problem place, const struct node *node, const char *key,
    const char *format, va_list args)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    if (place.warning)
        buf_lit(&text, "warning: ");
    size_t before = text.len;
    problems_path(node, key, &text);
    if (text.len > before)
        buf_lit(&text, ": ");
    problems_format(&text, format, args);
    problems_keep(p, place, node ? node->file : "", &text);
}

void problems_add(struct problems *p, const struct node *node, const char *key,
                  const char *format, ...)
{
    va_list args;
    va_start(args, format);
    problems_found(p, problems_place(node, key), node, key, format, args);
    va_end(args);
}

void problems_warn(struct problems *p, const struct node *node, const char *key,
                   const char *format, ...)
{
    struct problem place = problems_place(node, key);
    place.warning = true;
    va_list args;
    va_start(args, format);
    problems_found(p, place, node, key, format, args);
    va_end(args);
}

void problems_warn_key(struct problems *p, const struct node *member, const char *format,
                       ...)
{
    const struct problem place = {
        .line = member->key_line, .column = member->key_column, .warning = true};
    va_list args;
    va_start(args, format);
    problems_found(p, place, member, NULL, format, args);
    va_end(args);
}

void problems_add_at(struct problems *p, const char *file, unsigned line, unsigned column,
                     const char *format, ...)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_TEXT_BYTES);
    va_list args;
    va_start(args, format);
    problems_format(&text, format, args);
    va_end(args);
    problems_keep(p, (struct problem){.line = line, .column = column}, file, &text);
}

enum problems_place problems_find(const struct problems *p, const struct node *node,
                                  const char *key)
{
    CDC_CLEANUP(buf_release) struct buf path;
    buf_init(&path, LIMIT_TEXT_BYTES);
    problems_path(node, key, &path);
    enum problems_place place = PROBLEMS_NOWHERE;
    for (size_t i = 0; i < p->count && place != PROBLEMS_THERE; i++) {
        wf_str text = str_from(p->items[i].text);
        if (p->items[i].warning || !path.len || !str_starts(text, buf_view(&path)) ||
            strcmp(p->items[i].file, node ? node->file : "") != 0)
            continue;
        char next = p->items[i].text[path.len];
        if (next == ':')
            place = PROBLEMS_THERE;
        else if (next == '.' || next == '[')
            place = PROBLEMS_INSIDE;
    }
    return place;
}

size_t problems_count(const struct problems *p)
{
    return p->errors + p->no_memory;
}

size_t problems_warnings(const struct problems *p)
{
    return p->warnings;
}

void problems_print(const struct problems *p, struct buf *out)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct problem *problem = &p->items[i];
        if (problem->file[0])
            buf_cstr(out, problem->file);
        if (problem->line)
            buf_printf(out, ":%u:%u", problem->line, problem->column);
        if (problem->file[0])
            buf_lit(out, ": ");
        buf_cstr(out, problem->text);
        buf_byte(out, '\n');
    }
    size_t shown = p->count - p->warnings;
    if (p->errors > shown)
        buf_printf(out, "... and %zu more\n", p->errors - shown);
    if (p->no_memory)
        buf_lit(out, "out of memory while looking for mistakes\n");
}
