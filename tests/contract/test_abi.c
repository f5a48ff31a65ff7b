/* SPDX-License-Identifier: MIT
 *
 * What a host may do to the plugin, over dlopen, with a host table that is nobody's: wrong arguments,
 * old tables, odd configurations, several contexts, many threads, and calls from inside callbacks.
 */
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/fake_host.h"
#include "tests/support/run.h"

#define SHOP "{\"provider\":\"memory\",\"source_id\":\"shop\"}"
#define OF_SHOP "{\"source_id\":\"shop\"}"

static struct fake_host host;
static struct fake_callback callback;
static struct fake_gate gate;
static struct buf out;
static wf_error err;

static void setup(void)
{
    fake_host_init(&host, PLUGIN_SO, 0);
    fake_callback_init(&callback);
    fake_gate_init(&gate);
    buf_init(&out, 8u << 20);
    err = (wf_error){.code = WF_OK};
}

static void teardown(void)
{
    fake_host_release(&host);
    fake_callback_release(&callback);
    fake_gate_release(&gate);
    buf_release(&out);
}

static void step_works(const char *step, const char *config)
{
    wf_status status = fake_step(&host, step, config, &out, &err);
    ck_assert_msg(status == WF_OK, "%s: %s", step, err.text);
}

/* ---- opening ----------------------------------------------------------------------------------- */

START_TEST(open_refuses_what_is_no_host_and_leaves_the_output_alone)
{
    wf_plugin *plugin = (wf_plugin *)&host;
    wf_host none = {.size = 0};
    ck_assert_int_eq(host.api->open(NULL, &plugin, &err), WF_CONFIG);
    ck_assert_int_eq(host.api->open(&host.table, NULL, &err), WF_CONFIG);
    ck_assert_int_eq(host.api->open(&none, &plugin, &err), WF_CONFIG);
    ck_assert_int_eq(host.api->open(&none, &plugin, NULL), WF_CONFIG);
    ck_assert_ptr_eq(plugin, (wf_plugin *)&host);
    host.api->close(NULL);
}
END_TEST

/* Every length an older host's table may have, members cut in two as well. */
START_TEST(a_host_whose_table_ends_early_is_served_with_what_it_has)
{
    size_t size = (size_t)_i;
    struct fake_host old;
    fake_host_init(&old, PLUGIN_SO, size);
    memset((char *)&old.table + size, 0xee, sizeof old.table - size);
    fake_running_module(&old, "orders", SHOP);
    fake_running_trigger(&old, OF_SHOP, &callback);
    ck_assert_int_eq(fake_step(&old, "cdc_status", OF_SHOP, &out, &err), WF_OK);
    ck_assert_str_eq(fake_member(&out, "state"), "running");
    ck_assert_int_eq(fake_step(&old, "cdc_monitor", OF_SHOP, &out, &err), WF_OK);
    ck_assert_str_eq(fake_member(&out, "alerts_sent"), "0");
    /* The bus: only a host that can also unsubscribe is subscribed to. */
    bool has_bus = size >= offsetof(wf_host, unsubscribe) + sizeof old.table.unsubscribe;
    fake_inject(&old, "shop", "{\"n\":1}");
    if (has_bus)
        ck_assert(fake_callback_wait(&callback, 1));
    else
        ck_assert_uint_eq(fake_callback_settled(&callback), 0);
    fake_host_release(&old);
}
END_TEST

START_TEST(two_contexts_in_one_process_share_nothing)
{
    struct fake_host second;
    struct fake_callback others;
    fake_host_init(&second, PLUGIN_SO, 0);
    fake_callback_init(&others);
    ck_assert_ptr_ne(host.plugin, second.plugin);
    fake_running_module(&host, "orders", SHOP);
    ck_assert_int_eq(fake_step(&second, "cdc_status", OF_SHOP, &out, &err), WF_NOT_FOUND);
    fake_running_module(&second, "orders", SHOP);
    fake_running_trigger(&host, OF_SHOP, &callback);
    fake_running_trigger(&second, OF_SHOP, &others);
    ck_assert_int_eq(fake_inject(&second, "shop", "{\"n\":2}"), WF_OK);
    ck_assert(fake_callback_wait(&others, 1));
    ck_assert_uint_eq(fake_callback_settled(&callback), 0);
    fake_host_release(&second);
    step_works("cdc_status", OF_SHOP);
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":1}"), WF_OK);
    ck_assert(fake_callback_wait(&callback, 1));
    fake_callback_release(&others);
}
END_TEST

START_TEST(open_and_close_again_and_again_leaves_no_thread)
{
    unsigned before = fake_threads();
    for (int i = 0; i < 20; i++) {
        struct fake_host again;
        fake_host_init(&again, PLUGIN_SO, 0);
        fake_running_module(&again, "orders", SHOP);
        fake_running_trigger(&again, OF_SHOP, &callback);
        fake_host_release(&again);
    }
    ck_assert_uint_eq(fake_threads(), before);
}
END_TEST

/* ---- configurations ---------------------------------------------------------------------------- */

static const struct {
    const char *config;
    const char *text; /* after the prefix */
} bad_configs[] = {
    {"[]", "config: it must be a JSON object"},
    {"null", "config: it must be a JSON object"},
    {"\"text\"", "config: it must be a JSON object"},
    {"{", "config: the text ends too early at byte 1"},
    {"{}x", "config: more text follows the value at byte 2"},
    {"{'a':1}", "config: a key in quotes is missing at byte 1"},
    {"{\"a\":01}", "config: a number begins with a zero at byte 5"},
    {"{\"a\":\"\xc3(\"}", "config: a string is not UTF-8 at byte 6"},
    {"{\"a\":\"\xed\xa0\x80\"}", "config: a string is not UTF-8 at byte 6"},
    {"{\"source_id\":\"a\\u0000b\"}", "config: a string holds a NUL before byte 23"},
    {"{\"a\":\"\\ud800\"}", "config: a string holds half a surrogate pair before byte 13"},
    {"{\"a\":\"\\udc00\\ud800\"}", "config: a string holds half a surrogate pair before byte 19"},
};

START_TEST(a_configuration_that_is_no_json_object_is_refused_everywhere)
{
    const char *config = bad_configs[_i].config;
    char text[300];
    ck_assert_ptr_null(fake_module(&host, "m", config, &err));
    snprintf(text, sizeof text, "cdc.source \"m\": %s", bad_configs[_i].text);
    ck_assert_str_eq(err.text, text);

    ck_assert_ptr_null(fake_trigger(&host, config, &callback, &err));
    snprintf(text, sizeof text, "trigger.cdc: %s", bad_configs[_i].text);
    ck_assert_str_eq(err.text, text);

    const wf_step *step = NULL;
    wf_new_step_fn factory = fake_step_factory(host.api, "cdc_status");
    ck_assert_int_eq(factory(host.plugin, STR("s"), str_from(config), &step, &err), WF_CONFIG);
    ck_assert_ptr_null(step);
    ck_assert_int_eq(fake_step(&host, "cdc_status", config, &out, &err), WF_CONFIG);
    snprintf(text, sizeof text, "step.cdc_status \"N\": %s", bad_configs[_i].text);
    ck_assert_str_eq(err.text, text);
}
END_TEST

/* `count` times `part`, between `before` and `after`. */
static char *repeated(const char *before, const char *part, size_t count, const char *after)
{
    struct buf text;
    buf_init(&text, 64u << 20);
    buf_cstr(&text, before);
    for (size_t i = 0; i < count; i++)
        buf_cstr(&text, part);
    buf_cstr(&text, after);
    char *taken = buf_take(&text);
    ck_assert_ptr_nonnull(taken);
    return taken;
}

START_TEST(a_huge_or_deeply_nested_configuration_is_refused)
{
    char *huge = repeated("{\"a\":\"", "x", LIMIT_CONFIG_BYTES, "\"}");
    ck_assert_ptr_null(fake_module(&host, "m", huge, &err));
    ck_assert_int_eq(err.code, WF_CONFIG);
    ck_assert_str_eq(err.text, "cdc.source \"m\": config: it has 1048584 bytes, at most 1048576 "
                               "are possible");
    ck_assert_ptr_null(fake_trigger(&host, huge, &callback, &err));
    free(huge);
    char *deep = repeated("{\"a\":", "[", 100000, "");
    ck_assert_ptr_null(fake_module(&host, "m", deep, &err));
    ck_assert_str_eq(err.text, "cdc.source \"m\": config: it is nested too deeply at byte 132");
    free(deep);
}
END_TEST

START_TEST(the_largest_configuration_is_taken)
{
    char *large =
        repeated("{\"provider\":\"memory\",\"source_id\":\"shop\",\"x\":\"", "x",
                 LIMIT_CONFIG_BYTES - 48, "\"}");
    ck_assert_uint_le(strlen(large), LIMIT_CONFIG_BYTES);
    const wf_module *module = fake_module(&host, "m", large, &err);
    ck_assert_ptr_nonnull(module);
    module->destroy(module->self);
    free(large);
}
END_TEST

START_TEST(unknown_keys_at_the_top_are_let_pass_and_inside_options_named)
{
    const wf_module *module = fake_module(
        &host, "m", "{\"provider\":\"memory\",\"source_id\":\"s\",\"colour\":3}", &err);
    ck_assert_ptr_nonnull(module);
    ck_assert_ptr_null(fake_module(&host, "m",
                                   "{\"provider\":\"memory\",\"source_id\":\"s\",\"options\":{"
                                   "\"bufer_bytes\":\"1MiB\"}}",
                                   &err));
    ck_assert_str_eq(err.text, "cdc.source \"m\": 'options.bufer_bytes' is not an option; did you "
                               "mean 'options.buffer_bytes'");
    ck_assert_ptr_nonnull(
        fake_trigger(&host, "{\"source_id\":\"s\",\"colour\":3}", &callback, &err));
}
END_TEST

START_TEST(an_empty_view_is_an_empty_configuration)
{
    const wf_module *module = NULL;
    ck_assert_int_eq(host.api->new_module(host.plugin, STR_EMPTY, STR_EMPTY, &module, &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text, "cdc.source \"\": provider is required (memory or sqlite)");
    step_works("cdc_start", SHOP);
    const wf_step *step = NULL;
    wf_new_step_fn factory = fake_step_factory(host.api, "cdc_status");
    ck_assert_int_eq(factory(host.plugin, STR("s"), STR_EMPTY, &step, &err), WF_OK);
    /* An input that ends before its config, as a host of another version might hand it over. */
    wf_step_input in = {.size = sizeof in.size, .config = STR(OF_SHOP)};
    wf_sink sink = buf_sink(&out);
    ck_assert_int_eq(step->execute(step->self, &in, &sink, NULL, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "step.cdc_status \"s\": source_id is required");
    ck_assert_int_eq(step->execute(step->self, NULL, &sink, NULL, NULL), WF_CONFIG);
    in.size = sizeof in;
    ck_assert_int_eq(step->execute(step->self, &in, NULL, NULL, &err), WF_CONFIG);
    ck_assert_int_eq(step->execute(step->self, &in, &sink, NULL, NULL), WF_OK);
}
END_TEST

START_TEST(factories_refuse_arguments_that_are_null_or_no_text)
{
    const wf_module *module = NULL;
    const wf_trigger *trigger = NULL;
    const wf_callback none = {NULL, NULL};
    wf_str broken = STR("\xff\xfe");
    char *name = repeated("", "n", 2000, "");
    const struct fake_plugin *api = host.api;
    ck_assert_int_eq(api->new_module(NULL, STR("m"), STR(SHOP), &module, &err), WF_CONFIG);
    ck_assert_int_eq(api->new_module(host.plugin, STR("m"), STR(SHOP), NULL, &err), WF_CONFIG);
    ck_assert_int_eq(api->new_module(host.plugin, broken, STR(SHOP), &module, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "cdc.source: the name is not UTF-8");
    ck_assert_int_eq(api->new_module(host.plugin, str_from(name), STR(SHOP), &module, NULL),
                     WF_CONFIG);
    ck_assert_int_eq(api->new_trigger(host.plugin, STR(OF_SHOP), NULL, &trigger, &err), WF_CONFIG);
    ck_assert_str_eq(err.text, "trigger.cdc: there is no callback");
    ck_assert_int_eq(api->new_trigger(host.plugin, STR(OF_SHOP), &none, &trigger, &err), WF_CONFIG);
    ck_assert_int_eq(api->new_trigger(NULL, STR(OF_SHOP), &callback.callback, &trigger, &err),
                     WF_CONFIG);
    ck_assert_ptr_null(module);
    ck_assert_ptr_null(trigger);
    free(name);
}
END_TEST

static wf_status sink_fails(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    (void)data;
    (void)len;
    return WF_CANCELLED;
}

START_TEST(what_a_sink_answers_comes_back)
{
    step_works("cdc_start", SHOP);
    const wf_step *step = NULL;
    ck_assert_int_eq(fake_step_factory(host.api, "cdc_status")(host.plugin, STR("s"), STR_EMPTY,
                                                               &step, &err),
                     WF_OK);
    wf_step_input in = {.size = sizeof in, .config = STR(OF_SHOP)};
    const wf_sink sink = {NULL, sink_fails};
    ck_assert_int_eq(step->execute(step->self, &in, &sink, NULL, &err), WF_CANCELLED);
}
END_TEST

/* ---- closing and stopping while callbacks run -------------------------------------------------- */

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
    fake_running_module(&host, "others", "{\"provider\":\"memory\",\"source_id\":\"other\"}");
    fake_running_trigger(&host, OF_SHOP, &callback);
    fake_running_trigger(&host, "{\"source_id\":\"shop\",\"workers\":4}", &callback);
    for (int i = 0; i < 10; i++)
        fake_inject(&host, "shop", "{\"n\":1}");
    ck_assert(fake_gate_wait(&gate));
    pthread_t opener;
    ck_assert_int_eq(thread_start(&opener, "opener", open_gate_soon, &callback, &err), WF_OK);
    fake_host_close(&host);
    ck_assert_uint_eq(callback.running, 0);
    pthread_join(opener, NULL);
    ck_assert_uint_eq(fake_threads(), before);
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
    char start_text[200];
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
    ck_assert_str_eq(inside.start_text, "trigger.cdc \"shop\": cannot be started again from inside "
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

/* As a bridge does: the step of the running workflow comes in on another thread, and the callback
 * waits for it. */
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
    callback.hook = NULL;
    fake_inject(&host, "shop", "{\"n\":2}");
    ck_assert(fake_callback_wait(&callback, 2));
    ck_assert(fake_logged(&host, "wf_plugin_close does nothing"));
}
END_TEST

/* ---- many threads ------------------------------------------------------------------------------ */

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
        wf_status status = fake_step(&host, calls[which].step, calls[which].config, &text, &error);
        fake_inject(&host, "shop", "{\"table\":\"t\"}");
        /* A source that another thread has stopped meanwhile is not found, not running, or still on
         * its way; a full queue has no room for a snapshot.  Anything else is wrong. */
        if (status && status != WF_NOT_FOUND && status != WF_STATE && status != WF_UNAVAILABLE)
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
            thread_start(&threads[i], "steps", many_steps, (void *)(uintptr_t)i, &err), WF_OK);
    for (int i = 0; i < THREADS; i++) {
        void *odd = NULL;
        pthread_join(threads[i], &odd);
        ck_assert_ptr_null(odd);
    }
    step_works("cdc_start", SHOP);
    step_works("cdc_backpressure", "{\"source_id\":\"shop\",\"action\":\"resume\"}");
    fake_callback_settled(&callback);
    unsigned before = callback.count;
    ck_assert_int_eq(fake_inject(&host, "shop", "{\"n\":1}"), WF_OK);
    ck_assert(fake_callback_wait(&callback, before + 1));
}
END_TEST

START_TEST(one_step_object_may_be_executed_by_many_threads)
{
    fake_running_module(&host, "orders", SHOP);
    const wf_step *step = NULL;
    ck_assert_int_eq(fake_step_factory(host.api, "cdc_status")(host.plugin, STR("s"), STR_EMPTY,
                                                               &step, &err),
                     WF_OK);
    wf_step_input in = {.size = sizeof in, .config = STR(OF_SHOP)};
    for (int i = 0; i < 3; i++) {
        wf_sink sink = buf_sink(&out);
        ck_assert_int_eq(step->execute(step->self, &in, &sink, NULL, &err), WF_OK);
    }
    step->destroy(step->self);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("abi");
    TCase *tests = tcase_create("arguments");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, open_refuses_what_is_no_host_and_leaves_the_output_alone);
    tcase_add_loop_test(tests, a_host_whose_table_ends_early_is_served_with_what_it_has,
                        (int)(offsetof(wf_host, ctx) + sizeof(void *)), (int)sizeof(wf_host) + 1);
    tcase_add_test(tests, two_contexts_in_one_process_share_nothing);
    tcase_add_test(tests, open_and_close_again_and_again_leaves_no_thread);
    tcase_add_loop_test(tests, a_configuration_that_is_no_json_object_is_refused_everywhere, 0,
                        (int)CDC_COUNT(bad_configs));
    tcase_add_test(tests, a_huge_or_deeply_nested_configuration_is_refused);
    tcase_add_test(tests, the_largest_configuration_is_taken);
    tcase_add_test(tests, unknown_keys_at_the_top_are_let_pass_and_inside_options_named);
    tcase_add_test(tests, an_empty_view_is_an_empty_configuration);
    tcase_add_test(tests, factories_refuse_arguments_that_are_null_or_no_text);
    tcase_add_test(tests, what_a_sink_answers_comes_back);
    suite_add_tcase(suite, tests);

    TCase *busy = tcase_create("callbacks and threads");
    tcase_add_checked_fixture(busy, setup, teardown);
    tcase_set_timeout(busy, 30);
    tcase_add_test(busy, close_with_running_sources_waits_for_busy_callbacks_and_joins_every_thread);
    tcase_add_test(busy, close_does_not_wait_for_the_next_attempt_of_a_failing_callback);
    tcase_add_loop_test(
        busy, a_trigger_stopped_inside_its_own_callback_ends_after_it_and_can_be_started_again, 1, 3);
    tcase_add_loop_test(busy, a_callback_may_stop_its_own_source, 1, 3);
    tcase_add_loop_test(busy, a_callback_may_wait_for_another_thread_that_stops_its_source, 1, 3);
    tcase_add_test(busy, a_callback_may_stop_and_start_its_own_source_which_then_goes_on);
    tcase_add_test(busy, close_from_inside_a_callback_does_nothing_but_say_so);
    tcase_add_test(busy, steps_of_all_kinds_run_from_many_threads_at_once);
    tcase_add_test(busy, one_step_object_may_be_executed_by_many_threads);
    suite_add_tcase(suite, busy);
    return suite;
}
