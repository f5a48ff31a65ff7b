/* SPDX-License-Identifier: MIT
 *
 * test_module_source - a start that is not wanted any more: before it, while it connects,
 * and after it; and a stop after a start too many.
 */
#include "modules/module_source.h"

#include <cjson/cJSON.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "base/thread.h"
#include "plugin/core/registry.h"
#include "plugin/core/source_config.h"
#include "tests/support/run.h"
#include "tests/support/script_provider.h"
#include "tests/support/temp.h"

static const struct cdc_provider *const providers[] = {&script_provider, NULL};
static const struct cdc_missing nothing_missing[1];
static const wf_host host = {.size = sizeof host};
static struct cdc_registry registry;
static struct module_source *module;
static wf_error err;

static void setup(void)
{
    script_setup();
    registry_init(&registry, &host, providers);
    char text[512];
    snprintf(
        text, sizeof text,
        "{\"provider\":\"script\",\"source_id\":\"s\",\"options\":{\"state_dir\":\"%s\"}}",
        temp_dir());
    err = (wf_error){.code = WF_OK};
    ck_assert_int_eq(module_source_new(&registry, nothing_missing, STR("m"),
                                       cJSON_Parse(text), &module, &err),
                     WF_OK);
}

static void teardown(void)
{
    module_source_free(module);
    registry_release(&registry);
    script_teardown();
}

static wf_status start_status;

static void *start(void *unused)
{
    (void)unused;
    start_status = module_source_start(module, &err);
    return NULL;
}

static bool runs(void)
{
    struct cdc_source *source;
    if (registry_borrow(&registry, STR("s"), &source, NULL))
        return false;
    registry_return(&registry, source);
    return true;
}

START_TEST(a_start_that_connects_ends_when_it_is_cancelled)
{
    pthread_t thread;
    script_block(SCRIPT_OPEN);
    ck_assert_int_eq(thread_start(&thread, "start", start, NULL, &err), WF_OK);
    script_await(SCRIPT_OPEN, 1);
    module_source_cancel(module);
    pthread_join(thread, NULL);
    ck_assert_int_eq(start_status, WF_CANCELLED);
    ck_assert_str_eq(err.text, "cdc.source \"m\": start cancelled");
    ck_assert(!runs());
    ck_assert_uint_eq(script_count(SCRIPT_CLOSE), 1);
}
END_TEST

START_TEST(a_start_after_a_cancel_fails_until_a_stop)
{
    module_source_cancel(module);
    ck_assert_int_eq(module_source_start(module, &err), WF_CANCELLED);
    ck_assert_int_eq(module_source_start(module, &err), WF_CANCELLED);
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 0);
    ck_assert_int_eq(module_source_stop(module, &err), WF_OK);
    ck_assert_int_eq(module_source_start(module, &err), WF_OK);
    ck_assert(runs());
}
END_TEST

START_TEST(a_stop_ends_what_runs_also_after_a_second_start_that_was_refused)
{
    ck_assert_int_eq(module_source_start(module, &err), WF_OK);
    ck_assert_int_eq(module_source_start(module, &err), WF_STATE);
    ck_assert(runs());
    ck_assert_int_eq(module_source_stop(module, &err), WF_OK);
    ck_assert(!runs());
    ck_assert_uint_eq(script_count(SCRIPT_CLOSE), 1);
}
END_TEST

/* Whichever comes first. */
START_TEST(a_cancel_at_any_moment_leaves_nothing_running)
{
    pthread_t thread;
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(thread_start(&thread, "start", start, NULL, &err), WF_OK);
        module_source_cancel(module);
        pthread_join(thread, NULL);
        /* It may have been through already: then what runs is asked to stop. */
        ck_assert(start_status == WF_CANCELLED || start_status == WF_OK);
        ck_assert(!runs());
        ck_assert_int_eq(module_source_stop(module, NULL), WF_OK);
    }
    ck_assert_int_eq(module_source_start(module, &err), WF_OK);
    ck_assert(runs());
}
END_TEST

/* A step has started what the module names. */
START_TEST(a_cancel_lets_alone_what_is_somebody_elses)
{
    struct cdc_source *source;
    ck_assert_int_eq(module_source_start(module, &err), WF_OK);
    ck_assert_int_eq(registry_borrow(&registry, STR("s"), &source, &err), WF_OK);
    free(source->owner);
    source->owner = NULL;
    registry_return(&registry, source);
    module_source_cancel(module);
    ck_assert(runs());
    ck_assert_int_eq(registry_stop(&registry, STR("s"), false, NULL, &err), WF_OK);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("module_source");
    TCase *tc = tcase_create("cancel");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 40);
    tcase_add_test(tc, a_start_that_connects_ends_when_it_is_cancelled);
    tcase_add_test(tc, a_start_after_a_cancel_fails_until_a_stop);
    tcase_add_test(tc, a_stop_ends_what_runs_also_after_a_second_start_that_was_refused);
    tcase_add_test(tc, a_cancel_at_any_moment_leaves_nothing_running);
    tcase_add_test(tc, a_cancel_lets_alone_what_is_somebody_elses);
    suite_add_tcase(suite, tc);
    return suite;
}
