/* SPDX-License-Identifier: MIT
 *
 * tail_progress: what the line says, and when the source has failed.
 */
#include <check.h>

#include "base/str.h"
#include "host/tail_progress.h"
#include "tests/support/run.h"
#include "tests/support/terminal.h"

static struct host_log *the_log;

/* The line that is shown for a status, without the escapes that clear the one before. */
static const char *shown(struct tail_progress *p, const char *status, uint64_t events,
                         bool expected)
{
    ck_assert_int_eq(tail_progress_show(p, str_from(status), events), expected);
    const char *said = terminal_read();
    return str_starts(str_from(said), STR("\r\033[K")) ? said + 4 : said;
}

static struct tail_progress on_a_terminal(void)
{
    struct tail_progress p;
    tail_progress_init(&p, the_log);
    p.progress.log = the_log; /* also where the tests' stdout is a terminal */
    p.progress.last_ms -= 2000;
    return p;
}

static void setup(void)
{
    wf_error err;
    the_log = host_log_open(terminal_open(0), false, LOG_WARN, &err);
    ck_assert_ptr_nonnull(the_log);
}

static void teardown(void)
{
    host_log_close(the_log);
    terminal_close();
}

START_TEST(phase_changes_and_rate_are_shown)
{
    struct tail_progress p = on_a_terminal();
    const char *line =
        shown(&p, "{\"phase\":\"streaming\",\"events_total\":5}", 1000, true);
    ck_assert_msg(str_starts(str_from(line), STR("streaming  1,000 changes  ")), "%s",
                  line);
    ck_assert_ptr_nonnull(strstr(line, "/s"));
    ck_assert_ptr_null(strstr(line, "snapshot"));
}
END_TEST

START_TEST(a_snapshot_shows_rows_percent_and_time_left)
{
    struct tail_progress p = on_a_terminal();
    shown(&p,
          "{\"phase\":\"snapshot\",\"snapshot\":{\"table\":\"t\",\"rows\":0,"
          "\"estimated_rows\":1000}}",
          0, true);
    p.first_rows_ms -= 10000; /* ten seconds ago */
    const char *line = shown(&p,
                             "{\"phase\":\"snapshot\",\"snapshot\":{\"table\":\"t\","
                             "\"rows\":250,\"estimated_rows\":1000}}",
                             250, true);
    ck_assert_ptr_nonnull(
        strstr(line, "snapshot t 250 rows of about 1000, 25%, 30 s left"));
}
END_TEST

START_TEST(a_snapshot_of_unknown_size_shows_its_rows)
{
    struct tail_progress p = on_a_terminal();
    const char *line = shown(&p,
                             "{\"phase\":\"snapshot\",\"snapshot\":{\"table\":\"t\","
                             "\"rows\":7,\"estimated_rows\":-1}}",
                             7, true);
    ck_assert_ptr_nonnull(strstr(line, "snapshot t 7 rows"));
    ck_assert_ptr_null(strstr(line, "about"));
}
END_TEST

START_TEST(a_failed_source_is_told_also_when_nobody_looks)
{
    struct tail_progress p;
    tail_progress_init(&p, the_log);
    p.progress.log = NULL;
    ck_assert_str_eq(shown(&p, "{\"phase\":\"failed\"}", 0, false), "");
    ck_assert_str_eq(shown(&p, "{\"phase\":\"streaming\"}", 0, true), "");
    ck_assert_str_eq(shown(&p, "not json", 0, true), "");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tail_progress");
    TCase *tcase = tcase_create("tail_progress");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, phase_changes_and_rate_are_shown);
    tcase_add_test(tcase, a_snapshot_shows_rows_percent_and_time_left);
    tcase_add_test(tcase, a_snapshot_of_unknown_size_shows_its_rows);
    tcase_add_test(tcase, a_failed_source_is_told_also_when_nobody_looks);
    suite_add_tcase(suite, tcase);
    return suite;
}
