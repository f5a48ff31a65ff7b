/* SPDX-License-Identifier: MIT
 *
 * What a host may hand to the plugin, over dlopen, with a host table that is nobody's:
 * wrong arguments, old tables, odd configurations, several contexts.
 */
#include <limits.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "tests/support/fake_shop.h"
#include "tests/support/offered.h"
#include "tests/support/open_files.h"
#include "tests/support/temp.h"

/* ---- opening ------------------------------------------------------------------------- */

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
    ck_assert(fake_threads_are(before));
}
END_TEST

static long resident_pages(void)
{
    long size = 0;
    long resident = 0;
    FILE *statm = fopen("/proc/self/statm", "re");
    ck_assert_ptr_nonnull(statm);
    ck_assert_int_eq(fscanf(statm, "%ld %ld", &size, &resident), 2);
    fclose(statm);
    return resident;
}

#define CYCLES 200
#define CYCLES_FIRST 20 /* until what is made once and kept has been made */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CYCLES_KIB LONG_MAX /* what is freed is kept for a while */
#else
#define CYCLES_KIB 2048 /* the allocator's own ups and downs */
#endif

START_TEST(starting_and_stopping_again_and_again_leaves_nothing_behind)
{
    char config[512];
    const char *dir = temp_dir();
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(temp_path(dir, "shop.db"), &db), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(db, "CREATE TABLE t(a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    snprintf(config, sizeof config,
             "{\"provider\":\"sqlite\",\"source_id\":\"shop\",\"connection\":"
             "\"shop.db\",\"_config_dir\":\"%s\"}",
             dir);
    const wf_module *module = fake_module(&host, "orders", config, &err);
    ck_assert_msg(module != NULL, "%s", err.text);
    const wf_trigger *trigger = fake_trigger(&host, OF_SHOP, &callback, &err);
    ck_assert_int_eq(module->init(module->self, &err), WF_OK);
    unsigned files = 0;
    unsigned threads = 0;
    long pages = 0;
    for (int i = 0; i < CYCLES; i++) {
        if (i == CYCLES_FIRST) {
            files = open_files_count();
            threads = fake_threads();
            pages = resident_pages();
        }
        ck_assert_msg(!module->start(module->self, &err), "%s", err.text);
        ck_assert_int_eq(trigger->start(trigger->self, &err), WF_OK);
        ck_assert_int_eq(trigger->stop(trigger->self, &err), WF_OK);
        ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
    }
    ck_assert_uint_eq(open_files_count(), files);
    ck_assert(fake_threads_are(threads));
    long more_kib = (resident_pages() - pages) * (sysconf(_SC_PAGESIZE) / 1024);
    ck_assert_msg(more_kib < CYCLES_KIB, "%ld KiB more", more_kib);
}
END_TEST

/* ---- configurations ------------------------------------------------------------------ */

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
    {"{\"a\":\"\\udc00\\ud800\"}",
     "config: a string holds half a surrogate pair before byte 19"},
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
    ck_assert_int_eq(factory(host.plugin, STR("s"), str_from(config), &step, &err),
                     WF_CONFIG);
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
    ck_assert_str_eq(err.text,
                     "cdc.source \"m\": config: it has 1048584 bytes, at most 1048576 "
                     "are possible");
    ck_assert_ptr_null(fake_trigger(&host, huge, &callback, &err));
    free(huge);
    char *deep = repeated("{\"a\":", "[", 100000, "");
    ck_assert_ptr_null(fake_module(&host, "m", deep, &err));
    ck_assert_str_eq(err.text,
                     "cdc.source \"m\": config: it is nested too deeply at byte 132");
    free(deep);
}
END_TEST

START_TEST(the_largest_configuration_is_taken)
{
    char *large = repeated("{\"provider\":\"memory\",\"source_id\":\"shop\",\"x\":\"", "x",
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
    ck_assert_ptr_null(
        fake_module(&host, "m",
                    "{\"provider\":\"memory\",\"source_id\":\"s\",\"options\":{"
                    "\"bufer_bytes\":\"1MiB\"}}",
                    &err));
    ck_assert_str_eq(err.text,
                     "cdc.source \"m\": 'options.bufer_bytes' is not an option; did you "
                     "mean 'options.buffer_bytes'");
    ck_assert_ptr_nonnull(
        fake_trigger(&host, "{\"source_id\":\"s\",\"colour\":3}", &callback, &err));
}
END_TEST

START_TEST(a_start_that_was_cancelled_does_nothing_until_a_stop)
{
    const wf_module *module = fake_module(&host, "m", SHOP, &err);
    ck_assert_ptr_nonnull(module);
    ck_assert(WF_HAS(module, cancel));
    module->cancel(module->self);
    ck_assert_int_eq(module->start(module->self, &err), WF_CANCELLED);
    ck_assert_str_eq(err.text, "cdc.source \"m\": start cancelled");
    ck_assert_int_eq(module->stop(module->self, &err), WF_OK);
    ck_assert_int_eq(module->start(module->self, &err), WF_OK);
}
END_TEST

START_TEST(an_empty_view_is_an_empty_configuration)
{
    const wf_module *module = NULL;
    ck_assert_int_eq(host.api->new_module(host.plugin, STR_EMPTY, STR_EMPTY, &module, &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text, "cdc.source \"\": provider is required (" OFFERED_OR ")");
    step_works("cdc_start", SHOP);
    const wf_step *step = NULL;
    wf_new_step_fn factory = fake_step_factory(host.api, "cdc_status");
    ck_assert_int_eq(factory(host.plugin, STR("s"), STR_EMPTY, &step, &err), WF_OK);
    /* An input that ends before its config, as a host of another version might hand it
     * over. */
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
    ck_assert_int_eq(api->new_module(host.plugin, STR("m"), STR(SHOP), NULL, &err),
                     WF_CONFIG);
    ck_assert_int_eq(api->new_module(host.plugin, broken, STR(SHOP), &module, &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text, "cdc.source: the name is not UTF-8");
    ck_assert_int_eq(api->new_module(host.plugin, str_from(name), STR(SHOP), &module, NULL),
                     WF_CONFIG);
    ck_assert_int_eq(api->new_trigger(host.plugin, STR(OF_SHOP), NULL, &trigger, &err),
                     WF_CONFIG);
    ck_assert_str_eq(err.text, "trigger.cdc: there is no callback");
    ck_assert_int_eq(api->new_trigger(host.plugin, STR(OF_SHOP), &none, &trigger, &err),
                     WF_CONFIG);
    ck_assert_int_eq(
        api->new_trigger(NULL, STR(OF_SHOP), &callback.callback, &trigger, &err),
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
    ck_assert_int_eq(fake_step_factory(host.api, "cdc_status")(host.plugin, STR("s"),
                                                               STR_EMPTY, &step, &err),
                     WF_OK);
    wf_step_input in = {.size = sizeof in, .config = STR(OF_SHOP)};
    const wf_sink sink = {NULL, sink_fails};
    ck_assert_int_eq(step->execute(step->self, &in, &sink, NULL, &err), WF_CANCELLED);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("abi");
    TCase *tests = tcase_create("arguments");
    tcase_add_checked_fixture(tests, shop_setup, shop_teardown);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, open_refuses_what_is_no_host_and_leaves_the_output_alone);
    tcase_add_loop_test(tests, a_host_whose_table_ends_early_is_served_with_what_it_has,
                        (int)(offsetof(wf_host, ctx) + sizeof(void *)),
                        (int)sizeof(wf_host) + 1);
    tcase_add_test(tests, two_contexts_in_one_process_share_nothing);
    tcase_add_test(tests, open_and_close_again_and_again_leaves_no_thread);
    tcase_add_test(tests, starting_and_stopping_again_and_again_leaves_nothing_behind);
    tcase_add_loop_test(tests, a_configuration_that_is_no_json_object_is_refused_everywhere,
                        0, (int)CDC_COUNT(bad_configs));
    tcase_add_test(tests, a_huge_or_deeply_nested_configuration_is_refused);
    tcase_add_test(tests, the_largest_configuration_is_taken);
    tcase_add_test(tests, unknown_keys_at_the_top_are_let_pass_and_inside_options_named);
    tcase_add_test(tests, a_start_that_was_cancelled_does_nothing_until_a_stop);
    tcase_add_test(tests, an_empty_view_is_an_empty_configuration);
    tcase_add_test(tests, factories_refuse_arguments_that_are_null_or_no_text);
    tcase_add_test(tests, what_a_sink_answers_comes_back);
    suite_add_tcase(suite, tests);
    return suite;
}
