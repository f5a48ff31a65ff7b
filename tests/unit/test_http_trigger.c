/* SPDX-License-Identifier: MIT
 *
 * http.server, http.router and the http trigger, over real connections to the loopback.
 */
#include <arpa/inet.h>
#include <check.h>
#include <curl/curl.h>
#include <pthread.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/pipeline.h"
#include "tests/support/host_rig.h"
#include "tests/support/run.h"

#define MODULES                                                                            \
    "modules:\n"                                                                           \
    "  - {name: router, type: http.router, dependsOn: [web]}\n"                            \
    "  - {name: web, type: http.server, config: {address: '127.0.0.1:0', maxBodyBytes: "   \
    "1000}}\n"

static const char server_yaml[] = MODULES
    "pipelines:\n"
    "  data:\n"
    "    trigger: {type: http, config: {path: '/data/{id}', method: post, "
    "include_raw_body: "
    "true}}\n"
    "    steps: [{name: r, type: step.json_response, config: {status: 201, headers: "
    "{X-Was: "
    "\"${ id }\"}, body_from: '.'}}]\n"
    "  plain:\n"
    "    trigger: {type: http, config: {path: /plain, method: GET}}\n"
    "    steps: [{name: l, type: step.log, config: {message: plain}}]\n"
    "  literal:\n"
    "    trigger: {type: http, config: {path: /data/special, method: POST}}\n"
    "    steps: [{name: r, type: step.json_response, config: {body: {special: true}}}]\n"
    "  keys:\n"
    "    trigger: {type: http, config: {path: /keys, method: GET}}\n"
    "    steps: [{name: s, type: step.set, config: {values: {response_status: '418', "
    "response_body: 'tea <b>', response_headers: {Content-Type: text/html, X-Two: [a, b], "
    "'bad name': c}}}}]\n"
    "  output:\n"
    "    trigger: {type: http, config: {path: /output, method: GET}}\n"
    "    steps: [{name: s, type: step.set, config: {values: {_pipeline_output: {a: 1}}}}]\n"
    "  fails:\n"
    "    trigger: {type: http, config: {path: /fails, method: GET}}\n"
    "    steps: [{name: s, type: step.json_parse, config: {source: gone}}]\n"
    "  fails_422:\n"
    "    trigger: {type: http, config: {path: /fails422, method: GET}}\n"
    "    steps: [{name: s, type: step.json_parse, error_status: 422, config: {source: "
    "gone}}]\n"
    "  empty:\n"
    "    trigger: {type: http, config: {path: /empty, method: DELETE}}\n"
    "    steps: [{name: r, type: step.json_response, config: {status: 204, body: {a: "
    "1}}}]\n";

/* One request over curl; the reply as "status\nheaders\n\nbody". */
struct reply {
    struct buf text;
    long status;
};

static size_t reply_append(char *data, size_t size, size_t count, void *ctx)
{
    struct reply *reply = ctx;
    buf_append(&reply->text, data, size * count);
    return size * count;
}

static void request(struct host_rig *rig, const char *method, const char *path,
                    const char *body, struct reply *reply)
{
    struct buf url;
    buf_init(&url, 65536);
    buf_init(&reply->text, LIMIT_OUTPUT_BYTES);
    buf_printf(&url, "http://127.0.0.1:%u%s", host_rig_port(rig), path);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, buf_c(&url));
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 20L);
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    if (body)
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (strcmp(method, "HEAD") == 0)
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    curl_easy_setopt(curl, CURLOPT_HEADER, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reply_append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
    CURLcode code = curl_easy_perform(curl);
    ck_assert_msg(code == CURLE_OK, "%s", curl_easy_strerror(code));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
    curl_easy_cleanup(curl);
    buf_release(&url);
}

static void answers(struct host_rig *rig, const char *method, const char *path,
                    const char *body, long status, const char *expected)
{
    struct reply reply;
    request(rig, method, path, body, &reply);
    const char *text = buf_c(&reply.text);
    ck_assert_msg(reply.status == status && strstr(text, expected),
                  "%s %s: wanted %ld and \"%s\" in:\n%s", method, path, status, expected,
                  text);
    buf_release(&reply.text);
}

static struct host_rig *started(const char *yaml)
{
    struct host_rig *rig = host_rig_new(yaml, NULL);
    host_rig_start(rig);
    return rig;
}

START_TEST(a_request_becomes_data_and_the_reply_is_what_the_step_wrote)
{
    struct host_rig *rig = started(server_yaml);
    answers(rig, "POST", "/data/7?q=a%20b+c&q=second&empty&method=GET",
            "{\"n\":9007199254740993}", 201,
            "\r\n\r\n{\"method\":\"GET\",\"path\":\"/data/7\",\"id\":\"7\",\"q\":\"a b c\","
            "\"empty\":\"\",\"raw_body\":\"{\\\"n\\\":9007199254740993}\","
            "\"body\":{\"n\":9007199254740993}}\n");
    answers(rig, "POST", "/data/x%2Fy", "[1]", 201,
            "\"path\":\"/data/x/y\",\"id\":\"x/y\"");
    answers(rig, "POST", "/data/x", "", 201, "X-Was: x\r\n");
    answers(rig, "POST", "/data/special", "", 200, "{\"special\":true}\n");
    host_rig_free(rig);
}
END_TEST

START_TEST(a_body_that_is_no_object_is_no_body)
{
    struct host_rig *rig = started(server_yaml);
    struct reply reply;
    request(rig, "POST", "/data/1", "[1,2]", &reply);
    ck_assert_ptr_null(strstr(buf_c(&reply.text), "\"body\""));
    ck_assert_ptr_nonnull(strstr(buf_c(&reply.text), "\"raw_body\":\"[1,2]\""));
    buf_release(&reply.text);
    host_rig_free(rig);
}
END_TEST

START_TEST(without_an_answer_the_engines_is_given)
{
    struct host_rig *rig = started(server_yaml);
    answers(rig, "GET", "/plain", NULL, 202,
            "\r\n\r\n{\"status\": \"workflow triggered\"}");
    answers(rig, "HEAD", "/plain", NULL, 202, "Content-Type: application/json");
    answers(rig, "GET", "/output", NULL, 200, "\r\n\r\n{\"a\":1}\n");
    answers(rig, "GET", "/keys", NULL, 418, "\r\n\r\ntea <b>");
    answers(rig, "GET", "/keys", NULL, 418, "X-Two: a\r\nX-Two: b\r\n");
    answers(rig, "GET", "/keys", NULL, 418, "Content-Type: text/html\r\n");
    answers(rig, "DELETE", "/empty", NULL, 204, "204 No Content");
    host_rig_free(rig);
}
END_TEST

START_TEST(a_failure_is_500_or_the_steps_status)
{
    struct host_rig *rig = started(server_yaml);
    answers(rig, "GET", "/fails", NULL, 500,
            "Error triggering workflow: workflow execution failed: pipeline \"fails\" "
            "execution "
            "failed: step \"s\" failed: json_parse step \"s\": source \"gone\" not found");
    answers(rig, "GET", "/fails", NULL, 500, "X-Content-Type-Options: nosniff");
    answers(rig, "GET", "/fails422", NULL, 422, "\r\n\r\n{\"error\":\"");
    host_rig_free(rig);
}
END_TEST

START_TEST(what_has_no_route_is_404_and_another_method_405)
{
    struct host_rig *rig = started(server_yaml);
    answers(rig, "GET", "/nothing", NULL, 404, "{\"error\":\"not found\"}");
    answers(rig, "GET", "/", NULL, 404, "{\"error\":\"not found\"}");
    answers(rig, "PUT", "/data/1", "", 405, "{\"error\":\"method not allowed\"}");
    answers(rig, "PUT", "/data/1", "", 405, "Allow: POST\r\n");
    answers(rig, "AVERYLONGMETHODTHATNOBODYKNOWS", "/plain", NULL, 501, "unknown method");
    host_rig_free(rig);
}
END_TEST

START_TEST(a_body_that_is_too_large_is_413)
{
    struct host_rig *rig = started(server_yaml);
    char body[1002];
    memset(body, 'x', sizeof body);
    body[1001] = '\0';
    answers(rig, "POST", "/data/1", body, 413, "{\"error\":\"request body too large\"}");
    body[1000] = '\0';
    answers(rig, "POST", "/data/1", body, 201, "\"raw_body\":\"xxx");
    host_rig_free(rig);
}
END_TEST

/* A connection of the test's own, for what curl would not send. */
static int dial(struct host_rig *rig)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)host_rig_port(rig)),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

static void say(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t sent = send(fd, text, len, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server has had enough, which is its right */
        text += sent;
        len -= (size_t)sent;
    }
}

/* Reads to the end of the connection. */
static void hear(int fd, struct buf *out)
{
    char chunk[4096];
    ssize_t got;
    buf_init(out, LIMIT_OUTPUT_BYTES);
    while ((got = recv(fd, chunk, sizeof chunk, 0)) > 0)
        buf_append(out, chunk, (size_t)got);
}

START_TEST(a_chunked_body_without_a_length_is_bounded_too)
{
    struct host_rig *rig = started(server_yaml);
    int fd = dial(rig);
    static const char head[] = "POST /data/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n";
    char chunk[16 + 0x200] = "200\r\n";
    memset(chunk + 5, 'x', 0x200);
    memcpy(chunk + 5 + 0x200, "\r\n", 2);
    say(fd, head, sizeof head - 1);
    for (int i = 0; i < 4; i++)
        say(fd, chunk, 5 + 0x200 + 2);
    say(fd, "0\r\n\r\n", 5);
    struct buf reply;
    hear(fd, &reply);
    ck_assert_msg(strstr(buf_c(&reply), "HTTP/1.1 413 "), "%s", buf_c(&reply));
    close(fd);
    buf_release(&reply);
    host_rig_free(rig);
}
END_TEST

static const char whole_request[] =
    "POST http://h/data/5?a=b HTTP/1.1\r\nHost: x\r\n"
    "Content-Length: 7\r\nConnection: close\r\n\r\n{\"a\":1}";

/* The server neither breaks nor waits for ever, wherever a client goes away. */
START_TEST(a_request_cut_anywhere_does_no_harm)
{
    struct host_rig *rig = started(server_yaml);
    for (size_t cut = 0; cut < sizeof whole_request - 1; cut += 7) {
        int fd = dial(rig);
        say(fd, whole_request, cut);
        close(fd);
    }
    int fd = dial(rig);
    say(fd, whole_request, sizeof whole_request - 1);
    struct buf reply;
    hear(fd, &reply);
    ck_assert_msg(strstr(buf_c(&reply), "\"path\":\"/data/5\",\"id\":\"5\",\"a\":\"b\""),
                  "%s", buf_c(&reply));
    close(fd);
    buf_release(&reply);
    host_rig_free(rig);
}
END_TEST

#define CLIENTS 6
#define REQUESTS 25

static void *client(void *arg)
{
    struct host_rig *rig = arg;
    for (int i = 0; i < REQUESTS; i++)
        answers(rig, "POST", "/data/7", "{\"a\":1}", 201, "\"id\":\"7\"");
    return NULL;
}

START_TEST(many_clients_are_served_at_once)
{
    struct host_rig *rig = started(server_yaml);
    pthread_t threads[CLIENTS];
    for (size_t i = 0; i < CLIENTS; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, client, rig), 0);
    for (size_t i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    host_rig_free(rig);
}
END_TEST

static void *slow_client(void *arg)
{
    struct reply *reply = calloc(1, sizeof *reply);
    ck_assert_ptr_nonnull(reply);
    request(arg, "GET", "/slow", NULL, reply);
    return reply;
}

static const char slow_yaml[] = MODULES
    "  - {name: db, type: storage.sqlite, config: {dbPath: ':memory:'}}\n"
    "pipelines:\n"
    "  slow:\n"
    "    trigger: {type: http, config: {path: /slow, method: GET}}\n"
    "    steps:\n"
    "      - {name: l, type: step.log, config: {message: slow begins}}\n"
    "      - {name: q, type: step.db_query, config: {database: db, query: 'WITH RECURSIVE "
    "c(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM c LIMIT 1500000) SELECT count(*) FROM "
    "c'}}\n"
    "      - {name: r, type: step.json_response, config: {body: {slow: done}}}\n"
    "  quick:\n"
    "    trigger: {type: http, config: {path: /quick, method: GET}}\n"
    "    steps: [{name: r, type: step.json_response, config: {body: {quick: done}}}]\n";

START_TEST(stopping_lets_a_running_request_end_and_answers_it)
{
    struct host_rig *rig = started(slow_yaml);
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, slow_client, rig), 0);
    while (!strstr(host_rig_log(rig), "slow begins"))
        sched_yield();
    /* A slow pipeline holds nobody else up. */
    answers(rig, "GET", "/quick", NULL, 200, "{\"quick\":\"done\"}");
    wf_error err;
    ck_assert_int_eq(app_stop(host_rig_app(rig), &err), WF_OK);
    void *result;
    pthread_join(thread, &result);
    struct reply *reply = result;
    ck_assert_msg(reply->status == 200 &&
                      strstr(buf_c(&reply->text), "{\"slow\":\"done\"}"),
                  "%s", buf_c(&reply->text));
    buf_release(&reply->text);
    free(reply);
    host_rig_free(rig);
}
END_TEST

START_TEST(a_stopped_server_listens_no_more)
{
    struct host_rig *rig = started(server_yaml);
    wf_error err;
    unsigned port = host_rig_port(rig);
    ck_assert_int_eq(app_stop(host_rig_app(rig), &err), WF_OK);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in to = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)port),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&to, sizeof to), -1);
    close(fd);
    host_rig_free(rig);
}
END_TEST

static unsigned port_of(struct host_rig *rig, const char *name)
{
    char wanted[64];
    snprintf(wanted, sizeof wanted, "module=%s address=127.0.0.1:", name);
    const char *at = strstr(host_rig_log(rig), wanted);
    uint64_t port = 0;
    ck_assert_ptr_nonnull(at);
    at += strlen(wanted);
    ck_assert(str_to_u64((wf_str){at, strcspn(at, "\n")}, &port));
    return (unsigned)port;
}

static long status_of(unsigned port, const char *path)
{
    char url[128];
    long status = 0;
    snprintf(url, sizeof url, "http://127.0.0.1:%u%s", port, path);
    struct reply reply = {.status = 0};
    buf_init(&reply.text, LIMIT_OUTPUT_BYTES);
    CURL *curl = curl_easy_init();
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, reply_append);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    ck_assert_int_eq(curl_easy_perform(curl), CURLE_OK);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_cleanup(curl);
    buf_release(&reply.text);
    return status;
}

START_TEST(a_router_answers_only_on_the_servers_it_depends_on)
{
    struct host_rig *rig = started(
        "modules:\n"
        "  - {name: r_none, type: http.router, dependsOn: [private]}\n"
        "  - {name: public, type: http.server, config: {address: '127.0.0.1:0'}}\n"
        "  - {name: private, type: http.server, config: {address: '127.0.0.1:0'}}\n"
        "pipelines:\n"
        "  p: {trigger: {type: http, config: {path: /x, method: GET}}, steps: [{name: "
        "s, type: "
        "step.set, config: {values: {a: 1}}}]}\n");
    ck_assert_int_eq(status_of(port_of(rig, "private"), "/x"), 202);
    ck_assert_int_eq(status_of(port_of(rig, "public"), "/x"), 404);
    host_rig_free(rig);
}
END_TEST

START_TEST(http_mistakes_are_named)
{
    const char *text = host_rig_mistakes(
        "modules:\n"
        "  - {name: web, type: http.server, config: {address: '8080', maxBodyBytes: "
        "0}}\n"
        "  - {name: web2, type: http.server, config: {adress: ':1'}}\n"
        "  - {name: router, type: http.router}\n"
        "pipelines:\n"
        "  a: {trigger: {type: http, config: {path: a, method: GET}}, steps: []}\n"
        "  b: {trigger: {type: http, config: {path: /a}}, steps: []}\n"
        "  c: {trigger: {type: http, config: {path: /c, method: 'a b'}}, steps: []}\n"
        "  d: {trigger: {type: http, config: {path: /d, method: GET, middlewares: "
        "[auth]}}, steps: "
        "[]}\n");
    static const char *const expected[] = {
        "'8080' has no port",      "did you mean 'address'",
        "must begin with '/'",     "method: is required",
        "is no HTTP method",       "middlewares: is not supported by this host",
        "maxBodyBytes: must be a",
    };
    for (size_t i = 0; i < CDC_COUNT(expected); i++)
        ck_assert_msg(strstr(text, expected[i]), "wanted \"%s\" in:\n%s", expected[i],
                      text);
    ck_assert_ptr_nonnull(
        strstr(host_rig_mistakes("pipelines: {p: {trigger: {type: http, config: "
                                 "{path: /, method: GET}}, steps: []}}"),
               "HTTP router not found"));
}
END_TEST

START_TEST(two_pipelines_with_one_route_fail_the_start)
{
    struct host_rig *rig = host_rig_new(
        MODULES
        "pipelines:\n"
        "  a: {trigger: {type: http, config: {path: /a, method: GET}}, steps: []}\n"
        "  b: {trigger: {type: http, config: {path: /a, method: get}}, steps: []}\n",
        NULL);
    wf_error err;
    ck_assert_int_ne(app_start(host_rig_app(rig), true, &err), WF_OK);
    ck_assert_msg(strstr(err.text, "GET /a is another pipeline's route already"), "%s",
                  err.text);
    host_rig_free(rig);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("http_trigger");
    TCase *t = tcase_create("loopback");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, a_request_becomes_data_and_the_reply_is_what_the_step_wrote);
    tcase_add_test(t, a_body_that_is_no_object_is_no_body);
    tcase_add_test(t, without_an_answer_the_engines_is_given);
    tcase_add_test(t, a_failure_is_500_or_the_steps_status);
    tcase_add_test(t, what_has_no_route_is_404_and_another_method_405);
    tcase_add_test(t, a_body_that_is_too_large_is_413);
    tcase_add_test(t, a_chunked_body_without_a_length_is_bounded_too);
    tcase_add_test(t, a_request_cut_anywhere_does_no_harm);
    tcase_add_test(t, many_clients_are_served_at_once);
    tcase_add_test(t, stopping_lets_a_running_request_end_and_answers_it);
    tcase_add_test(t, a_stopped_server_listens_no_more);
    tcase_add_test(t, a_router_answers_only_on_the_servers_it_depends_on);
    tcase_add_test(t, http_mistakes_are_named);
    tcase_add_test(t, two_pipelines_with_one_route_fail_the_start);
    suite_add_tcase(suite, t);
    return suite;
}
