/* SPDX-License-Identifier: MIT
 *
 * step.set, step.log and others take nothing from the heap once their run's memory is
 * warm, and every step's create() survives each of its allocations failing.
 */
#include <check.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config.h"
#include "tests/support/host_rig.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

/* A step made by hand, and what it needs. */
struct bench {
    struct host_rig *rig;
    struct arena config_arena;
    struct arena arena;
    struct problems *problems;
    struct definition def;
};

static void bench_open(struct bench *b, const char *config)
{
    b->rig = host_rig_new("modules: [{name: db, type: storage.sqlite, config: {dbPath: "
                          "':memory:'}}]\npipelines: {}\n",
                          NULL);
    arena_init(&b->config_arena, LIMIT_ARENA_BYTES);
    arena_init(&b->arena, LIMIT_ARENA_BYTES);
    b->problems = problems_new();
    const struct node *node =
        config_parse(&b->config_arena, str_from(config), "step.yaml", b->problems);
    ck_assert_ptr_nonnull(node);
    b->def = (struct definition){
        .app = host_rig_app(b->rig),
        .name = STR("s"),
        .config = node->value,
        .node = node,
        .problems = b->problems,
    };
}

static void bench_close(struct bench *b)
{
    problems_free(b->problems);
    arena_release(&b->arena);
    arena_release(&b->config_arena);
    host_rig_free(b->rig);
}

#if OOM_POSSIBLE

static void run_warm(const struct step_type *type, const char *config)
{
    struct bench b;
    bench_open(&b, config);
    void *step = type->create(&b.def);
    ck_assert_ptr_nonnull(step);
    const struct value *event;
    wf_error err;
    ck_assert_int_eq(
        value_parse(&b.config_arena,
                    STR("{\"op\":\"INSERT\",\"after\":{\"id\":7,\"name\":\"Ada\"}}"),
                    "event", &event, &err),
        WF_OK);
    for (int i = 0; i < 100; i++) {
        struct run run = {
            .app = b.def.app,
            .arena = &b.arena,
            .scope = {.current = event, .trigger = event},
            .deadline_ms = INT64_MAX,
        };
        struct step_result result = {.output = NULL};
        if (i >= 50)
            oom_arm(0);
        wf_status status = type->run(step, &run, &result, &err);
        bool allocated = i >= 50 && oom_disarm();
        ck_assert_int_eq(status, WF_OK);
        ck_assert(!allocated);
        arena_reset(&b.arena);
    }
    type->free(step);
    bench_close(&b);
}

START_TEST(a_warm_set_allocates_nothing)
{
    run_warm(&step_set_type, "{values: {a: \"${ after.name }: {{ .op }}\", b: 1, c: [\"${ "
                             "after.id + 1 }\"]}}");
}
END_TEST

START_TEST(a_warm_log_allocates_nothing)
{
    run_warm(&step_log_type, "{message: \"order ${ after.id } {{ .op }}\"}");
}
END_TEST

START_TEST(other_warm_steps_allocate_nothing)
{
    run_warm(&step_conditional_type, "{if: \"${ after.id > 3 }\", then: s}");
    run_warm(&step_json_response_type, "{body: {a: \"${ after.id }\"}}");
}
END_TEST

static const struct made {
    const struct step_type *type;
    const char *config;
} made[] = {
    {&step_set_type, "{values: {a: \"${ b }\", c: {d: \"{{ .e }}\"}}}"},
    {&step_log_type, "{message: \"${ b }\"}"},
    {&step_conditional_type, "{field: a-b.c, routes: {x: y}}"},
    {&step_conditional_type, "{if: '{{ .a == \"x\" }}', then: y}"},
    {&step_foreach_type,
     "{collection: a, step: {type: step.set, values: {a: \"${ b }\"}}}"},
    {&step_http_call_type,
     "{url: \"${ b }\", headers: {a: \"${ b }\"}, body: {a: \"${ b }\"}}"},
    {&step_publish_type, "{topic: \"${ b }\", payload: {a: \"${ b }\"}}"},
    {&step_db_query_type,
     "{database: db, query: 'SELECT $1', params: [\"${ b }\", \"x${ b }\"]}"},
    {&step_db_exec_type,
     "{database: db, allow_dynamic_sql: true, query: 'DELETE FROM {{ .t }}'}"},
    {&step_json_response_type, "{headers: {a: \"${ b }\"}, body: {a: \"${ b }\"}}"},
    {&step_json_parse_type, "{source: a}"},
};

START_TEST(making_a_step_survives_every_allocation_that_fails)
{
    const struct made *m = &made[_i];
    struct bench b;
    bench_open(&b, m->config);
    long n = 0;
    for (; n < OOM_MOST; n++) {
        oom_arm(n);
        void *step = m->type->create(&b.def);
        bool hit = oom_disarm();
        if (step)
            m->type->free(step);
        if (!hit) {
            ck_assert_ptr_nonnull(step);
            break;
        }
    }
    ck_assert_int_lt(n, OOM_MOST);
    ck_assert_int_gt(n, 0);
    bench_close(&b);
}
END_TEST

/* What run() may say when memory is short; a statement that SQLite cannot prepare then is
 * its own error. */
static bool honest(wf_status status)
{
    return status == WF_NO_MEMORY || status == WF_FAILED || status == WF_UNAVAILABLE;
}

START_TEST(running_a_step_survives_every_allocation_that_fails)
{
    const struct made *m = &made[_i];
    if (m->type == &step_http_call_type)
        return; /* libcurl's own threads allocate too: test_step_http_call.c has its failures */
    struct bench b;
    bench_open(&b, m->config);
    host_rig_start(b.rig);
    void *step = m->type->create(&b.def);
    ck_assert_ptr_nonnull(step);
    const struct value *event;
    wf_error err;
    ck_assert_int_eq(
        value_parse(&b.config_arena,
                    STR("{\"a\":\"{\\\"x\\\":[1]}\",\"b\":\"text\",\"t\":\"t\","
                        "\"l\":[1,2],\"e\":1}"),
                    "event", &event, &err),
        WF_OK);
    long n = 0;
    for (bool hit = true; hit && n < OOM_MOST; n++) {
        struct run run = {
            .app = b.def.app,
            .arena = &b.arena,
            .scope = {.current = event, .trigger = event},
            .deadline_ms = INT64_MAX,
        };
        struct step_result result = {.output = NULL};
        arena_release(&b.arena);
        arena_init(&b.arena, LIMIT_ARENA_BYTES);
        oom_arm(n);
        wf_status status = m->type->run(step, &run, &result, &err);
        hit = oom_disarm();
        ck_assert_msg(status == WF_OK || honest(status), "%s: %s", m->type->type, err.text);
    }
    ck_assert_int_lt(n, OOM_MOST);
    m->type->free(step);
    bench_close(&b);
}
END_TEST

#endif

START_TEST(a_step_made_by_hand_can_be_freed_without_a_run)
{
    struct bench b;
    bench_open(&b, "{values: {a: 1}}");
    void *step = step_set_type.create(&b.def);
    ck_assert_ptr_nonnull(step);
    step_set_type.free(step);
    for (size_t i = 0; builtin_steps[i]; i++)
        builtin_steps[i]->free(NULL);
    for (size_t i = 0; builtin_modules[i]; i++)
        builtin_modules[i]->free(NULL);
    for (size_t i = 0; builtin_triggers[i]; i++)
        builtin_triggers[i]->free(NULL);
    bench_close(&b);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("step_hot");
    TCase *t = tcase_create("steps");
#if OOM_POSSIBLE
    tcase_add_test(t, a_warm_set_allocates_nothing);
    tcase_add_test(t, a_warm_log_allocates_nothing);
    tcase_add_test(t, other_warm_steps_allocate_nothing);
    tcase_add_loop_test(t, making_a_step_survives_every_allocation_that_fails, 0,
                        (int)CDC_COUNT(made));
    tcase_add_loop_test(t, running_a_step_survives_every_allocation_that_fails, 0,
                        (int)CDC_COUNT(made));
#endif
    tcase_add_test(t, a_step_made_by_hand_can_be_freed_without_a_run);
    suite_add_tcase(suite, t);
    return suite;
}
