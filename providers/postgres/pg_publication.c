/* SPDX-License-Identifier: MIT
 *
 * pg_publication - see the header.
 *
 * A statement string is one transaction: both parts are made in one.
 */
#include "providers/postgres/pg_publication.h"

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_adopted.h"
#include "providers/postgres/pg_moves.h"
#include "providers/postgres/pg_name.h"
#include "providers/postgres/pg_notice.h"
#include "providers/postgres/pg_options.h"
#include "providers/postgres/pg_published.h"

#define PG_PUBLICATION_INSERT "_insert"
/* A table that was dropped since we looked makes the change fail: look again. */
#define PG_PUBLICATION_TRIES 3

static void pg_publication_put_id(struct buf *sql, const char *name)
{
    buf_sql_quoted(sql, str_from(name), '"');
}

wf_status pg_publication_name(const struct cdc_settings *settings,
                              struct pg_publication *out, wf_error *err)
{
    const struct pg_options *options = settings->options;
    wf_str name = options->publication;
    if (name.len >= sizeof(out->name))
        return error_set(err, WF_CONFIG,
                         "'options.publication' has %zu bytes, at most %zu are possible",
                         name.len, sizeof(out->name) - 1);
    *out = (struct pg_publication){.settings = settings};
    if (name.len)
        memcpy(out->name, name.ptr, name.len);
    else
        pg_name_of_source(settings->source_id, out->name);
    pg_name_with(str_from(out->name), PG_PUBLICATION_INSERT, out->insert);
    return WF_OK;
}

/* What is to be done, and what is to be told. */
struct pg_publication_plan {
    struct buf add_main, add_insert, drop_main, drop_insert; /* in SQL */
    struct buf added;                                        /* names, one per line */
    size_t wanted, held;                  /* tables; those that will be in it */
    struct pg_notice_list mute, mute_sql; /* without replica identity */
    struct pg_notice_list foreign;        /* wanted, but another role's */
    wf_str owner;                         /* of the first one of them */
    struct pg_notice_list foreign_exact;  /* named without wildcard */
    wf_str exact_owner;
    struct pg_notice_list names_sql; /* wanted, for the SQL in texts */
};

static void pg_publication_plan_init(struct pg_publication_plan *plan)
{
    *plan = (struct pg_publication_plan){0};
    struct pg_notice_list *names[] = {&plan->mute, &plan->mute_sql, &plan->foreign,
                                      &plan->foreign_exact, &plan->names_sql};
    for (size_t i = 0; i < CDC_COUNT(names); i++)
        pg_notice_list_init(names[i]);
}

static void pg_publication_plan_release(struct pg_publication_plan *plan)
{
    pg_notice_list_release(&plan->mute);
    pg_notice_list_release(&plan->mute_sql);
    pg_notice_list_release(&plan->foreign);
    pg_notice_list_release(&plan->foreign_exact);
    pg_notice_list_release(&plan->names_sql);
}

static bool pg_publication_is_named(const struct cdc_list *tables, wf_str name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (pg_published_is_exact(tables->items[i]) &&
            table_matches(tables->items[i], name))
            return true;
    }
    return false;
}

/* Another role's table; its owner, or who has the owner's role, can publish it. */
static void pg_publication_plan_foreign(struct pg_publication_plan *plan,
                                        const struct cdc_list *tables,
                                        const struct pg_published_table *table)
{
    if (!plan->foreign.count)
        plan->owner = table->owner;
    pg_notice_list_put(&plan->foreign, table->name, '\'');
    if (!pg_publication_is_named(tables, table->name))
        return;
    if (!plan->foreign_exact.count)
        plan->exact_owner = table->owner;
    pg_notice_list_put(&plan->foreign_exact, table->name, '\'');
}

static void pg_publication_plan_table(struct pg_publication_plan *plan,
                                      const struct cdc_list *tables,
                                      const struct pg_published_table *table, bool first)
{
    if (!table->wanted)
        return;
    plan->wanted++;
    pg_notice_list_put(&plan->names_sql, table->quoted, '\0');
    if (!table->ours && (table->identity ? !table->in_main : !table->in_insert)) {
        pg_publication_plan_foreign(plan, tables, table);
        return;
    }
    plan->held++;
    if (!table->identity && (first || !table->in_insert)) {
        pg_notice_list_put(&plan->mute, table->name, '\'');
        pg_notice_list_put(&plan->mute_sql, table->quoted, '\0');
    }
}

/* ---- rights -------------------------------------------------------------------------- */

static wf_status pg_publication_check(const struct pg_publication *publication,
                                      const struct pg_published *published,
                                      struct pg_publication_plan *plan, wf_error *err)
{
    const char *name = publication->name;
    if (published->insert && !published->insert_ours)
        return error_set(err, WF_CONFIG,
                         "publication '%s', which is to hold the tables without replica "
                         "identity, was made by somebody else; set 'options.publication' "
                         "to another name than '%s', or drop that one",
                         publication->insert, name);
    if ((!published->main || !published->insert) && !published->may_create)
        return error_set(err, WF_CONFIG,
                         "cannot make publication '%s': the role has no right to; GRANT "
                         "CREATE ON DATABASE to it, or have an administrator run CREATE "
                         "PUBLICATION \"%s\" FOR %s%s WITH (publish_via_partition_root = "
                         "true)",
                         name, name, plan->wanted ? "TABLE " : "ALL TABLES",
                         pg_notice_list_text(&plan->names_sql));
    if (publication->settled)
        return WF_OK;
    bool exact = plan->foreign_exact.count > 0;
    if (!exact && (plan->held || !plan->wanted))
        return WF_OK;
    wf_str owner = exact ? plan->exact_owner : plan->owner;
    struct pg_notice_list *list = exact ? &plan->foreign_exact : &plan->foreign;
    return error_set(err, WF_CONFIG,
                     "cannot publish %s: only the owner '%.*s' can; GRANT \"%.*s\" to the "
                     "role of the connection, or have the owner run CREATE PUBLICATION "
                     "\"%s\" FOR TABLE %s WITH (publish_via_partition_root = true)",
                     pg_notice_list_text(list), STR_ARG(owner), STR_ARG(owner), name,
                     pg_notice_list_text(&plan->names_sql));
}

/* ---- changing ------------------------------------------------------------------------ */

/* Generated columns can be part of a key; without them UPDATE would fail (18). */
static void pg_publication_put_options(struct buf *sql, const char *publish, int version)
{
    buf_printf(sql, "(publish = '%s', publish_via_partition_root = true%s); ", publish,
               version >= 180000 ? ", publish_generated_columns = stored" : "");
}

static void pg_publication_put_create(struct buf *sql, const char *name,
                                      const char *publish, int version, wf_str mark)
{
    buf_lit(sql, "CREATE PUBLICATION ");
    pg_publication_put_id(sql, name);
    buf_lit(sql, " WITH ");
    pg_publication_put_options(sql, publish, version);
    buf_lit(sql, "COMMENT ON PUBLICATION ");
    pg_publication_put_id(sql, name);
    buf_lit(sql, " IS ");
    buf_sql_quoted(sql, mark, '\'');
    buf_lit(sql, "; ");
}

#define PG_PUBLICATION_EVERYTHING "insert, update, delete, truncate"

static wf_status pg_publication_make(const struct pg_publication *publication,
                                     const struct pg_published *published,
                                     struct pg_conn *control, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf mark;
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&mark, LIMIT_TEXT_BYTES);
    buf_init(&sql, LIMIT_TEXT_BYTES);
    pg_name_put_mark(&mark, published->settings->source_id);
    wf_status status = buf_status(&mark, "comment", err);
    if (status)
        return status;
    if (!published->main) {
        pg_publication_put_create(&sql, publication->name, PG_PUBLICATION_EVERYTHING,
                                  control->version, buf_view(&mark));
    } else if (!published->inserts || !published->updates || !published->deletes ||
               !published->truncates || !published->via_root) {
        buf_lit(&sql, "ALTER PUBLICATION ");
        pg_publication_put_id(&sql, publication->name);
        buf_lit(&sql, " SET ");
        pg_publication_put_options(&sql, PG_PUBLICATION_EVERYTHING, control->version);
    }
    if (!published->insert)
        pg_publication_put_create(&sql, publication->insert, "insert, truncate",
                                  control->version, buf_view(&mark));
    if (!sql.len && !sql.broken)
        return WF_OK;
    status = buf_status(&sql, "SQL", err);
    return status ? status
                  : pg_conn_query(control, "make the publication", buf_c(&sql), NULL, 0,
                                  NULL, err);
}

/* ---- telling ------------------------------------------------------------------------- */

static void pg_publication_tell_absent(const struct pg_published *published,
                                       const struct cdc_emitter *out)
{
    const struct cdc_list *tables = &published->settings->tables;
    for (size_t i = 0; i < tables->count; i++) {
        bool found = !pg_published_is_exact(tables->items[i]);
        struct pg_published_table table;
        for (int at = 0; !found && pg_published_next(published, &at, &table);)
            found = table.wanted && table_matches(tables->items[i], table.name);
        if (!found)
            pg_notice_tell(out, LOG_WARN,
                           "table '%.*s' does not exist, or is a view, a foreign, "
                           "unlogged or temporary table, which have no changes to read; "
                           "it is published when it comes to be",
                           STR_ARG(tables->items[i]));
    }
}

static void pg_publication_tell_added(const struct pg_publication *publication,
                                      const struct buf *added,
                                      const struct cdc_emitter *out)
{
    wf_str rest = buf_view(added);
    for (wf_str name; publication->settled && rest.len && str_next(&rest, '\n', &name);)
        if (name.len)
            pg_notice_tell(out, LOG_INFO, "table '%.*s' is published now", STR_ARG(name));
}

static void pg_publication_tell(struct pg_publication *publication,
                                struct pg_publication_plan *plan,
                                const struct cdc_emitter *out)
{
    if (plan->mute.count)
        pg_notice_tell(out, LOG_WARN,
                       "only INSERT and TRUNCATE are read of %s: without a replica "
                       "identity, publishing UPDATE and DELETE would make them fail; to "
                       "have them: ALTER TABLE %s REPLICA IDENTITY FULL, or give it a "
                       "primary key",
                       pg_notice_list_text(&plan->mute),
                       pg_notice_list_text(&plan->mute_sql));
    uint64_t hash = str_hash(str_from(pg_notice_list_text(&plan->foreign)));
    if (plan->foreign.count && hash != publication->told)
        pg_notice_tell(out, LOG_WARN,
                       "%s cannot be published: only the owner '%.*s' can; to have them: "
                       "GRANT \"%.*s\" to the role of the connection",
                       pg_notice_list_text(&plan->foreign), STR_ARG(plan->owner),
                       STR_ARG(plan->owner));
    publication->told = hash;
}

/* ---- settling ------------------------------------------------------------------------ */

static wf_status pg_publication_look(struct pg_publication *publication,
                                     struct pg_conn *control,
                                     const struct cdc_settings *settings,
                                     struct pg_published *out, wf_error *err)
{
    struct pg_published_query query = {
        .settings = settings,
        .main = publication->name,
        .insert = publication->insert,
        .adopted = publication->exists && !publication->ours,
        .all = !publication->settled,
    };
    wf_status status = pg_published_read(control, &query, out, err);
    if (!status && (out->main && !out->main_ours) != query.adopted) {
        /* It is the other kind than was thought: the first time, or somebody dropped it. */
        pg_published_clear(out);
        query.adopted = !query.adopted;
        query.all = true;
        status = pg_published_read(control, &query, out, err);
    }
    if (status)
        return status;
    publication->exists = out->main;
    publication->ours = !out->main || out->main_ours;
    /* Unless it fails. */
    publication->made |= publication->ours && (!out->main || !out->insert);
    return WF_OK;
}

static wf_status pg_publication_adopt(struct pg_publication *publication,
                                      const struct pg_published *published,
                                      const struct cdc_emitter *out, wf_error *err)
{
    if (!published->main)
        return error_set(err, WF_CONFIG,
                         "publication '%s' does not exist, and this server is a standby, "
                         "where none can be made; start the source once at the primary, or "
                         "make one there and set 'options.publication' to its name",
                         publication->name);
    return pg_adopted_judge(published, publication->name, !publication->settled, out,
                            &publication->told, err);
}

/* One that cannot be added after all is asked for in vain. */
static wf_status pg_publication_want(const struct pg_published *published,
                                     const struct cdc_emitter *out, wf_error *err)
{
    struct pg_published_table table;
    wf_status status = WF_OK;
    for (int at = 0; !status && pg_published_next(published, &at, &table);)
        if (table.wanted && table.ours && !table.in_main && !table.in_insert)
            status = out->want_snapshot(out->ctx, &table.name, 1, err);
    return status;
}

/* Ours to alter, on a server that can. */
static wf_status pg_publication_step(struct pg_publication *publication,
                                     struct pg_conn *control,
                                     const struct pg_published *published,
                                     const struct cdc_emitter *out, struct buf *added,
                                     wf_error *err)
{
    CDC_CLEANUP(pg_publication_plan_release) struct pg_publication_plan plan;
    pg_publication_plan_init(&plan);
    const struct cdc_list *tables = &published->settings->tables;
    struct pg_published_table table;
    for (int at = 0; pg_published_next(published, &at, &table);)
        pg_publication_plan_table(&plan, tables, &table, !publication->settled);
    wf_status status = pg_publication_check(publication, published, &plan, err);
    if (!status)
        status = pg_publication_make(publication, published, control, err);
    if (!status && publication->reads_new)
        status = pg_publication_want(published, out, err);
    if (!status)
        status = pg_moves_run(published, publication->name, publication->insert, control,
                              added, err);
    if (status)
        return status;
    if (!publication->settled)
        pg_publication_tell_absent(published, out);
    pg_publication_tell(publication, &plan, out);
    return WF_OK;
}

static void pg_publication_put_names(struct pg_publication *publication, bool both)
{
    struct buf names;
    buf_fixed(&names, publication->names, sizeof(publication->names) - 1);
    pg_publication_put_id(&names, publication->name);
    if (both) {
        buf_byte(&names, ',');
        pg_publication_put_id(&names, publication->insert);
    }
    publication->names[names.len] = '\0';
}

static wf_status pg_publication_once(struct pg_publication *publication,
                                     struct pg_conn *control,
                                     const struct cdc_settings *settings,
                                     const struct cdc_emitter *out, struct buf *added,
                                     wf_error *err)
{
    CDC_CLEANUP(pg_published_clear) struct pg_published published = {0};
    wf_status status = pg_publication_look(publication, control, settings, &published, err);
    if (status)
        return status;
    bool fixed = published.standby || !publication->ours;
    status = fixed ? pg_publication_adopt(publication, &published, out, err)
                   : pg_publication_step(publication, control, &published, out, added, err);
    if (!status) {
        pg_publication_put_names(publication, !fixed || published.insert_ours);
        publication->exists = true;
    }
    return status;
}

/* What streams goes on streaming although a new table could not be added. */
static bool pg_publication_can_wait(struct pg_publication *publication,
                                    const struct pg_conn *control,
                                    const struct cdc_emitter *out, const wf_error *why)
{
    if (!publication->settled || PQstatus(control->handle) != CONNECTION_OK ||
        (why->code != WF_CONFIG && why->code != WF_UNAVAILABLE))
        return false;
    uint64_t hash = str_hash(str_from(why->text));
    if (hash != publication->failed)
        pg_notice_tell(out, LOG_WARN,
                       "the publication stays as it is for now; it is tried again: %s",
                       why->text);
    publication->failed = hash;
    publication->waits = true;
    return true;
}

wf_status pg_publication_settle(struct pg_publication *publication, struct pg_conn *control,
                                const struct cdc_settings *settings,
                                const struct cdc_emitter *out, struct buf *added,
                                wf_error *err)
{
    wf_error why;
    wf_status status = WF_CONFIG;
    CDC_CLEANUP(buf_release) struct buf names;
    buf_init(&names, LIMIT_OUTPUT_BYTES);
    publication->made = false;
    publication->waits = false;
    for (int i = 0; i < PG_PUBLICATION_TRIES && status == WF_CONFIG; i++)
        status = pg_publication_once(publication, control, settings, out, &names, &why);
    pg_publication_tell_added(publication, &names, out);
    if (added)
        buf_str(added, buf_view(&names));
    if (!status) {
        publication->settled = true;
        publication->failed = 0;
        return added ? buf_status(added, "list of tables", err) : WF_OK;
    }
    if (pg_publication_can_wait(publication, control, out, &why))
        return added ? buf_status(added, "list of tables", err) : WF_OK;
    return error_set(err, status, "%s", why.text);
}

wf_status pg_publication_drop(struct pg_publication *publication, struct pg_conn *control,
                              bool *out_dropped, wf_error *err)
{
    CDC_CLEANUP(pg_published_clear) struct pg_published published = {0};
    struct pg_published_query query = {
        .settings = publication->settings,
        .main = publication->name,
        .insert = publication->insert,
    };
    wf_status status = pg_published_read(control, &query, &published, err);
    if (status)
        return status;
    const struct {
        const char *name;
        bool ours;
    } parts[] = {{publication->name, published.main_ours},
                 {publication->insert, published.insert_ours}};
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    for (size_t i = 0; i < CDC_COUNT(parts); i++) {
        if (!parts[i].ours || published.standby)
            continue;
        buf_lit(&sql, "DROP PUBLICATION ");
        pg_publication_put_id(&sql, parts[i].name);
        buf_lit(&sql, "; ");
    }
    bool any = sql.len > 0;
    status = buf_status(&sql, "SQL", err);
    if (!status && any)
        status =
            pg_conn_query(control, "drop the publication", buf_c(&sql), NULL, 0, NULL, err);
    if (status)
        return status;
    if (any) {
        publication->exists = false;
        publication->settled = false;
    }
    *out_dropped = any;
    return WF_OK;
}
