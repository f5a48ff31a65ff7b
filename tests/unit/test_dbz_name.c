/* SPDX-License-Identifier: MIT
 *
 * providers/debezium/dbz_name, dbz_pattern.
 */
#include <check.h>
#include <string.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/dbz_name.h"
#include "providers/debezium/dbz_pattern.h"
#include "tests/support/run.h"

static const struct {
    const char *id, *connector, *prefix, *slot;
} names[] = {
    {"shop", "workflow-shop", "shop", "dbz_shop"},
    {"shop_2", "workflow-shop_2", "shop_2", "dbz_shop_2"},
    {"Shop-2", "workflow-Shop-2", "Shop-2", "dbz_shop_2_HHHHHHHH"},
    {"a.b", "workflow-a.b", "a_b_HHHHHHHH", "dbz_a_b_HHHHHHHH"},
    {"a/b", "workflow-a_b_HHHHHHHH", "a_b_HHHHHHHH", "dbz_a_b_HHHHHHHH"},
    {"a%b", "workflow-a_b_HHHHHHHH", "a_b_HHHHHHHH", "dbz_a_b_HHHHHHHH"},
    {" x ", "workflow-x_HHHHHHHH", "_x__HHHHHHHH", "dbz__x__HHHHHHHH"},
    {"\xc3\xa9 c", "workflow-\xc3\xa9 c", "___c_HHHHHHHH", "dbz____c_HHHHHHHH"},
    {"\xff", "workflow-__HHHHHHHH", "__HHHHHHHH", "dbz___HHHHHHHH"},
};

/* H stands for a hexadecimal digit. */
static void matches(const struct buf *name, const char *pattern)
{
    bool good = name->len == strlen(pattern);
    for (size_t i = 0; good && i < name->len; i++)
        good = pattern[i] == name->data[i] ||
               (pattern[i] == 'H' && strchr("0123456789abcdef", name->data[i]));
    ck_assert_msg(good, "%.*s is not %s", (int)name->len, name->data, pattern);
}

START_TEST(a_source_id_becomes_names)
{
    struct buf name;
    buf_init(&name, 1000);
    dbz_name_connector(&name, str_from(names[_i].id));
    matches(&name, names[_i].connector);
    ck_assert(str_is_utf8(buf_view(&name)));
    buf_clear(&name);
    dbz_name_topic_prefix(&name, str_from(names[_i].id));
    matches(&name, names[_i].prefix);
    buf_clear(&name);
    dbz_name_slot(&name, "dbz_", str_from(names[_i].id));
    matches(&name, names[_i].slot);
    buf_release(&name);
}
END_TEST

/* Two ids that differ in one byte, any two bytes, at any length up to the longest. */
START_TEST(different_sources_never_share_a_name)
{
    char one[LIMIT_SOURCE_ID], two[LIMIT_SOURCE_ID];
    struct buf a, b;
    size_t len = (size_t)_i;
    buf_init(&a, 1000);
    buf_init(&b, 1000);
    memset(one, 'x', sizeof one);
    memset(two, 'x', sizeof two);
    static const char others[] = "XY_-./\\% \"'é";
    for (size_t i = 0; others[i]; i++) {
        one[len - 1] = others[i];
        two[len - 1] = others[(i + 1) % (sizeof others - 1)];
        void (*const make_name[])(struct buf *, wf_str) = {dbz_name_connector,
                                                           dbz_name_topic_prefix};
        for (size_t k = 0; k < 2; k++) {
            buf_clear(&a);
            buf_clear(&b);
            make_name[k](&a, (wf_str){one, len});
            make_name[k](&b, (wf_str){two, len});
            ck_assert(!str_eq(buf_view(&a), buf_view(&b)));
        }
        ck_assert(dbz_name_is_topic_prefix(buf_view(&a)));
        buf_clear(&a);
        buf_clear(&b);
        dbz_name_slot(&a, "dbz_pub_", (wf_str){one, len});
        dbz_name_slot(&b, "dbz_pub_", (wf_str){two, len});
        ck_assert(!str_eq(buf_view(&a), buf_view(&b)));
        ck_assert_uint_le(a.len, 63);
        ck_assert_uint_ne(dbz_name_server_id((wf_str){one, len}),
                          dbz_name_server_id((wf_str){two, len}));
    }
    buf_release(&a);
    buf_release(&b);
}
END_TEST

START_TEST(a_pattern_becomes_a_regular_expression)
{
    static const struct {
        const char *pattern, *regex;
    } patterns[] = {
        {"public.orders", "public\\.orders"},
        {"public.*", "public\\..*"},
        {"*", ".*"},
        {"orders", "(.*\\.)?orders"},
        {"or?er*", "(.*\\.)?or.er.*"},
        {"a,b.c d$(x)[y]\\z", "a\\x2cb\\.c\\x20d\\x24\\x28x\\x29\\x5by\\x5d\\x5cz"},
        {"s.t\xc3\xa9", "s\\.t\xc3\xa9"},
    };
    struct buf out;
    buf_init(&out, 1000);
    for (size_t i = 0; i < CDC_COUNT(patterns); i++) {
        buf_clear(&out);
        dbz_pattern_put(&out, str_from(patterns[i].pattern));
        ck_assert_str_eq(buf_c(&out), patterns[i].regex);
    }
    buf_clear(&out);
    dbz_pattern_put_name(&out, STR("a*?.b"));
    ck_assert_str_eq(buf_c(&out), "a\\x2a\\x3f\\.b");
    buf_release(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("dbz_name");
    TCase *t = tcase_create("dbz_name");
    tcase_add_loop_test(t, a_source_id_becomes_names, 0, CDC_COUNT(names));
    tcase_add_loop_test(t, different_sources_never_share_a_name, 1, LIMIT_SOURCE_ID + 1);
    tcase_add_test(t, a_pattern_becomes_a_regular_expression);
    suite_add_tcase(s, t);
    return s;
}
