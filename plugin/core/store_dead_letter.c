/* SPDX-License-Identifier: MIT
 *
 * store_dead_letter - events that a subscription could not be given.
 *
 * The table is a contract (docs/state.md): the host's `dead-letters` command lists it, sets
 * letters to 'replay' and deletes them, while sources are running.
 */
#include "base/error.h"
#include "plugin/core/store.h"
#include "plugin/core/store_sql.h"

wf_status store_dead_letter_add(struct cdc_store *store, wf_str source_id,
                                const struct store_dead_letter *letter, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_LETTER_ADD, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_text(&call, 2, letter->subscription);
    store_sql_text(&call, 3, letter->event_id);
    store_sql_text(&call, 4, letter->table);
    store_sql_text(&call, 5, letter->op);
    store_sql_i64(&call, 6, letter->attempts);
    store_sql_text(&call, 7, letter->reason);
    store_sql_text(&call, 8, letter->error);
    store_sql_blob(&call, 9, letter->event);
    store_sql_now(&call, 10);
    return store_sql_run(&call, err);
}

/* Copies the row; the views become pointers only when `memory` no longer moves. */
static void store_dead_letter_copy(struct store_call *call, struct buf *memory,
                                   struct store_dead_letter *letter)
{
    const struct {
        int column;
        wf_str *view;
    } texts[] = {
        {1, &letter->subscription}, {2, &letter->event_id}, {3, &letter->table},
        {4, &letter->op},           {6, &letter->reason},   {7, &letter->error},
        {8, &letter->event},
    };
    size_t at = memory->len;
    letter->id = store_sql_column_i64(call, 0);
    letter->attempts = store_sql_column_i64(call, 5);
    for (size_t i = 0; i < CDC_COUNT(texts); i++) {
        wf_str text = store_sql_column(call, texts[i].column);
        buf_str(memory, text);
        texts[i].view->len = text.len;
    }
    if (memory->broken)
        return;
    for (size_t i = 0; i < CDC_COUNT(texts); i++) {
        texts[i].view->ptr = memory->data ? memory->data + at : "";
        at += texts[i].view->len;
    }
}

wf_status store_dead_letter_next_replay(struct cdc_store *store, wf_str source_id,
                                        wf_str subscription, struct buf *memory,
                                        struct store_dead_letter *out, bool *out_found,
                                        wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_LETTER_NEXT, err);
    if (status)
        return status;
    store_sql_text(&call, 1, source_id);
    store_sql_text(&call, 2, subscription);
    size_t before = memory->len;
    struct store_dead_letter letter = {0};
    bool found = store_sql_row(&call);
    if (found)
        store_dead_letter_copy(&call, memory, &letter);
    status = store_sql_done(&call, err);
    if (!status)
        status = buf_status(memory, "dead letter", err);
    if (status) {
        memory->len = before;
        return status;
    }
    if (found)
        *out = letter;
    *out_found = found;
    return WF_OK;
}

wf_status store_dead_letter_drop(struct cdc_store *store, int64_t id, wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_LETTER_DROP, err);
    if (status)
        return status;
    store_sql_i64(&call, 1, id);
    return store_sql_run(&call, err);
}

wf_status store_dead_letter_failed(struct cdc_store *store, int64_t id, wf_str error,
                                   wf_error *err)
{
    CDC_CLEANUP(store_sql_end) struct store_call call;
    wf_status status = store_sql_begin(&call, store, STORE_SQL_LETTER_FAILED, err);
    if (status)
        return status;
    store_sql_i64(&call, 1, id);
    store_sql_text(&call, 2, error);
    return store_sql_run(&call, err);
}
