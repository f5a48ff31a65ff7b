/* SPDX-License-Identifier: MIT
 *
 * LSNs and position tokens: written, read back, and told from everything else.
 */
#include "base/str.h"
#include "providers/postgres/pg_position.h"
#include "tests/support/run.h"

struct lsn_case {
    uint64_t lsn;
    const char *text;
};

static const struct lsn_case lsns[] = {
    {0, "0/0"},
    {1, "0/1"},
    {0xFFFFFFFF, "0/FFFFFFFF"},
    {UINT64_C(0x100000000), "1/0"},
    {UINT64_C(0x16B374F0), "0/16B374F0"},
    {UINT64_C(0x1600000A0000B0C), "1600000/A0000B0C"},
    {UINT64_MAX, "FFFFFFFF/FFFFFFFF"},
};

START_TEST(an_lsn_is_written_and_read_back)
{
    char text[PG_LSN_TEXT];
    uint64_t back = 7;
    size_t len = pg_position_lsn_write(lsns[_i].lsn, text);
    ck_assert_str_eq(text, lsns[_i].text);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert(pg_position_lsn_parse(str_from(text), &back));
    ck_assert_uint_eq(back, lsns[_i].lsn);
}
END_TEST

START_TEST(an_lsn_may_be_written_small_and_with_zeros)
{
    uint64_t lsn;
    ck_assert(pg_position_lsn_parse(STR("0a/00bcdef0"), &lsn));
    ck_assert_uint_eq(lsn, UINT64_C(0xA00BCDEF0));
}
END_TEST

static const char *const no_lsns[] = {
    "",    "0",     "/",    "0/",   "/0",   "0/0/0",     "000000000/0", "0/000000001",
    "0/G", "0x1/0", " 0/1", "0/1 ", "-1/0", "0/1+0/2:3", "0,1",
};

START_TEST(what_is_no_lsn_is_refused)
{
    uint64_t lsn = 7;
    ck_assert(!pg_position_lsn_parse(str_from(no_lsns[_i]), &lsn));
    ck_assert_uint_eq(lsn, 7);
}
END_TEST

struct token_case {
    struct pg_position position;
    const char *text;
};

static const struct token_case tokens[] = {
    {{0, 0, 0}, "0/0"},
    {{UINT64_C(0x16B374F0), 0, 0}, "0/16B374F0"},
    {{UINT64_C(0x16B374F0), UINT64_C(0x16B37A10), 12}, "0/16B374F0+0/16B37A10:12"},
    {{0, 1, 0}, "0/0+0/1:0"},
    {{UINT64_MAX, UINT64_MAX, UINT64_MAX},
     "FFFFFFFF/FFFFFFFF+FFFFFFFF/FFFFFFFF:18446744073709551615"},
};

START_TEST(a_token_is_written_and_read_back)
{
    char text[PG_POSITION_TEXT];
    struct pg_position back = {7, 7, 7};
    size_t len = pg_position_write(&tokens[_i].position, text);
    ck_assert_str_eq(text, tokens[_i].text);
    ck_assert_uint_eq(len, strlen(text));
    ck_assert(pg_position_parse(str_from(text), &back));
    ck_assert_uint_eq(back.flush, tokens[_i].position.flush);
    ck_assert_uint_eq(back.commit, tokens[_i].position.commit);
    ck_assert_uint_eq(back.done, tokens[_i].position.done);
}
END_TEST

START_TEST(every_prefix_of_a_token_is_a_token_or_refused)
{
    wf_str whole = STR("0/16B374F0+0/16B37A10:12");
    for (size_t len = 0; len < whole.len; len++) {
        struct pg_position position = {7, 7, 7};
        bool taken = pg_position_parse(str_slice(whole, 0, len), &position);
        bool flush_only = len >= 3 && len <= 10;
        ck_assert_msg(taken == (flush_only || len == whole.len - 1), "%zu bytes", len);
        ck_assert(taken || position.flush == 7);
    }
}
END_TEST

static const char *const no_tokens[] = {
    "0/1+",      "0/1+0/2",    "0/1+0/2:",           "0/1+:3",
    "0/1+0/2:x", "0/1+0/2:-1", "0/1+0/2:3+0/4",      "0/1+0/2:3 ",
    "0/1+0/0:3", "+0/2:3",     "mysql-bin.000001:4", "0/1+0/2:18446744073709551616",
};

START_TEST(what_is_no_token_is_refused)
{
    struct pg_position position = {7, 7, 7};
    ck_assert(!pg_position_parse(str_from(no_tokens[_i]), &position));
    ck_assert_uint_eq(position.flush, 7);
    ck_assert_uint_eq(position.commit, 7);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_position");
    TCase *tc = tcase_create("pg_position");
    tcase_add_loop_test(tc, an_lsn_is_written_and_read_back, 0, CDC_COUNT(lsns));
    tcase_add_test(tc, an_lsn_may_be_written_small_and_with_zeros);
    tcase_add_loop_test(tc, what_is_no_lsn_is_refused, 0, CDC_COUNT(no_lsns));
    tcase_add_loop_test(tc, a_token_is_written_and_read_back, 0, CDC_COUNT(tokens));
    tcase_add_test(tc, every_prefix_of_a_token_is_a_token_or_refused);
    tcase_add_loop_test(tc, what_is_no_token_is_refused, 0, CDC_COUNT(no_tokens));
    suite_add_tcase(suite, tc);
    return suite;
}
