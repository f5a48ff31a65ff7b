/* SPDX-License-Identifier: MIT
 *
 * providers/debezium/connect_cluster: faults, several servers, redirects, a cancel.
 */
#include <check.h>
#include <pthread.h>
#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "base/thread.h"
#include "providers/debezium/connect_client.h"
#include "tests/support/connect_rig.h"
#include "tests/support/run.h"

/* ---- faults -------------------------------------------------------------------------- */

static const struct fake_fault passing[] = {
    {.request = "PUT", .times = 3, .kind = FAKE_REBALANCE},
    {.request = "PUT", .times = 1, .kind = FAKE_EXISTS},
    {.request = "PUT", .times = 1, .kind = FAKE_TIMED_OUT},
    {.request = "PUT", .times = 2, .kind = FAKE_CUT},
    {.request = "GET", .times = 2, .kind = FAKE_CUT},
    {.request = "PUT",
     .times = 1,
     .status = 500,
     .text = "{\"message\":\"Request timed out\"}"},
    {.request = "PUT", .times = 1, .status = 502, .text = "<html>Bad Gateway"},
    {.request = "GET", .times = 2, .status = 503, .text = ""},
    {.request = "GET", .times = 1, .status = 429, .text = "slowly"},
    {.request = "PUT", .times = 1, .status = 504, .text = ""},
};

START_TEST(what_passes_is_waited_for)
{
    struct connect_rig rig;
    bool created = false;
    connect_rig_open(&rig);
    fake_connect_fault(rig.fake, passing[_i]);
    ck_assert_int_eq(
        connect_put(rig.client, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG, &created, &rig.err),
        WF_OK);
    ck_assert(created);
    ck_assert_str_ne(fake_connect_config(rig.fake, "workflow-shop"), "");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(what_does_not_pass_ends_with_the_patience)
{
    struct connect_rig rig;
    bool created;
    connect_rig_open_plan(&rig, (struct connect_plan){.patience_ms = 400});
    fake_connect_fault(
        rig.fake, (struct fake_fault){.request = "", .times = 99, .kind = FAKE_REBALANCE});
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(
        connect_put(rig.client, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG, &created, &rig.err),
        WF_UNAVAILABLE);
    ck_assert_int_ge(clock_mono_ms() - began, 400);
    ck_assert_int_lt(clock_mono_ms() - began, 5000);
    connect_rig_says(&rig, "answers 409: Cannot complete request");
    connect_rig_says(&rig, "attempts");
    connect_rig_close(&rig);
}
END_TEST

static const struct {
    struct fake_fault fault;
    wf_status status;
    const char *words;
} lasting[] = {
    {{.request = "", .status = 400, .text = "{\"error_code\":400,\"message\":\"no\"}"},
     WF_CONFIG,
     "answers 400: no"},
    {{.request = "", .status = 401, .text = ""}, WF_CONFIG, "does not let us in (401"},
    {{.request = "", .status = 403, .text = "{\"message\":\"hands off\"}"},
     WF_CONFIG,
     "hands off"},
    {{.request = "", .status = 405, .text = ""}, WF_CONFIG, "does not know"},
    {{.request = "", .status = 302, .text = "", .location = "http://login.example/"},
     WF_CONFIG,
     "http://login.example/"},
    {{.request = "", .status = 200, .text = "<html>welcome</html>"}, WF_PROTOCOL, ""},
    {{.request = "", .status = 200, .text = "{\"connector\":"}, WF_PROTOCOL, ""},
    {{.request = "", .status = 200, .text = "[]"}, WF_PROTOCOL, ""},
    {{.request = "", .kind = FAKE_HUGE, .status = 200}, WF_PROTOCOL, "larger than"},
    {{.request = "", .status = 418, .text = "teapot"}, WF_CONFIG, "418: teapot"},
};

START_TEST(what_does_not_change_is_not_tried_again)
{
    struct connect_rig rig;
    struct connect_status status;
    connect_rig_open(&rig);
    struct fake_fault fault = lasting[_i].fault;
    fault.times = 1;
    fake_connect_fault(rig.fake, fault);
    ck_assert_int_eq(connect_status_get(rig.client, CONNECT_RIG_NAME, &status, &rig.err),
                     lasting[_i].status);
    connect_rig_says(&rig, lasting[_i].words);
    ck_assert_str_eq(fake_connect_heard(rig.fake),
                     "GET /connectors/workflow-shop/status\n");
    connect_rig_close(&rig);
}
END_TEST

START_TEST(a_server_that_is_away_makes_room_for_the_next)
{
    struct fake_connect *other = fake_connect_start();
    struct connect_rig rig;
    struct buf urls;
    struct connect_status status;
    buf_init(&urls, 1000);
    buf_printf(&urls, "http://127.0.0.1:1/ , %s/,http://127.0.0.1:2",
               fake_connect_url(other));
    connect_rig_open_plan(&rig, (struct connect_plan){.urls = buf_view(&urls)});
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(connect_status_get(rig.client, CONNECT_RIG_NAME, &status, &rig.err),
                     WF_OK);
    ck_assert_int_eq(status.state, CONNECT_NOT_FOUND);
    /* The one that answered is asked first from then on. */
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(
            connect_status_get(rig.client, CONNECT_RIG_NAME, &status, &rig.err), WF_OK);
    ck_assert_int_lt(clock_mono_ms() - began, 3000);
    ck_assert_uint_eq(fake_connect_connections(other), 1);
    connect_rig_close(&rig);
    buf_release(&urls);
    fake_connect_stop(other);
}
END_TEST

START_TEST(a_server_that_is_silent_makes_room_for_the_next)
{
    struct fake_connect *other = fake_connect_start();
    struct connect_rig rig;
    struct buf urls;
    struct connect_status status;
    struct fake_fault silence = {.request = "", .times = 9, .kind = FAKE_SILENCE};
    buf_init(&urls, 1000);
    connect_rig_open(&rig);
    fake_connect_fault(other, silence);
    buf_printf(&urls, "%s,%s", fake_connect_url(other), fake_connect_url(rig.fake));
    struct connect_plan plan = {
        .urls = buf_view(&urls), .timeout_ms = 150, .patience_ms = 10000};
    struct connect_client *client;
    ck_assert_int_eq(connect_open(&plan, &client, &rig.err), WF_OK);
    ck_assert_int_eq(connect_status_get(client, CONNECT_RIG_NAME, &status, &rig.err),
                     WF_OK);
    connect_close(client);
    connect_rig_close(&rig);
    buf_release(&urls);
    fake_connect_stop(other);
}
END_TEST

START_TEST(a_redirect_to_the_leader_is_followed_with_the_body_and_without_the_login)
{
    struct fake_connect *leader = fake_connect_start();
    struct connect_rig rig;
    struct buf urls, location;
    bool created = false;
    connect_rig_open(&rig);
    buf_init(&urls, 1000);
    buf_init(&location, 1000);
    fake_connect_let_in(rig.fake, "Basic YW5uOnB3");
    buf_printf(&urls, "http://ann:pw@%s", fake_connect_url(rig.fake) + strlen("http://"));
    buf_printf(&location, "%s/connectors/workflow-shop/config?forward=true",
               fake_connect_url(leader));
    struct connect_plan plan = {
        .urls = buf_view(&urls), .timeout_ms = 5000, .patience_ms = 500};
    struct connect_client *client;
    ck_assert_int_eq(connect_open(&plan, &client, &rig.err), WF_OK);
    fake_connect_fault(rig.fake, (struct fake_fault){.request = "PUT",
                                                     .times = 1,
                                                     .status = 307,
                                                     .text = "",
                                                     .location = buf_c(&location)});
    fake_connect_fault(leader,
                       (struct fake_fault){.request = "PUT /connectors/workflow-shop/"
                                                      "config?forward=true",
                                           .times = 1,
                                           .status = 201,
                                           .text = "{}"});
    ck_assert_int_eq(
        connect_put(client, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG, &created, &rig.err),
        WF_OK);
    ck_assert_str_eq(fake_connect_heard(leader),
                     "PUT /connectors/workflow-shop/config?forward=true\n");
    fake_connect_check(leader);
    /* The leader wants a login, but is not in the list. */
    fake_connect_let_in(leader, "Basic YW5uOnB3");
    fake_connect_fault(rig.fake, (struct fake_fault){.request = "PUT",
                                                     .times = 1,
                                                     .status = 307,
                                                     .text = "",
                                                     .location = buf_c(&location)});
    ck_assert_int_eq(
        connect_put(client, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG, &created, &rig.err),
        WF_CONFIG);
    connect_close(client);
    connect_rig_close(&rig);
    buf_release(&urls);
    buf_release(&location);
    fake_connect_stop(leader);
}
END_TEST

START_TEST(a_redirect_to_the_same_server_keeps_the_login)
{
    struct connect_rig rig;
    struct buf urls;
    struct connect_status status;
    connect_rig_open(&rig);
    buf_init(&urls, 1000);
    buf_printf(&urls, "http://ann:p%%77@%s",
               fake_connect_url(rig.fake) + strlen("http://"));
    struct connect_plan plan = {
        .urls = buf_view(&urls), .timeout_ms = 5000, .patience_ms = 500};
    struct connect_client *client;
    ck_assert_int_eq(connect_open(&plan, &client, &rig.err), WF_OK);
    fake_connect_let_in(rig.fake, "Basic YW5uOnB3");
    fake_connect_fault(rig.fake,
                       (struct fake_fault){.request = "status",
                                           .times = 1,
                                           .status = 307,
                                           .text = "",
                                           .location = "/connectors/workflow-shop/status"});
    ck_assert_int_eq(connect_status_get(client, CONNECT_RIG_NAME, &status, &rig.err),
                     WF_OK);
    connect_close(client);
    connect_rig_close(&rig);
    buf_release(&urls);
}
END_TEST

static const struct {
    const char *location;
    wf_status status;
} bad_locations[] = {
    {NULL, WF_PROTOCOL},
    {"", WF_PROTOCOL},
    {"ftp://host/", WF_PROTOCOL},
    {"//host/", WF_PROTOCOL},
    {"http://user@host/", WF_PROTOCOL},
    {"/connectors/workflow-shop/status", WF_UNAVAILABLE}, /* in a circle */
};

START_TEST(a_redirect_to_nowhere_is_an_error)
{
    struct connect_rig rig;
    struct connect_status status;
    connect_rig_open_plan(&rig, (struct connect_plan){.patience_ms = 1});
    fake_connect_fault(rig.fake,
                       (struct fake_fault){.request = "",
                                           .times = 99,
                                           .status = 307,
                                           .text = "",
                                           .location = bad_locations[_i].location});
    ck_assert_int_eq(connect_status_get(rig.client, CONNECT_RIG_NAME, &status, &rig.err),
                     bad_locations[_i].status);
    connect_rig_close(&rig);
}
END_TEST

static void *raise_it(void *arg)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    int64_t until = clock_mono_ms() + 100;
    thread_cond_init(&cond);
    pthread_mutex_lock(&mutex);
    while (thread_cond_wait_until(&cond, &mutex, until))
        continue;
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&cond);
    cancel_raise(arg);
    return NULL;
}

START_TEST(a_cancel_ends_a_request_a_pause_and_a_wait)
{
    static const struct fake_fault faults[] = {
        {.request = "", .times = 99, .kind = FAKE_SILENCE},
        {.request = "", .times = 99, .kind = FAKE_REBALANCE},
        {.request = "nothing", .times = 1, .kind = FAKE_REBALANCE},
    };
    struct connect_rig rig;
    pthread_t thread;
    connect_rig_open_plan(&rig,
                          (struct connect_plan){.patience_ms = 60000, .timeout_ms = 60000});
    connect_rig_put(&rig, CONNECT_RIG_NAME, CONNECT_RIG_CONFIG);
    fake_connect_fault(rig.fake, faults[_i]);
    fake_connect_show(rig.fake, "RUNNING", "RUNNING", NULL);
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(thread_start(&thread, "cancel", raise_it, &rig.cancel, &rig.err),
                     WF_OK);
    ck_assert_int_eq(connect_wish(rig.client, CONNECT_RIG_NAME, CONNECT_PAUSE, &rig.err),
                     WF_CANCELLED);
    ck_assert_int_lt(clock_mono_ms() - began, 5000);
    pthread_join(thread, NULL);
    connect_rig_close(&rig);
}
END_TEST

static const char *const bad_urls[] = {
    "",
    " , ",
    "connect",
    "connect:8083",
    "ftp://x/",
    "http://",
    "http:///x",
    "http://h:port",
    "http://h:0",
    "http://h/?a=b",
    "postgres://me:hunter2@h/db",
    "http://me:hunter2@h:99999",
};

START_TEST(a_connection_that_is_no_url_is_refused_without_its_password)
{
    struct connect_client *client = NULL;
    wf_error err = {0};
    struct connect_plan plan = {.urls = str_from(bad_urls[_i])};
    ck_assert_int_eq(connect_open(&plan, &client, &err), WF_CONFIG);
    ck_assert_ptr_null(client);
    ck_assert_ptr_nonnull(strstr(err.text, "'connection'"));
    ck_assert_ptr_null(strstr(err.text, "hunter2"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("connect_cluster");
    TCase *t = tcase_create("connect_cluster");
    tcase_set_timeout(t, 30);
    tcase_add_loop_test(t, what_passes_is_waited_for, 0, CDC_COUNT(passing));
    tcase_add_test(t, what_does_not_pass_ends_with_the_patience);
    tcase_add_loop_test(t, what_does_not_change_is_not_tried_again, 0, CDC_COUNT(lasting));
    tcase_add_test(t, a_server_that_is_away_makes_room_for_the_next);
    tcase_add_test(t, a_server_that_is_silent_makes_room_for_the_next);
    tcase_add_test(
        t, a_redirect_to_the_leader_is_followed_with_the_body_and_without_the_login);
    tcase_add_test(t, a_redirect_to_the_same_server_keeps_the_login);
    tcase_add_loop_test(t, a_redirect_to_nowhere_is_an_error, 0, CDC_COUNT(bad_locations));
    tcase_add_loop_test(t, a_cancel_ends_a_request_a_pause_and_a_wait, 0, 3);
    tcase_add_loop_test(t, a_connection_that_is_no_url_is_refused_without_its_password, 0,
                        CDC_COUNT(bad_urls));
    suite_add_tcase(s, t);
    return s;
}
