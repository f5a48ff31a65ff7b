/* SPDX-License-Identifier: MIT
 *
 * pg_type - types are asked for once, and the types they are made of after them.
 *
 * What the server says about one type is copied before the next is asked for.  A type on
 * the way to itself, which the server does not allow, is text, and so is one whose depth
 * does not fit: how deep a type is depends on nothing but the type, so everybody who asks
 * gets the same answer.
 */
#include "providers/postgres/pg_type.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "providers/postgres/pg_type_known.h"

#define PG_TYPE_BUCKETS 64u
#define PG_TYPE_ASKED 64 /* questions inside questions: guards the stack */

struct pg_type_entry {
    struct pg_type type;
    struct pg_type_entry *next;
    bool fresh; /* asked for since the last forget */
    char *texts;
    struct pg_type_field fields[];
};

/* A question that is not answered yet. */
struct pg_type_question {
    uint32_t oid;
    unsigned depth;
    const struct pg_type_question *outer;
    struct pg_type_entry *entry; /* NULL: there is no such type */
    char kind;
    bool is_array;
    uint32_t element, base;
    uint32_t shown;
    uint32_t *parts; /* oids of the fields */
};

struct pg_types {
    const struct pg_type_source *source;
    const struct pg_type_question *asking;
    struct pg_type_entry *buckets[PG_TYPE_BUCKETS];
    uint32_t shown;
    struct pg_type_entry *gone; /* given out before they changed */
};

wf_status pg_type_list_new(const struct pg_type_source *source, struct pg_types **out,
                           wf_error *err)
{
    struct pg_types *types = calloc(1, sizeof *types);
    if (!types)
        return error_no_memory(err);
    types->source = source;
    *out = types;
    return WF_OK;
}

static void pg_type_free_entry(struct pg_type_entry *entry)
{
    if (entry)
        free(entry->texts);
    free(entry);
}

static void pg_type_free_chain(struct pg_type_entry *entry)
{
    while (entry) {
        struct pg_type_entry *next = entry->next;
        pg_type_free_entry(entry);
        entry = next;
    }
}

void pg_type_list_free(struct pg_types *types)
{
    if (!types)
        return;
    for (size_t i = 0; i < PG_TYPE_BUCKETS; i++)
        pg_type_free_chain(types->buckets[i]);
    pg_type_free_chain(types->gone);
    free(types);
}

void pg_type_forget(struct pg_types *types)
{
    for (size_t i = 0; i < PG_TYPE_BUCKETS; i++)
        for (struct pg_type_entry *entry = types->buckets[i]; entry; entry = entry->next)
            entry->fresh = false;
    types->shown = 0;
}

uint32_t pg_type_shown(const struct pg_types *types)
{
    return types->shown;
}

/* ---- taking down what the server says ------------------------------------------------ */

/* A place in `texts`, as an offset until the texts are complete. */
static wf_str pg_type_noted(const struct buf *texts, size_t from)
{
    return (wf_str){(const char *)(uintptr_t)from, texts->len - from};
}

static wf_str pg_type_note(struct buf *texts, wf_str text)
{
    size_t from = texts->len;
    buf_str(texts, text);
    return pg_type_noted(texts, from);
}

static wf_str pg_type_note_label(struct buf *texts, wf_str name)
{
    size_t from = texts->len;
    json_put_string(texts, name);
    buf_byte(texts, ':');
    return pg_type_noted(texts, from);
}

static void pg_type_place(wf_str *noted, const char *texts)
{
    noted->ptr = texts + (uintptr_t)noted->ptr;
}

static bool pg_type_note_names(struct pg_type_entry *entry,
                               const struct pg_type_facts *facts)
{
    struct buf texts;
    buf_init(&texts, LIMIT_CONFIG_BYTES * 4u);
    entry->type.name = pg_type_note(&texts, facts->name);
    for (size_t i = 0; i < facts->count; i++) {
        entry->fields[i].name = pg_type_note(&texts, facts->field_names[i]);
        entry->fields[i].label = pg_type_note_label(&texts, facts->field_names[i]);
    }
    entry->texts = buf_take(&texts);
    buf_release(&texts);
    if (!entry->texts)
        return false;
    pg_type_place(&entry->type.name, entry->texts);
    for (size_t i = 0; i < facts->count; i++) {
        pg_type_place(&entry->fields[i].name, entry->texts);
        pg_type_place(&entry->fields[i].label, entry->texts);
    }
    return true;
}

static wf_status pg_type_answer(void *user, const struct pg_type_facts *facts,
                                wf_error *err)
{
    struct pg_type_question *question = user;
    if (question->entry || facts->count > LIMIT_COLUMNS)
        return error_set(err, WF_PROTOCOL, "the description of type %u makes no sense",
                         question->oid);
    size_t count = facts->count;
    question->entry =
        calloc(1, sizeof(struct pg_type_entry) + count * sizeof(struct pg_type_field));
    question->parts = calloc(count + 1, sizeof *question->parts);
    if (!question->entry || !question->parts || !pg_type_note_names(question->entry, facts))
        return error_no_memory(err);
    if (count)
        memcpy(question->parts, facts->field_types, count * sizeof *question->parts);
    question->kind = facts->kind;
    question->is_array = facts->is_array;
    question->element = facts->element;
    question->base = facts->base;
    question->shown = facts->shown;
    question->entry->type.since = facts->since;
    question->entry->type.delimiter = facts->delimiter;
    question->entry->type.count = count;
    return WF_OK;
}

/* ---- what it is made of -------------------------------------------------------------- */

/* The later one of two transactions; their numbers begin anew after the last. */
static uint32_t pg_type_later(uint32_t a, uint32_t b)
{
    return !b || (a && (int32_t)(a - b) >= 0) ? a : b;
}

/* One level more than `part` has; what is too deep becomes text. */
static void pg_type_contain(struct pg_type *type, const struct pg_type *part)
{
    type->composed |= part->composed;
    type->since = pg_type_later(type->since, part->since);
    if (part->levels >= PG_TYPE_LEVELS)
        type->levels = PG_TYPE_LEVELS + 1;
    else if (type->levels <= part->levels)
        type->levels = (uint8_t)(part->levels + 1);
}

static wf_status pg_type_fill_element(struct pg_types *types, struct pg_type *type,
                                      const struct pg_type_question *question,
                                      wf_error *err)
{
    wf_status status = pg_type_get(types, question->element, &type->element, err);
    if (!status)
        pg_type_contain(type, type->element);
    return status;
}

static wf_status pg_type_fill_fields(struct pg_types *types,
                                     const struct pg_type_question *question, wf_error *err)
{
    struct pg_type_entry *entry = question->entry;
    entry->type.fields = entry->fields;
    entry->type.levels = 1;
    entry->type.composed = true;
    for (size_t i = 0; i < entry->type.count; i++) {
        struct pg_type_field *field = &entry->fields[i];
        wf_status status = pg_type_get(types, question->parts[i], &field->type, err);
        if (status)
            return status;
        pg_type_contain(&entry->type, field->type);
    }
    return WF_OK;
}

/* Everything of the base type but its names. */
static wf_status pg_type_fill_domain(struct pg_types *types, struct pg_type *type,
                                     const struct pg_type_question *question, wf_error *err)
{
    const struct pg_type *base;
    wf_status status = pg_type_get(types, question->base, &base, err);
    if (status)
        return status;
    struct pg_type own = *base;
    own.oid = question->oid;
    own.name = type->name;
    *type = own;
    return WF_OK;
}

/* With one of these between its elements an array's text would have two readings. */
static bool pg_type_delimits(char delimiter)
{
    return delimiter > ' ' && delimiter < 0x7f && delimiter != '{' && delimiter != '}' &&
           delimiter != '"' && delimiter != '\\';
}

static enum pg_type_kind pg_type_kind_of(const struct pg_type_question *question)
{
    if (question->is_array && pg_type_delimits(question->entry->type.delimiter))
        return PG_TYPE_ARRAY;
    switch (question->kind) {
    case 'c':
        return PG_TYPE_COMPOSITE;
    case 'r':
        return PG_TYPE_RANGE;
    case 'm':
        return PG_TYPE_MULTIRANGE;
    default:
        return PG_TYPE_TEXT;
    }
}

static wf_status pg_type_fill(struct pg_types *types,
                              const struct pg_type_question *question, wf_error *err)
{
    struct pg_type *type = &question->entry->type;
    type->oid = question->oid;
    type->kind = pg_type_kind_of(question);
    wf_status status = WF_OK;
    if (type->kind == PG_TYPE_COMPOSITE)
        status = pg_type_fill_fields(types, question, err);
    else if (type->kind != PG_TYPE_TEXT)
        status = pg_type_fill_element(types, type, question, err);
    else if (question->kind == 'd')
        status = pg_type_fill_domain(types, type, question, err);
    if (status)
        return status;
    bool whole = type->kind != PG_TYPE_MULTIRANGE || type->element->kind == PG_TYPE_RANGE;
    if (!whole || type->levels > PG_TYPE_LEVELS)
        *type = (struct pg_type){.oid = type->oid, .name = type->name};
    return WF_OK;
}

/* ---- the list ------------------------------------------------------------------------ */

static bool pg_type_same(const struct pg_type *a, const struct pg_type *b)
{
    bool same = a->kind == b->kind && a->delimiter == b->delimiter &&
                a->element == b->element && a->count == b->count && a->since == b->since &&
                a->composed == b->composed && str_eq(a->name, b->name);
    if (same && a->kind == PG_TYPE_COMPOSITE)
        for (size_t i = 0; same && i < a->count; i++)
            same = a->fields[i].type == b->fields[i].type &&
                   str_eq(a->fields[i].name, b->fields[i].name);
    return same;
}

static struct pg_type_entry **pg_type_find(struct pg_types *types, uint32_t oid)
{
    struct pg_type_entry **at = &types->buckets[oid % PG_TYPE_BUCKETS];
    while (*at && (*at)->type.oid != oid)
        at = &(*at)->next;
    return at;
}

/* Takes `entry`; gives it, or the one of before the last forget when it is the same. */
static const struct pg_type *pg_type_keep(struct pg_types *types,
                                          struct pg_type_entry *entry)
{
    struct pg_type_entry **at = pg_type_find(types, entry->type.oid);
    struct pg_type_entry *old = *at;
    if (old && pg_type_same(&old->type, &entry->type)) {
        pg_type_free_entry(entry);
        old->fresh = true;
        return &old->type;
    }
    if (old) {
        *at = old->next;
        old->next = types->gone;
        types->gone = old;
    }
    entry->fresh = true;
    entry->next = *at;
    *at = entry;
    return &entry->type;
}

/* Asks, and fills in the answer; a type that is gone is text. */
static wf_status pg_type_ask(struct pg_types *types, struct pg_type_question *question,
                             wf_error *err)
{
    types->asking = question;
    wf_status status = types->source->ask(types->source->ctx, question->oid, pg_type_answer,
                                          question, err);
    if (!status && !question->entry) {
        /* It was dropped: known as that until the next forget. */
        status = pg_type_answer(question, &(struct pg_type_facts){.kind = 'p'}, err);
    }
    if (!status)
        status = pg_type_fill(types, question, err);
    if (!status && !types->shown) /* the earliest answer is the one that shows least */
        types->shown = question->shown;
    types->asking = question->outer;
    return status;
}

wf_status pg_type_get(struct pg_types *types, uint32_t oid, const struct pg_type **out,
                      wf_error *err)
{
    const struct pg_type *known = pg_type_known_find(oid);
    if (!known && *pg_type_find(types, oid) && (*pg_type_find(types, oid))->fresh)
        known = &(*pg_type_find(types, oid))->type;
    const struct pg_type_question *outer = types->asking;
    if (!known && outer && outer->depth >= PG_TYPE_ASKED)
        known = &pg_type_known_text;
    for (const struct pg_type_question *at = outer; !known && at; at = at->outer)
        if (at->oid == oid)
            known = &pg_type_known_text;
    if (known) {
        *out = known;
        return WF_OK;
    }
    struct pg_type_question question = {
        .oid = oid, .depth = outer ? outer->depth + 1 : 1, .outer = outer};
    wf_status status = pg_type_ask(types, &question, err);
    free(question.parts);
    if (status)
        pg_type_free_entry(question.entry);
    else
        *out = pg_type_keep(types, question.entry);
    return status;
}
