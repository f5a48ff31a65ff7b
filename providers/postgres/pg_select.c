/* SPDX-License-Identifier: MIT
 *
 * pg_select - key values come from our store and go to the server as literals; conditions
 * are the operator's own SQL.
 */
#include "providers/postgres/pg_select.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

static void pg_select_freemem(char **memory)
{
    PQfreemem(*memory);
}

/* 'text'::type */
static wf_status pg_select_put_literal(struct pg_conn *conn, struct buf *sql, wf_str text,
                                       wf_str type, wf_error *err)
{
    CDC_CLEANUP(pg_select_freemem)
    char *literal = PQescapeLiteral(conn->handle, text.ptr, text.len);
    if (!literal)
        return error_set(err, WF_STATE,
                         "the stored place in a table is no text of this database; ask for "
                         "the snapshot again");
    buf_cstr(sql, literal);
    buf_lit(sql, "::");
    buf_str(sql, type);
    return WF_OK;
}

static void pg_select_put_order(struct buf *sql, const struct pg_shape *shape)
{
    for (size_t i = 0; i < shape->order_count; i++) {
        buf_cstr(sql, i ? ", " : "");
        buf_str(sql, shape->columns[shape->order[i]].quoted);
    }
}

/* (a, b) > ('x'::t, 'y'::u): a row comparison is what the index is asked for. */
static wf_status pg_select_put_after(struct pg_conn *conn, const struct pg_select *what,
                                     struct buf *sql, wf_error *err)
{
    const struct pg_shape *shape = what->shape;
    wf_status status = WF_OK;
    buf_byte(sql, '(');
    pg_select_put_order(sql, shape);
    buf_lit(sql, ") > (");
    for (size_t i = 0; !status && i < shape->order_count; i++) {
        buf_cstr(sql, i ? ", " : "");
        status = pg_select_put_literal(conn, sql, what->place->key[i],
                                       shape->columns[shape->order[i]].type_name, err);
    }
    buf_byte(sql, ')');
    return status;
}

/* ( condition ), which may end in a comment. */
static void pg_select_put_condition(struct buf *sql, wf_str condition)
{
    if (!condition.len)
        return;
    buf_lit(sql, "\n AND (");
    buf_str(sql, condition);
    buf_lit(sql, "\n)");
}

static wf_status pg_select_put_wheres(const struct pg_select *what, struct buf *sql,
                                      wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf pattern;
    CDC_CLEANUP(buf_release) struct buf condition;
    buf_init(&pattern, LIMIT_TEXT_BYTES);
    buf_init(&condition, LIMIT_CONFIG_BYTES);
    struct json_iter it = json_iter_of(what->wheres);
    wf_status status = WF_OK;
    for (wf_str key, value; !status && json_next(&it, &key, &value);) {
        buf_clear(&pattern);
        buf_clear(&condition);
        json_unescape(&pattern, key);
        json_unescape(&condition, str_slice(value, 1, value.len - 1));
        if (table_matches(buf_view(&pattern), what->shape->table->name))
            pg_select_put_condition(sql, buf_view(&condition));
        status = buf_status(&pattern, "options.where", err);
        if (!status)
            status = buf_status(&condition, "options.where", err);
    }
    return status;
}

/* Where the chunk begins, and for a place on disk where it ends. */
static wf_status pg_select_put_range(struct pg_conn *conn, const struct pg_select *what,
                                     struct buf *sql, wf_error *err)
{
    if (!what->shape->order_count) {
        const struct pg_place_disk *disk = &what->place->disk;
        buf_printf(sql, "ctid > '(%u,%u)'::tid AND ctid < '(%u,0)'::tid",
                   (unsigned)disk->page, (unsigned)disk->item, (unsigned)what->to_page);
        return WF_OK;
    }
    if (what->place->resumed)
        return pg_select_put_after(conn, what, sql, err);
    buf_lit(sql, "true");
    return WF_OK;
}

static void pg_select_put_columns(struct buf *sql, const struct pg_shape *shape)
{
    for (size_t i = 0; i < shape->count; i++) {
        buf_cstr(sql, i ? ", " : "");
        buf_str(sql, shape->columns[i].quoted);
    }
    if (!shape->order_count)
        buf_cstr(sql, shape->count ? ", ctid" : "ctid");
}

wf_status pg_select_chunk(struct pg_conn *conn, const struct pg_select *what,
                          struct buf *sql, wf_error *err)
{
    const struct pg_shape *shape = what->shape;
    buf_lit(sql, "COPY (SELECT ");
    pg_select_put_columns(sql, shape);
    buf_lit(sql, "\n FROM ");
    /* Tables that inherit are published by themselves, partitions are not. */
    buf_cstr(sql, shape->partitioned && shape->order_count ? "" : "ONLY ");
    buf_str(sql, shape->order_count ? shape->quoted : what->leaf);
    buf_lit(sql, "\n WHERE ");
    wf_status status = pg_select_put_range(conn, what, sql, err);
    if (!status) {
        pg_select_put_condition(sql, shape->filter);
        pg_select_put_condition(sql, what->where);
        status = pg_select_put_wheres(what, sql, err);
    }
    buf_lit(sql, "\n ORDER BY ");
    if (shape->order_count)
        pg_select_put_order(sql, shape);
    else
        buf_lit(sql, "ctid");
    buf_printf(sql, " LIMIT %u) TO STDOUT", (unsigned)what->limit);
    return status ? status : buf_status(sql, "SQL", err);
}
