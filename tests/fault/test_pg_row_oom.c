/* SPDX-License-Identifier: MIT
 *
 * Every allocation of types, rows and places fails once: it says so, nothing is lost, and
 * the next try works.
 */
#include <check.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "providers/postgres/pg_place.h"
#include "providers/postgres/pg_row.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

#if OOM_POSSIBLE

/* 20000: (a int[], b bytea, c 20001); 20001: 20000's domain over a range; 20002: 20000[] */
static wf_status far_ask(void *ctx, uint32_t oid,
                         wf_status (*use)(void *user, const struct pg_type_facts *facts,
                                          wf_error *err),
                         void *user, wf_error *err)
{
    static const wf_str names[] = {{"a", 1}, {"b\"", 2}, {"c", 1}};
    static const uint32_t parts[] = {1007, 17, 20001};
    static const struct pg_type_facts facts[] = {
        {.kind = 'c',
         .name = {"odd", 3},
         .field_names = names,
         .field_types = parts,
         .count = 3},
        {.kind = 'd', .base = 20003, .name = {"part", 4}},
        {.kind = 'b',
         .is_array = true,
         .delimiter = ',',
         .element = 20000,
         .name = {"odd[]", 5}},
        {.kind = 'r', .element = 25, .name = {"textrange", 9}},
    };
    (void)ctx;
    return use(user, &facts[oid - 20000], err);
}

static const struct pg_type_source source = {NULL, far_ask};

static const char text[] = "{\"({1},\\\"\\\\\\\\x00ff\\\",\\\"[a,\\\"\\\"b "
                           "\\\\\\\\\\\\\\\\ c\\\"\\\")\\\")\",NULL}";
static const char expected[] = "[{\"a\":[1],\"b\\\"\":\"AP8=\",\"c\":{\"lower\":\"a\","
                               "\"upper\":\"b \\\\ c\",\"bounds\":\"[)\"}},null]";

static wf_status make_row(struct pg_row *row, struct pg_types *types, wf_error *err)
{
    const struct pg_type *type;
    wf_status status = pg_type_get(types, 20002, &type, err);
    if (!status)
        status = pg_row_begin(row, 3, err);
    if (status)
        return status;
    pg_row_text(row, type, STR(text));
    pg_row_text(row, type, STR(text));
    pg_row_text(row, type->element->fields[1].type, STR("\\x616263"));
    return pg_row_end(row, err);
}

START_TEST(a_row_without_memory_says_so)
{
    long n = 0;
    for (; n < OOM_MOST; n++) {
        struct pg_types *types = NULL;
        struct pg_row row;
        wf_error err;
        pg_row_init(&row);
        ck_assert_int_eq(pg_type_list_new(&source, &types, &err), WF_OK);
        oom_arm(n);
        wf_status status = make_row(&row, types, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert_int_eq(make_row(&row, types, &err), WF_OK);
        ck_assert_int_eq(row.values[0].kind, CDC_VALUE_JSON);
        ck_assert_msg(str_is(row.values[0].text, expected), "%.*s",
                      STR_ARG(row.values[0].text));
        ck_assert(str_is(row.values[1].text, expected));
        ck_assert(str_is(row.values[2].text, "abc"));
        pg_row_release(&row);
        pg_type_list_free(types);
        if (!hit)
            break;
    }
    ck_assert_int_gt(n, 10);
}
END_TEST

START_TEST(a_place_without_memory_says_so)
{
    struct cdc_table table = {.name = STR("public.t")};
    struct pg_shape_column column = {.name = STR("k"), .type_name = STR("text")};
    uint16_t order = 0;
    struct pg_shape shape = {
        .table = &table, .columns = &column, .count = 1, .order = &order, .order_count = 1};
    long n = 0;
    for (; n < OOM_MOST; n++) {
        struct pg_place place = {.resumed = false};
        wf_error err;
        oom_arm(n);
        wf_status status = pg_place_parse(STR("[[\"k\",\"text\",{\"hex\":\"\\\\x61ff\"}]]"),
                                          &shape, &place, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert_int_eq(place.resumed, !hit);
        pg_place_release(&place);
        if (!hit)
            break;
    }
    ck_assert_int_gt(n, 1);
}
END_TEST

#endif

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_row_oom");
    TCase *tc = tcase_create("pg_row_oom");
#if OOM_POSSIBLE
    tcase_add_test(tc, a_row_without_memory_says_so);
    tcase_add_test(tc, a_place_without_memory_says_so);
#endif
    suite_add_tcase(suite, tc);
    return suite;
}
