/* SPDX-License-Identifier: MIT
 *
 * Tests of pg_place: places written and read back, and what a store may hold instead.
 */
#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_place.h"
#include "tests/support/run.h"

static struct pg_shape_column columns[3];
static uint16_t order[2];
static struct cdc_table table;
static struct pg_shape by_key, by_disk;

static void set_up(void)
{
    table.name = STR("public.orders");
    columns[0] = (struct pg_shape_column){.name = STR("id"), .type_name = STR("bigint")};
    columns[1] = (struct pg_shape_column){.name = STR("note"), .type_name = STR("text")};
    columns[2] = (struct pg_shape_column){.name = STR("la\"ng"), .type_name = STR("text")};
    order[0] = 2;
    order[1] = 0;
    by_key = (struct pg_shape){
        .table = &table, .columns = columns, .count = 3, .order = order, .order_count = 2};
    by_disk =
        (struct pg_shape){.table = &table, .columns = columns, .count = 3, .order = order};
}

static wf_status parse(wf_str token, const struct pg_shape *shape, struct pg_place *out)
{
    wf_error err;
    char *exact = malloc(token.len + !token.len);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, token.ptr ? token.ptr : "", token.len);
    *out = (struct pg_place){.resumed = false};
    wf_status status = pg_place_parse((wf_str){exact, token.len}, shape, out, &err);
    free(exact);
    return status;
}

static const wf_str texts[][2] = {
    {{"en", 2}, {"12", 2}},          {{"", 0}, {"-9223372036854775808", 20}},
    {{"a\"b\\c\n\t'", 8}, {"x", 1}}, {{"\xC3\xA9\xF0\x9F\x98\x80", 6}, {"", 0}},
    {{"\xFF\x01z", 3}, {"\x80", 1}},
};

START_TEST(a_key_is_read_back_byte_for_byte)
{
    CDC_CLEANUP(buf_release) struct buf token;
    buf_init(&token, LIMIT_TEXT_BYTES);
    pg_place_put_key(&token, &by_key, texts[_i]);
    struct pg_place place;
    ck_assert_int_eq(parse(buf_view(&token), &by_key, &place), WF_OK);
    ck_assert(place.resumed);
    for (size_t i = 0; i < 2; i++)
        ck_assert(str_eq(place.key[i], texts[_i][i]));
    pg_place_release(&place);
}
END_TEST

START_TEST(a_key_cut_short_anywhere_is_refused)
{
    CDC_CLEANUP(buf_release) struct buf token;
    buf_init(&token, LIMIT_TEXT_BYTES);
    pg_place_put_key(&token, &by_key, texts[_i]);
    for (size_t len = 1; len < token.len; len++) {
        struct pg_place place;
        ck_assert_int_eq(parse((wf_str){token.data, len}, &by_key, &place), WF_STATE);
        pg_place_release(&place);
    }
}
END_TEST

START_TEST(a_place_on_disk_is_read_back)
{
    const struct pg_place_disk disk = {4294967295u, 16405, 4294967294u, 65535};
    CDC_CLEANUP(buf_release) struct buf token;
    buf_init(&token, LIMIT_TEXT_BYTES);
    pg_place_put_disk(&token, &disk);
    struct pg_place place;
    ck_assert_int_eq(parse(buf_view(&token), &by_disk, &place), WF_OK);
    ck_assert(place.resumed);
    ck_assert_mem_eq(&place.disk, &disk, sizeof disk);
    pg_place_release(&place);
}
END_TEST

START_TEST(no_place_is_the_beginning)
{
    struct pg_place place;
    ck_assert_int_eq(parse(STR_EMPTY, &by_key, &place), WF_OK);
    ck_assert(!place.resumed);
    pg_place_release(&place);
}
END_TEST

START_TEST(a_place_of_another_key_begins_again)
{
    static const char *const others[] = {
        "[[\"la\\\"ng\",\"text\",\"en\"]]",
        "[[\"id\",\"bigint\",\"1\"],[\"la\\\"ng\",\"text\",\"en\"]]",
        "[[\"la\\\"ng\",\"text\",\"en\"],[\"id\",\"integer\",\"1\"]]",
        "[[\"la\\\"ng\",\"text\",\"en\"],[\"id\",\"bigint\",\"1\"],[\"x\",\"y\",\"z\"]]",
        "{\"leaf\":1,\"file\":2,\"page\":3,\"item\":4}",
    };
    for (size_t i = 0; i < CDC_COUNT(others); i++) {
        struct pg_place place;
        ck_assert_int_eq(parse(str_from(others[i]), &by_key, &place), WF_OK);
        ck_assert(!place.resumed);
        pg_place_release(&place);
    }
    struct pg_place place;
    ck_assert_int_eq(parse(STR("[[\"id\",\"bigint\",\"1\"]]"), &by_disk, &place), WF_OK);
    ck_assert(!place.resumed);
    pg_place_release(&place);
}
END_TEST

START_TEST(what_is_no_place_is_refused)
{
    static const char *const bad[] = {
        "x",
        "null",
        "1",
        "\"a\"",
        "[]",
        "{}",
        "[1]",
        "[[]]",
        "[[\"id\"]]",
        "[[\"id\",\"bigint\"]]",
        "[[\"id\",\"bigint\",1]]",
        "[[\"id\",1,\"1\"]]",
        "[[1,\"bigint\",\"1\"]]",
        "[[\"id\",\"bigint\",\"1\",2]]",
        "[[\"id\",\"bigint\",{}]]",
        "[[\"id\",\"bigint\",{\"hex\":1}]]",
        "[[\"id\",\"bigint\",{\"hex\":\"\"}]]",
        "[[\"id\",\"bigint\",{\"hex\":\"\\\\x6\"}]]",
        "[[\"id\",\"bigint\",{\"hex\":\"x61\"}]]",
        "[[\"id\",\"bigint\",{\"hex\":\"\\\\x00\"}]]",
        "[[\"id\",\"bigint\",\"a\\u0000b\"]]",
        "[[\"id\",\"bigint\",\"1\"]] x",
        "{\"leaf\":1,\"file\":2,\"page\":3}",
        "{\"leaf\":4294967296,\"file\":2,\"page\":3,\"item\":4}",
        "{\"leaf\":1,\"file\":2,\"page\":-3,\"item\":4}",
        "{\"leaf\":1,\"file\":2,\"page\":3,\"item\":65536}",
        "{\"leaf\":\"1\",\"file\":2,\"page\":3,\"item\":4}",
    };
    for (size_t i = 0; i < CDC_COUNT(bad); i++) {
        const struct pg_shape *const shapes[] = {&by_key, &by_disk};
        for (size_t j = 0; j < 2; j++) {
            struct pg_place place;
            ck_assert_msg(parse(str_from(bad[i]), shapes[j], &place) == WF_STATE, "%s",
                          bad[i]);
            ck_assert(!place.resumed);
            pg_place_release(&place);
        }
    }
}
END_TEST

START_TEST(a_tid_is_taken_apart)
{
    uint32_t page = 1;
    uint16_t item = 1;
    ck_assert(pg_place_parse_tid(STR("(4294967295,65535)"), &page, &item));
    ck_assert_uint_eq(page, 4294967295u);
    ck_assert_uint_eq(item, 65535);
    static const char *const bad[] = {
        "",     "(",    "()",      "(,)",    "(1)",       "(1,)",  "(,1)",
        "(1,2", "1,2)", "(1,2,3)", "(-1,2)", "(1,65536)", "(a,1)", "(4294967296,1)"};
    for (size_t i = 0; i < CDC_COUNT(bad); i++)
        ck_assert_msg(!pg_place_parse_tid(str_from(bad[i]), &page, &item), "%s", bad[i]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_place");
    TCase *tc = tcase_create("pg_place");
    tcase_add_checked_fixture(tc, set_up, NULL);
    tcase_add_loop_test(tc, a_key_is_read_back_byte_for_byte, 0, (int)CDC_COUNT(texts));
    tcase_add_loop_test(tc, a_key_cut_short_anywhere_is_refused, 0, (int)CDC_COUNT(texts));
    tcase_add_test(tc, a_place_on_disk_is_read_back);
    tcase_add_test(tc, no_place_is_the_beginning);
    tcase_add_test(tc, a_place_of_another_key_begins_again);
    tcase_add_test(tc, what_is_no_place_is_refused);
    tcase_add_test(tc, a_tid_is_taken_apart);
    suite_add_tcase(suite, tc);
    return suite;
}
