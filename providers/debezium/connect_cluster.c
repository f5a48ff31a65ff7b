/* SPDX-License-Identifier: MIT
 *
 * connect_cluster - which server is asked, when it is asked again, and how long.
 */
#include "providers/debezium/connect_cluster.h"

#include <errno.h>
#include <poll.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/redact.h"
#include "base/str.h"
#include "providers/debezium/connect_answer.h"
#include "providers/debezium/dbz_uri.h"

#define CONNECT_CLUSTER_PAUSE_MS 100 /* before the second attempt; then twice as long ... */
#define CONNECT_CLUSTER_PAUSE_MOST_MS 3000
#define CONNECT_CLUSTER_HOPS 5
#define CONNECT_CLUSTER_LEAST_MS 1000 /* that an attempt gets at the end of the patience */

/* ---- opening ------------------------------------------------------------------------- */

static wf_status connect_cluster_open_http(struct connect_cluster *cluster,
                                           const struct connect_plan *plan, wf_str user,
                                           wf_str password, struct http **out,
                                           wf_error *err)
{
    struct http_options options = {
        .user = user,
        .password = password,
        .token = plan ? plan->token : STR_EMPTY,
        .ca_file = buf_view(&cluster->tls.ca_file),
        .cert_file = plan ? buf_view(&cluster->tls.cert_file) : STR_EMPTY,
        .key_file = plan ? buf_view(&cluster->tls.key_file) : STR_EMPTY,
        .timeout_ms = cluster->timeout_ms,
        .cancel = cluster->cancel,
    };
    return http_open(&options, out, err);
}

static wf_status connect_cluster_bad_url(wf_str url, const char *why, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf shown;
    buf_init(&shown, LIMIT_TEXT_BYTES);
    redact_connection(&shown, url);
    return error_set(err, WF_CONFIG,
                     "'connection' must be the URL of Kafka Connect, such as "
                     "http://connect:8083, or several with commas; '%.200s' %s",
                     buf_c(&shown), why);
}

static wf_status connect_cluster_add(struct connect_cluster *cluster,
                                     const struct connect_plan *plan, wf_str url,
                                     wf_error *err)
{
    struct dbz_uri uri;
    wf_str host, port;
    bool parsed = dbz_uri_parse(url, &uri);
    if (!parsed || !(str_eq_nocase(uri.scheme, STR("http")) ||
                     str_eq_nocase(uri.scheme, STR("https"))))
        return connect_cluster_bad_url(url, "does not begin with http:// or https://", err);
    if (!dbz_uri_host(uri.hosts, &host, &port))
        return connect_cluster_bad_url(url, "has no host, or no port that is one", err);
    if (uri.query.len)
        return connect_cluster_bad_url(url, "has a query", err);
    if (cluster->count == CONNECT_BASES)
        return error_set(err, WF_CONFIG, "'connection' has more than %d URLs",
                         CONNECT_BASES);
    CDC_CLEANUP(connect_secrets_release) struct connect_secrets login;
    connect_secrets_init(&login);
    dbz_uri_decode(&login.texts, uri.password);
    wf_str password = buf_view(&login.texts);
    CDC_CLEANUP(buf_release) struct buf user;
    buf_init(&user, LIMIT_TEXT_BYTES);
    dbz_uri_decode(&user, uri.user);
    while (str_ends(uri.path, STR("/")))
        uri.path.len--;
    struct connect_base *base = &cluster->bases[cluster->count++];
    buf_printf(&base->url, "%.*s://%.*s%s%.*s", STR_ARG(uri.scheme), STR_ARG(uri.hosts),
               uri.path.len ? "/" : "", STR_ARG(uri.path));
    wf_status status = buf_status(&base->url, "a URL of Kafka Connect", err);
    if (!status)
        status = buf_status(&login.texts, "a password", err);
    if (!status)
        status = connect_secrets_add(&cluster->secrets, password, err);
    if (!status)
        status = connect_secrets_add(&cluster->secrets, uri.password, err);
    return status ? status
                  : connect_cluster_open_http(cluster, plan, buf_view(&user), password,
                                              &base->http, err);
}

wf_status connect_cluster_open(struct connect_cluster *cluster,
                               const struct connect_plan *plan, wf_error *err)
{
    for (size_t i = 0; i < CONNECT_BASES; i++)
        buf_init(&cluster->bases[i].url, LIMIT_TEXT_BYTES);
    buf_init(&cluster->tls.ca_file, LIMIT_TEXT_BYTES);
    buf_init(&cluster->tls.cert_file, LIMIT_TEXT_BYTES);
    buf_init(&cluster->tls.key_file, LIMIT_TEXT_BYTES);
    connect_secrets_init(&cluster->secrets);
    buf_str(&cluster->tls.ca_file, plan->ca_file);
    buf_str(&cluster->tls.cert_file, plan->cert_file);
    buf_str(&cluster->tls.key_file, plan->key_file);
    cluster->timeout_ms = plan->timeout_ms;
    cluster->patience_ms = plan->patience_ms;
    cluster->cancel = plan->cancel;
    wf_status status = buf_status(&cluster->tls.ca_file, "the CA file's name", err);
    if (!status)
        status = buf_status(&cluster->tls.cert_file, "the certificate's name", err);
    if (!status)
        status = buf_status(&cluster->tls.key_file, "the key file's name", err);
    if (!status)
        status = connect_secrets_add(&cluster->secrets, plan->token, err);
    wf_str rest = plan->urls;
    for (wf_str url; !status && str_next(&rest, ',', &url);) {
        url = str_trim(url);
        if (url.len)
            status = connect_cluster_add(cluster, plan, url, err);
    }
    if (!status && !cluster->count)
        return error_set(err, WF_CONFIG,
                         "'connection' must be the URL of Kafka Connect, such as "
                         "http://connect:8083");
    return status;
}

void connect_cluster_close(struct connect_cluster *cluster)
{
    for (size_t i = 0; i < CONNECT_BASES; i++) {
        http_close(cluster->bases[i].http);
        buf_release(&cluster->bases[i].url);
    }
    http_close(cluster->stranger);
    buf_release(&cluster->tls.ca_file);
    buf_release(&cluster->tls.cert_file);
    buf_release(&cluster->tls.key_file);
    connect_secrets_release(&cluster->secrets);
    *cluster = (struct connect_cluster){0};
}

const char *connect_cluster_url(struct connect_cluster *cluster)
{
    return buf_c(&cluster->bases[cluster->current].url);
}

/* ---- waiting ------------------------------------------------------------------------- */

wf_status connect_cluster_wait(const struct connect_cluster *cluster, int64_t ms,
                               wf_error *err)
{
    int64_t until = clock_mono_ms() + ms;
    for (;;) {
        if (cluster->cancel && atomic_load(&cluster->cancel->raised))
            return error_set(err, WF_CANCELLED, "cancelled");
        int64_t left = until - clock_mono_ms();
        if (left <= 0)
            return WF_OK;
        struct pollfd wake = {.fd = cluster->cancel ? cancel_fd(cluster->cancel) : -1,
                              .events = POLLIN};
        if (poll(&wake, 1, left > INT32_MAX ? INT32_MAX : (int)left) < 0 && errno != EINTR)
            return error_errno(err, WF_UNAVAILABLE, errno, "cannot wait");
    }
}

/* ---- one attempt --------------------------------------------------------------------- */

/* Where one attempt goes. */
struct connect_hop {
    struct http *http;
    struct buf url;
};

static void connect_hop_release(struct connect_hop *hop)
{
    buf_release(&hop->url);
}

/* "https://host:port" of a URL. */
static wf_str connect_cluster_origin(wf_str url)
{
    ptrdiff_t mark = str_find(url, STR("://"));
    size_t end = mark < 0 ? 0 : (size_t)mark + 3;
    while (end < url.len && url.ptr[end] != '/' && url.ptr[end] != '?')
        end++;
    return str_slice(url, 0, end);
}

/* A leader that is not in the list does not get our login: whoever answered may have sent
 * us anywhere. */
static wf_status connect_cluster_http_for(struct connect_cluster *cluster, wf_str url,
                                          struct http **out, wf_error *err)
{
    wf_str origin = connect_cluster_origin(url);
    for (size_t i = 0; i < cluster->count; i++) {
        wf_str known = connect_cluster_origin(buf_view(&cluster->bases[i].url));
        if (str_eq_nocase(known, origin)) {
            *out = cluster->bases[i].http;
            return WF_OK;
        }
    }
    wf_status status = WF_OK;
    if (!cluster->stranger)
        status = connect_cluster_open_http(cluster, NULL, STR_EMPTY, STR_EMPTY,
                                           &cluster->stranger, err);
    if (!status)
        *out = cluster->stranger;
    return status;
}

static wf_status connect_cluster_redirect(struct connect_cluster *cluster,
                                          struct connect_hop *hop, wf_str location,
                                          wf_error *err)
{
    bool was_https = str_eq_nocase(str_slice(buf_view(&hop->url), 0, 8), STR("https://"));
    bool https = str_eq_nocase(str_slice(location, 0, 8), STR("https://"));
    bool http = str_eq_nocase(str_slice(location, 0, 7), STR("http://"));
    CDC_CLEANUP(buf_release) struct buf url;
    buf_init(&url, LIMIT_TEXT_BYTES);
    if (str_starts(location, STR("/")) && !str_starts(location, STR("//"))) {
        buf_str(&url, connect_cluster_origin(buf_view(&hop->url)));
        https = was_https;
        http = !https;
    }
    buf_str(&url, location);
    wf_status status = buf_status(&url, "a redirect's URL", err);
    if (status)
        return status;
    wf_str host = connect_cluster_origin(buf_view(&url));
    if ((!http && !https) || str_find(host, STR("@")) >= 0)
        return error_set(err, WF_PROTOCOL,
                         "%s redirects to something that is no URL of Kafka Connect",
                         connect_cluster_url(cluster));
    if (was_https && !https)
        return error_set(err, WF_CONFIG,
                         "%s redirects from https to '%.*s', which is not followed",
                         connect_cluster_url(cluster), STR_ARG(host));
    status = connect_cluster_http_for(cluster, buf_view(&url), &hop->http, err);
    if (status)
        return status;
    buf_clear(&hop->url);
    buf_str(&hop->url, buf_view(&url));
    return buf_status(&hop->url, "a redirect's URL", err);
}

static wf_status connect_cluster_attempt(struct connect_cluster *cluster,
                                         const struct connect_request *request,
                                         int64_t left_ms, struct connect_answer *out,
                                         wf_error *err)
{
    CDC_CLEANUP(connect_hop_release) struct connect_hop hop;
    buf_init(&hop.url, LIMIT_TEXT_BYTES);
    hop.http = cluster->bases[cluster->current].http;
    buf_str(&hop.url, buf_view(&cluster->bases[cluster->current].url));
    buf_str(&hop.url, request->path);
    int64_t least = CONNECT_CLUSTER_LEAST_MS;
    int64_t timeout = left_ms < cluster->timeout_ms || !cluster->timeout_ms
                          ? (left_ms > least ? left_ms : least)
                          : cluster->timeout_ms;
    wf_status status = buf_status(&hop.url, "a URL of Kafka Connect", err);
    for (int hops = 0; !status; hops++) {
        struct http_response *reply = &out->reply;
        http_set_timeout(hop.http, timeout);
        status = http_call(hop.http, request->method, buf_view(&hop.url), request->body,
                           reply, err);
        if (status || (reply->status != 307 && reply->status != 308))
            return status;
        if (hops == CONNECT_CLUSTER_HOPS)
            return error_set(err, WF_UNAVAILABLE, "%s redirects in a circle",
                             connect_cluster_url(cluster));
        status = connect_cluster_redirect(cluster, &hop, buf_view(&reply->location), err);
    }
    return status;
}

/* ---- attempts ------------------------------------------------------------------------ */

/* One round of attempts, over all servers. */
struct connect_tries {
    int64_t until_ms;
    int64_t pause_ms;
    size_t unreached; /* servers in a row */
};

/* A server that is not reached makes room for the next at once; all of them, or one that
 * asked for time, for a pause. */
static wf_status connect_cluster_pause(struct connect_cluster *cluster,
                                       struct connect_tries *tries, bool reached,
                                       wf_error *err)
{
    tries->unreached = reached ? 0 : tries->unreached + 1;
    cluster->current = (cluster->current + 1) % cluster->count;
    if (!reached && tries->unreached % cluster->count != 0)
        return WF_OK;
    int64_t left = tries->until_ms - clock_mono_ms();
    int64_t pause = tries->pause_ms < left ? tries->pause_ms : left;
    tries->pause_ms = tries->pause_ms * 2 < CONNECT_CLUSTER_PAUSE_MOST_MS
                          ? tries->pause_ms * 2
                          : CONNECT_CLUSTER_PAUSE_MOST_MS;
    return connect_cluster_wait(cluster, pause, err);
}

static wf_status connect_cluster_gave_up(const struct connect_cluster *cluster,
                                         const struct connect_request *request,
                                         unsigned attempts, const wf_error *last,
                                         wf_error *err)
{
    if (attempts < 2)
        return error_set(err, WF_UNAVAILABLE, "Kafka Connect, %s: %s", request->what,
                         last->text);
    return error_set(err, WF_UNAVAILABLE, "Kafka Connect, %s: %s (%u attempts in %lld s)",
                     request->what, last->text, attempts,
                     (long long)(cluster->patience_ms / 1000));
}

wf_status connect_cluster_call(struct connect_cluster *cluster,
                               const struct connect_request *request,
                               struct connect_answer *out, wf_error *err)
{
    struct connect_tries tries = {.until_ms = clock_mono_ms() + cluster->patience_ms,
                                  .pause_ms = CONNECT_CLUSTER_PAUSE_MS};
    for (out->attempts = 1;; out->attempts++) {
        wf_error last;
        int64_t left = tries.until_ms - clock_mono_ms();
        wf_status status = connect_cluster_attempt(cluster, request, left, out, &last);
        if (!status && !connect_answer_is_for_later(out))
            return connect_answer_check(cluster, request, out, err);
        if (status && status != WF_UNAVAILABLE)
            return error_set(err, status, "Kafka Connect, %s: %s", request->what,
                             last.text);
        if (!status)
            connect_answer_later(cluster, out, &last);
        if (tries.until_ms - clock_mono_ms() <= 0)
            return connect_cluster_gave_up(cluster, request, out->attempts, &last, err);
        status = connect_cluster_pause(cluster, &tries, !status, err);
        if (status)
            return status;
    }
}
