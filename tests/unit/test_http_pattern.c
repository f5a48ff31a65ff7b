/* SPDX-License-Identifier: MIT
 *
 * http_pattern, http_reply and http_listen: what they take and what they refuse.
 */
#include <check.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/http_reply.h"
#include "host/modules/http_listen.h"
#include "host/modules/http_pattern.h"
#include "tests/support/run.h"

static const struct match {
    const char *pattern;
    const char *path;
    const char *params; /* JSON; NULL: no match */
} matches[] = {
    {"/a", "/a", "{}"},
    {"/a", "/a/", NULL},
    {"/a", "/b", NULL},
    {"/a", "/", NULL},
    {"/a", "/%61", "{}"},
    {"/a", "a", NULL},
    {"/a", "", NULL},
    {"/a/{id}", "/a/1", "{\"id\":\"1\"}"},
    {"/a/{id}", "/a/", NULL},
    {"/a/{id}", "/a", NULL},
    {"/a/{id}", "/a/1/", NULL},
    {"/a/{id}", "/a/x%2Fy%20z", "{\"id\":\"x/y z\"}"},
    {"/a/{id}", "/a/%zz%4", "{\"id\":\"%zz%4\"}"},
    {"/{x}/{y}", "/1/2", "{\"x\":\"1\",\"y\":\"2\"}"},
    {"/{x}/c/{y}", "/1/c/2", "{\"x\":\"1\",\"y\":\"2\"}"},
    {"/f/{rest...}", "/f/a/b", "{\"rest\":\"a/b\"}"},
    {"/f/{rest...}", "/f/", "{}"},
    {"/f/{rest...}", "/f", NULL},
    {"/f/", "/f/a/b", "{}"},
    {"/f/", "/f/", "{}"},
    {"/f/", "/f", NULL},
    {"/f/{$}", "/f/", "{}"},
    {"/f/{$}", "/f/a", NULL},
    {"/", "/", "{}"},
    {"/", "/anything/else", "{}"},
    {"/{$}", "/", "{}"},
    {"/{$}", "/a", NULL},
};

START_TEST(a_pattern_matches_as_the_engines_router_does)
{
    const struct match *m = &matches[_i];
    struct http_pattern *p;
    struct arena arena;
    wf_error err;
    arena_init(&arena, LIMIT_ARENA_BYTES);
    ck_assert_int_eq(http_pattern_new(str_from(m->pattern), &p, &err), WF_OK);
    ck_assert_msg(http_pattern_matches(p, str_from(m->path)) == (m->params != NULL),
                  "%s %s", m->pattern, m->path);
    if (m->params) {
        struct value *params = value_map(&arena, 2);
        struct buf json;
        buf_init(&json, 4096);
        ck_assert(http_pattern_params(p, str_from(m->path), &arena, params));
        value_json(&json, params);
        ck_assert_str_eq(buf_c(&json), m->params);
        buf_release(&json);
    }
    http_pattern_free(p);
    arena_release(&arena);
}
END_TEST

static const char *const bad_patterns[] = {
    "",       "a",    "//",        "/a//b",  "/a{b}",    "/{}",         "/{a",    "/a}",
    "/{a-b}", "/{1}", "/{a...}/b", "/{$}/b", "/{a}/{a}", "/{a}/{a...}", "/{...}", "/{a}b",
};

START_TEST(a_pattern_that_means_nothing_is_refused)
{
    struct http_pattern *p = NULL;
    wf_error err;
    ck_assert_int_eq(http_pattern_new(str_from(bad_patterns[_i]), &p, &err), WF_CONFIG);
    ck_assert_ptr_null(p);
    ck_assert_uint_gt(strlen(err.text), 0);
}
END_TEST

START_TEST(a_pattern_with_too_many_segments_is_refused)
{
    char path[2 * (HTTP_PATTERN_SEGMENTS + 1) + 1] = "";
    for (size_t i = 0; i <= HTTP_PATTERN_SEGMENTS; i++)
        memcpy(path + 2 * i, "/a", 3);
    struct http_pattern *p = NULL;
    wf_error err;
    ck_assert_int_eq(http_pattern_new(str_from(path), &p, &err), WF_CONFIG);
    path[2 * HTTP_PATTERN_SEGMENTS] = '\0';
    ck_assert_int_eq(http_pattern_new(str_from(path), &p, &err), WF_OK);
    http_pattern_free(p);
}
END_TEST

START_TEST(the_more_specific_pattern_goes_first)
{
    static const char *const order[] = {"/a/b",      "/a/{$}", "/a/{x}",
                                        "/a/{x...}", "/{y}/b", "/"};
    struct http_pattern *p[CDC_COUNT(order)];
    wf_error err;
    for (size_t i = 0; i < CDC_COUNT(order); i++)
        ck_assert_int_eq(http_pattern_new(str_from(order[i]), &p[i], &err), WF_OK);
    for (size_t i = 0; i + 1 < CDC_COUNT(order); i++)
        ck_assert_msg(http_pattern_compare(p[i], p[i + 1]) > 0, "%s", order[i]);
    for (size_t i = 0; i < CDC_COUNT(order); i++) {
        ck_assert_int_eq(http_pattern_compare(p[i], p[i]), 0);
        http_pattern_free(p[i]);
    }
}
END_TEST

START_TEST(headers_are_replaced_or_added_and_never_break_the_line)
{
    struct http_reply r;
    http_reply_init(&r);
    wf_error err;
    ck_assert_int_eq(http_reply_header(&r, STR("A"), STR("1"), true, &err), WF_OK);
    ck_assert_int_eq(http_reply_header(&r, STR("B"), STR("2"), true, &err), WF_OK);
    ck_assert_int_eq(http_reply_header(&r, STR("a"), STR("3"), true, &err), WF_OK);
    ck_assert_int_eq(http_reply_header(&r, STR("B"), STR("4"), false, &err), WF_OK);
    ck_assert_int_eq(http_reply_header(&r, STR("Content-Length"), STR("9"), true, &err),
                     WF_OK);
    ck_assert_int_eq(http_reply_header(&r, STR("X"), STR("a\r\nY: b"), true, &err),
                     WF_CONFIG);
    ck_assert_int_eq(http_reply_header(&r, STR("X"), ((wf_str){"\0", 1}), true, &err),
                     WF_CONFIG);
    ck_assert_int_eq(http_reply_header(&r, STR("X:"), STR("a"), true, &err), WF_CONFIG);
    ck_assert_int_eq(http_reply_header(&r, STR(""), STR("a"), true, &err), WF_CONFIG);
    struct buf all;
    buf_init(&all, 4096);
    const char *name;
    const char *value;
    for (size_t at = 0; http_reply_next(&r, &at, &name, &value);)
        buf_printf(&all, "%s=%s;", name, value);
    ck_assert_str_eq(buf_c(&all), "B=2;a=3;B=4;");
    buf_release(&all);
    http_reply_release(&r);
}
END_TEST

START_TEST(headers_have_a_bound_and_keep_no_half_of_one)
{
    struct http_reply r;
    http_reply_init(&r);
    wf_error err;
    char value[1000];
    memset(value, 'x', sizeof value);
    wf_status status = WF_OK;
    for (int i = 0; i < 100 && !status; i++)
        status =
            http_reply_header(&r, STR("X"), (wf_str){value, sizeof value}, false, &err);
    ck_assert_int_ne(status, WF_OK);
    const char *name;
    const char *v;
    size_t count = 0;
    for (size_t at = 0; http_reply_next(&r, &at, &name, &v); count++)
        ck_assert_uint_eq(strlen(v), sizeof value);
    ck_assert_uint_gt(count, 10);
    http_reply_release(&r);
}
END_TEST

static const struct address {
    const char *text;
    bool good;
} addresses[] = {
    {":8080", true},           {"127.0.0.1:0", true}, {"[::1]:80", true},
    {"localhost:65535", true}, {"8080", false},       {"", false},
    {":65536", false},         {":-1", false},        {"127.0.0.1:", false},
    {"::1:80", false},         {":http", false},      {"a:b:1", false},
};

START_TEST(an_address_is_checked_before_it_is_used)
{
    wf_error err;
    wf_status status = http_listen_check(str_from(addresses[_i].text), &err);
    ck_assert_int_eq(status, addresses[_i].good ? WF_OK : WF_CONFIG);
}
END_TEST

START_TEST(a_port_that_is_taken_is_said_to_be)
{
    wf_error err;
    int first = -1;
    int second = -1;
    char memory[64];
    struct buf name;
    buf_fixed(&name, memory, sizeof memory);
    ck_assert_int_eq(http_listen_open(STR("127.0.0.1:0"), &first, &err), WF_OK);
    http_listen_name(first, &name);
    ck_assert(str_starts(buf_view(&name), STR("127.0.0.1:")));
    ck_assert_int_eq(http_listen_open(buf_view(&name), &second, &err), WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "cannot listen on '127.0.0.1:"));
    ck_assert_int_eq(second, -1);
    close(first);
    ck_assert_int_eq(http_listen_open(STR(":0"), &first, &err), WF_OK);
    close(first);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("http_pattern");
    TCase *t = tcase_create("http");
    tcase_add_loop_test(t, a_pattern_matches_as_the_engines_router_does, 0,
                        (int)CDC_COUNT(matches));
    tcase_add_loop_test(t, a_pattern_that_means_nothing_is_refused, 0,
                        (int)CDC_COUNT(bad_patterns));
    tcase_add_test(t, a_pattern_with_too_many_segments_is_refused);
    tcase_add_test(t, the_more_specific_pattern_goes_first);
    tcase_add_test(t, headers_are_replaced_or_added_and_never_break_the_line);
    tcase_add_test(t, headers_have_a_bound_and_keep_no_half_of_one);
    tcase_add_loop_test(t, an_address_is_checked_before_it_is_used, 0,
                        (int)CDC_COUNT(addresses));
    tcase_add_test(t, a_port_that_is_taken_is_said_to_be);
    suite_add_tcase(suite, t);
    return suite;
}
