/* SPDX-License-Identifier: MIT
 *
 * From open to close with every allocation failing once, one after the other: whatever
 * fails says so, nothing crashes, no thread is left, and what comes after goes on.
 */
#include <stdatomic.h>
#include <time.h>

#include "base/str.h"
#include "tests/support/fake_host.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

#if OOM_POSSIBLE

/* Check's own assertions allocate. */
#define must(condition) ((condition) ? (void)0 : must_have(#condition, __LINE__))

static void must_have(const char *condition, int line)
{
    fprintf(stderr, "line %d: %s\n", line, condition);
    abort();
}

/* A host that allocates nothing itself: the failure would be its own. */
#define SUBSCRIBERS 8

static struct {
    wf_on_message fn;
    void *ctx;
    char topic[100];
} subscribers[SUBSCRIBERS];
static pthread_mutex_t subscribers_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_uint fired;

static void host_log(void *ctx, int32_t level, wf_str line)
{
    (void)ctx;
    (void)level;
    must(line.len > 0);
}

static wf_status host_publish(void *ctx, wf_str topic, wf_str payload, wf_str metadata,
                              wf_error *err)
{
    (void)ctx;
    wf_status status = WF_OK;
    pthread_mutex_lock(&subscribers_lock);
    for (int i = 0; i < SUBSCRIBERS && !status; i++)
        if (subscribers[i].fn && str_is(topic, subscribers[i].topic))
            status = subscribers[i].fn(subscribers[i].ctx, topic, payload, metadata, err);
    pthread_mutex_unlock(&subscribers_lock);
    return status;
}

static wf_status host_subscribe(void *ctx, wf_str topic, wf_on_message fn, void *fn_ctx,
                                uint64_t *out_subscription, wf_error *err)
{
    (void)ctx;
    (void)err;
    pthread_mutex_lock(&subscribers_lock);
    int i = 0;
    while (i < SUBSCRIBERS && subscribers[i].fn)
        i++;
    must(i < SUBSCRIBERS);
    snprintf(subscribers[i].topic, sizeof subscribers[i].topic, "%.*s", STR_ARG(topic));
    subscribers[i].fn = fn;
    subscribers[i].ctx = fn_ctx;
    *out_subscription = (uint64_t)i + 1;
    pthread_mutex_unlock(&subscribers_lock);
    return WF_OK;
}

static void host_unsubscribe(void *ctx, uint64_t subscription)
{
    (void)ctx;
    pthread_mutex_lock(&subscribers_lock);
    subscribers[subscription - 1].fn = NULL;
    pthread_mutex_unlock(&subscribers_lock);
}

static const wf_host table = {
    .size = sizeof table,
    .log = host_log,
    .publish = host_publish,
    .subscribe = host_subscribe,
    .unsubscribe = host_unsubscribe,
};

static wf_status host_fire(void *ctx, wf_str action, wf_str event, wf_error *err)
{
    (void)ctx;
    (void)action;
    (void)event;
    (void)err;
    atomic_fetch_add(&fired, 1);
    return WF_OK;
}

static wf_status host_write(void *ctx, const char *data, size_t len)
{
    (void)ctx;
    return data && len ? WF_OK : WF_FAILED;
}

/* ---- one run ------------------------------------------------------------------------- */

static const struct fake_plugin *api;
static wf_new_step_fn factories[7];
static const char *const step_names[] = {
    "cdc_start",        "cdc_status",  "cdc_snapshot", "cdc_schema_history",
    "cdc_backpressure", "cdc_monitor", "cdc_stop"};
static char module_config[400];

struct run {
    wf_plugin *plugin;
    const wf_module *module;
    const wf_trigger *trigger;
    unsigned failures;
};

/* Counts a failure, which must have a text. */
static bool worked(struct run *run, wf_status status, const wf_error *err)
{
    if (!status)
        return true;
    run->failures++;
    must(err->code == status);
    must(err->text[0]);
    return false;
}

static void run_step(struct run *run, size_t which)
{
    const wf_step *step = NULL;
    wf_error err = {.code = WF_OK};
    if (!worked(run, factories[which](run->plugin, STR("s"), STR("{}"), &step, &err), &err))
        return;
    const wf_sink sink = {NULL, host_write};
    wf_step_input in = {.size = sizeof in,
                        .config = STR("{\"source_id\":\"shop\",\"table\":\"t\"}")};
    worked(run, step->execute(step->self, &in, &sink, NULL, &err), &err);
    step->destroy(step->self);
}

/* With memory enough it comes; else it may, and a moment is given to it. */
static void await_event(void)
{
    const struct timespec moment = {.tv_nsec = 1000000};
    for (int i = 0; i < 10000 && !atomic_load(&fired); i++) {
        if (atomic_load(&oom_hit) && i == 60)
            return;
        nanosleep(&moment, NULL);
    }
}

static void run_objects(struct run *run)
{
    wf_error err = {.code = WF_OK};
    const wf_callback callback = {NULL, host_fire};
    bool on = worked(
        run,
        api->new_module(run->plugin, STR("m"), str_from(module_config), &run->module, &err),
        &err);
    on = on && worked(run, run->module->init(run->module->self, &err), &err);
    on = on && worked(run, run->module->start(run->module->self, &err), &err);
    bool made =
        worked(run,
               api->new_trigger(run->plugin,
                                STR("{\"source_id\":\"shop\",\"workers\":2,\"tables\":"
                                    "\"t, u\",\"actions\":[\"INSERT\"]}"),
                                &callback, &run->trigger, &err),
               &err);
    if (on && made && worked(run, run->trigger->start(run->trigger->self, &err), &err) &&
        worked(run,
               host_publish(NULL, STR("cdc.memory.shop"),
                            STR("{\"table\":\"t\",\"op\":\"INSERT\",\"key\":1}"), STR_EMPTY,
                            &err),
               &err))
        await_event();
    for (size_t i = 0; i < CDC_COUNT(step_names); i++)
        run_step(run, i);
    if (run->module)
        worked(run, run->module->stop(run->module->self, &err), &err);
}

static struct run run_once(void)
{
    struct run run = {.plugin = NULL};
    wf_error err = {.code = WF_OK};
    atomic_store(&fired, 0);
    if (!worked(&run, api->open(&table, &run.plugin, &err), &err))
        return run;
    run_objects(&run);
    if (run.trigger)
        run.trigger->destroy(run.trigger->self);
    api->close(run.plugin);
    return run;
}

START_TEST(every_allocation_may_fail_from_open_to_close)
{
    api = fake_plugin(PLUGIN_SO);
    for (size_t i = 0; i < CDC_COUNT(step_names); i++)
        factories[i] = fake_step_factory(api, step_names[i]);
    snprintf(
        module_config, sizeof module_config,
        "{\"provider\":\"memory\",\"source_id\":\"shop\",\"tables\":[\"t\"],\"options\":{"
        "\"state_dir\":\"%s\",\"buffer_bytes\":\"64KiB\"}}",
        temp_dir());
    struct run run = run_once(); /* what is only made once in a process */
    ck_assert_uint_eq(run.failures, 0);
    ck_assert_uint_eq(atomic_load(&fired), 1);
    long n = 0;
    for (; n < OOM_MOST; n++) {
        oom_arm(n);
        run = run_once();
        bool hit = oom_disarm();
        ck_assert(fake_threads_are(0));
        for (int i = 0; i < SUBSCRIBERS; i++)
            ck_assert(!subscribers[i].fn);
        if (!hit)
            break;
    }
    ck_assert_int_lt(n, OOM_MOST);
    ck_assert_int_gt(n, 50);
    ck_assert_uint_eq(run.failures, 0);
    ck_assert_uint_eq(atomic_load(&fired), 1);
}
END_TEST

#endif

Suite *test_suite(void)
{
    Suite *suite = suite_create("allocations");
#if OOM_POSSIBLE
    TCase *tests = tcase_create("one by one");
    tcase_set_timeout(tests, 100);
    tcase_add_test(tests, every_allocation_may_fail_from_open_to_close);
    suite_add_tcase(suite, tests);
#endif
    return suite;
}
