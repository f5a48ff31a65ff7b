/* SPDX-License-Identifier: MIT
 *
 * http - one easy handle of libcurl inside a multi handle, which keeps the connections and
 * can wait for the cancel's descriptor beside them.
 */
#include "base/http.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/redact.h"
#include "base/str.h"

#define HTTP_TIMEOUT_MS 30000
#define HTTP_CONNECT_MS 10000 /* of the time of a request, for one address that is dumb */
#define HTTP_REPLY_BYTES (16u * 1024u * 1024u)
#define HTTP_WAIT_MS 60000 /* curl has timers of its own, this only bounds one wait */

struct http {
    CURLM *multi;
    CURL *easy;
    struct curl_slist *plain;     /* headers of a request without a body */
    struct curl_slist *with_body; /* and with one */
    char *user, *password, *ca_file, *cert_file, *key_file;
    int64_t timeout_ms, timeout_opened_ms;
    size_t max_reply_bytes;
    struct cancel *cancel;
};

static pthread_once_t http_once = PTHREAD_ONCE_INIT;

static void http_global(void)
{
    /* Only fails when memory does; a handle cannot be had then either. */
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

/* ---- opening ------------------------------------------------------------------------- */

static bool http_is_clean(wf_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return true;
}

static wf_status http_copy(wf_str text, const char *what, char **out, wf_error *err)
{
    if (!text.len)
        return WF_OK;
    if (!http_is_clean(text))
        return error_set(err, WF_CONFIG, "%s holds a control character", what);
    *out = str_dup(text);
    return *out ? WF_OK : error_no_memory(err);
}

static wf_status http_add_header(struct curl_slist **list, const char *line, wf_error *err)
{
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (!longer)
        return error_no_memory(err);
    *list = longer;
    return WF_OK;
}

static void http_free_secret(char **secret)
{
    if (*secret)
        explicit_bzero(*secret, strlen(*secret));
    free(*secret);
    *secret = NULL;
}

static wf_status http_add_token(struct http *http, wf_str token, wf_error *err)
{
    if (!token.len)
        return WF_OK;
    CDC_CLEANUP(http_free_secret) char *copy = NULL;
    wf_status status = http_copy(token, "the bearer token", &copy, err);
    if (status)
        return status;
    CDC_CLEANUP(buf_release) struct buf line;
    buf_init(&line, LIMIT_TEXT_BYTES);
    buf_printf(&line, "Authorization: Bearer %s", copy);
    status = buf_status(&line, "the bearer token", err);
    if (!status)
        status = http_add_header(&http->plain, buf_c(&line), err);
    if (!status)
        status = http_add_header(&http->with_body, buf_c(&line), err);
    if (line.data)
        explicit_bzero(line.data, line.cap);
    return status;
}

/* "Expect" would make a server that does not know it cost a second. */
static wf_status http_add_headers(struct http *http, wf_str token, wf_error *err)
{
    wf_status status = http_add_header(&http->plain, "Accept: application/json", err);
    if (!status)
        status = http_add_header(&http->plain, "Content-Type:", err);
    if (!status)
        status = http_add_header(&http->plain, "Expect:", err);
    if (!status)
        status = http_add_header(&http->with_body, "Accept: application/json", err);
    if (!status)
        status = http_add_header(&http->with_body, "Content-Type: application/json", err);
    if (!status)
        status = http_add_header(&http->with_body, "Expect:", err);
    return status ? status : http_add_token(http, token, err);
}

static wf_status http_prepare(struct http *http, const struct http_options *options,
                              wf_error *err)
{
    wf_status status = http_copy(options->user, "the user's name", &http->user, err);
    if (!status)
        status = http_copy(options->password, "the password", &http->password, err);
    if (!status)
        status = http_copy(options->ca_file, "the CA file's name", &http->ca_file, err);
    if (!status)
        status =
            http_copy(options->cert_file, "the certificate's name", &http->cert_file, err);
    if (!status)
        status = http_copy(options->key_file, "the key file's name", &http->key_file, err);
    if (!status)
        status = http_add_headers(http, options->token, err);
    if (status)
        return status;
    http->easy = curl_easy_init();
    http->multi = curl_multi_init();
    return http->easy && http->multi ? WF_OK : error_no_memory(err);
}

wf_status http_open(const struct http_options *options, struct http **out, wf_error *err)
{
    pthread_once(&http_once, http_global);
    struct http *http = calloc(1, sizeof *http);
    if (!http)
        return error_no_memory(err);
    http->cancel = options->cancel;
    http->timeout_opened_ms =
        options->timeout_ms > 0 ? options->timeout_ms : HTTP_TIMEOUT_MS;
    http->timeout_ms = http->timeout_opened_ms;
    http->max_reply_bytes =
        options->max_reply_bytes ? options->max_reply_bytes : HTTP_REPLY_BYTES;
    wf_status status = http_prepare(http, options, err);
    if (status) {
        http_close(http);
        return status;
    }
    *out = http;
    return WF_OK;
}

void http_close(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->easy);
    if (http->multi)
        curl_multi_cleanup(http->multi);
    curl_slist_free_all(http->plain);
    curl_slist_free_all(http->with_body);
    free(http->user);
    http_free_secret(&http->password);
    free(http->ca_file);
    free(http->cert_file);
    free(http->key_file);
    free(http);
}

void http_set_timeout(struct http *http, int64_t timeout_ms)
{
    http->timeout_ms = timeout_ms > 0 ? timeout_ms : http->timeout_opened_ms;
}

/* ---- the reply ----------------------------------------------------------------------- */

void http_response_init(struct http_response *reply)
{
    *reply = (struct http_response){0};
    buf_init(&reply->body, HTTP_REPLY_BYTES);
    buf_init(&reply->location, LIMIT_TEXT_BYTES);
}

void http_response_release(struct http_response *reply)
{
    buf_release(&reply->body);
    buf_release(&reply->location);
}

static size_t http_on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct http_response *reply = ctx;
    buf_append(&reply->body, data, size * count);
    return reply->body.broken ? 0 : size * count;
}

/* One line, with its line end.  A status line begins a new reply: the one before it was
 * "100 Continue". */
static size_t http_on_header(char *data, size_t size, size_t count, void *ctx)
{
    static const wf_str name = {"location:", 9};
    struct http_response *reply = ctx;
    wf_str line = str_trim((wf_str){data, size * count});
    if (str_starts(line, STR("HTTP/"))) {
        buf_clear(&reply->location);
        buf_clear(&reply->body);
    } else if (str_eq_nocase(str_slice(line, 0, name.len), name)) {
        buf_clear(&reply->location);
        buf_str(&reply->location, str_trim(str_slice(line, name.len, line.len)));
    }
    return reply->location.broken ? 0 : size * count;
}

/* ---- the request --------------------------------------------------------------------- */

struct http_request {
    const char *method;
    const char *url;
    wf_str body;
    struct http_response *reply;
    char why[CURL_ERROR_SIZE];
};

static long http_ms(int64_t ms)
{
    return ms > INT32_MAX ? (long)INT32_MAX : (long)ms;
}

static CURLcode http_set_server(struct http *http)
{
    CURL *curl = http->easy;
    int64_t connect_ms =
        http->timeout_ms < HTTP_CONNECT_MS ? http->timeout_ms : HTTP_CONNECT_MS;
    CURLcode code = curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    /* A name that is being looked up would else be waited for, whatever was cancelled. */
    code = code ? code : curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    code = code ? code : curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    code =
        code ? code : curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, http_ms(http->timeout_ms));
    code = code ? code
                : curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, http_ms(connect_ms));
    if (!code && (http->user || http->password)) {
        code = curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        code = code
                   ? code
                   : curl_easy_setopt(curl, CURLOPT_USERNAME, http->user ? http->user : "");
        code = code ? code
                    : curl_easy_setopt(curl, CURLOPT_PASSWORD,
                                       http->password ? http->password : "");
    }
    if (!code && http->ca_file)
        code = curl_easy_setopt(curl, CURLOPT_CAINFO, http->ca_file);
    if (!code && http->cert_file)
        code = curl_easy_setopt(curl, CURLOPT_SSLCERT, http->cert_file);
    if (!code && http->key_file)
        code = curl_easy_setopt(curl, CURLOPT_SSLKEY, http->key_file);
    return code;
}

/* curl sends a length of 0 for a body that is there and empty: PUT needs one. */
static CURLcode http_set_body(struct http *http, const struct http_request *request)
{
    CURL *curl = http->easy;
    bool has_body = request->body.len > 0 || strcmp(request->method, "PUT") == 0 ||
                    strcmp(request->method, "POST") == 0 ||
                    strcmp(request->method, "PATCH") == 0;
    struct curl_slist *headers = request->body.len ? http->with_body : http->plain;
    CURLcode code = curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    if (!code && has_body) {
        curl_off_t len = (curl_off_t)request->body.len;
        const char *body = request->body.len ? request->body.ptr : "";
        code = curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, len);
        code = code ? code : curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    }
    if (!code && strcmp(request->method, "HEAD") == 0)
        return curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    return code ? code : curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request->method);
}

static CURLcode http_set_request(struct http *http, struct http_request *request)
{
    CURL *curl = http->easy;
    curl_easy_reset(curl);
    CURLcode code = http_set_server(http);
    code = code ? code : http_set_body(http, request);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, request->why);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, http_on_body);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_WRITEDATA, request->reply);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, http_on_header);
    code = code ? code : curl_easy_setopt(curl, CURLOPT_HEADERDATA, request->reply);
    return code ? code : curl_easy_setopt(curl, CURLOPT_URL, request->url);
}

static bool http_is_cancelled(const struct http *http)
{
    return http->cancel && atomic_load(&http->cancel->raised);
}

/* Gives CURLM_OK and what became of the transfer; with *out_cancelled it was left alone. */
static CURLMcode http_run(struct http *http, CURLcode *out_code, bool *out_cancelled)
{
    int fd = http->cancel ? cancel_fd(http->cancel) : -1;
    struct curl_waitfd wake = {fd, CURL_WAIT_POLLIN, 0};
    for (int running = 1;;) {
        CURLMcode code = curl_multi_perform(http->multi, &running);
        if (code || !running)
            break;
        if (http_is_cancelled(http)) {
            *out_cancelled = true;
            return CURLM_OK;
        }
        code = curl_multi_poll(http->multi, &wake, fd >= 0, HTTP_WAIT_MS, NULL);
        if (code)
            return code;
    }
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(http->multi, &left));)
        if (message->msg == CURLMSG_DONE) {
            *out_code = message->data.result;
            return CURLM_OK;
        }
    return CURLM_INTERNAL_ERROR;
}

/* ---- what went wrong ----------------------------------------------------------------- */

static wf_status http_kind(CURLcode code)
{
    switch (code) {
    case CURLE_OUT_OF_MEMORY:
        return WF_NO_MEMORY;
    case CURLE_URL_MALFORMAT:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ENGINE_NOTFOUND:
    case CURLE_SSL_ENGINE_SETFAILED:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return WF_CONFIG;
    case CURLE_UNSUPPORTED_PROTOCOL: /* the URL's was looked at: this is HTTP/0.9 */
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
        return WF_PROTOCOL;
    default:
        return WF_UNAVAILABLE;
    }
}

static wf_status http_failed(const struct http *http, const struct http_request *request,
                             CURLcode code, wf_error *err)
{
    const struct http_response *reply = request->reply;
    CDC_CLEANUP(buf_release) struct buf url;
    buf_init(&url, LIMIT_TEXT_BYTES);
    redact_connection(&url, str_from(request->url));
    const char *shown = buf_c(&url);
    if (reply->body.broken == WF_NO_MEMORY || reply->location.broken == WF_NO_MEMORY)
        return error_no_memory(err);
    if (reply->body.broken || reply->location.broken)
        return error_set(err, WF_PROTOCOL, "the reply of %.300s is larger than %zu bytes",
                         shown,
                         reply->body.broken ? reply->body.limit : reply->location.limit);
    if (code == CURLE_OPERATION_TIMEDOUT)
        return error_set(err, WF_UNAVAILABLE, "%.300s gave no answer within %lld ms", shown,
                         (long long)http->timeout_ms);
    wf_status kind = http_kind(code);
    if (kind == WF_NO_MEMORY)
        return error_no_memory(err);
    /* curl's own words about a URL repeat it, in which a secret may stand. */
    bool own_words = request->why[0] && code != CURLE_URL_MALFORMAT;
    wf_str why = str_trim(str_from(own_words ? request->why : curl_easy_strerror(code)));
    return error_set(err, kind, "%.300s: %.*s", shown, STR_ARG(why));
}

static wf_status http_check_url(wf_str url, wf_error *err)
{
    static const wf_str schemes[] = {{"http://", 7}, {"https://", 8}};
    CDC_CLEANUP(buf_release) struct buf shown;
    buf_init(&shown, LIMIT_TEXT_BYTES);
    for (size_t i = 0; i < CDC_COUNT(schemes); i++)
        if (str_eq_nocase(str_slice(url, 0, schemes[i].len), schemes[i]) &&
            url.len > schemes[i].len && http_is_clean(url))
            return WF_OK;
    redact_connection(&shown, url);
    return error_set(err, WF_CONFIG, "'%.300s' is not an http:// or https:// URL",
                     buf_c(&shown));
}

static void http_free_text(char **text)
{
    free(*text);
}

wf_status http_call(struct http *http, const char *method, wf_str url, wf_str body,
                    struct http_response *out, wf_error *err)
{
    wf_status status = http_check_url(url, err);
    if (status)
        return status;
    CDC_CLEANUP(http_free_text) char *url_text = str_dup(url);
    if (!url_text)
        return error_no_memory(err);
    struct http_request request = {method, url_text, body, out, ""};
    buf_clear(&out->body);
    buf_clear(&out->location);
    out->body.limit = http->max_reply_bytes;
    if (http_is_cancelled(http))
        return error_set(err, WF_CANCELLED, "cancelled");
    CURLcode code = http_set_request(http, &request);
    if (code)
        return http_failed(http, &request, code, err);
    if (curl_multi_add_handle(http->multi, http->easy))
        return error_no_memory(err);
    bool cancelled = false;
    CURLMcode failure = http_run(http, &code, &cancelled);
    long reply_status = 0;
    if (!failure && !cancelled && !code)
        code = curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &reply_status);
    curl_multi_remove_handle(http->multi, http->easy);
    if (failure == CURLM_OUT_OF_MEMORY)
        return error_no_memory(err);
    if (failure)
        return error_set(err, WF_UNAVAILABLE, "HTTP: %s", curl_multi_strerror(failure));
    if (cancelled)
        return error_set(err, WF_CANCELLED, "cancelled");
    if (code)
        return http_failed(http, &request, code, err);
    if (reply_status < 100 || reply_status > 599)
        return error_set(err, WF_PROTOCOL, "a reply with status %ld", reply_status);
    if (reply_status < 300 || reply_status > 399)
        buf_clear(&out->location);
    out->status = (int)reply_status;
    return WF_OK;
}

void http_put_escaped(struct buf *out, wf_str text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '-' || c == '.' || c == '_' || c == '~') {
            buf_byte(out, (char)c);
        } else {
            buf_byte(out, '%');
            buf_byte(out, digits[c >> 4]);
            buf_byte(out, digits[c & 15]);
        }
    }
}
