/* SPDX-License-Identifier: MIT
 *
 * The options of the postgres provider: defaults, and what is refused before connecting.
 */
#include "providers/postgres/pg_options.h"

#include <cjson/cJSON.h>

#include "base/str.h"
#include "plugin/core/settings.h"
#include "tests/support/run.h"

static struct pg_options options;
static struct settings_memory memory;
static wf_error err;

static wf_status fill(const char *json)
{
    struct cdc_option_target target = {.rows = pg_option_rows, .target = &options};
    cJSON *object = cJSON_Parse(json);
    ck_assert_ptr_nonnull(object);
    settings_memory_release(&memory);
    options = (struct pg_options){0};
    wf_status status = option_fill(object, "options.", false, &target, 1, &memory, &err);
    cJSON_Delete(object);
    struct cdc_settings settings = {.options = &options};
    return status ? status : pg_options_check(&settings, &err);
}

static void teardown(void)
{
    settings_memory_release(&memory);
}

static void refused(const char *json, const char *part)
{
    ck_assert_int_eq(fill(json), WF_CONFIG);
    ck_assert_msg(str_find(str_from(err.text), str_from(part)) >= 0, "%s", err.text);
}

START_TEST(without_options_the_defaults_hold)
{
    ck_assert_int_eq(fill("{}"), WF_OK);
    ck_assert_uint_eq(options.slot.len, 0);
    ck_assert_uint_eq(options.publication.len, 0);
    ck_assert_uint_eq(options.messages.len, 0);
    ck_assert(str_is(options.origin, "any"));
    ck_assert_int_eq(options.ddl, PG_DDL_AUTO);
    ck_assert_int_eq(options.on_slot_lost, PG_SLOT_LOST_FAIL);
    ck_assert_int_eq(options.catch_up, PG_CATCH_UP_AUTO);
    ck_assert_int_eq(options.catch_up_threshold, 256 << 20);
    ck_assert_int_eq(options.spool_memory, 16 << 20);
    ck_assert_int_eq(options.heartbeat_ms, 10000);
    ck_assert_int_eq(options.connect_timeout_ms, 10000);
    ck_assert(!options.two_phase);
    ck_assert(!options.failover);
    ck_assert_uint_eq(options.where.len, 0);
}
END_TEST

START_TEST(choices_stand_in_the_order_of_their_enums)
{
    ck_assert_int_eq(fill("{\"ddl\":\"required\",\"on_slot_lost\":\"resnapshot\","
                          "\"catch_up\":\"off\",\"heartbeat_interval\":\"0s\"}"),
                     WF_OK);
    ck_assert_int_eq(options.ddl, PG_DDL_REQUIRED);
    ck_assert_int_eq(options.on_slot_lost, PG_SLOT_LOST_RESNAPSHOT);
    ck_assert_int_eq(options.catch_up, PG_CATCH_UP_OFF);
    ck_assert_int_eq(options.heartbeat_ms, 0);
    ck_assert_int_eq(fill("{\"ddl\":\"off\"}"), WF_OK);
    ck_assert_int_eq(options.ddl, PG_DDL_OFF);
}
END_TEST

START_TEST(what_no_server_would_take_is_refused)
{
    refused("{\"slot\":\"My-Slot\"}", "options.slot");
    refused("{\"slot\":"
            "\"a234567890123456789012345678901234567890123456789012345678901234\"}",
            "options.slot");
    refused("{\"publication\":"
            "\"a234567890123456789012345678901234567890123456789012345678901234\"}",
            "options.publication");
    refused("{\"origin\":\"some\"}", "options.origin");
    refused("{\"where\":{\"public.t\":1}}", "public.t");
    refused("{\"where\":{\"public.t\":\"\"}}", "public.t");
    refused("{\"connect_timeout\":\"0s\"}", "options.connect_timeout");
    refused("{\"slots\":\"x\"}", "slot");
    ck_assert_int_eq(fill("{\"where\":{\"public.t\":\"id > 5\"},\"origin\":\"none\","
                          "\"slot\":\"mine\",\"publication\":\"Any Name\"}"),
                     WF_OK);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_options");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, without_options_the_defaults_hold);
    tcase_add_test(tc, choices_stand_in_the_order_of_their_enums);
    tcase_add_test(tc, what_no_server_would_take_is_refused);
    suite_add_tcase(suite, tc);
    return suite;
}
