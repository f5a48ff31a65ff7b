/* SPDX-License-Identifier: MIT
 *
 * Every allocation of an assembly fails once: it says so, and after a restart nothing is
 * doubled or lost.
 */
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/oom.h"
#include "tests/support/pg_assembly_rig.h"
#include "tests/support/run.h"

#define EPOCH PGOUTPUT_BUILD_EPOCH_US

#if OOM_POSSIBLE

static void send_all(struct rig_stream *s)
{
    static const uint32_t oids[] = {1, 2};
    rig_stream_init(s);
    rig_stream_add(s, stream_start, 9, true);
    rig_stream_add(s, relation, 9, 1, "t", 'd', "*id:20 b:25");
    rig_stream_add(s, insert, 9, 1, "1|x");
    rig_stream_stop(s);
    rig_stream_add(s, prepared, 'b', 0x50, 0x58, 8, "g");
    rig_stream_add(s, relation, 0, 2, "u", 'f', "*id:20 *list:1016");
    rig_stream_add(s, insert, 0, 2, "2|{1,2,3}");
    rig_stream_add(s, prepared, 'P', 0x50, 0x58, 8, "g");
    rig_stream_add(s, begin, 0x100, EPOCH, 1);
    rig_stream_add(s, relation, 0, 1, "t", 'd', "*id:20 c:25"); /* other than spooled */
    rig_stream_add(s, insert, 0, 1, "3|y");
    rig_stream_add(s, update, 0, 2, 'O', "2|{1,2,3}", "4|%u");
    rig_stream_add(s, truncate, 0, oids, 2);
    rig_stream_add(s, message, 0, true, 0x90, PG_PREFIX_DDL,
                   "{\"sql\":\"x\\n\",\"objects\":[\"public.new\"]}");
    rig_stream_add(s, commit, 0x100, 0x110, EPOCH);
    rig_stream_add(s, stream_commit, 9, 0x200, 0x210, EPOCH);
    rig_stream_add(s, prepared, 'K', 0x300, 0x310, 8, "g");
    rig_stream_add(s, begin, 0x400, EPOCH, 1);
    rig_stream_add(s, insert, 0, 1, "5|z");
    rig_stream_add(s, commit, 0x400, 0x410, EPOCH);
}

static void open_rig(struct pg_assembly_rig *rig)
{
    *rig = (struct pg_assembly_rig){0};
    pg_assembly_rig_open(rig, "0/0");
    /* What the rig writes down must not be what fails. */
    ck_assert(buf_reserve(&rig->lines, 65536));
    ck_assert(buf_reserve(&rig->schemas, 65536));
    ck_assert(buf_reserve(&rig->events, 65536));
}

static wf_status feed(struct pg_assembly_rig *rig, const struct rig_stream *s)
{
    wf_status status = WF_OK;
    for (size_t i = 0; i < s->count && !status; i++) {
        wf_error err;
        status = pg_assembly_rig_feed(rig, rig_stream_at(s, i), &err);
    }
    return status;
}

START_TEST(an_assembly_that_runs_out_of_memory_says_so_and_can_begin_again)
{
    static struct pg_assembly_rig rig;
    struct rig_stream s;
    char *expected = NULL;
    long n = 0;
    send_all(&s);
    open_rig(&rig);
    ck_assert_int_eq(feed(&rig, &s), WF_OK);
    ck_assert_uint_eq(rig.changes, 8);
    expected = strdup(pg_assembly_rig_lines(&rig));
    pg_assembly_rig_close(&rig);
    for (bool hit = true; hit && n < OOM_MOST; n++) {
        open_rig(&rig);
        oom_arm(n);
        wf_status status = feed(&rig, &s);
        hit = oom_disarm();
        ck_assert_msg(status == (hit ? WF_NO_MEMORY : WF_OK), "allocation %ld: %d", n,
                      (int)status);
        pg_assembly_restart(rig.assembly);
        ck_assert_int_eq(feed(&rig, &s), WF_OK);
        ck_assert_str_eq(pg_assembly_rig_lines(&rig), expected);
        pg_assembly_rig_close(&rig);
    }
    ck_assert_int_gt(n, 40);
    free(expected);
    rig_stream_release(&s);
}
END_TEST

START_TEST(an_assembly_without_memory_is_not_made)
{
    const struct pg_catalog catalog = {0};
    struct pg_options options = {0};
    struct cdc_settings settings = {.options = &options};
    const struct pg_position from = {0};
    bool hit = true;
    for (long n = 0; hit && n < OOM_MOST; n++) {
        struct pg_relations *relations = NULL;
        struct pg_assembly *assembly = NULL;
        wf_error err;
        oom_arm(n);
        wf_status status = pg_relation_list_new(&catalog, &relations, &err);
        struct pg_assembly_config config = {.settings = &settings, .relations = relations};
        if (!status)
            status = pg_assembly_new(&config, &from, &assembly, &err);
        hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert((assembly != NULL) == !hit);
        pg_assembly_free(assembly);
        pg_relation_list_free(relations);
    }
}
END_TEST

#endif

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_assembly_oom");
    TCase *tc = tcase_create("pg_assembly_oom");
    tcase_set_timeout(tc, 30);
#if OOM_POSSIBLE
    tcase_add_test(tc, an_assembly_that_runs_out_of_memory_says_so_and_can_begin_again);
    tcase_add_test(tc, an_assembly_without_memory_is_not_made);
#endif
    suite_add_tcase(suite, tc);
    return suite;
}
