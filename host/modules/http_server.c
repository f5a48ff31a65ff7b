/* SPDX-License-Identifier: MIT
 *
 * http_server - the module `http.server`: one listening address.
 *
 * The way of a request: libmicrohttpd's thread reads it whole (on_uri, on_request),
 * suspends the connection and hands the exchange to a worker; the worker runs the
 * pipeline, fills in the reply and resumes the connection; libmicrohttpd's thread sends
 * the reply (on_request again) and frees the exchange (on_completed).
 */
#include "host/modules/http_server.h"

#include <microhttpd.h>
#include <pthread.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/modules/http_listen.h"
#include "host/modules/http_workers.h"

#define HTTP_SERVER_CONNECTIONS 512u
#define HTTP_SERVER_WORKERS 32u
#define HTTP_SERVER_ROUTERS 16u
#define HTTP_SERVER_BODY_BYTES (4u * 1024u * 1024u)
/* How much of a body that is too large is read and thrown away, so that the client gets
 * to see why. */
#define HTTP_SERVER_DISCARD_BYTES (16u * 1024u * 1024u)
/* How long stop() waits for clients to take their replies. */
#define HTTP_SERVER_LINGER_MS 3000

enum exchange_state { EXCHANGE_NEW, EXCHANGE_READING, EXCHANGE_RUNNING, EXCHANGE_DONE };

struct exchange {
    struct http_job job;
    struct MHD_Connection *connection;
    char *uri;
    char method[24];
    struct buf body;
    size_t discarded;
    enum exchange_state state; /* guarded by state_lock */
    bool counted;              /* is in server->busy */
    struct http_reply reply;
};

struct http_server {
    struct definition def;
    wf_str address;
    uint64_t max_body_bytes;
    unsigned idle_seconds;

    pthread_rwlock_t routers_lock; /* held for reading while a request is in a router */
    struct http_router *routers[HTTP_SERVER_ROUTERS];
    size_t router_count;

    pthread_mutex_t state_lock; /* guards the rest, and exchange->state */
    pthread_cond_t progress;    /* running or busy became 0 */
    unsigned running;           /* exchanges that a worker has or gets */
    unsigned busy;              /* those, and the ones whose reply is not yet sent */
    bool stopping;

    struct http_workers *workers;
    struct MHD_Daemon *daemon;
    int listen_fd;
};

/* ---- sending
 * --------------------------------------------------------------------------------- */

static enum MHD_Result http_server_send(struct exchange *x, bool last)
{
    struct http_reply *reply = &x->reply;
    bool bare = reply->status == 204 || reply->status == 304;
    if (reply->body.broken || reply->headers.broken)
        http_reply_error(reply, 500, "the reply is too large");
    /* MHD takes no const here, but with MUST_COPY it only reads. */
    struct MHD_Response *response = MHD_create_response_from_buffer(
        bare ? 0 : reply->body.len, reply->body.data, MHD_RESPMEM_MUST_COPY);
    if (!response)
        return MHD_NO;
    const char *name;
    const char *value;
    for (size_t at = 0; http_reply_next(reply, &at, &name, &value);)
        (void)MHD_add_response_header(response, name, value);
    if (last)
        (void)MHD_add_response_header(response, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(x->connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result http_server_refuse(struct exchange *x, unsigned status,
                                          const char *text)
{
    http_reply_error(&x->reply, status, text);
    return http_server_send(x, true);
}

/* ---- a worker's part
 * ------------------------------------------------------------------------- */

/* "http://host/path" and "/path" are the same; anything else has no path. */
static wf_str http_server_target(wf_str uri)
{
    ptrdiff_t scheme = str_find(uri, STR("://"));
    if (uri.len && uri.ptr[0] != '/' && scheme >= 0) {
        wf_str rest = str_slice(uri, (size_t)scheme + 3, uri.len);
        ptrdiff_t slash = str_find(rest, STR("/"));
        return slash < 0 ? STR("/") : str_slice(rest, (size_t)slash, rest.len);
    }
    return uri;
}

static enum http_served http_server_route(struct http_server *s,
                                          struct http_request *request,
                                          struct http_reply *reply, struct buf *allow)
{
    enum http_served best = HTTP_NO_ROUTE;
    pthread_rwlock_rdlock(&s->routers_lock);
    for (size_t i = 0; i < s->router_count && best != HTTP_SERVED; i++) {
        enum http_served served = http_router_serve(s->routers[i], request, reply, allow);
        if (served != HTTP_NO_ROUTE)
            best = served;
    }
    pthread_rwlock_unlock(&s->routers_lock);
    return best;
}

static void http_server_answer(struct http_server *s, struct exchange *x,
                               struct arena *arena)
{
    wf_str target = http_server_target(str_from(x->uri));
    ptrdiff_t mark = str_find(target, STR("?"));
    struct http_request request = {
        .method = str_from(x->method),
        .path = mark < 0 ? target : str_slice(target, 0, (size_t)mark),
        .query = mark < 0 ? STR_EMPTY : str_slice(target, (size_t)mark + 1, target.len),
        .body = buf_view(&x->body),
        .arena = arena,
    };
    char memory[256];
    struct buf allow;
    buf_fixed(&allow, memory, sizeof memory);

    enum http_served served = http_server_route(s, &request, &x->reply, &allow);
    if (served == HTTP_NO_ROUTE) {
        http_reply_error(&x->reply, 404, "not found");
    } else if (served == HTTP_OTHER_METHOD) {
        http_reply_error(&x->reply, 405, "method not allowed");
        (void)http_reply_header(&x->reply, STR("Allow"), buf_view(&allow), true, NULL);
    }
}

/* Lets the connection go on; the exchange may be gone as soon as it does. */
static void http_server_done(struct http_server *s, struct exchange *x)
{
    pthread_mutex_lock(&s->state_lock);
    x->state = EXCHANGE_DONE;
    pthread_mutex_unlock(&s->state_lock);
    MHD_resume_connection(x->connection);
    /* Only now: a daemon with suspended connections must not be stopped. */
    pthread_mutex_lock(&s->state_lock);
    if (--s->running == 0)
        pthread_cond_broadcast(&s->progress);
    pthread_mutex_unlock(&s->state_lock);
}

static void http_server_work(void *ctx, struct http_job *job, struct arena *arena)
{
    struct http_server *s = ctx;
    struct exchange *x = CDC_CONTAINER(job, struct exchange, job);
    http_server_answer(s, x, arena);
    http_server_done(s, x);
}

/* ---- libmicrohttpd's part
 * -------------------------------------------------------------------- */

/* Called with the request line, before everything else; what it gives becomes *con_cls. */
static void *http_server_on_uri(void *cls, const char *uri,
                                struct MHD_Connection *connection)
{
    const struct http_server *s = cls;
    struct exchange *x = calloc(1, sizeof *x);
    if (!x)
        return NULL;
    x->connection = connection;
    x->uri = str_dup(str_from(uri));
    buf_init(&x->body, s->max_body_bytes);
    http_reply_init(&x->reply);
    return x;
}

static void http_server_on_completed(void *cls, struct MHD_Connection *connection,
                                     void **con_cls, enum MHD_RequestTerminationCode why)
{
    struct http_server *s = cls;
    struct exchange *x = *con_cls;
    (void)connection;
    (void)why;
    *con_cls = NULL;
    if (!x)
        return;
    if (x->counted) {
        pthread_mutex_lock(&s->state_lock);
        if (--s->busy == 0)
            pthread_cond_broadcast(&s->progress);
        pthread_mutex_unlock(&s->state_lock);
    }
    buf_release(&x->body);
    http_reply_release(&x->reply);
    free(x->uri);
    free(x);
}

static enum MHD_Result http_server_begin(const struct http_server *s, struct exchange *x,
                                         const char *method)
{
    x->state = EXCHANGE_READING;
    if (!x->uri)
        return http_server_refuse(x, 503, "out of memory");
    if (strlen(method) >= sizeof x->method)
        return http_server_refuse(x, 501, "unknown method");
    memcpy(x->method, method, strlen(method) + 1);

    const char *length =
        MHD_lookup_connection_value(x->connection, MHD_HEADER_KIND, "Content-Length");
    uint64_t announced;
    if (length && str_to_u64(str_from(length), &announced) && announced > s->max_body_bytes)
        return http_server_refuse(x, 413, "request body too large");
    return MHD_YES;
}

static enum MHD_Result http_server_upload(const struct http_server *s, struct exchange *x,
                                          const char *data, size_t *len)
{
    size_t more = *len;
    *len = 0;
    if (x->discarded || x->body.len + more > s->max_body_bytes) {
        x->discarded += more;
        return x->discarded > HTTP_SERVER_DISCARD_BYTES ? MHD_NO : MHD_YES;
    }
    buf_append(&x->body, data, more);
    return x->body.broken ? MHD_NO : MHD_YES;
}

/* The request is complete. */
static enum MHD_Result http_server_submit(struct http_server *s, struct exchange *x)
{
    if (x->discarded)
        return http_server_refuse(x, 413, "request body too large");
    pthread_mutex_lock(&s->state_lock);
    bool stopping = s->stopping;
    if (!stopping) {
        x->state = EXCHANGE_RUNNING;
        x->counted = true;
        s->running++;
        s->busy++;
    }
    pthread_mutex_unlock(&s->state_lock);
    if (stopping)
        return http_server_refuse(x, 503, "the server is stopping");

    MHD_suspend_connection(x->connection);
    if (!http_workers_submit(s->workers, &x->job)) {
        http_reply_error(&x->reply, 503, "no thread is free");
        http_server_done(s, x);
    }
    return MHD_YES;
}

static enum MHD_Result http_server_on_request(void *cls, struct MHD_Connection *connection,
                                              const char *url, const char *method,
                                              const char *version, const char *upload,
                                              size_t *upload_len, void **con_cls)
{
    struct http_server *s = cls;
    struct exchange *x = *con_cls;
    (void)connection;
    (void)url;
    (void)version;
    if (!x)
        return MHD_NO;
    pthread_mutex_lock(&s->state_lock);
    enum exchange_state state = x->state;
    pthread_mutex_unlock(&s->state_lock);

    switch (state) {
    case EXCHANGE_NEW:
        return http_server_begin(s, x, method);
    case EXCHANGE_READING:
        return *upload_len ? http_server_upload(s, x, upload, upload_len)
                           : http_server_submit(s, x);
    case EXCHANGE_RUNNING:
        return MHD_YES;
    case EXCHANGE_DONE:
        break;
    }
    return http_server_send(x, false);
}

/* ---- the module
 * ------------------------------------------------------------------------------ */

wf_status http_server_attach(struct http_server *s, struct http_router *router,
                             wf_error *err)
{
    wf_status status = WF_OK;
    pthread_rwlock_wrlock(&s->routers_lock);
    if (s->router_count == HTTP_SERVER_ROUTERS)
        status = error_set(err, WF_CONFIG, "http.server '%.*s' has more than %u routers",
                           STR_ARG(s->def.name), HTTP_SERVER_ROUTERS);
    else
        s->routers[s->router_count++] = router;
    pthread_rwlock_unlock(&s->routers_lock);
    return status;
}

void http_server_detach(struct http_server *s, const struct http_router *router)
{
    pthread_rwlock_wrlock(&s->routers_lock);
    size_t kept = 0;
    for (size_t i = 0; i < s->router_count; i++)
        if (s->routers[i] != router)
            s->routers[kept++] = s->routers[i];
    s->router_count = kept;
    pthread_rwlock_unlock(&s->routers_lock);
}

/* 65536 or "4MiB"; the default when the key is missing. */
static bool http_server_body_bytes(const struct definition *def, uint64_t *out)
{
    const struct value *v = value_get(def->config, STR("maxBodyBytes"));
    uint64_t bytes = 0;
    *out = HTTP_SERVER_BODY_BYTES;
    if (!v || v->kind == VALUE_NULL)
        return true;
    if (v->kind == VALUE_INT && v->integer > 0)
        bytes = (uint64_t)v->integer;
    else if (v->kind == VALUE_STRING)
        (void)str_to_bytes(v->text, &bytes);
    *out = bytes;
    if (bytes > 0 && bytes <= LIMIT_EVENT_BYTES)
        return true;
    problems_add(def->problems, def->node, "maxBodyBytes",
                 "must be a size from 1 to 1GiB, such as 65536 or '4MiB'");
    return false;
}

static void *http_server_create(const struct definition *def)
{
    wf_error err;
    uint64_t max_body;
    wf_str address = config_check_text(def->config, "address", STR(":8080"));
    bool good = http_server_body_bytes(def, &max_body);
    if (http_listen_check(address, &err)) {
        problems_add(def->problems, def->node, "address", "%s", err.text);
        good = false;
    }
    struct http_server *s = good ? calloc(1, sizeof *s) : NULL;
    if (!s) {
        if (good)
            problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    s->def = *def;
    s->address = address;
    s->max_body_bytes = max_body;
    s->listen_fd = -1;
    int64_t idle_ms = config_check_duration_ms(def->config, "idleTimeout", 120000);
    int64_t idle_seconds = (idle_ms + 999) / 1000;
    s->idle_seconds = idle_seconds < 1       ? 0
                      : idle_seconds > 86400 ? 86400
                                             : (unsigned)idle_seconds;
    pthread_rwlock_init(&s->routers_lock, NULL);
    pthread_mutex_init(&s->state_lock, NULL);
    thread_cond_init(&s->progress);
    return s;
}

/* libmicrohttpd's thread takes over the mask of the one that starts it: signals stay the
 * host's. */
static struct MHD_Daemon *http_server_run(struct http_server *s)
{
    sigset_t before;
    thread_block_signals(&before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        http_server_on_request, s, MHD_OPTION_LISTEN_SOCKET, s->listen_fd,
        MHD_OPTION_URI_LOG_CALLBACK, http_server_on_uri, s, MHD_OPTION_NOTIFY_COMPLETED,
        http_server_on_completed, s, MHD_OPTION_CONNECTION_LIMIT, HTTP_SERVER_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, s->idle_seconds, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

static void http_server_close(struct http_server *s)
{
    http_workers_free(s->workers);
    s->workers = NULL;
    if (s->listen_fd >= 0)
        close(s->listen_fd);
    s->listen_fd = -1;
}

static wf_status http_server_start(void *self, wf_error *err)
{
    struct http_server *s = self;
    if (s->daemon)
        return WF_OK;
    wf_status status = http_listen_open(s->address, &s->listen_fd, err);
    if (status)
        return status;
    char memory[320];
    struct buf name;
    buf_fixed(&name, memory, sizeof memory);
    http_listen_name(s->listen_fd, &name);
    s->stopping = false;
    s->workers = http_workers_new(HTTP_SERVER_WORKERS, http_server_work, s);
    s->daemon = s->workers ? http_server_run(s) : NULL;
    if (!s->daemon) {
        http_server_close(s);
        return error_set(err, WF_UNAVAILABLE, "cannot start the HTTP server on '%.*s'",
                         STR_ARG(s->address));
    }
    log_line(app_logger(s->def.app), LOG_INFO,
             "http.server listens module=%.*s address=%.*s", STR_ARG(s->def.name),
             STR_ARG(buf_view(&name)));
    return WF_OK;
}

/* Lets what is under way end and be sent, takes nothing new. */
static wf_status http_server_stop(void *self, wf_error *err)
{
    struct http_server *s = self;
    (void)err;
    if (!s->daemon)
        return WF_OK;
    (void)MHD_quiesce_daemon(s->daemon);
    pthread_mutex_lock(&s->state_lock);
    s->stopping = true;
    while (s->running)
        pthread_cond_wait(&s->progress, &s->state_lock);
    int64_t deadline = clock_mono_ms() + HTTP_SERVER_LINGER_MS;
    while (s->busy && thread_cond_wait_until(&s->progress, &s->state_lock, deadline))
        continue;
    pthread_mutex_unlock(&s->state_lock);

    MHD_stop_daemon(s->daemon);
    s->daemon = NULL;
    http_server_close(s);
    return WF_OK;
}

static void http_server_free(void *self)
{
    struct http_server *s = self;
    if (!s)
        return;
    (void)http_server_stop(s, NULL);
    pthread_cond_destroy(&s->progress);
    pthread_mutex_destroy(&s->state_lock);
    pthread_rwlock_destroy(&s->routers_lock);
    free(s);
}

static const struct config_key http_server_keys[] = {
    {"address", "string", true, false,
     "where to listen: ':8080', '127.0.0.1:0', '[::1]:8080'"},
    {"idleTimeout", "duration", false, false,
     "an idle connection is closed after it (120s)"},
    {"readTimeout", "duration", false, false, "accepted; idleTimeout bounds reading"},
    {"writeTimeout", "duration", false, false, "accepted; idleTimeout bounds writing"},
    {"maxBodyBytes", "any", false, false, "the largest request body; 413 beyond it (4MiB)"},
    {0},
};

const struct module_type http_server_type = {
    .type = "http.server",
    .summary = "Listens for HTTP requests.",
    .keys = http_server_keys,
    .create = http_server_create,
    .start = http_server_start,
    .stop = http_server_stop,
    .free = http_server_free,
};
