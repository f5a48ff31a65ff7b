/* SPDX-License-Identifier: MIT
 *
 * pg_publication - which tables the server sends.
 *
 * Ours is made before the slot (a slot made first never sees it: PostgreSQL bug 18683) and
 * kept in step with `tables`: wildcards are resolved, new tables that match are added while
 * the source runs.  It is always a list, never FOR ALL TABLES: publishing UPDATE and DELETE
 * of a table without replica identity makes the user's own UPDATE and DELETE fail, and FOR
 * ALL TABLES does that to every table that is made later.  Tables without one are kept in a
 * second publication, "<name>_insert", that publishes only INSERT and TRUNCATE, and move
 * when they get one.  Both are there from the beginning, because the server looks them up
 * in its catalog as it was at the time of each change.
 *
 * One that we did not make (no comment of ours on it) is never altered; what differs from
 * the configuration is told with the SQL that would mend it.
 */
#ifndef PROVIDERS_PG_PUBLICATION_H
#define PROVIDERS_PG_PUBLICATION_H

#include "base/buf.h"
#include "providers/postgres/pg_conn.h"
#include "providers/postgres/pg_name.h"
#include "providers/provider.h"

#define PG_PUBLICATION_NAMES 264

struct pg_publication {
    char name[PG_NAME_SIZE];
    bool ours;
    bool exists;
    /* By settle: for publication_names, identifiers in double quotes with a comma between;
     * only the quotes of an SQL literal are missing around it. */
    char names[PG_PUBLICATION_NAMES];
    /* Made by the last settle: a slot that was there before cannot read what was written
     * before ("publication does not exist"). */
    bool made;
    /* The last settle could not change what it wanted to, and will not soon. */
    bool waits;
    /* To be set: what settle adds is to be read, and asked for before it is added, so that a
     * crash in between forgets nothing. */
    bool reads_new;

    /* Private. */
    const struct cdc_settings *settings;
    char insert[PG_NAME_SIZE];
    bool settled;    /* once */
    uint64_t told;   /* a hash of the standing complaints that were told last */
    uint64_t failed; /* the same of the last failure that is no reason to stop */
};

/* options.publication, or made from source_id (pg_name_of_source).  Borrows `settings` for
 * as long as `out` is used. */
wf_status pg_publication_name(const struct cdc_settings *settings,
                              struct pg_publication *out, wf_error *err);

/* Makes it, or brings ours in step; tells through out->notice what an adopted one lacks and
 * which tables have no replica identity, each thing once.  `added` (may be NULL) gets the
 * names of tables that were not in it before, one per line; all of them the first time.  An
 * adopted one adds none.
 *
 * At open, and then again every now and then or after DDL: that is one query when nothing
 * has changed.  Never waits long for a lock on a user's table.  A later call that cannot
 * change what it wants to is WF_OK with a notice, and the next one tries again.
 *
 * WF_CONFIG at open: no right to make it or to publish a table that is named without
 * wildcard, an adopted one with none of the wanted tables, a standby without it. */
wf_status pg_publication_settle(struct pg_publication *publication, struct pg_conn *control,
                                const struct cdc_settings *settings,
                                const struct cdc_emitter *out, struct buf *added,
                                wf_error *err);

/* Both parts, only if they are ours and not on a standby; at any time after
 * pg_publication_name(). */
wf_status pg_publication_drop(struct pg_publication *publication, struct pg_conn *control,
                              bool *out_dropped, wf_error *err);

#endif
