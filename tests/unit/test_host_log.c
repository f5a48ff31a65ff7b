/* SPDX-License-Identifier: MIT
 *
 * host_log: what a line looks like, when it is written, and that none is lost.
 */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "host/host_log.h"
#include "tests/support/run.h"

static int ends[2]; /* a pipe: what the log writes comes out of ends[0] */

static struct host_log *open_log(bool json, enum log_level level)
{
    wf_error err;
    ck_assert_int_eq(pipe(ends), 0);
    struct host_log *log = host_log_open(ends[1], json, level, &err);
    ck_assert_ptr_nonnull(log);
    return log;
}

/* Everything written so far and until the log is closed. */
static char *close_log(struct host_log *log)
{
    static char text[65536];
    host_log_close(log);
    close(ends[1]);
    size_t len = 0;
    for (ssize_t got; (got = read(ends[0], text + len, sizeof(text) - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = '\0';
    close(ends[0]);
    return text;
}

START_TEST(a_text_line_has_time_level_and_message)
{
    struct host_log *log = open_log(false, LOG_INFO);
    log_line(host_log_logger(log), LOG_INFO, "hello %d", 7);
    log_line(host_log_logger(log), LOG_DEBUG, "not this");
    log_line(host_log_logger(log), LOG_ERROR, "two\nlines");
    char *text = close_log(log);
    char *second = strchr(text, '\n') + 1;
    ck_assert_int_eq(text[10], 'T');
    ck_assert_ptr_nonnull(strstr(text, "Z INFO  hello 7\n"));
    ck_assert_ptr_null(strstr(text, "not this"));
    ck_assert_ptr_nonnull(strstr(second, "Z ERROR two lines\n"));
}
END_TEST

START_TEST(a_json_line_is_json)
{
    struct host_log *log = open_log(true, LOG_DEBUG);
    const struct logger *logger = host_log_logger(log);
    logger->write(logger->ctx, LOG_WARN, STR("a \"quoted\" \x01 text"));
    char *text = close_log(log);
    wf_str line = str_trim(str_from(text)), level, message;
    ck_assert_int_eq(json_check(line, "line", NULL), WF_OK);
    ck_assert(json_member(line, "level", &level) && json_member(line, "message", &message));
    ck_assert(str_is(level, "\"warn\""));
    ck_assert(str_is(message, "\"a \\\"quoted\\\" \\u0001 text\""));
}
END_TEST

static bool readable(int timeout_ms)
{
    struct pollfd fd = {.fd = ends[0], .events = POLLIN};
    return poll(&fd, 1, timeout_ms) == 1;
}

START_TEST(a_warning_is_written_at_once_and_the_rest_soon)
{
    struct host_log *log = open_log(false, LOG_INFO);
    int64_t began = clock_mono_ms();
    log_line(host_log_logger(log), LOG_WARN, "now");
    ck_assert(readable(0));
    char drop[256];
    ck_assert_int_gt(read(ends[0], drop, sizeof(drop)), 0);
    log_line(host_log_logger(log), LOG_INFO, "soon");
    ck_assert(readable(5000));
    ck_assert_int_lt(clock_mono_ms() - began, 5000);
    close_log(log);
}
END_TEST

static void *write_lines(void *arg)
{
    const struct logger *logger = arg;
    for (int i = 0; i < 200; i++)
        log_line(logger, i % 50 ? LOG_INFO : LOG_WARN, "line");
    return NULL;
}

START_TEST(no_line_of_many_threads_is_lost_or_torn)
{
    struct host_log *log = open_log(false, LOG_INFO);
    pthread_t threads[4];
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        ck_assert_int_eq(
            pthread_create(&threads[i], NULL, write_lines, (void *)host_log_logger(log)),
            0);
    for (size_t i = 0; i < CDC_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    wf_str rest = str_from(close_log(log)), line;
    size_t count = 0;
    for (; str_next(&rest, '\n', &line) && line.len; count++)
        ck_assert_msg(str_ends(line, STR(" line")), "%.*s", STR_ARG(line));
    ck_assert_uint_eq(count, 800);
}
END_TEST

START_TEST(a_reader_that_went_away_stops_nothing)
{
    struct host_log *log = open_log(false, LOG_INFO);
    close(ends[0]);
    for (int i = 0; i < 10; i++)
        log_line(host_log_logger(log), LOG_ERROR, "nobody reads this");
    host_log_close(log);
    close(ends[1]);
}
END_TEST

START_TEST(levels_have_four_names)
{
    enum log_level level = LOG_INFO;
    ck_assert(host_log_level(STR("debug"), &level) && level == LOG_DEBUG);
    ck_assert(host_log_level(STR("error"), &level) && level == LOG_ERROR);
    ck_assert(!host_log_level(STR("loud"), &level) && level == LOG_ERROR);
}
END_TEST

Suite *test_suite(void)
{
    signal(SIGPIPE, SIG_IGN);
    Suite *suite = suite_create("host_log");
    TCase *tcase = tcase_create("host_log");
    tcase_add_test(tcase, a_text_line_has_time_level_and_message);
    tcase_add_test(tcase, a_json_line_is_json);
    tcase_add_test(tcase, a_warning_is_written_at_once_and_the_rest_soon);
    tcase_add_test(tcase, no_line_of_many_threads_is_lost_or_torn);
    tcase_add_test(tcase, a_reader_that_went_away_stops_nothing);
    tcase_add_test(tcase, levels_have_four_names);
    suite_add_tcase(suite, tcase);
    return suite;
}
