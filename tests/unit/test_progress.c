/* SPDX-License-Identifier: MIT
 *
 * progress, run_progress and the log's status line, on a pseudo terminal.
 */
#include "host/progress.h"

#include <check.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "host/run_progress.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"
#include "tests/support/terminal.h"

#define ERASE "\r\033[K"

static struct host_log *log_on(int fd, bool json)
{
    wf_error err;
    struct host_log *log = host_log_open(fd, json, LOG_INFO, &err);
    ck_assert_ptr_nonnull(log);
    return log;
}

START_TEST(the_line_is_erased_before_log_lines_and_drawn_again_below_them)
{
    struct host_log *log = log_on(terminal_open(80), false);
    host_log_status(log, STR("one"));
    ck_assert_str_eq(terminal_read(), ERASE "one");
    log_line(host_log_logger(log), LOG_INFO, "hello");
    const char *text = terminal_read();
    ck_assert_msg(str_starts(str_from(text), STR(ERASE "20")), "%s", text);
    ck_assert_msg(str_ends(str_from(text), STR("INFO  hello\r\n" ERASE "one")), "%s", text);
    host_log_status(log, STR("two"));
    ck_assert_str_eq(terminal_read(), ERASE "two");
    host_log_close(log);
    ck_assert_str_eq(terminal_read(), ERASE);
    terminal_close();
}
END_TEST

START_TEST(without_a_line_nothing_is_erased)
{
    struct host_log *log = log_on(terminal_open(80), false);
    host_log_status(log, STR_EMPTY);
    ck_assert_str_eq(terminal_read(), "");
    host_log_status(log, STR("one"));
    host_log_status(log, STR_EMPTY);
    ck_assert_str_eq(terminal_read(), ERASE "one" ERASE);
    log_line(host_log_logger(log), LOG_INFO, "hello");
    ck_assert_ptr_null(strstr(terminal_read(), ERASE));
    host_log_close(log);
    ck_assert_str_eq(terminal_read(), "");
    terminal_close();
}
END_TEST

/* The width of the terminal, the line, and what is shown of it. */
static const struct {
    unsigned columns;
    const char *line, *shown;
} widths[] = {
    {10, "123456789", "123456789"},        {10, "1234567890", "123456789"},
    {10, "12345678\xc3\xa9x", "12345678"}, {10, "a\033[2J\nb\tc", "a [2J b c"},
    {0, "as it is", "as it is"},
};

START_TEST(what_is_wider_than_the_terminal_is_cut)
{
    struct host_log *log = log_on(terminal_open(widths[_i].columns), false);
    host_log_status(log, str_from(widths[_i].line));
    const char *text = terminal_read();
    ck_assert_msg(str_starts(str_from(text), STR(ERASE)), "%s", text);
    ck_assert_str_eq(text + strlen(ERASE), widths[_i].shown);
    host_log_close(log);
    terminal_close();
}
END_TEST

START_TEST(there_is_no_line_where_it_would_be_in_the_way)
{
    int far = terminal_open(80);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    struct host_log *json = log_on(far, true);
    struct host_log *piped = log_on(ends[1], false);
    setenv("TERM", "dumb", 1);
    struct host_log *dumb = log_on(far, false);
    struct host_log *const logs[] = {json, piped, dumb};
    for (size_t i = 0; i < CDC_COUNT(logs); i++) {
        struct progress p;
        progress_init(&p, logs[i]);
        ck_assert(!host_log_has_status(logs[i]));
        ck_assert_ptr_null(p.log);
        host_log_status(logs[i], STR("one"));
        host_log_close(logs[i]);
    }
    ck_assert_str_eq(terminal_read(), "");
    char byte;
    close(ends[1]);
    ck_assert_int_eq(read(ends[0], &byte, 1), 0);
    close(ends[0]);
    terminal_close();
}
END_TEST

static const struct {
    uint64_t number;
    const char *text;
} numbers[] = {
    {0, "0"},
    {7, "7"},
    {999, "999"},
    {1000, "1,000"},
    {12345, "12,345"},
    {123456, "123,456"},
    {1234567, "1,234,567"},
    {UINT64_MAX, "18,446,744,073,709,551,615"},
};

START_TEST(numbers_have_commas)
{
    char memory[64];
    struct buf line;
    buf_fixed(&line, memory, sizeof(memory));
    progress_put_number(numbers[_i].number, &line);
    ck_assert(str_is(buf_view(&line), numbers[_i].text));
}
END_TEST

START_TEST(the_rate_is_that_since_the_last_look)
{
    char memory[64];
    struct buf line;
    buf_fixed(&line, memory, sizeof(memory));
    struct progress p = {.last_ms = clock_mono_ms() - 1000000, .last_count = 2000};
    progress_put_count(&p, 3002000, "runs", &line);
    ck_assert_msg(str_is(buf_view(&line), "3,002,000 runs  3,000/s"), "%.*s",
                  STR_ARG(buf_view(&line)));
    ck_assert_uint_eq(p.last_count, 3002000);
}
END_TEST

/* Waits for nothing: the app's counters are there when a run has returned. */
START_TEST(an_app_counts_its_runs_and_those_that_failed)
{
    struct host_rig *rig = host_rig_new(
        "pipelines:\n  good: {steps: []}\n"
        "  bad: {steps: [{name: a, type: step.json_parse, config: {source: x}}]}\n",
        NULL);
    host_rig_start(rig);
    struct host_log *log = log_on(terminal_open(80), false);
    struct progress p;
    progress_init(&p, log);
    ck_assert_ptr_nonnull(p.log);
    run_progress_show(&p, host_rig_app(rig));
    ck_assert_str_eq(terminal_read(), ERASE "0 runs  0/s  0 failed");

    for (int i = 0; i < 3; i++)
        ck_assert_str_eq(host_rig_run(rig, "good", "{}"), "{}");
    ck_assert(str_starts(str_from(host_rig_run(rig, "bad", "{}")), STR("error: ")));
    p.last_ms -= 1000000;
    run_progress_show(&p, host_rig_app(rig));
    const char *text = terminal_read();
    ck_assert_msg(str_starts(str_from(text), STR(ERASE "4 runs  0/s  1 failed  last 0.")),
                  "%s", text);
    ck_assert_msg(str_ends(str_from(text), STR(" s ago")), "%s", text);

    struct app_activity now = app_activity(host_rig_app(rig));
    ck_assert_uint_eq(now.runs, 4);
    ck_assert_uint_eq(now.failed, 1);
    ck_assert_uint_eq(now.under_way, 0);
    progress_end(&p);
    ck_assert_str_eq(terminal_read(), ERASE);
    run_progress_show(&p, host_rig_app(rig));
    ck_assert_str_eq(terminal_read(), "");
    host_log_close(log);
    terminal_close();
    host_rig_free(rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("progress");
    TCase *tcase = tcase_create("progress");
    tcase_add_test(tcase, the_line_is_erased_before_log_lines_and_drawn_again_below_them);
    tcase_add_test(tcase, without_a_line_nothing_is_erased);
    tcase_add_loop_test(tcase, what_is_wider_than_the_terminal_is_cut, 0,
                        (int)CDC_COUNT(widths));
    tcase_add_test(tcase, there_is_no_line_where_it_would_be_in_the_way);
    tcase_add_loop_test(tcase, numbers_have_commas, 0, (int)CDC_COUNT(numbers));
    tcase_add_test(tcase, the_rate_is_that_since_the_last_look);
    tcase_add_test(tcase, an_app_counts_its_runs_and_those_that_failed);
    suite_add_tcase(suite, tcase);
    return suite;
}
