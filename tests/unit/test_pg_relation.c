/* SPDX-License-Identifier: MIT
 *
 * Relation messages become tables, keys and SQL.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/postgres/pg_relation.h"
#include "tests/support/pgoutput_build.h"
#include "tests/support/run.h"

struct rig {
    struct pg_catalog catalog;
    struct pg_relations *relations;
    struct buf bytes;
    const char *key; /* the primary key, "b a" */
    int asked;
    wf_status fails;
};

static wf_status rig_ask(void *ctx, uint32_t oid,
                         wf_status (*use)(void *user, const struct pg_type_facts *facts,
                                          wf_error *err),
                         void *user, wf_error *err)
{
    (void)ctx;
    const struct pg_type_facts mood = {.kind = 'e', .name = STR("public.mood")};
    return oid == 20000 ? use(user, &mood, err) : WF_OK;
}

static wf_status rig_key(void *ctx, uint32_t relation,
                         void (*use)(void *user, wf_str column), void *user, wf_error *err)
{
    struct rig *rig = ctx;
    (void)relation;
    rig->asked++;
    if (rig->fails)
        return error_set(err, rig->fails, "the catalog is away");
    wf_str rest = str_from(rig->key);
    for (wf_str column; str_next(&rest, ' ', &column);)
        use(user, column);
    return WF_OK;
}

static void rig_open(struct rig *rig)
{
    wf_error err;
    *rig = (struct rig){0};
    rig->catalog = (struct pg_catalog){{rig, rig_ask}, rig_key, rig};
    buf_init(&rig->bytes, LIMIT_OUTPUT_BYTES);
    ck_assert_int_eq(pg_relation_list_new(&rig->catalog, &rig->relations, &err), WF_OK);
}

static void rig_close(struct rig *rig)
{
    pg_relation_list_free(rig->relations);
    buf_release(&rig->bytes);
}

static wf_status rig_try(struct rig *rig, uint32_t oid, const char *table, char identity,
                         const char *columns, bool *out_changed)
{
    struct pgoutput_message message;
    wf_error err;
    buf_clear(&rig->bytes);
    pgoutput_build_relation(&rig->bytes, 0, oid, table, identity, columns);
    ck_assert_int_eq(pgoutput_parse(buf_view(&rig->bytes), false, &message, &err), WF_OK);
    struct pg_relation *relation = NULL;
    wf_status status =
        pg_relation_learn(rig->relations, &message, &relation, out_changed, &err);
    ck_assert(status || relation == pg_relation_find(rig->relations, oid));
    /* Nothing may point into the message any more. */
    memset(rig->bytes.data, 'x', rig->bytes.len);
    return status;
}

static struct pg_relation *rig_learn(struct rig *rig, uint32_t oid, const char *table,
                                     char identity, const char *columns, bool changed)
{
    bool is_changed = !changed;
    ck_assert_int_eq(rig_try(rig, oid, table, identity, columns, &is_changed), WF_OK);
    ck_assert_int_eq(is_changed, changed);
    return pg_relation_find(rig->relations, oid);
}

static void rig_assert_sql(const struct pg_relation *relation, const char *expected)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    pg_relation_sql(relation, &sql);
    ck_assert_str_eq(buf_c(&sql), expected);
}

START_TEST(a_relation_message_describes_a_table)
{
    struct rig rig;
    rig_open(&rig);
    struct pg_relation *r =
        rig_learn(&rig, 16400, "orders", 'd', "*id:20 name:25 what:20000", true);
    ck_assert(str_is(r->table->name, "public.orders"));
    ck_assert_uint_eq(r->table->count, 3);
    ck_assert(str_is(r->table->columns[2].name, "what"));
    ck_assert_uint_eq(r->table->key_count, 1);
    ck_assert_uint_eq(r->table->keys[0], 0);
    ck_assert(r->identity[0] && !r->identity[1] && !r->identity[2]);
    ck_assert_int_eq(r->types[0]->kind, PG_TYPE_INT);
    ck_assert(str_is(r->types[2]->name, "public.mood"));
    ck_assert_int_eq(rig.asked, 0);
    ck_assert_ptr_eq(pg_relation_find(rig.relations, 16400), r);
    ck_assert_ptr_null(pg_relation_find(rig.relations, 16401));
    rig_close(&rig);
}
END_TEST

START_TEST(a_repeat_changes_nothing)
{
    struct rig rig;
    rig_open(&rig);
    struct pg_relation *r = rig_learn(&rig, 1, "t", 'd', "*id:20 name:25", true);
    const struct cdc_table *table = r->table;
    r->announced = true;
    ck_assert_ptr_eq(rig_learn(&rig, 1, "t", 'd', "*id:20 name:25", false), r);
    ck_assert_ptr_eq(r->table, table);
    ck_assert(r->announced);
    rig_close(&rig);
}
END_TEST

static const char *const others[] = {
    "*id:20",           "*id:20 name:25 more:25", "*id:20 called:25", "*id:20 name:1043",
    "*id:20 name:25:9", "*id:20 *name:25",        "name:25 *id:20",
};

START_TEST(every_difference_is_a_change)
{
    struct rig rig;
    rig_open(&rig);
    struct pg_relation *r = rig_learn(&rig, 1, "t", 'd', "*id:20 name:25", true);
    r->announced = r->listed = true;
    r->arrival = 7;
    ck_assert_ptr_eq(rig_learn(&rig, 1, "t", 'd', others[_i], true), r);
    ck_assert(!r->announced);
    ck_assert(r->listed);
    ck_assert_uint_eq(r->arrival, 7);
    rig_close(&rig);
}
END_TEST

START_TEST(another_name_or_identity_is_a_change)
{
    struct rig rig;
    rig_open(&rig);
    rig_learn(&rig, 1, "t", 'd', "*id:20", true);
    rig_learn(&rig, 1, "u", 'd', "*id:20", true);
    rig_learn(&rig, 1, "u", 'i', "*id:20", true);
    rig_close(&rig);
}
END_TEST

START_TEST(the_key_of_a_full_table_is_its_primary_key_in_the_keys_order)
{
    struct rig rig;
    rig_open(&rig);
    rig.key = "c a";
    struct pg_relation *r =
        rig_learn(&rig, 1, "t", _i ? 'f' : 'n', "*a:20 *b:25 *c:25", true);
    ck_assert_uint_eq(r->table->key_count, 2);
    ck_assert_uint_eq(r->table->keys[0], 2);
    ck_assert_uint_eq(r->table->keys[1], 0);
    ck_assert(r->table->columns[0].key && !r->table->columns[1].key);
    ck_assert(r->identity[1]);
    rig_assert_sql(r,
                   "CREATE TABLE \"public\".\"t\" (\"a\" bigint, \"b\" text, \"c\" text, "
                   "PRIMARY KEY (\"c\", \"a\"))");
    rig_close(&rig);
}
END_TEST

static const char *const misfits[] = {"x", "a x", "x a", "a a", NULL};

START_TEST(a_primary_key_that_does_not_fit_is_none)
{
    struct rig rig;
    rig_open(&rig);
    rig.key = misfits[_i];
    struct pg_relation *r = rig_learn(&rig, 1, "t", 'f', "*a:20 *b:25", true);
    ck_assert_uint_eq(r->table->key_count, 0);
    ck_assert(!r->table->columns[0].key && !r->table->columns[1].key);
    rig_close(&rig);
}
END_TEST

START_TEST(a_primary_key_that_came_later_is_found_by_a_repeat_and_by_doubt)
{
    struct rig rig;
    struct pg_relation *r, *got;
    wf_error err;
    rig_open(&rig);
    rig_learn(&rig, 1, "t", 'f', "*a:20 *b:25", true);
    rig.key = "a";
    r = rig_learn(&rig, 1, "t", 'f', "*a:20 *b:25", true);
    ck_assert_uint_eq(r->table->key_count, 1);
    r->announced = true;

    rig.key = "b a";
    int asked = rig.asked;
    ck_assert_int_eq(pg_relation_get(rig.relations, 1, &got, &err), WF_OK);
    ck_assert_int_eq(rig.asked, asked);
    ck_assert_uint_eq(got->table->key_count, 1);
    pg_relation_doubt(rig.relations);
    ck_assert_int_eq(pg_relation_get(rig.relations, 1, &got, &err), WF_OK);
    ck_assert_uint_eq(got->table->key_count, 2);
    ck_assert(!got->announced);
    ck_assert_int_eq(pg_relation_get(rig.relations, 1, &got, &err), WF_OK);
    ck_assert_int_eq(rig.asked, asked + 1);
    rig_close(&rig);
}
END_TEST

START_TEST(a_catalog_that_is_away_changes_nothing)
{
    struct rig rig;
    struct pg_relation *got;
    bool changed;
    wf_error err;
    rig_open(&rig);
    rig.key = "a";
    rig_learn(&rig, 1, "t", 'f', "*a:20", true);
    rig.fails = WF_UNAVAILABLE;
    ck_assert_int_eq(rig_try(&rig, 1, "t", 'f', "*a:20 *b:20", &changed), WF_UNAVAILABLE);
    ck_assert_int_eq(rig_try(&rig, 2, "u", 'f', "*a:20", &changed), WF_UNAVAILABLE);
    ck_assert_uint_eq(pg_relation_find(rig.relations, 1)->table->count, 1);
    ck_assert_ptr_null(pg_relation_find(rig.relations, 2));
    pg_relation_doubt(rig.relations);
    ck_assert_int_eq(pg_relation_get(rig.relations, 1, &got, &err), WF_UNAVAILABLE);
    rig.fails = WF_OK;
    ck_assert_int_eq(pg_relation_get(rig.relations, 1, &got, &err), WF_OK);
    rig_close(&rig);
}
END_TEST

START_TEST(a_table_that_was_never_described_is_an_error)
{
    struct rig rig;
    struct pg_relation *got;
    wf_error err;
    rig_open(&rig);
    ck_assert_int_eq(pg_relation_get(rig.relations, 4711, &got, &err), WF_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(err.text, "4711"));
    rig_close(&rig);
}
END_TEST

START_TEST(thousands_of_tables_are_each_found)
{
    struct rig rig;
    rig_open(&rig);
    for (uint32_t i = 1; i <= 3000; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%u", i);
        rig_learn(&rig, i * 8, name, 'd', "*id:20", true);
    }
    for (uint32_t i = 1; i <= 3000; i++) {
        char name[32];
        snprintf(name, sizeof name, "public.t%u", i);
        ck_assert(str_is(pg_relation_find(rig.relations, i * 8)->table->name, name));
        ck_assert_ptr_null(pg_relation_find(rig.relations, i * 8 + 1));
    }
    ck_assert_uint_eq(pg_relation_named(rig.relations, STR("public.t77"))->oid, 77 * 8);
    ck_assert_ptr_null(pg_relation_named(rig.relations, STR("t77")));
    rig_close(&rig);
}
END_TEST

START_TEST(of_two_tables_of_one_name_the_younger_has_it)
{
    struct rig rig;
    rig_open(&rig);
    rig_learn(&rig, 10, "t", 'd', "*id:20", true)->arrival = 1;
    rig_learn(&rig, 11, "t", 'd', "*id:20", true)->arrival = 2;
    ck_assert_uint_eq(pg_relation_named(rig.relations, STR("public.t"))->oid, 11);
    rig_close(&rig);
}
END_TEST

START_TEST(a_table_may_have_no_columns_and_not_too_many)
{
    struct rig rig;
    bool changed;
    rig_open(&rig);
    rig_assert_sql(rig_learn(&rig, 1, "t", 'd', "", true),
                   "CREATE TABLE \"public\".\"t\" ()");
    CDC_CLEANUP(buf_release) struct buf columns;
    buf_init(&columns, LIMIT_OUTPUT_BYTES);
    for (int i = 0; i <= LIMIT_COLUMNS; i++)
        buf_printf(&columns, "c%d:23 ", i);
    ck_assert_int_eq(rig_try(&rig, 2, "u", 'd', buf_c(&columns), &changed), WF_PROTOCOL);
    rig_close(&rig);
}
END_TEST

struct type_case {
    const char *column, *sql;
};

static const struct type_case types[] = {
    {"c:1700:786438", "numeric(12,2)"}, /* ((12 << 16) | 2) + 4 */
    {"c:1700:133122", "numeric(2,-2)"}, /* ((2 << 16) | (-2 & 0x7FF)) + 4 */
    {"c:1700", "numeric"},
    {"c:1231:786438", "numeric(12,2)[]"},
    {"c:1043:14", "character varying(10)"},
    {"c:1015:14", "character varying(10)[]"},
    {"c:1042:5", "character(1)"},
    {"c:1114:3", "timestamp(3) without time zone"},
    {"c:1185:0", "timestamp(0) with time zone[]"},
    {"c:1266:6", "time(6) with time zone"},
    {"c:1186:2147418115", "interval(3)"},
    {"c:1186:2147483647", "interval"},
    {"c:1560:8", "bit(8)"},
    {"c:23:5", "integer"},
    {"c:20000", "public.mood"},
    {"c:29999", "text"},
};

START_TEST(a_types_modifier_is_in_the_sql)
{
    struct rig rig;
    char expected[128];
    rig_open(&rig);
    snprintf(expected, sizeof expected, "CREATE TABLE \"public\".\"t\" (\"c\" %s)",
             types[_i].sql);
    rig_assert_sql(rig_learn(&rig, 1, "t", 'd', types[_i].column, true), expected);
    rig_close(&rig);
}
END_TEST

START_TEST(names_are_quoted_in_the_sql)
{
    struct rig rig;
    rig_open(&rig);
    rig_assert_sql(rig_learn(&rig, 1, "my \"own\"", 'd', "*a\"b:20", true),
                   "CREATE TABLE \"public\".\"my \"\"own\"\"\" (\"a\"\"b\" bigint, "
                   "PRIMARY KEY (\"a\"\"b\"))");
    rig_close(&rig);
}
END_TEST

/* ---- forgetting ---------------------------------------------------------------------- */

#define MANY 3000u

/* Oids as jobs get them: neighbours, and some far away. */
static uint32_t oid_of(uint32_t i)
{
    return i % 7 ? 20000 + i : i * UINT32_C(2654435761);
}

static size_t oids_count(const struct rig *rig)
{
    CDC_CLEANUP(buf_release) struct buf oids;
    buf_init(&oids, LIMIT_OUTPUT_BYTES);
    pg_relation_put_oids(rig->relations, &oids);
    wf_str rest = buf_view(&oids);
    size_t count = 0;
    for (wf_str part; rest.len && str_next(&rest, ',', &part); count++) {
        uint64_t oid;
        ck_assert(str_to_u64(part, &oid));
        ck_assert_ptr_nonnull(pg_relation_find(rig->relations, (uint32_t)oid));
    }
    return count;
}

START_TEST(what_is_gone_is_forgotten_once_the_stream_is_past_it)
{
    struct rig rig;
    rig_open(&rig);
    for (uint32_t i = 1; i <= MANY; i++)
        rig_learn(&rig, oid_of(i), "t", 'd', "*id:20", true);
    ck_assert_uint_eq(pg_relation_count(rig.relations), MANY);
    for (uint32_t i = 1; i <= MANY; i++)
        if (i % 3)
            pg_relation_gone(rig.relations, oid_of(i), 1000 + i);
    pg_relation_gone(rig.relations, 19999, 1); /* nobody knows it */
    ck_assert_uint_eq(oids_count(&rig), MANY / 3);
    for (uint32_t step = 0; step <= 10; step++) {
        uint32_t upto = step * MANY / 10;
        size_t left = 0;
        pg_relation_forget(rig.relations, 1000 + upto);
        for (uint32_t i = 1; i <= MANY; i++) {
            const struct pg_relation *found = pg_relation_find(rig.relations, oid_of(i));
            ck_assert_int_eq(found != NULL, !(i % 3) || i > upto);
            ck_assert(!found || found->oid == oid_of(i));
            left += found != NULL;
        }
        ck_assert_uint_eq(pg_relation_count(rig.relations), left);
    }
    for (uint32_t i = 1; i <= MANY; i++) /* there is room again */
        rig_learn(&rig, oid_of(i), "t", 'd', "*id:20", i % 3 != 0);
    ck_assert_uint_eq(pg_relation_count(rig.relations), MANY);
    rig_close(&rig);
}
END_TEST

START_TEST(a_table_that_is_described_again_is_not_gone)
{
    struct rig rig;
    rig_open(&rig);
    rig_learn(&rig, 1, "t", 'd', "*id:20", true);
    rig_learn(&rig, 2, "u", 'd', "*id:20", true);
    pg_relation_gone(rig.relations, 1, 10);
    pg_relation_gone(rig.relations, 2, 10);
    rig_learn(&rig, 1, "t", 'd', "*id:20", false);
    rig_learn(&rig, 2, "u", 'd', "*id:20 more:25", true);
    pg_relation_forget(rig.relations, UINT64_MAX);
    ck_assert_uint_eq(pg_relation_count(rig.relations), 2);
    rig_close(&rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_relation");
    TCase *tc = tcase_create("pg_relation");
    tcase_add_test(tc, a_relation_message_describes_a_table);
    tcase_add_test(tc, a_repeat_changes_nothing);
    tcase_add_loop_test(tc, every_difference_is_a_change, 0, CDC_COUNT(others));
    tcase_add_test(tc, another_name_or_identity_is_a_change);
    tcase_add_loop_test(tc, the_key_of_a_full_table_is_its_primary_key_in_the_keys_order, 0,
                        2);
    tcase_add_loop_test(tc, a_primary_key_that_does_not_fit_is_none, 0, CDC_COUNT(misfits));
    tcase_add_test(tc, a_primary_key_that_came_later_is_found_by_a_repeat_and_by_doubt);
    tcase_add_test(tc, a_catalog_that_is_away_changes_nothing);
    tcase_add_test(tc, a_table_that_was_never_described_is_an_error);
    tcase_add_test(tc, thousands_of_tables_are_each_found);
    tcase_add_test(tc, of_two_tables_of_one_name_the_younger_has_it);
    tcase_add_test(tc, a_table_may_have_no_columns_and_not_too_many);
    tcase_add_loop_test(tc, a_types_modifier_is_in_the_sql, 0, CDC_COUNT(types));
    tcase_add_test(tc, names_are_quoted_in_the_sql);
    tcase_add_test(tc, what_is_gone_is_forgotten_once_the_stream_is_past_it);
    tcase_add_test(tc, a_table_that_is_described_again_is_not_gone);
    suite_add_tcase(suite, tc);
    return suite;
}
