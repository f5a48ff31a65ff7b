/* SPDX-License-Identifier: MIT
 *
 * What a host may do while callbacks run, and from inside of them, over dlopen: close,
 * stop, start, steps from many threads at once.
 */
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/fake_shop.h"

static struct fake_gate gate;

static void setup(void)
{
    shop_setup();
    fake_gate_init(&gate);
}

static void teardown(void)
{
    shop_teardown();
    fake_gate_release(&gate);
}

/* ---- closing and stopping while callbacks run ---------------------------------------- */

static wf_status wait_at_gate(void *ctx, wf_str event, wf_error *error)
{
    (void)event;
    (void)error;
    fake_gate_pass(ctx);
    return WF_OK;
}

static void *open_gate_soon(void *arg)
{
    fake_callback_settled(arg);
    fake_gate_open(&gate);
    return NULL;
}

START_TEST(close_with_running_sources_waits_for_busy_callbacks_and_joins_every_thread)
{
    unsigned before = fake_threads();
    callback.hook = wait_at_gate;
    callback.hook_ctx = &gate;
    fake_running_module(&host, "orders", SHOP);
    fake_running_module(&host, "others",
                        "{\"provider\":\"memory\",\"source_id\":\"other\"}");
    fake_running_trigger(&host, OF_SHOP, &callback);
    fake_running_trigger(&host, "{\"source_id\":\"shop\",\"workers\":4}", &callback);
    for (int i = 0; i < 10; i++)
        fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_gate_wait(&gate));
    pthread_t opener;
    ck_assert_int_eq(thread_start(&opener, "opener", open_gate_soon, &callback, &err),
                     WF_OK);
    fake_host_close(&host);
    ck_assert_uint_eq(callback.running, 0);
    pthread_join(opener, NULL);
    ck_assert(fake_threads_are(before));
}
END_TEST

static wf_status always_fails(void *ctx, wf_str event, wf_error *error)
{
    (void)ctx;
    (void)event;
    snprintf(error->text, sizeof error->text, "no");
    return error->code = WF_FAILED;
}

START_TEST(close_does_not_wait_for_the_next_attempt_of_a_failing_callback)
{
    callback.hook = always_fails;
    fake_running_module(&host, "orders", SHOP);
    fake_running_trigger(&host,
                         "{\"source_id\":\"shop\",\"on_failure\":\"block\",\"retry\":{"
                         "\"initial_backoff\":\"10h\",\"max_backoff\":\"10h\"}}",
                         &callback);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    fake_host_close(&host);
    ck_assert_uint_eq(callback.count, 1);
}
END_TEST

/* What a callback does with the trigger it belongs to. */
struct inside {
    const wf_trigger *trigger;
    wf_status stop, again, start;
    char start_text[1020];
    wf_error error;
};

static wf_status stop_and_start_inside(void *ctx, wf_str event, wf_error *error)
{
    (void)event;
    (void)error;
    struct inside *inside = ctx;
    inside->stop = inside->trigger->stop(inside->trigger->self, &inside->error);
    inside->again = inside->trigger->stop(inside->trigger->self, &inside->error);
    inside->start = inside->trigger->start(inside->trigger->self, &inside->error);
    snprintf(inside->start_text, sizeof inside->start_text, "%s", inside->error.text);
    return WF_OK;
}

START_TEST(a_trigger_stopped_inside_its_own_callback_ends_after_it_and_can_be_started_again)
{
    struct inside inside = {.stop = -1, .again = -1};
    callback.hook = stop_and_start_inside;
    callback.hook_ctx = &inside;
    fake_running_module(&host, "orders", SHOP);
    char config[80];
    snprintf(config, sizeof config, "{\"source_id\":\"shop\",\"workers\":%d}", _i);
    inside.trigger = fake_trigger(&host, config, &callback, &err);
    ck_assert_int_eq(inside.trigger->start(inside.trigger->self, &err), WF_OK);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    fake_inject(&host, "shop", "{\"n\":2}");
    ck_assert_uint_eq(fake_callback_settled(&callback), 1);
    ck_assert_int_eq(inside.stop, WF_OK);
    ck_assert_int_eq(inside.again, WF_OK);
    ck_assert_int_eq(inside.start, WF_STATE);
    ck_assert_str_eq(inside.start_text,
                     "trigger.cdc \"shop\": cannot be started again from inside "
                     "its own workflow");
    callback.hook = NULL;
    ck_assert_int_eq(inside.trigger->start(inside.trigger->self, &err), WF_OK);
    fake_inject(&host, "shop", "{\"n\":3}");
    ck_assert(fake_callback_wait(&callback, 2));
    inside.trigger->destroy(inside.trigger->self);
}
END_TEST

/* What a callback does with the source its event came from. */
static wf_status stop_source(void *ctx, wf_str event, wf_error *error)
{
    (void)event;
    struct buf *text = ctx;
    return fake_step(&host, "cdc_stop", OF_SHOP, text, error);
}

START_TEST(a_callback_may_stop_its_own_source)
{
    callback.hook = stop_source;
    callback.hook_ctx = &out;
    char config[80];
    snprintf(config, sizeof config, "{\"source_id\":\"shop\",\"workers\":%d}", _i);
    const wf_module *module = fake_running_module(&host, "orders", SHOP);
    fake_running_trigger(&host, config, &callback);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    ck_assert_uint_eq(fake_callback_settled(&callback), 1);
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
    ck_assert_int_eq(fake_step(&host, "cdc_status", OF_SHOP, &out, &err), WF_NOT_FOUND);
}
END_TEST

/* As a bridge does: the step of the running workflow comes in on another thread, and the
 * callback waits for it. */
static void *stop_source_thread(void *arg)
{
    wf_error error;
    return fake_step(&host, "cdc_stop", OF_SHOP, arg, &error) ? arg : NULL;
}

static wf_status stop_source_elsewhere(void *ctx, wf_str event, wf_error *error)
{
    (void)event;
    pthread_t thread;
    void *failed = ctx;
    wf_status status = thread_start(&thread, "bridge", stop_source_thread, ctx, error);
    if (status)
        return status;
    pthread_join(thread, &failed);
    if (failed)
        snprintf(error->text, sizeof error->text, "cdc_stop failed");
    return failed ? (error->code = WF_FAILED) : WF_OK;
}

START_TEST(a_callback_may_wait_for_another_thread_that_stops_its_source)
{
    callback.hook = stop_source_elsewhere;
    callback.hook_ctx = &out;
    char config[80];
    snprintf(config, sizeof config, "{\"source_id\":\"shop\",\"workers\":%d}", _i);
    const wf_module *module = fake_running_module(&host, "orders", SHOP);
    fake_running_trigger(&host, config, &callback);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    ck_assert_uint_eq(fake_callback_settled(&callback), 1);
    ck_assert_str_eq(buf_c(&out), "{\"source_id\":\"shop\",\"action\":\"stopped\"}");
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
}
END_TEST

static wf_status restart_source(void *ctx, wf_str event, wf_error *error)
{
    if (!str_is(event, "{\"n\":1}"))
        return WF_OK;
    wf_status status = fake_step(&host, "cdc_stop", OF_SHOP, ctx, error);
    return status ? status : fake_step(&host, "cdc_start", OF_SHOP, ctx, error);
}

START_TEST(a_callback_may_stop_and_start_its_own_source_which_then_goes_on)
{
    callback.hook = restart_source;
    callback.hook_ctx = &out;
    fake_running_module(&host, "orders", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    unsigned seen = fake_callback_settled(&callback);
    ck_assert_uint_eq(seen, 1);
    step_works("cdc_status", OF_SHOP);
    ck_assert_str_eq(fake_member(&out, "state"), "running");
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":2}"), WF_OK);
    ck_assert(fake_callback_wait(&callback, 2));
}
END_TEST

static wf_status close_inside(void *ctx, wf_str event, wf_error *error)
{
    (void)event;
    (void)error;
    struct fake_host *mine = ctx;
    mine->api->close(mine->plugin);
    return WF_OK;
}

START_TEST(close_from_inside_a_callback_does_nothing_but_say_so)
{
    callback.hook = close_inside;
    callback.hook_ctx = &host;
    fake_running_module(&host, "orders", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_callback_wait(&callback, 1));
    fake_inject(&host, "shop", "{\"n\":2}");
    ck_assert(fake_callback_wait(&callback, 2));
    ck_assert(fake_logged(&host, "wf_plugin_close does nothing"));
}
END_TEST

/* ---- many threads -------------------------------------------------------------------- */

#define THREADS 8
#define ROUNDS 60

static void *many_steps(void *arg)
{
    static const struct {
        const char *step;
        const char *config;
    } calls[] = {
        {"cdc_start", SHOP},
        {"cdc_status", OF_SHOP},
        {"cdc_snapshot", "{\"source_id\":\"shop\",\"tables\":\"a, b\"}"},
        {"cdc_schema_history", "{\"source_id\":\"shop\",\"table\":\"t\"}"},
        {"cdc_backpressure", "{\"source_id\":\"shop\",\"action\":\"throttle\"}"},
        {"cdc_backpressure", "{\"source_id\":\"shop\",\"action\":\"resume\"}"},
        {"cdc_monitor", OF_SHOP},
        {"cdc_stop", OF_SHOP},
    };
    struct buf text;
    buf_init(&text, 1u << 20);
    size_t first = (size_t)(uintptr_t)arg;
    void *odd = NULL;
    for (size_t i = 0; i < ROUNDS; i++) {
        wf_error error = {.code = WF_OK};
        size_t which = (first + i) % CDC_COUNT(calls);
        wf_status status =
            fake_step(&host, calls[which].step, calls[which].config, &text, &error);
        fake_inject(&host, "shop", "{\"table\":\"t\"}");
        /* A source that another thread has stopped meanwhile is not found, not running,
         * or still on its way; a full queue has no room for a snapshot.  Anything else is
         * wrong. */
        if (status && status != WF_NOT_FOUND && status != WF_STATE &&
            status != WF_UNAVAILABLE)
            odd = (void *)(uintptr_t)(which + 1);
    }
    buf_release(&text);
    return odd;
}

START_TEST(steps_of_all_kinds_run_from_many_threads_at_once)
{
    pthread_t threads[THREADS];
    fake_running_module(&host, "orders", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    for (size_t i = 0; i < THREADS; i++)
        ck_assert_int_eq(
            thread_start(&threads[i], "steps", many_steps, (void *)(uintptr_t)i, &err),
            WF_OK);
    for (int i = 0; i < THREADS; i++) {
        void *odd = NULL;
        pthread_join(threads[i], &odd);
        ck_assert_ptr_null(odd);
    }
    step_works("cdc_start", SHOP);
    step_works("cdc_backpressure", "{\"source_id\":\"shop\",\"action\":\"resume\"}");
    unsigned before = fake_callback_settled(&callback);
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":1}"), WF_OK);
    ck_assert(fake_callback_wait(&callback, before + 1));
}
END_TEST

static void *execute_often(void *arg)
{
    const wf_step *step = arg;
    struct buf text;
    wf_error error;
    buf_init(&text, 1u << 20);
    wf_step_input in = {.size = sizeof in, .config = STR(OF_SHOP)};
    wf_status status = WF_OK;
    for (int i = 0; i < ROUNDS && !status; i++) {
        wf_sink sink = buf_sink(&text);
        buf_clear(&text);
        status = step->execute(step->self, &in, &sink, NULL, &error);
        if (!status && strcmp(fake_member(&text, "source_id"), "shop") != 0)
            status = WF_FAILED;
    }
    buf_release(&text);
    return status ? arg : NULL;
}

START_TEST(one_step_object_may_be_executed_by_many_threads)
{
    pthread_t threads[THREADS];
    const wf_step *step = NULL;
    fake_running_module(&host, "orders", SHOP);
    ck_assert_int_eq(fake_step_factory(host.api, "cdc_status")(host.plugin, STR("s"),
                                                               STR_EMPTY, &step, &err),
                     WF_OK);
    for (int i = 0; i < THREADS; i++)
        ck_assert_int_eq(thread_start(&threads[i], "execute", execute_often,
                                      (void *)(uintptr_t)step, &err),
                         WF_OK);
    for (int i = 0; i < THREADS; i++) {
        void *failed = NULL;
        pthread_join(threads[i], &failed);
        ck_assert_ptr_null(failed);
    }
    step->destroy(step->self);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("abi: threads");
    TCase *busy = tcase_create("callbacks and threads");
    tcase_add_checked_fixture(busy, setup, teardown);
    tcase_set_timeout(busy, 30);
    tcase_add_test(
        busy, close_with_running_sources_waits_for_busy_callbacks_and_joins_every_thread);
    tcase_add_test(busy, close_does_not_wait_for_the_next_attempt_of_a_failing_callback);
    tcase_add_loop_test(
        busy,
        a_trigger_stopped_inside_its_own_callback_ends_after_it_and_can_be_started_again, 1,
        3);
    tcase_add_loop_test(busy, a_callback_may_stop_its_own_source, 1, 3);
    tcase_add_loop_test(busy, a_callback_may_wait_for_another_thread_that_stops_its_source,
                        1, 3);
    tcase_add_test(busy, a_callback_may_stop_and_start_its_own_source_which_then_goes_on);
    tcase_add_test(busy, close_from_inside_a_callback_does_nothing_but_say_so);
    tcase_add_test(busy, steps_of_all_kinds_run_from_many_threads_at_once);
    tcase_add_test(busy, one_step_object_may_be_executed_by_many_threads);
    suite_add_tcase(suite, busy);
    return suite;
}
