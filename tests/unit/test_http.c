/* SPDX-License-Identifier: MIT
 *
 * base/http against fake_connect, and against a socket that says what no server should.
 */
#include <arpa/inet.h>
#include <check.h>
#include <ctype.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/http.h"
#include "base/str.h"
#include "base/thread.h"
#include "tests/support/fake_connect.h"
#include "tests/support/run.h"

/* ---- a socket ------------------------------------------------------------------------ */

/* Takes one connection, waits for some bytes, says its words and closes. */
struct rude {
    int fd;
    char url[64];
    const char *words;
    pthread_t thread;
};

static void *rude_run(void *arg)
{
    struct rude *rude = arg;
    char heard[4096];
    int fd = accept(rude->fd, NULL, NULL);
    if (fd < 0)
        return NULL;
    (void)!recv(fd, heard, sizeof heard, 0);
    (void)!send(fd, rude->words, strlen(rude->words), MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static void rude_open(struct rude *rude, const char *words)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof at;
    wf_error err;
    *rude = (struct rude){.words = words};
    rude->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(rude->fd, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(rude->fd, 8), 0);
    ck_assert_int_eq(getsockname(rude->fd, (struct sockaddr *)&at, &len), 0);
    snprintf(rude->url, sizeof rude->url, "http://127.0.0.1:%u/x", ntohs(at.sin_port));
    ck_assert_int_eq(thread_start(&rude->thread, "rude", rude_run, rude, &err), WF_OK);
}

static void rude_close(struct rude *rude)
{
    shutdown(rude->fd, SHUT_RDWR);
    pthread_join(rude->thread, NULL);
    close(rude->fd);
}

/* ---- a call -------------------------------------------------------------------------- */

struct call {
    struct http *http;
    struct http_response reply;
    wf_error err;
};

static void call_open(struct call *call, struct http_options options)
{
    ck_assert_int_eq(http_open(&options, &call->http, &call->err), WF_OK);
    http_response_init(&call->reply);
}

static wf_status call_run(struct call *call, const char *method, const char *base,
                          const char *path, const char *body)
{
    char url[512];
    snprintf(url, sizeof url, "%s%s", base, path);
    return http_call(call->http, method, str_from(url), str_from(body), &call->reply,
                     &call->err);
}

static void call_close(struct call *call)
{
    http_response_release(&call->reply);
    http_close(call->http);
}

START_TEST(a_request_brings_status_and_body_over_one_connection)
{
    struct fake_connect *fake = fake_connect_start();
    struct call call;
    call_open(&call, (struct http_options){0});
    ck_assert_int_eq(call_run(&call, "PUT", fake_connect_url(fake), "/connectors/a/config",
                              "{\"k\":\"v\"}"),
                     WF_OK);
    ck_assert_int_eq(call.reply.status, 201);
    ck_assert_int_eq(
        call_run(&call, "GET", fake_connect_url(fake), "/connectors/a/config", ""), WF_OK);
    ck_assert_int_eq(call.reply.status, 200);
    ck_assert_str_eq(buf_c(&call.reply.body), "{\"k\":\"v\",\"name\":\"a\"}");
    /* Without a body there is no Content-Type: the fake is strict about it. */
    ck_assert_int_eq(
        call_run(&call, "PUT", fake_connect_url(fake), "/connectors/a/pause", ""), WF_OK);
    ck_assert_int_eq(call.reply.status, 202);
    ck_assert_int_eq(call_run(&call, "DELETE", fake_connect_url(fake), "/connectors/a", ""),
                     WF_OK);
    ck_assert_int_eq(call.reply.status, 204);
    ck_assert_uint_eq(call.reply.body.len, 0);
    ck_assert_uint_eq(fake_connect_connections(fake), 1);
    fake_connect_check(fake);
    call_close(&call);
    fake_connect_stop(fake);
}
END_TEST

START_TEST(a_redirect_is_given_and_not_followed)
{
    struct fake_connect *fake = fake_connect_start();
    struct call call;
    call_open(&call, (struct http_options){0});
    fake_connect_fault(fake, (struct fake_fault){.request = "",
                                                 .times = 1,
                                                 .status = 307,
                                                 .text = "",
                                                 .location = "http://elsewhere/x"});
    ck_assert_int_eq(call_run(&call, "GET", fake_connect_url(fake), "/connectors/a", ""),
                     WF_OK);
    ck_assert_int_eq(call.reply.status, 307);
    ck_assert_str_eq(buf_c(&call.reply.location), "http://elsewhere/x");
    call_close(&call);
    fake_connect_stop(fake);
}
END_TEST

START_TEST(a_login_is_sent_as_basic_authentication_or_as_a_bearer_token)
{
    struct fake_connect *fake = fake_connect_start();
    struct call call;
    call_open(&call, (struct http_options){.user = STR("ann"), .password = STR("p:w")});
    fake_connect_let_in(fake, "Basic YW5uOnA6dw==");
    ck_assert_int_eq(
        call_run(&call, "GET", fake_connect_url(fake), "/connector-plugins", ""), WF_OK);
    ck_assert_int_eq(call.reply.status, 200);
    call_close(&call);
    call_open(&call, (struct http_options){.token = STR("t0ken")});
    ck_assert_int_eq(
        call_run(&call, "GET", fake_connect_url(fake), "/connector-plugins", ""), WF_OK);
    ck_assert_int_eq(call.reply.status, 401);
    fake_connect_let_in(fake, "Bearer t0ken");
    ck_assert_int_eq(
        call_run(&call, "PUT", fake_connect_url(fake), "/connectors/a/config", "{}"),
        WF_OK);
    ck_assert_int_eq(call.reply.status, 201);
    call_close(&call);
    fake_connect_stop(fake);
}
END_TEST

START_TEST(a_token_with_a_line_end_is_refused)
{
    struct http *http = NULL;
    wf_error err;
    struct http_options options = {.token = STR("a\r\nX-Evil: 1")};
    ck_assert_int_eq(http_open(&options, &http, &err), WF_CONFIG);
    ck_assert_ptr_null(http);
    ck_assert_ptr_null(strstr(err.text, "Evil"));
}
END_TEST

START_TEST(a_reply_that_is_too_large_is_not_kept)
{
    struct fake_connect *fake = fake_connect_start();
    struct call call;
    call_open(&call, (struct http_options){.max_reply_bytes = 1000});
    fake_connect_fault(
        fake,
        (struct fake_fault){.request = "", .times = 1, .kind = FAKE_HUGE, .status = 200});
    ck_assert_int_eq(call_run(&call, "GET", fake_connect_url(fake), "/connectors/a", ""),
                     WF_PROTOCOL);
    ck_assert_ptr_nonnull(strstr(call.err.text, "larger than 1000 bytes"));
    ck_assert_uint_le(call.reply.body.cap, 1000);
    call_close(&call);
    fake_connect_stop(fake);
}
END_TEST

START_TEST(a_server_that_is_silent_runs_into_the_time_limit)
{
    struct fake_connect *fake = fake_connect_start();
    struct call call;
    call_open(&call, (struct http_options){.timeout_ms = 60000});
    http_set_timeout(call.http, 100);
    fake_connect_fault(
        fake, (struct fake_fault){.request = "", .times = 1, .kind = FAKE_SILENCE});
    ck_assert_int_eq(call_run(&call, "GET", fake_connect_url(fake), "/connectors/a", ""),
                     WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(call.err.text, "within 100 ms"));
    call_close(&call);
    fake_connect_stop(fake);
}
END_TEST

static void *cancel_soon(void *arg)
{
    /* Long enough for the request to be under way, which is what is to be interrupted. */
    struct cancel *cancel = arg;
    int64_t until = clock_mono_ms() + 100;
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t cond;
    thread_cond_init(&cond);
    pthread_mutex_lock(&mutex);
    while (thread_cond_wait_until(&cond, &mutex, until))
        continue;
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&cond);
    cancel_raise(cancel);
    return NULL;
}

START_TEST(a_cancel_interrupts_at_once_and_the_next_call_too_until_it_is_lowered)
{
    struct fake_connect *fake = fake_connect_start();
    struct cancel cancel = {0};
    struct call call;
    pthread_t thread;
    ck_assert_int_eq(cancel_open(&cancel, &call.err), WF_OK);
    call_open(&call, (struct http_options){.timeout_ms = 60000, .cancel = &cancel});
    fake_connect_fault(
        fake, (struct fake_fault){.request = "", .times = 1, .kind = FAKE_SILENCE});
    int64_t began = clock_mono_ms();
    ck_assert_int_eq(thread_start(&thread, "cancel", cancel_soon, &cancel, &call.err),
                     WF_OK);
    ck_assert_int_eq(call_run(&call, "GET", fake_connect_url(fake), "/connectors/a", ""),
                     WF_CANCELLED);
    ck_assert_int_lt(clock_mono_ms() - began, 5000);
    ck_assert_int_eq(call_run(&call, "GET", fake_connect_url(fake), "/connectors/a", ""),
                     WF_CANCELLED);
    ck_assert(cancel_take(&cancel));
    ck_assert_int_eq(call_run(&call, "GET", fake_connect_url(fake), "/connectors/a", ""),
                     WF_OK);
    ck_assert_int_eq(call.reply.status, 404);
    pthread_join(thread, NULL);
    call_close(&call);
    cancel_close(&cancel);
    fake_connect_stop(fake);
}
END_TEST

static const struct {
    const char *words;
    wf_status status;
} rude_words[] = {
    {"", WF_UNAVAILABLE},
    {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf", WF_UNAVAILABLE},
    {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", WF_UNAVAILABLE},
    {"SSH-2.0-OpenSSH_9.2\r\n", WF_PROTOCOL},
    {"HTTP/1.1 999 what\r\nContent-Length: 0\r\n\r\n", WF_PROTOCOL},
    {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", WF_OK},
    {"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", WF_OK},
};

START_TEST(what_no_server_should_say_is_an_error)
{
    struct rude rude;
    struct call call;
    rude_open(&rude, rude_words[_i].words);
    call_open(&call, (struct http_options){.timeout_ms = 5000});
    ck_assert_int_eq(call_run(&call, "GET", rude.url, "", ""), rude_words[_i].status);
    if (rude_words[_i].status == WF_OK)
        ck_assert_str_eq(buf_c(&call.reply.body), "ok");
    call_close(&call);
    rude_close(&rude);
}
END_TEST

static const struct {
    const char *url;
    wf_status status;
} bad_urls[] = {
    {"", WF_CONFIG},
    {"http://", WF_CONFIG},
    {"ftp://host/x", WF_CONFIG},
    {"file:///etc/passwd", WF_CONFIG},
    {"host:8083", WF_CONFIG},
    {"http://host\r\nX: 1/", WF_CONFIG},
    {"http://host:notaport/", WF_CONFIG},
    {"http://me:s3cr3t@127.0.0.1:1/x", WF_UNAVAILABLE},
    {"ftp://me:s3cr3t@host/", WF_CONFIG},
    {"http://me:s3cr3t@ho st/", WF_CONFIG},
};

START_TEST(a_url_that_is_none_is_refused_and_no_secret_of_it_is_shown)
{
    struct call call;
    call_open(&call, (struct http_options){.timeout_ms = 5000});
    ck_assert_int_eq(call_run(&call, "GET", bad_urls[_i].url, "", ""), bad_urls[_i].status);
    ck_assert_ptr_null(strstr(call.err.text, "s3cr3t"));
    ck_assert_uint_gt(strlen(call.err.text), 10);
    call_close(&call);
}
END_TEST

START_TEST(a_ca_file_that_is_not_there_is_a_wrong_configuration)
{
    struct call call;
    struct rude rude;
    rude_open(&rude, "no TLS");
    call_open(&call, (struct http_options){.ca_file = STR("/nonexistent/ca.pem")});
    char url[128];
    snprintf(url, sizeof url, "https%s", rude.url + strlen("http"));
    ck_assert_int_eq(call_run(&call, "GET", url, "", ""), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(call.err.text, "ca.pem"));
    call_close(&call);
    rude_close(&rude);
}
END_TEST

START_TEST(every_byte_is_escaped_but_the_unreserved_ones)
{
    struct buf out;
    buf_init(&out, 64);
    char byte = (char)_i;
    http_put_escaped(&out, (wf_str){&byte, 1});
    char escaped[8];
    snprintf(escaped, sizeof escaped, "%%%02X", (unsigned)_i);
    bool plain = _i && (strchr("-._~", _i) || (_i < 128 && isalnum(_i)));
    if (plain)
        ck_assert_uint_eq(out.len, 1);
    else
        ck_assert_str_eq(buf_c(&out), escaped);
    buf_release(&out);
}
END_TEST

Suite *test_suite(void)
{
    Suite *s = suite_create("http");
    TCase *t = tcase_create("http");
    tcase_set_timeout(t, 20);
    tcase_add_test(t, a_request_brings_status_and_body_over_one_connection);
    tcase_add_test(t, a_redirect_is_given_and_not_followed);
    tcase_add_test(t, a_login_is_sent_as_basic_authentication_or_as_a_bearer_token);
    tcase_add_test(t, a_token_with_a_line_end_is_refused);
    tcase_add_test(t, a_reply_that_is_too_large_is_not_kept);
    tcase_add_test(t, a_server_that_is_silent_runs_into_the_time_limit);
    tcase_add_test(t,
                   a_cancel_interrupts_at_once_and_the_next_call_too_until_it_is_lowered);
    tcase_add_loop_test(t, what_no_server_should_say_is_an_error, 0, CDC_COUNT(rude_words));
    tcase_add_loop_test(t, a_url_that_is_none_is_refused_and_no_secret_of_it_is_shown, 0,
                        CDC_COUNT(bad_urls));
    tcase_add_test(t, a_ca_file_that_is_not_there_is_a_wrong_configuration);
    tcase_add_loop_test(t, every_byte_is_escaped_but_the_unreserved_ones, 0, 256);
    suite_add_tcase(s, t);
    return s;
}
