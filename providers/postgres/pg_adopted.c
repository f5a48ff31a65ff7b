/* SPDX-License-Identifier: MIT
 *
 * pg_adopted - see the header.
 */
#include "providers/postgres/pg_adopted.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_notice.h"

struct pg_adopted_view {
    size_t held; /* wanted and in it */
    size_t partitioned;
    struct pg_notice_list missing; /* wanted and not in it */
    struct pg_notice_list missing_sql;
    struct pg_notice_list mute; /* in it, without replica identity */
    struct pg_notice_list mute_sql;
};

static void pg_adopted_release(struct pg_adopted_view *view)
{
    pg_notice_list_release(&view->missing);
    pg_notice_list_release(&view->missing_sql);
    pg_notice_list_release(&view->mute);
    pg_notice_list_release(&view->mute_sql);
}

static void pg_adopted_look(const struct pg_published *published,
                            struct pg_adopted_view *view)
{
    pg_notice_list_init(&view->missing);
    pg_notice_list_init(&view->missing_sql);
    pg_notice_list_init(&view->mute);
    pg_notice_list_init(&view->mute_sql);
    struct pg_published_table table;
    for (int at = 0; pg_published_next(published, &at, &table);) {
        if (!table.wanted)
            continue;
        if (!table.in_main && !table.in_insert) {
            pg_notice_list_put(&view->missing, table.name, '\'');
            pg_notice_list_put(&view->missing_sql, table.quoted, '\0');
            continue;
        }
        view->held++;
        view->partitioned += table.partitioned;
        if (table.in_main && !table.identity) {
            pg_notice_list_put(&view->mute, table.name, '\'');
            pg_notice_list_put(&view->mute_sql, table.quoted, '\0');
        }
    }
}

/* What is as it is for as long as nobody alters the publication. */
static void pg_adopted_tell_options(const struct pg_published *published,
                                    const struct pg_adopted_view *view, const char *name,
                                    const struct cdc_emitter *out)
{
    if (!published->inserts || !published->updates || !published->deletes ||
        !published->truncates)
        pg_notice_tell(out, LOG_WARN,
                       "publication '%s' does not publish%s%s%s%s, so there are no such "
                       "events; to have them: ALTER PUBLICATION \"%s\" SET (publish = "
                       "'insert, update, delete, truncate')",
                       name, published->inserts ? "" : " INSERT",
                       published->updates ? "" : " UPDATE",
                       published->deletes ? "" : " DELETE",
                       published->truncates ? "" : " TRUNCATE", name);
    if (view->partitioned && !published->via_root)
        pg_notice_tell(out, LOG_WARN,
                       "publication '%s' publishes partitions under their own names, which "
                       "'tables' may not have; to have the partitioned table's: ALTER "
                       "PUBLICATION \"%s\" SET (publish_via_partition_root = true)",
                       name, name);
}

static void pg_adopted_tell_tables(const struct pg_published *published,
                                   struct pg_adopted_view *view, const char *name,
                                   const struct cdc_emitter *out)
{
    if (view->missing.count)
        pg_notice_tell(out, LOG_WARN,
                       "publication '%s' lacks %s%s; to have them%s: ALTER PUBLICATION "
                       "\"%s\" ADD TABLE %s",
                       name, pg_notice_list_text(&view->missing),
                       published->main_ours ? "" : " and is not ours to alter",
                       published->standby ? ", at the primary" : "", name,
                       pg_notice_list_text(&view->missing_sql));
    if (view->mute.count && (published->updates || published->deletes))
        pg_notice_tell(out, LOG_WARN,
                       "UPDATE and DELETE of %s fail, for everybody, because publication "
                       "'%s' publishes them and the tables have no replica identity; to "
                       "mend it: ALTER TABLE %s REPLICA IDENTITY FULL, or give it a "
                       "primary key",
                       pg_notice_list_text(&view->mute), name,
                       pg_notice_list_text(&view->mute_sql));
}

static uint64_t pg_adopted_hash(struct pg_adopted_view *view)
{
    return str_hash(str_from(pg_notice_list_text(&view->missing))) * 31 +
           str_hash(str_from(pg_notice_list_text(&view->mute)));
}

wf_status pg_adopted_judge(const struct pg_published *published, const char *name,
                           bool first, const struct cdc_emitter *out, uint64_t *told,
                           wf_error *err)
{
    CDC_CLEANUP(pg_adopted_release) struct pg_adopted_view view = {0};
    pg_adopted_look(published, &view);
    if (first && !view.held && view.missing.count)
        return error_set(err, WF_CONFIG,
                         "publication '%s' holds none of the tables in 'tables' (%s) and "
                         "is not ours to alter; ALTER PUBLICATION \"%s\" ADD TABLE %s, or "
                         "set 'options.publication' to another name",
                         name, pg_notice_list_text(&view.missing), name,
                         pg_notice_list_text(&view.missing_sql));
    if (first)
        pg_adopted_tell_options(published, &view, name, out);
    uint64_t hash = pg_adopted_hash(&view);
    if (hash != *told)
        pg_adopted_tell_tables(published, &view, name, out);
    *told = hash;
    return WF_OK;
}
