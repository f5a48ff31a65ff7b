/* SPDX-License-Identifier: MIT
 *
 * http_fetch - one HTTP request over libcurl, with a bounded reply.
 */
#include "host/steps/http_fetch.h"

#include <curl/curl.h>
#include <pthread.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

#define HTTP_FETCH_IDLE 8 /* handles, each with its open connections, kept per client */
#define HTTP_FETCH_REDIRECTS 10L

struct http_client {
    pthread_mutex_t idle_lock;
    CURL *idle[HTTP_FETCH_IDLE];
    size_t count;
};

static pthread_once_t http_fetch_once = PTHREAD_ONCE_INIT;

static void http_fetch_global(void)
{
    /* Only fails when memory does; a handle cannot be had then either. */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct http_client *http_fetch_client_new(void)
{
    pthread_once(&http_fetch_once, http_fetch_global);
    struct http_client *client = calloc(1, sizeof *client);
    if (client)
        pthread_mutex_init(&client->idle_lock, NULL);
    return client;
}

void http_fetch_client_free(struct http_client *client)
{
    if (!client)
        return;
    while (client->count)
        curl_easy_cleanup(client->idle[--client->count]);
    pthread_mutex_destroy(&client->idle_lock);
    free(client);
}

static CURL *http_fetch_take(struct http_client *client)
{
    CURL *curl = NULL;
    pthread_mutex_lock(&client->idle_lock);
    if (client->count)
        curl = client->idle[--client->count];
    pthread_mutex_unlock(&client->idle_lock);
    return curl ? curl : curl_easy_init();
}

static void http_fetch_give_back(struct http_client *client, CURL *curl)
{
    curl_easy_reset(curl);
    pthread_mutex_lock(&client->idle_lock);
    bool keep = client->count < HTTP_FETCH_IDLE;
    if (keep)
        client->idle[client->count++] = curl;
    pthread_mutex_unlock(&client->idle_lock);
    if (!keep)
        curl_easy_cleanup(curl);
}

void http_fetch_init(struct http_fetch *f)
{
    *f = (struct http_fetch){.timeout_ms = 1};
    buf_init(&f->status_line, HTTP_FETCH_HEADER_BYTES);
    buf_init(&f->headers_out, HTTP_FETCH_HEADER_BYTES);
    buf_init(&f->body_out, LIMIT_OUTPUT_BYTES);
}

void http_fetch_release(struct http_fetch *f)
{
    buf_release(&f->status_line);
    buf_release(&f->headers_out);
    buf_release(&f->body_out);
}

static size_t http_fetch_on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct http_fetch *f = ctx;
    buf_append(&f->body_out, data, size * count);
    return f->body_out.broken ? 0 : size * count;
}

/* "content-type" as "Content-Type", the way the engine's library spells names. */
static void http_fetch_put_name(struct buf *out, wf_str name)
{
    bool start = true;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i];
        if (start && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        else if (!start && c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        start = c == '-';
        buf_byte(out, c);
    }
}

/* One line, with its line end.  A status line begins a new reply: those before it were
 * redirects or "100 Continue". */
static size_t http_fetch_on_header(char *data, size_t size, size_t count, void *ctx)
{
    struct http_fetch *f = ctx;
    wf_str line = str_trim((wf_str){data, size * count});
    if (str_starts(line, STR("HTTP/"))) {
        wf_str version;
        buf_clear(&f->status_line);
        buf_clear(&f->headers_out);
        buf_clear(&f->body_out);
        (void)str_next(&line, ' ', &version);
        buf_str(&f->status_line, str_trim(line));
        return size * count;
    }
    ptrdiff_t colon = str_find(line, STR(":"));
    if (colon > 0 && !memchr(line.ptr, '\0', line.len)) {
        http_fetch_put_name(&f->headers_out, str_slice(line, 0, (size_t)colon));
        buf_byte(&f->headers_out, '\0');
        buf_str(&f->headers_out, str_trim(str_slice(line, (size_t)colon + 1, line.len)));
        buf_byte(&f->headers_out, '\0');
    }
    return f->headers_out.broken ? 0 : size * count;
}

static CURLcode http_fetch_options(CURL *curl, struct http_fetch *f, char *why)
{
    long timeout = f->timeout_ms > INT32_MAX ? INT32_MAX : (long)f->timeout_ms;
    bool head = strcmp(f->method, "HEAD") == 0;
    CURLcode code = CURLE_OK;
    code = code ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code ? code : curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    code = code ? code : curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_MAXREDIRS, HTTP_FETCH_REDIRECTS);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");
    code = code ? code : curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, http_fetch_on_body);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, f);
    code =
        code ? code : curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, http_fetch_on_header);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HEADERDATA, f);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HTTPHEADER, f->headers);
    if (!code && head)
        code = curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    if (!code && f->has_body && !head) {
        curl_off_t len = (curl_off_t)f->body.len;
        code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, len);
        code = code ? code
                    : curl_easy_setopt(curl, CURLOPT_POSTFIELDS,
                                       f->body.len ? f->body.ptr : "");
    }
    /* A method that curl knows by its own options is left to them: after a redirect with
     * 303 it then goes on with GET, as it should. */
    bool known = strcmp(f->method, f->has_body ? "POST" : "GET") == 0;
    if (!code && !head && !known)
        code = curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, f->method);
    return code ? code : curl_easy_setopt(curl, CURLOPT_URL, f->url);
}

static wf_status http_fetch_failed(const struct http_fetch *f, CURLcode code,
                                   const char *why, wf_error *err)
{
    if (f->body_out.broken || f->headers_out.broken)
        return error_set(err, WF_FAILED, "the response is larger than %u bytes",
                         f->body_out.broken ? LIMIT_OUTPUT_BYTES : HTTP_FETCH_HEADER_BYTES);
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return error_no_memory(err);
    case CURLE_OPERATION_TIMEDOUT:
        return error_set(err, WF_UNAVAILABLE,
                         "no answer within %lld ms (context deadline exceeded)",
                         (long long)f->timeout_ms);
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        /* curl's own words repeat the URL, in which a secret may stand. */
        return error_set(err, WF_CONFIG, "%s", curl_easy_strerror(code));
    default:
        return error_set(err, WF_UNAVAILABLE, "%s",
                         why[0] ? why : curl_easy_strerror(code));
    }
}

wf_status http_fetch_run(struct http_client *client, struct http_fetch *f, wf_error *err)
{
    CURL *curl = http_fetch_take(client);
    if (!curl)
        return error_no_memory(err);
    char why[CURL_ERROR_SIZE] = "";
    CURLcode code = http_fetch_options(curl, f, why);
    if (!code)
        code = curl_easy_perform(curl);
    if (!code)
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &f->status_code);
    http_fetch_give_back(client, curl);
    return code ? http_fetch_failed(f, code, why, err) : WF_OK;
}
