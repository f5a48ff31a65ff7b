/* SPDX-License-Identifier: MIT
 *
 * pg_relation - descriptions become tables; a row finds its own by oid.
 */
#include "providers/postgres/pg_relation.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

#define PG_RELATION_SLOTS 64u

struct pg_relations {
    const struct pg_catalog *catalog;
    struct pg_types *types;
    struct pg_relation **slots; /* by oid, open addressing */
    size_t slot_count;          /* a power of two */
    size_t count;
    uint64_t doubts;
};

/* ---- the list ------------------------------------------------------------------------ */

wf_status pg_relation_list_new(const struct pg_catalog *catalog, struct pg_relations **out,
                               wf_error *err)
{
    struct pg_relations *relations = calloc(1, sizeof *relations);
    if (!relations)
        return error_no_memory(err);
    relations->catalog = catalog;
    relations->slot_count = PG_RELATION_SLOTS;
    relations->slots = calloc(PG_RELATION_SLOTS, sizeof *relations->slots);
    wf_status status = relations->slots
                           ? pg_type_list_new(&catalog->types, &relations->types, err)
                           : error_no_memory(err);
    if (status)
        pg_relation_list_free(relations);
    else
        *out = relations;
    return status;
}

/* What it points to. */
static void pg_relation_release(struct pg_relation *relation)
{
    table_free(relation->table);
    free(relation->types);
    free(relation->identity);
    free((char *)relation->description.ptr);
}

void pg_relation_list_free(struct pg_relations *relations)
{
    if (!relations)
        return;
    for (size_t i = 0; relations->slots && i < relations->slot_count; i++)
        if (relations->slots[i]) {
            pg_relation_release(relations->slots[i]);
            free(relations->slots[i]);
        }
    free(relations->slots);
    pg_type_list_free(relations->types);
    free(relations);
}

struct pg_types *pg_relation_types(struct pg_relations *relations)
{
    return relations->types;
}

void pg_relation_doubt(struct pg_relations *relations)
{
    pg_type_forget(relations->types);
    relations->doubts++;
}

static struct pg_relation **pg_relation_slot(const struct pg_relations *relations,
                                             uint32_t oid)
{
    size_t mask = relations->slot_count - 1;
    size_t at = (oid * UINT32_C(2654435769)) >> 7 & mask;
    while (relations->slots[at] && relations->slots[at]->oid != oid)
        at = (at + 1) & mask;
    return &relations->slots[at];
}

struct pg_relation *pg_relation_find(const struct pg_relations *relations, uint32_t oid)
{
    return *pg_relation_slot(relations, oid);
}

struct pg_relation *pg_relation_named(const struct pg_relations *relations, wf_str name)
{
    struct pg_relation *found = NULL;
    for (size_t i = 0; i < relations->slot_count; i++) {
        struct pg_relation *relation = relations->slots[i];
        if (relation && str_eq(relation->table->name, name) &&
            (!found || relation->arrival > found->arrival))
            found = relation; /* a table that was dropped keeps its name */
    }
    return found;
}

/* The same in another number of slots. */
static bool pg_relation_resize(struct pg_relations *relations, size_t slot_count)
{
    struct pg_relations more = *relations;
    more.slot_count = slot_count;
    more.slots = calloc(more.slot_count, sizeof *more.slots);
    if (!more.slots)
        return false;
    for (size_t i = 0; i < relations->slot_count; i++)
        if (relations->slots[i])
            *pg_relation_slot(&more, relations->slots[i]->oid) = relations->slots[i];
    free(relations->slots);
    *relations = more;
    return true;
}

/* ---- one description ----------------------------------------------------------------- */

static wf_status pg_relation_describe(const struct pgoutput_message *message, wf_str *out,
                                      wf_error *err)
{
    struct buf text;
    buf_init(&text, LIMIT_CONFIG_BYTES * 4u);
    const unsigned char head[] = {
        PGOUTPUT_RELATION,
        (unsigned char)(message->relation >> 24),
        (unsigned char)(message->relation >> 16),
        (unsigned char)(message->relation >> 8),
        (unsigned char)message->relation,
    };
    buf_append(&text, head, sizeof head);
    buf_str(&text, message->schema);
    buf_byte(&text, '\0');
    buf_str(&text, message->table);
    buf_byte(&text, '\0');
    buf_byte(&text, message->replica_identity);
    buf_byte(&text, (char)(message->count >> 8));
    buf_byte(&text, (char)message->count);
    buf_str(&text, message->content);
    wf_status status = buf_status(&text, "relation", err);
    size_t len = text.len;
    char *bytes = status ? NULL : buf_take(&text);
    buf_release(&text);
    if (!status && !bytes)
        status = error_no_memory(err);
    if (!status)
        *out = (wf_str){bytes, len};
    return status;
}

/* What is gathered while a table is made. */
struct pg_relation_draft {
    const struct pgoutput_message *message;
    struct pg_relation *relation;
    struct cdc_column *columns;
    uint16_t *keys;
    size_t key_count;
    bool misfit; /* the primary key has a column that the message does not name */
};

static void pg_relation_use_key(void *user, wf_str column)
{
    struct pg_relation_draft *draft = user;
    size_t i = 0;
    while (i < draft->message->count && !str_eq(draft->columns[i].name, column))
        i++;
    if (i == draft->message->count || draft->columns[i].key) {
        draft->misfit = true;
        return;
    }
    draft->columns[i].key = true;
    draft->keys[draft->key_count++] = (uint16_t)i;
}

static wf_status pg_relation_primary_key(const struct pg_relations *relations,
                                         struct pg_relation_draft *draft, wf_error *err)
{
    const struct pg_catalog *catalog = relations->catalog;
    wf_status status = catalog->primary_key(catalog->ctx, draft->relation->oid,
                                            pg_relation_use_key, draft, err);
    if (status || !draft->misfit)
        return status;
    for (size_t i = 0; i < draft->message->count; i++)
        draft->columns[i].key = false;
    draft->key_count = 0;
    return WF_OK;
}

static wf_status pg_relation_columns(struct pg_relations *relations,
                                     struct pg_relation_draft *draft, wf_error *err)
{
    struct pg_relation *relation = draft->relation;
    bool marked = relation->replica_identity == 'd' || relation->replica_identity == 'i';
    struct reader rest =
        reader_of(draft->message->content.ptr, draft->message->content.len);
    struct pgoutput_field field;
    for (uint16_t i = 0; pgoutput_next_field(&rest, &field); i++) {
        wf_status status =
            pg_type_get(relations->types, field.type, &relation->types[i], err);
        if (status)
            return status;
        relation->composed |= relation->types[i]->composed;
        relation->identity[i] = field.key;
        draft->columns[i] = (struct cdc_column){field.name, marked && field.key};
        if (marked && field.key)
            draft->keys[draft->key_count++] = i;
    }
    return marked ? WF_OK : pg_relation_primary_key(relations, draft, err);
}

static wf_status pg_relation_fill(struct pg_relations *relations,
                                  struct pg_relation_draft *draft, wf_error *err)
{
    const struct pgoutput_message *message = draft->message;
    wf_status status = pg_relation_columns(relations, draft, err);
    if (status)
        return status;
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_TEXT_BYTES);
    buf_str(&name, message->schema);
    buf_byte(&name, '.');
    buf_str(&name, message->table);
    status = buf_status(&name, "table name", err);
    return status ? status
                  : table_new(buf_view(&name), draft->columns, message->count, draft->keys,
                              draft->key_count, &draft->relation->table, err);
}

/* Makes *relation anew from the message and the catalog. */
static wf_status pg_relation_make(struct pg_relations *relations,
                                  const struct pgoutput_message *message,
                                  struct pg_relation *relation, wf_error *err)
{
    size_t count = message->count;
    if (count > LIMIT_COLUMNS)
        return error_set(err, WF_PROTOCOL,
                         "the server described a table of %zu columns, at most %d are "
                         "possible",
                         count, LIMIT_COLUMNS);
    *relation = (struct pg_relation){.oid = message->relation,
                                     .replica_identity = message->replica_identity,
                                     .settled = relations->doubts};
    struct pg_relation_draft draft = {.message = message, .relation = relation};
    draft.columns = calloc(count + 1, sizeof *draft.columns);
    draft.keys = calloc(count + 1, sizeof *draft.keys);
    relation->types = calloc(count + 1, sizeof *relation->types);
    relation->identity = calloc(count + 1, sizeof *relation->identity);
    wf_status status = draft.columns && draft.keys && relation->types && relation->identity
                           ? pg_relation_describe(message, &relation->description, err)
                           : error_no_memory(err);
    if (!status)
        status = pg_relation_fill(relations, &draft, err);
    relation->shown = pg_type_shown(relations->types);
    free(draft.columns);
    free(draft.keys);
    if (status)
        pg_relation_release(relation);
    return status;
}

static bool pg_relation_same(const struct pg_relation *a, const struct pg_relation *b)
{
    return str_eq(a->description, b->description) &&
           a->table->key_count == b->table->key_count &&
           (!a->table->key_count || !memcmp(a->table->keys, b->table->keys,
                                            a->table->key_count * sizeof *a->table->keys));
}

/* Takes what `fresh` points to.  Gives whether the table is another one now. */
static bool pg_relation_replace(struct pg_relation *relation, struct pg_relation *fresh)
{
    if (pg_relation_same(relation, fresh)) {
        /* The table stays, with what core keeps in it; its types may have changed. */
        const struct pg_type **types = relation->types;
        relation->types = fresh->types;
        relation->composed = fresh->composed;
        relation->shown = fresh->shown;
        relation->settled = fresh->settled;
        fresh->types = types;
        pg_relation_release(fresh);
        return false;
    }
    fresh->listed = relation->listed;
    fresh->arrival = relation->arrival;
    fresh->spooled_for = relation->spooled_for;
    pg_relation_release(relation);
    *relation = *fresh;
    return true;
}

static wf_status pg_relation_add(struct pg_relations *relations, struct pg_relation *fresh,
                                 struct pg_relation **out, wf_error *err)
{
    struct pg_relation *relation = malloc(sizeof *relation);
    if (!relation || ((relations->count + 1) * 4 > relations->slot_count * 3 &&
                      !pg_relation_resize(relations, relations->slot_count * 2))) {
        free(relation);
        pg_relation_release(fresh);
        return error_no_memory(err);
    }
    *relation = *fresh;
    *pg_relation_slot(relations, fresh->oid) = relation;
    relations->count++;
    *out = relation;
    return WF_OK;
}

wf_status pg_relation_learn(struct pg_relations *relations,
                            const struct pgoutput_message *message,
                            struct pg_relation **out, bool *out_changed, wf_error *err)
{
    struct pg_relation fresh;
    struct pg_relation *relation = pg_relation_find(relations, message->relation);
    bool changed = true;
    wf_status status = pg_relation_make(relations, message, &fresh, err);
    if (!status && relation)
        changed = pg_relation_replace(relation, &fresh);
    else if (!status)
        status = pg_relation_add(relations, &fresh, &relation, err);
    if (status)
        return status;
    relation->gone = 0; /* something of it comes yet */
    *out = relation;
    *out_changed = changed;
    return WF_OK;
}

static CDC_NO_INLINE wf_status pg_relation_settle(struct pg_relations *relations,
                                                  struct pg_relation *relation,
                                                  wf_error *err)
{
    struct pg_relation fresh;
    struct pgoutput_message message;
    wf_status status = pgoutput_parse(relation->description, false, &message, err);
    if (!status)
        status = pg_relation_make(relations, &message, &fresh, err);
    if (!status)
        pg_relation_replace(relation, &fresh);
    return status;
}

wf_status pg_relation_get(struct pg_relations *relations, uint32_t oid,
                          struct pg_relation **out, wf_error *err)
{
    struct pg_relation *relation = pg_relation_find(relations, oid);
    if (CDC_UNLIKELY(!relation))
        return error_set(
            err, WF_PROTOCOL,
            "the server sent a change of table %u without describing the table",
            (unsigned)oid);
    if (CDC_UNLIKELY(relation->settled != relations->doubts)) {
        wf_status status = pg_relation_settle(relations, relation, err);
        if (status)
            return status;
    }
    *out = relation;
    return WF_OK;
}

wf_status pg_relation_renew(struct pg_relations *relations, struct pg_relation *relation,
                            uint32_t xid, wf_error *err)
{
    bool shows = relation->shown && (int32_t)(xid - relation->shown) < 0;
    if (shows || relation->renewed == xid)
        return WF_OK;
    pg_type_forget(relations->types);
    wf_status status = pg_relation_settle(relations, relation, err);
    if (!status)
        relation->renewed = xid;
    return status;
}

/* ---- forgetting ---------------------------------------------------------------------- */

size_t pg_relation_count(const struct pg_relations *relations)
{
    return relations->count;
}

void pg_relation_put_oids(const struct pg_relations *relations, struct buf *out)
{
    const char *between = "";
    for (size_t i = 0; i < relations->slot_count; i++) {
        const struct pg_relation *relation = relations->slots[i];
        if (!relation || relation->gone)
            continue;
        buf_printf(out, "%s%u", between, (unsigned)relation->oid);
        between = ",";
    }
}

void pg_relation_gone(struct pg_relations *relations, uint32_t oid, uint64_t lsn)
{
    struct pg_relation *relation = pg_relation_find(relations, oid);
    if (relation)
        relation->gone = lsn;
}

/* Open addressing has no holes: the ones behind one that goes move up. */
static void pg_relation_close_up(struct pg_relations *relations, size_t at)
{
    size_t mask = relations->slot_count - 1;
    for (size_t i = (at + 1) & mask; relations->slots[i]; i = (i + 1) & mask) {
        struct pg_relation *relation = relations->slots[i];
        relations->slots[i] = NULL;
        *pg_relation_slot(relations, relation->oid) = relation;
    }
}

void pg_relation_forget(struct pg_relations *relations, uint64_t lsn)
{
    for (size_t i = 0; i < relations->slot_count; i++) {
        struct pg_relation *relation = relations->slots[i];
        while (relation && relation->gone && relation->gone <= lsn) {
            pg_relation_release(relation);
            free(relation);
            relations->slots[i] = NULL;
            relations->count--;
            pg_relation_close_up(relations, i);
            relation = relations->slots[i]; /* another one may have moved here */
        }
    }
    /* Without memory for less it stays as it is. */
    if (relations->count * 8 < relations->slot_count &&
        relations->slot_count > PG_RELATION_SLOTS)
        (void)pg_relation_resize(relations, relations->slot_count / 2);
}

/* ---- as SQL -------------------------------------------------------------------------- */

/* What a type modifier says, as the types' typmodout functions write it; nothing for types
 * whose modifiers are not known here. */
static void pg_relation_modifier(uint32_t type, int32_t modifier, struct buf *out)
{
    if (modifier < 0)
        return;
    int32_t above = modifier - 4; /* a varlena header's length was added */
    switch (type) {
    case 1042: /* character */
    case 1043: /* character varying */
        if (above > 0)
            buf_printf(out, "(%d)", above);
        break;
    case 1560: /* bit */
    case 1562: /* bit varying */
    case 1083: /* time */
    case 1114: /* timestamp */
    case 1184:
    case 1266:
        buf_printf(out, "(%d)", modifier);
        break;
    case 1186: /* interval: the low half is the precision, the high one a set of fields */
        if ((modifier & 0xFFFF) != 0xFFFF)
            buf_printf(out, "(%d)", modifier & 0xFFFF);
        break;
    case 1700: /* numeric: from PostgreSQL 15 on the scale has 11 bits and a sign */
        if (above >= 0)
            buf_printf(out, "(%d,%d)", above >> 16 & 0xFFFF,
                       ((above & 0x7FF) ^ 1024) - 1024);
        break;
    default:
        break;
    }
}

/* "timestamp(3) with time zone", "numeric(12,2)[]": the modifier goes before what follows
 * the name itself. */
static void pg_relation_type(const struct pg_type *type, int32_t modifier, struct buf *out)
{
    if (!type->name.len) {
        buf_lit(out, "text");
        return;
    }
    uint32_t scalar = type->oid;
    size_t split = type->name.len;
    if (type->kind == PG_TYPE_ARRAY && str_ends(type->name, STR("[]"))) {
        scalar = type->element->oid;
        split -= 2;
    }
    bool time = scalar == 1083 || scalar == 1114 || scalar == 1184 || scalar == 1266;
    ptrdiff_t space = time ? str_find(type->name, STR(" ")) : -1;
    if (space > 0)
        split = (size_t)space;
    buf_str(out, str_slice(type->name, 0, split));
    pg_relation_modifier(scalar, modifier, out);
    buf_str(out, str_slice(type->name, split, type->name.len));
}

static void pg_relation_sql_key(const struct cdc_table *table, struct buf *out)
{
    for (size_t i = 0; i < table->key_count; i++) {
        buf_cstr(out, i ? ", " : ", PRIMARY KEY (");
        buf_sql_quoted(out, table->columns[table->keys[i]].name, '"');
    }
    if (table->key_count)
        buf_byte(out, ')');
}

void pg_relation_sql(const struct pg_relation *relation, struct buf *out)
{
    struct pgoutput_message message;
    if (pgoutput_parse(relation->description, false, &message, NULL))
        return;
    buf_lit(out, "CREATE TABLE ");
    buf_sql_quoted(out, message.schema, '"');
    buf_byte(out, '.');
    buf_sql_quoted(out, message.table, '"');
    buf_lit(out, " (");
    struct reader rest = reader_of(message.content.ptr, message.content.len);
    struct pgoutput_field field;
    for (size_t i = 0; pgoutput_next_field(&rest, &field); i++) {
        if (i)
            buf_lit(out, ", ");
        buf_sql_quoted(out, field.name, '"');
        buf_byte(out, ' ');
        pg_relation_type(relation->types[i], field.modifier, out);
    }
    /* With an index as replica identity the key is that index, which also tells rows
     * apart. */
    pg_relation_sql_key(relation->table, out);
    buf_byte(out, ')');
}
