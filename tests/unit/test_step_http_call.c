/* SPDX-License-Identifier: MIT
 *
 * step.http_call against a server of the test's own that says what each test wants it to
 * say.
 */
#include <arpa/inet.h>
#include <check.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"

/* Takes one connection after the other, reads a request, answers with `answer`, and
 * closes. */
struct far_side {
    pthread_t thread;
    int listen_fd;
    unsigned port;
    const char *answer;
    size_t answer_len;
    bool silent; /* reads, and never answers */
    pthread_mutex_t heard_lock;
    struct buf heard;
};

/* Whether the request is complete: headers, and as much body as they announce. */
static bool far_side_complete(struct buf *heard)
{
    const char *text = buf_c(heard);
    const char *end = strstr(text, "\r\n\r\n");
    if (!end)
        return false;
    const char *length = strcasestr(text, "content-length: ");
    uint64_t wanted = 0;
    if (length && length < end) {
        length += strlen("content-length: ");
        (void)str_to_u64((wf_str){length, strcspn(length, "\r")}, &wanted);
    }
    return heard->len - (size_t)(end + 4 - text) >= wanted;
}

static void far_side_serve(struct far_side *far, int fd)
{
    char chunk[4096];
    struct buf heard;
    buf_init(&heard, LIMIT_OUTPUT_BYTES);
    ssize_t got = 1;
    while (got > 0 && !far_side_complete(&heard)) {
        got = recv(fd, chunk, sizeof chunk, 0);
        if (got > 0)
            buf_append(&heard, chunk, (size_t)got);
    }
    pthread_mutex_lock(&far->heard_lock);
    buf_str(&far->heard, buf_view(&heard));
    pthread_mutex_unlock(&far->heard_lock);
    if (far->silent)
        (void)!recv(fd, chunk, sizeof chunk, 0); /* until the client gives up */
    else
        (void)!send(fd, far->answer, far->answer_len, MSG_NOSIGNAL);
    buf_release(&heard);
    close(fd);
}

static void *far_side_thread(void *arg)
{
    struct far_side *far = arg;
    for (int fd; (fd = accept(far->listen_fd, NULL, NULL)) >= 0;)
        far_side_serve(far, fd);
    return NULL;
}

static void far_side_open(struct far_side *far, const char *answer)
{
    *far = (struct far_side){.answer = answer, .answer_len = answer ? strlen(answer) : 0};
    far->silent = answer == NULL;
    pthread_mutex_init(&far->heard_lock, NULL);
    buf_init(&far->heard, LIMIT_OUTPUT_BYTES);
    far->listen_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    socklen_t len = sizeof at;
    ck_assert_int_eq(bind(far->listen_fd, (struct sockaddr *)&at, len), 0);
    ck_assert_int_eq(listen(far->listen_fd, 8), 0);
    ck_assert_int_eq(getsockname(far->listen_fd, (struct sockaddr *)&at, &len), 0);
    far->port = ntohs(at.sin_port);
    ck_assert_int_eq(pthread_create(&far->thread, NULL, far_side_thread, far), 0);
}

static void far_side_close(struct far_side *far)
{
    shutdown(far->listen_fd, SHUT_RDWR);
    pthread_join(far->thread, NULL);
    close(far->listen_fd);
    buf_release(&far->heard);
    pthread_mutex_destroy(&far->heard_lock);
}

/* Runs one step with url: http://127.0.0.1:PORT/path?key=hidden and more config. */
static struct host_rig *call_rig(const struct far_side *far, const char *more)
{
    struct buf yaml;
    buf_init(&yaml, 65536);
    buf_printf(&yaml,
               "pipelines: {p: {timeout: 20s, steps: [{name: s, type: step.http_call, "
               "config: {url: "
               "'http://127.0.0.1:%u/path/${ id }?key=hidden'%s}}]}}",
               far->port, more);
    struct host_rig *rig = host_rig_new(buf_c(&yaml), NULL);
    buf_release(&yaml);
    return rig;
}

static void heard(struct far_side *far, const char *expected)
{
    pthread_mutex_lock(&far->heard_lock);
    ck_assert_msg(strstr(buf_c(&far->heard), expected), "wanted \"%s\" in:\n%s", expected,
                  buf_c(&far->heard));
    pthread_mutex_unlock(&far->heard_lock);
}

static void not_heard(struct far_side *far, const char *unwanted)
{
    pthread_mutex_lock(&far->heard_lock);
    ck_assert_msg(!strstr(buf_c(&far->heard), unwanted), "%s", buf_c(&far->heard));
    pthread_mutex_unlock(&far->heard_lock);
}

static void contains(const char *text, const char *expected)
{
    ck_assert_msg(strstr(text, expected), "wanted \"%s\" in:\n%s", expected, text);
}

#define OK_JSON                                                                            \
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nset-COOKIE: a\r\nSet-Cookie: "   \
    "b\r\n"                                                                                \
    "Content-Length: 28\r\nConnection: close\r\n\r\n{\"big\":12345678901234567890}"

START_TEST(get_gives_status_headers_and_parsed_body)
{
    struct far_side far;
    far_side_open(&far, OK_JSON);
    struct host_rig *rig = call_rig(&far, "");
    const char *out = host_rig_step(rig, "p", "{\"id\":7}", "s");
    contains(out,
             "{\"status_code\":200,\"status\":\"200 OK\",\"headers\":{\"Content-Type\":"
             "\"application/json\",\"Set-Cookie\":[\"a\",\"b\"],");
    contains(out, "\"body\":{\"big\":12345678901234567890},\"elapsed_ms\":");
    heard(&far, "GET /path/7?key=hidden HTTP/1.1\r\n");
    not_heard(&far, "Content-Type");
    host_rig_free(rig);
    far_side_close(&far);
}
END_TEST

static const struct sent {
    const char *config;
    const char *expected;
} sent[] = {
    {", method: POST", "\r\n\r\n{\"id\":7,\"t\":\"x\"}"},
    {", method: POST", "Content-Type: application/json\r\n"},
    {", method: PUT, body: {a: \"${ id }\", b: 1.50}", "PUT /path/7"},
    {", method: PUT, body: {a: \"${ id }\", b: 1.50}", "\r\n\r\n{\"a\":\"7\",\"b\":1.50}"},
    {", method: POST, body_from: t", "\r\n\r\nx"},
    {", method: POST, body_from: '.'", "\r\n\r\n{\"id\":7,\"t\":\"x\"}"},
    {", method: PATCH, body: 'plain ${ t }', headers: {content-type: text/plain}",
     "content-type: text/plain\r\n"},
    {", method: PATCH, body: 'plain ${ t }', headers: {content-type: text/plain}",
     "\r\n\r\nplain x"},
    {", headers: {Authorization: \"Bearer ${ t }\", X-Empty: \"\"}",
     "Authorization: Bearer x\r\n"},
    {", headers: {Authorization: \"Bearer ${ t }\", X-Empty: \"\"}", "X-Empty:"},
    {", body: {a: 1}", "GET /path/7"},
    {", body: {a: 1}", "\r\n\r\n{\"a\":1}"},
    {", method: HEAD", "HEAD /path/7"},
    {", method: DELETE, body: {}", "DELETE /path/7"},
};

START_TEST(the_request_is_what_the_configuration_says)
{
    struct far_side far;
    far_side_open(&far, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
    struct host_rig *rig = call_rig(&far, sent[_i].config);
    contains(host_rig_step(rig, "p", "{\"id\":7,\"t\":\"x\"}", "s"),
             "{\"status_code\":204,\"status\":\"204 No "
             "Content\",\"headers\":{\"Connection\":"
             "\"close\"},\"body\":\"\",\"elapsed_ms\":");
    heard(&far, sent[_i].expected);
    not_heard(&far, "Expect:");
    host_rig_free(rig);
    far_side_close(&far);
}
END_TEST

START_TEST(a_refusal_fails_the_step_or_is_its_output)
{
    struct far_side far;
    far_side_open(
        &far, "HTTP/1.1 503 Busy\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<oops>");
    struct host_rig *rig = call_rig(&far, "");
    const char *text = host_rig_run(rig, "p", "{\"id\":7}");
    contains(text, "http_call step \"s\": HTTP 503: <oops>");
    ck_assert_ptr_null(strstr(text, "hidden"));
    host_rig_free(rig);
    rig = call_rig(&far, ", error_on_status: false");
    contains(host_rig_step(rig, "p", "{\"id\":7}", "s"),
             "{\"status_code\":503,\"status\":\"503 Busy\"");
    host_rig_free(rig);
    far_side_close(&far);
}
END_TEST

START_TEST(a_redirect_is_followed_and_its_headers_are_not_kept)
{
    struct far_side last;
    far_side_open(&last, OK_JSON);
    struct buf answer;
    buf_init(&answer, 4096);
    buf_printf(
        &answer,
        "HTTP/1.1 303 See Other\r\nLocation: http://127.0.0.1:%u/next\r\nX-First: 1\r\n"
        "Content-Length: 5\r\nConnection: close\r\n\r\nfirst",
        last.port);
    struct far_side first;
    far_side_open(&first, buf_c(&answer));
    struct host_rig *rig = call_rig(&first, ", method: POST");
    const char *out = host_rig_step(rig, "p", "{\"id\":7}", "s");
    contains(out, "\"status_code\":200");
    ck_assert_ptr_null(strstr(out, "X-First"));
    heard(&last, "GET /next HTTP/1.1\r\n");
    host_rig_free(rig);
    far_side_close(&first);
    far_side_close(&last);
    buf_release(&answer);
}
END_TEST

START_TEST(a_redirect_to_a_file_is_not_followed)
{
    struct far_side far;
    far_side_open(&far, "HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\n"
                        "Content-Length: 0\r\nConnection: close\r\n\r\n");
    struct host_rig *rig = call_rig(&far, "");
    contains(host_rig_run(rig, "p", "{\"id\":7}"),
             "http_call step \"s\": request failed: ");
    host_rig_free(rig);
    far_side_close(&far);
}
END_TEST

START_TEST(a_silent_server_is_given_up_after_the_timeout)
{
    struct far_side far;
    far_side_open(&far, NULL);
    struct host_rig *rig = call_rig(&far, ", timeout: 150ms");
    int64_t began = clock_mono_ms();
    const char *text = host_rig_run(rig, "p", "{\"id\":7}");
    ck_assert_int_lt(clock_mono_ms() - began, 3000);
    contains(text, "http_call step \"s\": request failed: no answer within 150 ms");
    ck_assert_ptr_null(strstr(text, "hidden"));
    host_rig_free(rig);
    far_side_close(&far);
}
END_TEST

START_TEST(a_silent_server_is_given_up_when_the_pipelines_time_is_up)
{
    struct far_side far;
    far_side_open(&far, NULL);
    struct buf yaml;
    buf_init(&yaml, 65536);
    buf_printf(&yaml,
               "pipelines: {p: {timeout: 100ms, steps: [{name: s, type: "
               "step.http_call, config: "
               "{url: 'http://127.0.0.1:%u/'}}]}}",
               far.port);
    struct host_rig *rig = host_rig_new(buf_c(&yaml), NULL);
    int64_t began = clock_mono_ms();
    contains(host_rig_run(rig, "p", "{}"), "context deadline exceeded");
    ck_assert_int_lt(clock_mono_ms() - began, 3000);
    host_rig_free(rig);
    far_side_close(&far);
    buf_release(&yaml);
}
END_TEST

/* Whatever comes back is an error or a result. */
static const char *const answers[] = {
    "",
    "HTTP",
    "HTTP/1.1 200",
    "HTTP/1.1 abc\r\n\r\n",
    "\r\n\r\n",
    "garbage\n",
    "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "HTTP/1.1 200 OK\r\n: novalue\r\nNoColon\r\n\r\n",
    "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe",
};

START_TEST(a_broken_answer_does_no_harm)
{
    struct far_side far;
    far_side_open(&far, answers[_i]);
    struct host_rig *rig = call_rig(&far, ", timeout: 2s");
    const char *text = host_rig_step(rig, "p", "{\"id\":7}", "s");
    ck_assert_msg(strstr(text, "request failed: ") ||
                      str_starts(str_from(text), STR("{\"status_")),
                  "%s", text);
    host_rig_free(rig);
    far_side_close(&far);
}
END_TEST

START_TEST(data_cannot_add_a_header)
{
    struct far_side far;
    far_side_open(&far, OK_JSON);
    struct host_rig *rig = call_rig(&far, ", headers: {X-Name: \"${ id }\"}");
    contains(host_rig_run(rig, "p", "{\"id\":\"a\\r\\nX-Evil: b\"}"), "control characters");
    not_heard(&far, "Evil");
    host_rig_free(rig);
    far_side_close(&far);
}
END_TEST

START_TEST(other_schemes_are_refused_without_showing_the_url)
{
    struct host_rig *rig = host_rig_new("pipelines: {p: {steps: [{name: s, type: "
                                        "step.http_call, config: {url: \"${ u }\"}}]}}",
                                        NULL);
    const char *text = host_rig_run(rig, "p", "{\"u\":\"file:///etc/hidden\"}");
    contains(text, "http_call step \"s\": request failed: Unsupported protocol");
    ck_assert_ptr_null(strstr(text, "hidden"));
    text = host_rig_run(rig, "p", "{\"u\":\"http://user:hidden@\"}");
    ck_assert_ptr_null(strstr(text, "hidden"));
    host_rig_run(rig, "p", "{\"u\":\"\"}");
    host_rig_run(rig, "p", "{\"u\":\"http://a\\u0000b/\"}");
    host_rig_free(rig);
}
END_TEST

START_TEST(http_call_mistakes_are_named)
{
    const char *text = host_rig_mistakes(
        "pipelines:\n"
        "  p:\n"
        "    steps:\n"
        "      - {name: a, type: step.http_call, config: {}}\n"
        "      - {name: b, type: step.http_call, config: {url: x, auth: {type: "
        "oauth2}}}\n"
        "      - {name: c, type: step.http_call, config: {url: x, oauth2: {}}}\n"
        "      - {name: d, type: step.http_call, config: {url: x, method: 'G T'}}\n"
        "      - {name: e, type: step.http_call, config: {url: x, timeout: soon}}\n"
        "      - {name: f, type: step.http_call, config: {url: x, timeout: 0s}}\n"
        "      - {name: g, type: step.http_call, config: {url: x, headers: {'a b': "
        "c}}}\n"
        "      - {name: h, type: step.http_call, config: {url: \"${ 1 + }\"}}\n"
        "      - {name: i, type: step.http_call, config: {url: x, metod: GET}}\n");
    static const char *const expected[] = {
        "url: is required",
        "auth: is not supported by this host",
        "oauth2: is not supported by this host",
        "method: is no HTTP method",
        "timeout: must be a duration",
        "timeout: must be longer than 0",
        "'a b' must be a header's name",
        "test.yaml:11:",
        "did you mean 'method'",
    };
    for (size_t i = 0; i < CDC_COUNT(expected); i++)
        contains(text, expected[i]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("step_http_call");
    TCase *t = tcase_create("loopback");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, get_gives_status_headers_and_parsed_body);
    tcase_add_loop_test(t, the_request_is_what_the_configuration_says, 0,
                        (int)CDC_COUNT(sent));
    tcase_add_test(t, a_refusal_fails_the_step_or_is_its_output);
    tcase_add_test(t, a_redirect_is_followed_and_its_headers_are_not_kept);
    tcase_add_test(t, a_redirect_to_a_file_is_not_followed);
    tcase_add_test(t, a_silent_server_is_given_up_after_the_timeout);
    tcase_add_test(t, a_silent_server_is_given_up_when_the_pipelines_time_is_up);
    tcase_add_loop_test(t, a_broken_answer_does_no_harm, 0, (int)CDC_COUNT(answers));
    tcase_add_test(t, data_cannot_add_a_header);
    tcase_add_test(t, other_schemes_are_refused_without_showing_the_url);
    tcase_add_test(t, http_call_mistakes_are_named);
    suite_add_tcase(suite, t);
    return suite;
}
