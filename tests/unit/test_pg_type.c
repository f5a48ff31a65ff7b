/* SPDX-License-Identifier: MIT
 *
 * Tests of pg_type: what is asked, what is kept, and catalogs that make no sense.
 */
#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "providers/postgres/pg_type_known.h"
#include "tests/support/run.h"

#define FAR_FIELDS 4

struct far_type {
    uint32_t oid;
    char kind;
    bool is_array;
    char delimiter;
    uint32_t element, base;
    const char *name;
    const char *fields[FAR_FIELDS];
    uint32_t types[FAR_FIELDS];
};

/* The server, as far as types are concerned. */
static struct far_type far[512];
static size_t far_count;
static unsigned asked;
static wf_status far_status;
static struct pg_types *types;

static wf_status far_ask(void *ctx, uint32_t oid,
                         wf_status (*use)(void *user, const struct pg_type_facts *facts,
                                          wf_error *err),
                         void *user, wf_error *err)
{
    ck_assert_ptr_eq(ctx, far);
    asked++;
    if (far_status)
        return error_set(err, far_status, "cannot ask");
    for (size_t i = 0; i < far_count; i++) {
        const struct far_type *one = &far[i];
        if (one->oid != oid)
            continue;
        wf_str names[FAR_FIELDS];
        size_t count = 0;
        for (; count < FAR_FIELDS && one->fields[count]; count++)
            names[count] = str_from(one->fields[count]);
        struct pg_type_facts facts = {
            .kind = one->kind,
            .is_array = one->is_array,
            .delimiter = one->delimiter ? one->delimiter : ',',
            .element = one->element,
            .base = one->base,
            .name = str_from(one->name),
            .field_names = count ? names : NULL,
            .field_types = count ? one->types : NULL,
            .count = count,
        };
        return use(user, &facts, err);
    }
    return WF_OK;
}

static const struct pg_type_source source = {far, far_ask};

static void far_add(struct far_type type)
{
    ck_assert_uint_lt(far_count, CDC_COUNT(far));
    far[far_count++] = type;
}

static const struct pg_type *get(uint32_t oid)
{
    const struct pg_type *type = NULL;
    wf_error err;
    ck_assert_int_eq(pg_type_get(types, oid, &type, &err), WF_OK);
    ck_assert_ptr_nonnull(type);
    return type;
}

static void set_up(void)
{
    far_count = 0;
    asked = 0;
    far_status = WF_OK;
    ck_assert_int_eq(pg_type_list_new(&source, &types, NULL), WF_OK);
}

static void tear_down(void)
{
    pg_type_list_free(types);
    types = NULL;
}

START_TEST(usual_types_are_known_without_asking)
{
    ck_assert_int_eq(get(23)->kind, PG_TYPE_INT);
    ck_assert_int_eq(get(3802)->kind, PG_TYPE_JSON);
    ck_assert_int_eq(get(1700)->kind, PG_TYPE_TEXT);
    const struct pg_type *array = get(1007);
    ck_assert_int_eq(array->kind, PG_TYPE_ARRAY);
    ck_assert_int_eq(array->delimiter, ',');
    ck_assert_uint_eq(array->levels, 1);
    ck_assert_ptr_eq(array->element, get(23));
    ck_assert(str_is(array->name, "integer[]"));
    ck_assert_uint_eq(asked, 0);
}
END_TEST

START_TEST(a_type_is_asked_for_once)
{
    far_add((struct far_type){20000, .kind = 'e', .name = "mood"});
    far_add((struct far_type){20001, .kind = 'b', .is_array = true, .element = 20000,
                              .name = "mood[]"});
    const struct pg_type *array = get(20001);
    ck_assert_int_eq(array->kind, PG_TYPE_ARRAY);
    ck_assert_int_eq(array->element->kind, PG_TYPE_TEXT);
    ck_assert(str_is(array->element->name, "mood"));
    ck_assert_ptr_eq(get(20001), array);
    ck_assert_ptr_eq(get(20000), array->element);
    ck_assert_uint_eq(asked, 2);
}
END_TEST

START_TEST(a_domain_is_its_base_under_its_own_name)
{
    far_add((struct far_type){20000, .kind = 'd', .base = 20001, .name = "outer"});
    far_add((struct far_type){20001, .kind = 'd', .base = 1007, .name = "inner"});
    const struct pg_type *domain = get(20000);
    ck_assert_int_eq(domain->kind, PG_TYPE_ARRAY);
    ck_assert_ptr_eq(domain->element, get(23));
    ck_assert_uint_eq(domain->oid, 20000);
    ck_assert(str_is(domain->name, "outer"));
}
END_TEST

START_TEST(composites_ranges_and_multiranges_are_resolved)
{
    far_add((struct far_type){20000, .kind = 'c', .name = "pair", .fields = {"n\"", "r"},
                              .types = {23, 20003}});
    far_add((struct far_type){20002, .kind = 'r', .element = 1700, .name = "numrange"});
    far_add((struct far_type){20003, .kind = 'm', .element = 20002, .name = "multi"});
    const struct pg_type *pair = get(20000);
    ck_assert_int_eq(pair->kind, PG_TYPE_COMPOSITE);
    ck_assert_uint_eq(pair->count, 2);
    ck_assert(str_is(pair->fields[0].name, "n\""));
    ck_assert(str_is(pair->fields[0].label, "\"n\\\"\":"));
    ck_assert_ptr_eq(pair->fields[0].type, get(23));
    const struct pg_type *multi = pair->fields[1].type;
    ck_assert_int_eq(multi->kind, PG_TYPE_MULTIRANGE);
    ck_assert_int_eq(multi->element->kind, PG_TYPE_RANGE);
    ck_assert_ptr_eq(multi->element->element, get(1700));
    ck_assert_uint_eq(multi->levels, 2);
    ck_assert_uint_eq(pair->levels, 3);
}
END_TEST

START_TEST(a_type_that_is_gone_is_text)
{
    ck_assert_int_eq(get(20000)->kind, PG_TYPE_TEXT);
    ck_assert_int_eq(get(20000)->kind, PG_TYPE_TEXT);
    ck_assert_uint_eq(asked, 1);
}
END_TEST

START_TEST(what_a_catalog_may_not_say_is_text)
{
    far_add((struct far_type){1, .kind = 'm', .element = 25, .name = "no range in it"});
    far_add((struct far_type){2, .kind = 'b', .is_array = true, .element = 25,
                              .delimiter = '{', .name = "brace"});
    far_add((struct far_type){3, .kind = 'b', .is_array = true, .element = 25,
                              .delimiter = '"', .name = "quote"});
    far_add((struct far_type){4, .kind = 'p', .name = "pseudo"});
    far_add((struct far_type){5, .kind = 'x', .name = "unheard of"});
    far_add((struct far_type){6, .kind = 'c', .fields = {"self"}, .types = {6},
                              .name = "recursive"});
    for (uint32_t oid = 1; oid < 6; oid++)
        ck_assert_int_eq(get(oid)->kind, PG_TYPE_TEXT);
    ck_assert_int_eq(get(6)->kind, PG_TYPE_COMPOSITE);
    ck_assert_int_eq(get(6)->fields[0].type->kind, PG_TYPE_TEXT);
}
END_TEST

START_TEST(how_deep_a_type_is_does_not_depend_on_who_asks_first)
{
    /* Each holds the one before it. */
    far_add((struct far_type){30000, .kind = 'e', .name = "scalar"});
    for (uint32_t i = 1; i < 40; i++)
        far_add((struct far_type){30000 + i, .kind = 'c', .fields = {"f"},
                                  .types = {30000 + i - 1}, .name = "deep"});
    get(30000 + (uint32_t)_i);
    for (uint32_t i = 0; i < 40; i++) {
        const struct pg_type *type = get(30000 + i);
        bool text = i % (PG_TYPE_LEVELS + 1) == 0;
        ck_assert_int_eq(type->kind, text ? PG_TYPE_TEXT : PG_TYPE_COMPOSITE);
        ck_assert_uint_eq(type->levels, i % (PG_TYPE_LEVELS + 1));
    }
    ck_assert_uint_eq(asked, 40);
}
END_TEST

START_TEST(types_that_hold_each_other_end)
{
    for (uint32_t i = 0; i < 200; i++)
        far_add((struct far_type){
            30000 + i, .kind = 'c', .fields = {"a", "b", "c"},
            .types = {30000 + (i + 1) % 200, 30000 + (i + 7) % 200, 30000 + i},
            .name = "ring"});
    for (uint32_t i = 0; i < 200; i++)
        ck_assert_uint_le(get(30000 + i)->levels, PG_TYPE_LEVELS);
    ck_assert_uint_le(asked, 200);
}
END_TEST

START_TEST(after_a_forget_only_what_changed_is_new)
{
    far_add((struct far_type){20000, .kind = 'c', .name = "pair", .fields = {"a", "b"},
                              .types = {23, 20001}});
    far_add((struct far_type){20001, .kind = 'e', .name = "mood"});
    const struct pg_type *pair = get(20000);
    const struct pg_type *mood = get(20001);
    for (int i = 0; i < 100; i++) {
        pg_type_forget(types);
        ck_assert_ptr_eq(get(20000), pair);
        ck_assert_ptr_eq(get(20001), mood);
    }
    ck_assert_uint_eq(asked, 202);
    far[0].fields[1] = "renamed";
    ck_assert_ptr_eq(get(20000), pair);
    pg_type_forget(types);
    const struct pg_type *now = get(20000);
    ck_assert_ptr_ne(now, pair);
    ck_assert(str_is(now->fields[1].name, "renamed"));
    ck_assert(str_is(pair->fields[1].name, "b")); /* still there */
    ck_assert_ptr_eq(get(20001), mood);
    far[1].name = "temper";
    pg_type_forget(types);
    ck_assert_ptr_ne(get(20000), now);
    ck_assert(str_is(get(20000)->fields[1].type->name, "temper"));
    far_count = 0;
    pg_type_forget(types);
    ck_assert_int_eq(get(20000)->kind, PG_TYPE_TEXT);
}
END_TEST

START_TEST(a_failed_question_is_asked_again)
{
    far_add((struct far_type){20000, .kind = 'c', .name = "pair", .fields = {"a"},
                              .types = {20001}});
    far_add((struct far_type){20001, .kind = 'e', .name = "mood"});
    far_status = WF_UNAVAILABLE;
    const struct pg_type *type = NULL;
    wf_error err;
    ck_assert_int_eq(pg_type_get(types, 20000, &type, &err), WF_UNAVAILABLE);
    ck_assert_str_eq(err.text, "cannot ask");
    ck_assert_ptr_null(type);
    far_status = WF_OK;
    ck_assert_int_eq(get(20000)->kind, PG_TYPE_COMPOSITE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_type");
    TCase *tc = tcase_create("pg_type");
    tcase_add_checked_fixture(tc, set_up, tear_down);
    tcase_add_test(tc, usual_types_are_known_without_asking);
    tcase_add_test(tc, a_type_is_asked_for_once);
    tcase_add_test(tc, a_domain_is_its_base_under_its_own_name);
    tcase_add_test(tc, composites_ranges_and_multiranges_are_resolved);
    tcase_add_test(tc, a_type_that_is_gone_is_text);
    tcase_add_test(tc, what_a_catalog_may_not_say_is_text);
    tcase_add_loop_test(tc, how_deep_a_type_is_does_not_depend_on_who_asks_first, 0, 40);
    tcase_add_test(tc, types_that_hold_each_other_end);
    tcase_add_test(tc, after_a_forget_only_what_changed_is_new);
    tcase_add_test(tc, a_failed_question_is_asked_again);
    suite_add_tcase(suite, tc);
    return suite;
}
