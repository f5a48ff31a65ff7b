/* SPDX-License-Identifier: MIT
 *
 * test_registry - sources by their id: made, found, stopped, remembered, and from many
 * threads.
 */
#include <cjson/cJSON.h>
#include <check.h>
#include <pthread.h>
#include <stdio.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/registry.h"
#include "tests/support/open_files.h"
#include "tests/support/run.h"
#include "tests/support/script_provider.h"
#include "tests/support/temp.h"

static const struct cdc_provider *const providers[] = {&script_provider, NULL};
static const wf_host host = {.size = sizeof host};
static struct cdc_registry registry;
static const char *dir;
static wf_error err;

static void setup(void)
{
    script_setup();
    registry_init(&registry, &host, providers);
    dir = temp_dir();
    err = (wf_error){.code = WF_OK};
}

static void teardown(void)
{
    registry_release(&registry);
    script_teardown();
}

static struct cdc_settings *settings_of(const char *id)
{
    char text[512];
    snprintf(
        text, sizeof text,
        "{\"provider\":\"script\",\"source_id\":\"%s\",\"options\":{\"state_dir\":\"%s\"}}",
        id, dir);
    cJSON *config = cJSON_Parse(text);
    struct cdc_settings *settings = NULL;
    ck_assert_int_eq(settings_parse(config, providers, &settings, &err), WF_OK);
    cJSON_Delete(config);
    return settings;
}

static wf_status start(const char *id, const char *owner)
{
    return registry_start(&registry, settings_of(id), str_from(owner), &err);
}

static wf_status stop(const char *id)
{
    return registry_stop(&registry, str_from(id), false, NULL, &err);
}

static size_t sources(void)
{
    size_t count = 0;
    for (struct cdc_source *source = registry.first; source; source = source->next)
        count++;
    return count;
}

START_TEST(a_source_is_found_from_its_start_to_its_stop)
{
    struct cdc_source *source;
    ck_assert_int_eq(registry_borrow(&registry, STR("a"), &source, &err), WF_NOT_FOUND);
    ck_assert_str_eq(err.text, "CDC source \"a\" not found");
    ck_assert_int_eq(start("a", ""), WF_OK);
    ck_assert_int_eq(registry_borrow(&registry, STR("a"), &source, &err), WF_OK);
    registry_return(&registry, source);
    ck_assert_int_eq(start("a", ""), WF_STATE);
    ck_assert_str_eq(err.text, "CDC source \"a\" already registered");
    ck_assert_int_eq(stop("a"), WF_OK);
    ck_assert_int_eq(stop("a"), WF_NOT_FOUND);
    ck_assert_int_eq(registry_borrow(&registry, STR("a"), &source, &err), WF_NOT_FOUND);
    ck_assert_int_eq(registry_borrow_stopped(&registry, STR("a"), &source, &err), WF_OK);
    registry_return(&registry, source);
}
END_TEST

START_TEST(a_stopped_source_is_started_again_by_its_id_alone)
{
    ck_assert_int_eq(registry_restart(&registry, STR("a"), &err), WF_NOT_FOUND);
    ck_assert_int_eq(start("a", ""), WF_OK);
    ck_assert_int_eq(registry_restart(&registry, STR("a"), &err), WF_STATE);
    ck_assert_int_eq(stop("a"), WF_OK);
    ck_assert_int_eq(registry_restart(&registry, STR("a"), &err), WF_OK);
    ck_assert_uint_eq(script_count(SCRIPT_OPEN), 2);
    ck_assert_uint_eq(sources(), 1);
}
END_TEST

START_TEST(failing_starts_of_many_ids_leave_nothing_behind)
{
    char id[16];
    script_fail(SCRIPT_OPEN, 50, WF_CONFIG, "wrong password");
    for (int i = 0; i < 50; i++) {
        snprintf(id, sizeof id, "s%d", i);
        ck_assert_int_eq(start(id, ""), WF_CONFIG);
        ck_assert_str_eq(err.text, "wrong password");
        ck_assert_uint_eq(sources(), 0);
    }
    ck_assert_int_eq(start("s0", ""), WF_OK);
}
END_TEST

START_TEST(a_source_that_worked_once_is_remembered_after_a_start_that_failed)
{
    ck_assert_int_eq(start("a", ""), WF_OK);
    ck_assert_int_eq(stop("a"), WF_OK);
    script_fail(SCRIPT_OPEN, 1, WF_UNAVAILABLE, "away");
    ck_assert_int_eq(registry_restart(&registry, STR("a"), &err), WF_UNAVAILABLE);
    ck_assert_int_eq(registry_restart(&registry, STR("a"), &err), WF_OK);
}
END_TEST

START_TEST(a_module_stops_only_what_is_its_own)
{
    ck_assert_int_eq(start("a", "m"), WF_OK);
    ck_assert_int_eq(registry_stop_owned(&registry, STR("a"), STR("other"), &err), WF_OK);
    struct cdc_source *source;
    ck_assert_int_eq(registry_borrow(&registry, STR("a"), &source, &err), WF_OK);
    registry_return(&registry, source);
    ck_assert_int_eq(registry_stop_owned(&registry, STR("a"), STR("m"), &err), WF_OK);
    ck_assert_int_eq(stop("a"), WF_NOT_FOUND);
    ck_assert_int_eq(registry_stop_owned(&registry, STR("a"), STR("m"), &err), WF_OK);
    ck_assert_int_eq(registry_stop_owned(&registry, STR("b"), STR("m"), &err), WF_OK);
}
END_TEST

START_TEST(a_cleanup_says_what_was_removed_also_of_a_stopped_source)
{
    CDC_CLEANUP(buf_release) struct buf removed;
    buf_init(&removed, LIMIT_TEXT_BYTES);
    ck_assert_int_eq(start("a", ""), WF_OK);
    ck_assert_int_eq(stop("a"), WF_OK);
    ck_assert_int_eq(registry_stop(&registry, STR("a"), true, &removed, &err), WF_OK);
    ck_assert_str_eq(buf_c(&removed), "the script's slot\n");
    buf_clear(&removed);
    ck_assert_int_eq(registry_stop(&registry, STR("a"), true, &removed, &err), WF_OK);
    ck_assert_str_eq(buf_c(&removed), "");
    ck_assert_int_eq(registry_stop(&registry, STR("b"), true, &removed, &err),
                     WF_NOT_FOUND);
}
END_TEST

START_TEST(a_store_is_not_moved_under_the_feet_of_a_source)
{
    struct cdc_source *source;
    ck_assert_int_eq(start("a", ""), WF_OK);
    ck_assert_int_eq(registry_borrow(&registry, STR("a"), &source, &err), WF_OK);
    ck_assert_int_eq(stop("a"), WF_OK);
    dir = temp_dir();
    ck_assert_int_eq(start("a", ""), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "state_dir"));
    registry_return(&registry, source);
    ck_assert_int_eq(start("a", ""), WF_OK);
}
END_TEST

START_TEST(sources_that_came_and_went_keep_no_file_open)
{
    char id[16];
    unsigned files = open_files_count();
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof id, "s%d", i);
        ck_assert_int_eq(start(id, ""), WF_OK);
        ck_assert_uint_gt(open_files_count(), files);
        ck_assert_int_eq(registry_stop(&registry, str_from(id), i % 2, NULL, &err), WF_OK);
    }
    ck_assert_uint_eq(open_files_count(), files);
    ck_assert_int_eq(registry_restart(&registry, STR("s7"), &err), WF_OK);
}
END_TEST

static void *start_and_stop(void *arg)
{
    const char *id = arg;
    wf_error mine;
    for (int i = 0; i < 15; i++) {
        registry_start(&registry, settings_of(id), STR_EMPTY, &mine);
        struct cdc_source *source;
        if (!registry_borrow(&registry, str_from(id), &source, &mine)) {
            struct cdc_status now;
            source_status(source, &now);
            registry_return(&registry, source);
        }
        registry_stop(&registry, str_from(id), i % 4 == 3, NULL, &mine);
        registry_restart(&registry, str_from(id), &mine);
    }
    return NULL;
}

START_TEST(many_threads_may_start_and_stop_the_same_sources)
{
    static const char *const ids[] = {"a", "a", "b", "b"};
    pthread_t threads[CDC_COUNT(ids)];
    script_fail(SCRIPT_OPEN, 3, WF_UNAVAILABLE, "away");
    for (size_t i = 0; i < CDC_COUNT(ids); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, start_and_stop, (void *)ids[i]),
                         0);
    for (size_t i = 0; i < CDC_COUNT(ids); i++)
        pthread_join(threads[i], NULL);
    stop("a");
    ck_assert_int_eq(start("a", ""), WF_OK);
    ck_assert_uint_le(sources(), 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("registry");
    TCase *tc = tcase_create("registry");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, a_source_is_found_from_its_start_to_its_stop);
    tcase_add_test(tc, a_stopped_source_is_started_again_by_its_id_alone);
    tcase_add_test(tc, failing_starts_of_many_ids_leave_nothing_behind);
    tcase_add_test(tc, a_source_that_worked_once_is_remembered_after_a_start_that_failed);
    tcase_add_test(tc, a_module_stops_only_what_is_its_own);
    tcase_add_test(tc, a_cleanup_says_what_was_removed_also_of_a_stopped_source);
    tcase_add_test(tc, a_store_is_not_moved_under_the_feet_of_a_source);
    tcase_add_test(tc, sources_that_came_and_went_keep_no_file_open);
    tcase_add_test(tc, many_threads_may_start_and_stop_the_same_sources);
    suite_add_tcase(suite, tc);
    return suite;
}
