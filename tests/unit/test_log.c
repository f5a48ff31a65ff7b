/* SPDX-License-Identifier: MIT
 *
 * Tests of base/log.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/str.h"
#include "tests/support/run.h"

#define MOST_BYTES 2048

struct heard {
    int lines;
    int32_t level;
    char *line;
};

static void hear(void *ctx, int32_t level, wf_str line)
{
    struct heard *heard = ctx;
    free(heard->line);
    heard->lines++;
    heard->level = level;
    heard->line = str_dup(line);
}

START_TEST(a_line_arrives_with_its_level)
{
    struct heard heard = {0};
    struct logger logger = {.ctx = &heard, .write = hear};
    log_line(&logger, LOG_WARN, "source stopped id=%s n=%d", "shop", 3);
    ck_assert_int_eq(heard.lines, 1);
    ck_assert_int_eq(heard.level, 2);
    ck_assert_str_eq(heard.line, "source stopped id=shop n=3");
    log_line(&logger, LOG_ERROR, "%s", "");
    ck_assert_int_eq(heard.level, 3);
    ck_assert_str_eq(heard.line, "");
    free(heard.line);
}
END_TEST

START_TEST(nobody_listening_is_fine)
{
    struct logger logger = {0};
    log_line(&logger, LOG_ERROR, "dropped");
    log_line(NULL, LOG_ERROR, "dropped");
}
END_TEST

START_TEST(a_line_end_cannot_forge_a_second_line)
{
    struct heard heard = {0};
    struct logger logger = {.ctx = &heard, .write = hear};
    log_line(&logger, LOG_INFO, "error=%s", "first\r\nERROR forged\x1b[2J\x7f");
    ck_assert_str_eq(heard.line, "error=first  ERROR forged [2J ");
    free(heard.line);
}
END_TEST

/* Two-byte characters at every offset around the cut. */
START_TEST(a_long_line_is_cut_between_characters)
{
    struct heard heard = {0};
    struct logger logger = {.ctx = &heard, .write = hear};
    char text[3 * MOST_BYTES];
    size_t len = (size_t)_i;
    memset(text, 'a', len);
    for (; len + 2 < sizeof text; len += 2)
        memcpy(text + len, "\xC3\xA4", 2);
    text[len] = '\0';
    log_line(&logger, LOG_INFO, "%s", text);
    size_t got = strlen(heard.line);
    ck_assert_uint_eq(got, MOST_BYTES - (size_t)_i % 2);
    ck_assert(str_is_utf8(str_from(heard.line)));
    ck_assert_int_eq(memcmp(heard.line, text, got), 0);
    free(heard.line);
}
END_TEST

START_TEST(a_line_of_exactly_the_limit_is_whole)
{
    struct heard heard = {0};
    struct logger logger = {.ctx = &heard, .write = hear};
    char text[MOST_BYTES + 1];
    memset(text, 'a', MOST_BYTES);
    text[MOST_BYTES] = '\0';
    log_line(&logger, LOG_INFO, "%s", text);
    ck_assert_str_eq(heard.line, text);
    free(heard.line);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_test(tcase, a_line_arrives_with_its_level);
    tcase_add_test(tcase, nobody_listening_is_fine);
    tcase_add_test(tcase, a_line_end_cannot_forge_a_second_line);
    tcase_add_loop_test(tcase, a_long_line_is_cut_between_characters, 0, 4);
    tcase_add_test(tcase, a_line_of_exactly_the_limit_is_whole);
    suite_add_tcase(suite, tcase);
    return suite;
}
