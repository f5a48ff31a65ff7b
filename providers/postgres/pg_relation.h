/* SPDX-License-Identifier: MIT
 *
 * pg_relation - the tables that the stream speaks of, as its relation messages describe
 * them.
 *
 * The server sends a relation message before the first row of a table and again after every
 * change of its schema, so the columns are those of the row's own time however far we lag.
 * Only what the message cannot say comes from the present catalog, and only when it fits:
 * the primary key of a table with replica identity FULL or NOTHING (its columns must all be
 * there), and user-defined types.
 *
 * The key of a table is: with replica identity DEFAULT or an index, the columns that the
 * message marks, in the order of the columns; else the primary key, in its own order.
 */
#ifndef PROVIDERS_PG_RELATION_H
#define PROVIDERS_PG_RELATION_H

#include "base/buf.h"
#include "plugin/core/table.h"
#include "providers/postgres/pg_catalog.h"
#include "providers/postgres/pgoutput.h"

struct pg_relation {
    uint32_t oid;
    char replica_identity; /* d n f i */
    struct cdc_table *table;
    const struct pg_type **types; /* table->count */
    bool *identity;               /* table->count: part of the replica identity */
    wf_str description; /* the relation message, in the form it has outside of blocks */
    bool composed;      /* a column's type has fields */
    uint32_t shown;     /* private: pg_type_shown() of its types ... */
    uint32_t renewed;   /* ... and a later transaction that they were asked for again */
    uint64_t settled;   /* private */
    uint64_t gone;      /* private */

    /* pg_assembly's, kept when the table changes but for `announced`, which becomes
     * false. */
    bool listed;          /* the configuration's tables name it */
    bool announced;       /* the schema history has this version */
    uint64_t arrival;     /* number of the relation message that said so */
    uint64_t spooled_for; /* the prepared transaction that has the description */
};

struct pg_relations;

/* Borrows `catalog` until it is freed.  gives, end it with pg_relation_list_free(). */
wf_status pg_relation_list_new(const struct pg_catalog *catalog, struct pg_relations **out,
                               wf_error *err);
void pg_relation_list_free(struct pg_relations *relations);

/* The types of columns; the same list serves the snapshot's tables. */
struct pg_types *pg_relation_types(struct pg_relations *relations);

/* Takes in a relation message.  *out_changed: the table is new or other than before (a
 * repeat of the same description changes nothing, unless the primary key is another one
 * now).  *out stays valid; the table, types and identity it points to only until the next
 * learn, doubt or get. */
wf_status pg_relation_learn(struct pg_relations *relations,
                            const struct pgoutput_message *message,
                            struct pg_relation **out, bool *out_changed, wf_error *err);

/* The catalog may have changed: keys and types that came from it are asked for anew by the
 * next pg_relation_get() of each table. */
void pg_relation_doubt(struct pg_relations *relations);

/* WF_PROTOCOL: no relation message came for it. */
wf_status pg_relation_get(struct pg_relations *relations, uint32_t oid,
                          struct pg_relation **out, wf_error *err);

/* For a row that transaction `xid` wrote, which has committed, of a table that is `composed`:
 * its types are such as they were then, or pg_type.since says that they were altered since.
 * (The server says nothing when a composite type is altered.) */
wf_status pg_relation_renew(struct pg_relations *relations, struct pg_relation *relation,
                            uint32_t xid, wf_error *err);

/* As pg_relation_get() without asking the catalog; NULL: no relation message came for it. */
struct pg_relation *pg_relation_find(const struct pg_relations *relations, uint32_t oid);

/* By "schema.table"; NULL: none has that name. */
struct pg_relation *pg_relation_named(const struct pg_relations *relations, wf_str name);

/* ---- forgetting ---------------------------------------------------------------------- */

/* A table takes some 1.2 KB, which jobs that make and drop tables all day add up to
 * something.  But the server describes a table once per connection, so only one that can
 * never be spoken of again may be forgotten: it is dropped, and the stream is past that. */
size_t pg_relation_count(const struct pg_relations *relations);

/* Appends the oids, comma-separated, of all that are not known to be gone. */
void pg_relation_put_oids(const struct pg_relations *relations, struct buf *out);

/* The catalog does not have it any more, and did not when the WAL ended at `lsn`. */
void pg_relation_gone(struct pg_relations *relations, uint32_t oid, uint64_t lsn);

/* Everything before `lsn` was taken in: those that were gone by then are forgotten.  No
 * pointer to one of them may be left. */
void pg_relation_forget(struct pg_relations *relations, uint64_t lsn);

/* SQL that would make the table as it is known: for the schema history. */
void pg_relation_sql(const struct pg_relation *relation, struct buf *out);

#endif
