/* SPDX-License-Identifier: MIT
 *
 * dbz_rig - see the header.
 */
#include "tests/support/dbz_rig.h"

#include <check.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/limits.h"
#include "plugin/core/render.h"

#define DBZ_RIG_COPIES 8

struct dbz_rig dbz_rig;

static struct render_origin dbz_rig_origin;
static struct buf dbz_rig_rendered;
static char *dbz_rig_copies[DBZ_RIG_COPIES]; /* of what the last calls were given */

static bool dbz_rig_wanted(void *ctx, struct cdc_table *table, enum cdc_op op)
{
    (void)ctx;
    (void)table;
    dbz_rig.asked++;
    return dbz_rig.wanted_ops & (1u << op);
}

void dbz_rig_setup(void)
{
    const struct dbz_decoder_plan plan = {
        .topic_prefix = STR("pg"),
        .notify_topic = STR("pg-notify"),
        .schema_topic = true,
        .wanted = dbz_rig_wanted,
    };
    dbz_rig = (struct dbz_rig){.wanted_ops = ~0u};
    buf_init(&dbz_rig_rendered, LIMIT_CONFIG_BYTES);
    ck_assert_int_eq(dbz_decoder_new(&plan, &dbz_rig.decoder, NULL), WF_OK);
    ck_assert_int_eq(render_origin_init(&dbz_rig_origin, STR("s"), STR("debezium"), NULL),
                     WF_OK);
}

void dbz_rig_teardown(void)
{
    dbz_decoder_free(dbz_rig.decoder);
    render_origin_release(&dbz_rig_origin);
    buf_release(&dbz_rig_rendered);
    for (size_t i = 0; i < DBZ_RIG_COPIES; i++) {
        free(dbz_rig_copies[i]);
        dbz_rig_copies[i] = NULL;
    }
}

/* A copy of exactly its size, so that AddressSanitizer sees a byte read past it. */
static wf_str dbz_rig_copy(const char *text)
{
    static unsigned at;
    char **copy = &dbz_rig_copies[at++ % DBZ_RIG_COPIES];
    free(*copy);
    *copy = NULL;
    if (!text)
        return STR_EMPTY;
    size_t len = strlen(text);
    *copy = malloc(len ? len : 1);
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, text, len);
    return (wf_str){*copy, len};
}

enum dbz_kind dbz_rig_on(const char *topic, const char *key, const char *value)
{
    const struct kafka_record record = {
        .topic = str_from(topic),
        .partition = 3,
        .offset = 100,
        .lane = 7,
        .ts_ms = 1795352917999,
        .key = dbz_rig_copy(key),
        .value = dbz_rig_copy(value),
    };
    wf_error err = {0};
    ck_assert_msg(dbz_decode(dbz_rig.decoder, &record, &dbz_rig.decoded, &err) == WF_OK,
                  "%s", err.text);
    return dbz_rig.decoded.kind;
}

enum dbz_kind dbz_rig_decode(const char *key, const char *value)
{
    return dbz_rig_on("pg.public.t", key, value);
}

const char *dbz_rig_event(void)
{
    wf_str key;
    buf_clear(&dbz_rig_rendered);
    render_event(&dbz_rig_rendered, &dbz_rig_origin, &dbz_rig.decoded.change, &key);
    ck_assert_msg(json_check(buf_view(&dbz_rig_rendered), "event", NULL) == WF_OK, "%s",
                  buf_c(&dbz_rig_rendered));
    return buf_c(&dbz_rig_rendered);
}

wf_str dbz_rig_member(const char *name)
{
    static const wf_str none = {"(none)", 6};
    wf_str value;
    dbz_rig_event();
    return json_member(buf_view(&dbz_rig_rendered), name, &value) ? value : none;
}

void dbz_rig_is_poison(const char *part)
{
    const struct cdc_change *change = &dbz_rig.decoded.change;
    ck_assert_int_eq(dbz_rig.decoded.kind, DBZ_CHANGE);
    ck_assert_msg(str_find(change->poison, str_from(part)) >= 0, "%.*s",
                  STR_ARG(change->poison));
    dbz_rig_reads(change->id, "dbz:pg.public.t:3:100");
    dbz_rig_reads(change->position, "pg.public.t/3/100");
    ck_assert_uint_eq(change->lane, 7);
    ck_assert_ptr_nonnull(change->table);
    dbz_rig_reads(change->table->name, "public.t");
}
