/* SPDX-License-Identifier: MIT
 *
 * debezium_stage - see the header.
 */
#include "tests/support/debezium_stage.h"

#include <check.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"

struct debezium_stage debezium_stage;

/* ---- what the source hears ----------------------------------------------------------- */

static wf_status (*debezium_stage_pass)(void *ctx, const struct cdc_change *change,
                                        wf_error *err);

static wf_status debezium_stage_on_emit(void *ctx, const struct cdc_change *change,
                                        wf_error *err)
{
    if (rig.count < CDC_COUNT(debezium_stage.ops))
        debezium_stage.ops[rig.count] = change->op;
    debezium_stage.lane = change->lane;
    if (change->poison.len) {
        snprintf(debezium_stage.poison, sizeof debezium_stage.poison, "%.*s: %.*s",
                 STR_ARG(change->position), STR_ARG(change->poison));
        snprintf(debezium_stage.content, sizeof debezium_stage.content, "%.*s",
                 STR_ARG(change->content));
    }
    if (change->ddl.len)
        snprintf(debezium_stage.ddl, sizeof debezium_stage.ddl, "%.*s",
                 STR_ARG(change->ddl));
    return debezium_stage_pass(ctx, change, err);
}

static wf_status debezium_stage_on_schema(void *ctx, wf_str table, wf_str ddl,
                                          wf_str position, wf_error *err)
{
    (void)ctx, (void)position, (void)err;
    size_t len = strlen(debezium_stage.schema);
    snprintf(debezium_stage.schema + len, sizeof debezium_stage.schema - len,
             "%.*s: %.*s\n", STR_ARG(table), STR_ARG(ddl));
    return WF_OK;
}

static void debezium_stage_on_notice(void *ctx, enum log_level level, const char *text)
{
    (void)ctx, (void)level;
    size_t len = strlen(debezium_stage.notices);
    snprintf(debezium_stage.notices + len, sizeof debezium_stage.notices - len, "%s\n",
             text);
}

static void debezium_stage_on_report(void *ctx, const struct cdc_snapshot_report *report)
{
    (void)ctx;
    debezium_stage.report = *report;
    debezium_stage.reports++;
}

static wf_status debezium_stage_on_want_snapshot(void *ctx, const wf_str *tables,
                                                 size_t count, wf_error *err)
{
    (void)ctx, (void)err;
    debezium_stage.wanted_snapshots++;
    if (count)
        snprintf(debezium_stage.wanted_table, sizeof debezium_stage.wanted_table, "%.*s",
                 STR_ARG(tables[0]));
    return WF_OK;
}

/* ---- the rig ------------------------------------------------------------------------- */

static const char *debezium_stage_options;
static const char *debezium_stage_type;

static void debezium_stage_make(struct provider_rig *r, struct buf *out_config)
{
    (void)r;
    debezium_rig_start();
    debezium_rig_config(debezium_stage_type, debezium_stage_options, out_config);
}

static void debezium_stage_unmake(struct provider_rig *r)
{
    (void)r;
    debezium_rig_stop();
}

static const struct provider_fixture debezium_stage_fixture = {
    .provider = &cdc_provider_debezium,
    .durable = true,
    .make = debezium_stage_make,
    .unmake = debezium_stage_unmake,
};

void debezium_stage_set_up_as(const char *source_type, const char *options)
{
    debezium_stage_type = source_type;
    debezium_stage_options = options;
    memset(&debezium_stage, 0, sizeof debezium_stage);
    buf_init(&debezium_stage.kept, LIMIT_POSITION);
    provider_rig_setup_with(&debezium_stage_fixture);
    debezium_stage_pass = rig.out.emit;
    rig.out.emit = debezium_stage_on_emit;
    rig.out.schema = debezium_stage_on_schema;
    rig.out.notice = debezium_stage_on_notice;
    rig.out.snapshot_report = debezium_stage_on_report;
    rig.out.want_snapshot = debezium_stage_on_want_snapshot;
}

void debezium_stage_set_up(const char *options)
{
    debezium_stage_set_up_as("postgres", options);
}

void debezium_stage_open(const char *options)
{
    debezium_stage_set_up(options);
    provider_rig_open(STR_EMPTY);
}

void debezium_stage_tear_down(void)
{
    provider_rig_teardown();
    buf_release(&debezium_stage.kept);
}

static size_t debezium_stage_before;

static bool debezium_stage_has_more(void)
{
    return rig.count > debezium_stage_before;
}

void debezium_stage_arrive(void)
{
    debezium_rig_insert(0);
    debezium_stage_before = rig.count;
    debezium_stage_until(debezium_stage_has_more);
}

wf_str debezium_stage_position(void)
{
    buf_clear(&debezium_stage.kept);
    buf_str(&debezium_stage.kept, buf_view(&rig.position));
    return buf_view(&debezium_stage.kept);
}

void debezium_stage_said(const char *text)
{
    ck_assert_msg(strstr(debezium_stage.notices, text),
                  "not debezium_stage_said: %s; but: %s", text, debezium_stage.notices);
}

void debezium_stage_until(bool (*is)(void))
{
    int64_t deadline = clock_mono_ms() + PROVIDER_RIG_WAIT_MS;
    while (!is()) {
        ck_assert_msg(clock_mono_ms() < deadline,
                      "it does not come; debezium_stage_said: %s", debezium_stage.notices);
        provider_rig_poll(100, 50);
    }
}

struct debezium_state *debezium_stage_state(void)
{
    return rig.state;
}

void debezium_stage_connect_goes(void)
{
    fake_connect_fault(debezium_rig.connect, (struct fake_fault){.request = "",
                                                                 .times = 1000000,
                                                                 .kind = FAKE_ANSWER,
                                                                 .status = 503});
}

const char *debezium_stage_connector(void)
{
    return fake_connect_state(debezium_rig.connect, DEBEZIUM_RIG_CONNECTOR);
}

bool debezium_stage_rests(void)
{
    return strcmp(debezium_stage_connector(), "PAUSED") == 0;
}

bool debezium_stage_runs(void)
{
    return strcmp(debezium_stage_connector(), "RUNNING") == 0;
}
