/* SPDX-License-Identifier: MIT
 *
 * fake_connect - a thread per connection, so that one may be silent while others are
 * answered.
 */
#include "tests/support/fake_connect.h"

#include <arpa/inet.h>
#include <check.h>
#include <dlfcn.h>
#include <microhttpd.h>
#include <pthread.h>

#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/fake_cluster.h"

#define FAKE_FAULTS 16

struct fake_connect {
    struct MHD_Daemon *daemon;
    char *key, *certificate, *authority; /* PEM; NULL: without TLS */
    char url[64];
    pthread_mutex_t lock; /* all below */
    pthread_cond_t ended;
    bool stopping;
    struct fake_cluster cluster;
    struct fake_fault faults[FAKE_FAULTS];
    size_t fault_count;
    const char *login;
    struct buf heard, heard_given;
    unsigned connections;
};

/* One request while it comes in. */
struct fake_request {
    char *uri; /* raw, with the query */
    struct buf body;
};

/* ---- what a real one would not like -------------------------------------------------- */

/* RFC 3986: what stands in a path or query as it is; no % without two digits. */
static bool fake_is_escaped(const char *uri)
{
    for (const char *c = uri; *c; c++) {
        if (*c == '%' && !(strchr("0123456789ABCDEF", c[1]) && c[1] &&
                           strchr("0123456789ABCDEF", c[2]) && c[2]))
            return false;
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
              (*c >= '0' && *c <= '9') || strchr("-._~/?=&%", *c)))
            return false;
    }
    return true;
}

/* Jetty refuses these, although they are good URIs. */
static bool fake_is_ambiguous(const char *uri)
{
    return strstr(uri, "%2F") || strstr(uri, "%5C") || strstr(uri, "%25") ||
           strstr(uri, "%0") || strstr(uri, "%1");
}

static void fake_check_request(struct fake_connect *fake, struct MHD_Connection *connection,
                               const char *method, const struct fake_request *request)
{
    const char *accept = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Accept");
    const char *type =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    wf_str body = buf_view(&request->body);
    bool config = strcmp(method, "PUT") == 0 && (strstr(request->uri, "/config"));
    if (!fake_is_escaped(request->uri) || fake_is_ambiguous(request->uri))
        fake_cluster_wrong(&fake->cluster, "the URI is not escaped", request->uri);
    if (!accept || strcmp(accept, "application/json") != 0)
        fake_cluster_wrong(&fake->cluster, "Accept", accept);
    if (body.len && (!type || strcmp(type, "application/json") != 0))
        fake_cluster_wrong(&fake->cluster, "Content-Type of a body", type);
    if (!body.len && type)
        fake_cluster_wrong(&fake->cluster, "Content-Type without a body", type);
    if ((body.len > 0) != config)
        fake_cluster_wrong(&fake->cluster, "a body where none is, or none where one is",
                           request->uri);
    if (body.len && (json_check(body, "body", NULL) || json_kind(body) != JSON_OBJECT))
        fake_cluster_wrong(&fake->cluster, "the body is not a JSON object", request->uri);
}

/* libmicrohttpd asks for a certificate of the authority, and leaves it to its user to look
 * at what came.  GnuTLS is there when it is; its headers need not be. */
static bool fake_shows_certificate(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
    int (*verify)(void *session, unsigned *out);
    unsigned wrong = 0;
    *(void **)&verify = dlsym(RTLD_DEFAULT, "gnutls_certificate_verify_peers2");
    ck_assert(info && verify);
    return verify(info->tls_session, &wrong) == 0 && !wrong;
}

/* ---- what goes wrong ----------------------------------------------------------------- */

static void fake_suffer(struct fake_connect *fake, const struct fake_fault *fault,
                        const char *method, const struct fake_request *request,
                        struct fake_cluster_reply *reply)
{
    switch (fault->kind) {
    case FAKE_ANSWER:
        reply->status = (unsigned)fault->status;
        reply->location = fault->location;
        buf_cstr(&reply->body, fault->text);
        break;
    case FAKE_REBALANCE:
        fake_cluster_error(
            reply, 409,
            "Cannot complete request %s because of a conflicting operation (e.g. "
            "worker rebalance)",
            "momentarily");
        break;
    case FAKE_EXISTS:
        fake_cluster_error(reply, 409, "Connector %s already exists", "x");
        break;
    case FAKE_TIMED_OUT:
        fake_cluster_do(&fake->cluster, method, request->uri, buf_view(&request->body),
                        reply);
        buf_clear(&reply->body);
        fake_cluster_error(reply, 500, "Request timed out%s", "");
        break;
    case FAKE_SILENCE:
        while (!fake->stopping)
            pthread_cond_wait(&fake->ended, &fake->lock);
        reply->status = 500;
        break;
    case FAKE_CUT:
        fake_cluster_do(&fake->cluster, method, request->uri, buf_view(&request->body),
                        reply);
        reply->cut = true;
        break;
    case FAKE_HUGE:
        reply->status = (unsigned)fault->status;
        for (int i = 0; i < 512 * 1024; i++)
            buf_lit(&reply->body, "................................"
                                  "................................");
        break;
    }
}

static bool fake_take_fault(struct fake_connect *fake, const char *heard,
                            struct fake_fault *out)
{
    for (size_t i = 0; i < fake->fault_count; i++) {
        if (!fake->faults[i].times || !strstr(heard, fake->faults[i].request))
            continue;
        fake->faults[i].times--;
        *out = fake->faults[i];
        return true;
    }
    return false;
}

static void fake_answer(struct fake_connect *fake, struct MHD_Connection *connection,
                        const char *method, const struct fake_request *request,
                        struct fake_cluster_reply *reply)
{
    struct fake_fault fault;
    char heard[2048];
    size_t wrong = fake->cluster.wrong.len;
    const char *login =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Authorization");
    snprintf(heard, sizeof heard, "%s %s", method, request->uri);
    buf_printf(&fake->heard, "%s\n", heard);
    fake_check_request(fake, connection, method, request);
    if (fake->authority && !fake_shows_certificate(connection))
        fake_cluster_error(reply, 403, "a certificate is wanted%s", "");
    else if (fake->cluster.wrong.len > wrong)
        fake_cluster_error(reply, 400, "a bad request%s", "");
    else if (fake->login && (!login || strcmp(login, fake->login) != 0))
        fake_cluster_error(reply, 401, "User cannot access the resource.%s", "");
    else if (fake_take_fault(fake, heard, &fault))
        fake_suffer(fake, &fault, method, request, reply);
    else
        fake_cluster_do(&fake->cluster, method, request->uri, buf_view(&request->body),
                        reply);
}

/* ---- HTTP ---------------------------------------------------------------------------- */

static ssize_t fake_read_cut(void *cls, uint64_t at, char *out, size_t max)
{
    const struct buf *half = cls;
    if (at >= half->len || !max)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t left = half->len - (size_t)at;
    size_t len = left < max ? left : max;
    memcpy(out, half->data + at, len);
    return (ssize_t)len;
}

static void fake_free_cut(void *cls)
{
    struct buf *half = cls;
    buf_release(half);
    free(half);
}

static struct MHD_Response *fake_response(const struct fake_cluster_reply *reply)
{
    if (!reply->cut)
        return MHD_create_response_from_buffer(reply->body.len, reply->body.data,
                                               MHD_RESPMEM_MUST_COPY);
    struct buf *half = calloc(1, sizeof *half);
    ck_assert_ptr_nonnull(half);
    buf_init(half, LIMIT_OUTPUT_BYTES);
    buf_append(half, reply->body.data, reply->body.len / 2);
    return MHD_create_response_from_callback(reply->body.len + 1, 4096, fake_read_cut, half,
                                             fake_free_cut);
}

static enum MHD_Result fake_handle(void *cls, struct MHD_Connection *connection,
                                   const char *url, const char *method, const char *version,
                                   const char *data, size_t *data_len, void **state)
{
    struct fake_connect *fake = cls;
    struct fake_request *request = *state;
    (void)url;
    (void)version;
    if (request->body.limit == 0) { /* the first call is for the headers alone */
        buf_init(&request->body, LIMIT_OUTPUT_BYTES);
        return MHD_YES;
    }
    if (*data_len) {
        buf_append(&request->body, data, *data_len);
        *data_len = 0;
        return MHD_YES;
    }
    struct fake_cluster_reply reply = {0};
    buf_init(&reply.body, LIMIT_OUTPUT_BYTES);
    pthread_mutex_lock(&fake->lock);
    fake_answer(fake, connection, method, request, &reply);
    pthread_mutex_unlock(&fake->lock);
    struct MHD_Response *response = fake_response(&reply);
    MHD_add_response_header(response, "Content-Type", "application/json");
    if (reply.location)
        MHD_add_response_header(response, "Location", reply.location);
    enum MHD_Result result = MHD_queue_response(connection, reply.status, response);
    MHD_destroy_response(response);
    buf_release(&reply.body);
    return result;
}

static void *fake_begin(void *cls, const char *uri, struct MHD_Connection *connection)
{
    struct fake_request *request = calloc(1, sizeof *request);
    (void)cls;
    (void)connection;
    if (request)
        request->uri = str_dup(str_from(uri));
    return request;
}

static void fake_complete(void *cls, struct MHD_Connection *connection, void **state,
                          enum MHD_RequestTerminationCode code)
{
    struct fake_request *request = *state;
    (void)cls;
    (void)connection;
    (void)code;
    if (!request)
        return;
    free(request->uri);
    buf_release(&request->body);
    free(request);
    *state = NULL;
}

static void fake_connection(void *cls, struct MHD_Connection *connection, void **state,
                            enum MHD_ConnectionNotificationCode code)
{
    struct fake_connect *fake = cls;
    (void)connection;
    (void)state;
    pthread_mutex_lock(&fake->lock);
    fake->connections += code == MHD_CONNECTION_NOTIFY_STARTED;
    pthread_mutex_unlock(&fake->lock);
}

static char *fake_file(const char *path)
{
    char text[16384];
    FILE *file = fopen(path, "re");
    ck_assert_msg(file != NULL, "%s", path);
    size_t len = fread(text, 1, sizeof text, file);
    fclose(file);
    ck_assert_uint_lt(len, sizeof text);
    return str_dup((wf_str){text, len});
}

struct fake_connect *fake_connect_start_tls(const struct fake_tls *tls)
{
    struct fake_connect *fake = calloc(1, sizeof *fake);
    ck_assert_ptr_nonnull(fake);
    pthread_mutex_init(&fake->lock, NULL);
    pthread_cond_init(&fake->ended, NULL);
    buf_init(&fake->heard, LIMIT_OUTPUT_BYTES);
    buf_init(&fake->heard_given, LIMIT_OUTPUT_BYTES);
    fake_cluster_init(&fake->cluster);
    struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };
    struct MHD_OptionItem secure[] = {{MHD_OPTION_END, 0, NULL},
                                      {MHD_OPTION_END, 0, NULL},
                                      {MHD_OPTION_END, 0, NULL},
                                      {MHD_OPTION_END, 0, NULL}};
    if (tls) {
        fake->key = fake_file(tls->key);
        fake->certificate = fake_file(tls->certificate);
        fake->authority = fake_file(tls->authority);
        secure[0] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_KEY, 0, fake->key};
        secure[1] =
            (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_CERT, 0, fake->certificate};
        secure[2] = (struct MHD_OptionItem){MHD_OPTION_HTTPS_MEM_TRUST, 0, fake->authority};
    }
    fake->daemon = MHD_start_daemon(
        MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD |
            (tls ? MHD_USE_TLS : 0),
        0, NULL, NULL, fake_handle, fake, MHD_OPTION_SOCK_ADDR, (struct sockaddr *)&at,
        MHD_OPTION_URI_LOG_CALLBACK, fake_begin, NULL, MHD_OPTION_NOTIFY_COMPLETED,
        fake_complete, NULL, MHD_OPTION_NOTIFY_CONNECTION, fake_connection, fake,
        MHD_OPTION_ARRAY, secure, MHD_OPTION_END);
    ck_assert_ptr_nonnull(fake->daemon);
    const union MHD_DaemonInfo *port =
        MHD_get_daemon_info(fake->daemon, MHD_DAEMON_INFO_BIND_PORT);
    snprintf(fake->url, sizeof fake->url,
             tls ? "https://localhost:%u" : "http://127.0.0.1:%u", port->port);
    return fake;
}

struct fake_connect *fake_connect_start(void)
{
    return fake_connect_start_tls(NULL);
}

void fake_connect_stop(struct fake_connect *fake)
{
    pthread_mutex_lock(&fake->lock);
    fake->stopping = true;
    pthread_cond_broadcast(&fake->ended);
    pthread_mutex_unlock(&fake->lock);
    MHD_stop_daemon(fake->daemon);
    fake_cluster_release(&fake->cluster);
    free(fake->key);
    free(fake->certificate);
    free(fake->authority);
    buf_release(&fake->heard);
    buf_release(&fake->heard_given);
    pthread_cond_destroy(&fake->ended);
    pthread_mutex_destroy(&fake->lock);
    free(fake);
}

/* ---- for the test -------------------------------------------------------------------- */

const char *fake_connect_url(const struct fake_connect *fake)
{
    return fake->url;
}

void fake_connect_install(struct fake_connect *fake, const char *class_name)
{
    size_t i = 0;
    pthread_mutex_lock(&fake->lock);
    while (fake->cluster.classes[i])
        ck_assert_uint_lt(++i, FAKE_CLASSES);
    fake->cluster.classes[i] = class_name;
    pthread_mutex_unlock(&fake->lock);
}

void fake_connect_let_in(struct fake_connect *fake, const char *authorization)
{
    pthread_mutex_lock(&fake->lock);
    fake->login = authorization;
    pthread_mutex_unlock(&fake->lock);
}

void fake_connect_fault(struct fake_connect *fake, struct fake_fault fault)
{
    pthread_mutex_lock(&fake->lock);
    ck_assert_uint_lt(fake->fault_count, FAKE_FAULTS);
    if (fault.times)
        fake->faults[fake->fault_count++] = fault;
    else
        fake->fault_count = 0;
    pthread_mutex_unlock(&fake->lock);
}

void fake_connect_lag(struct fake_connect *fake, unsigned requests)
{
    pthread_mutex_lock(&fake->lock);
    fake->cluster.lag = requests;
    pthread_mutex_unlock(&fake->lock);
}

void fake_connect_show(struct fake_connect *fake, const char *connector_state,
                       const char *task_state, const char *trace)
{
    pthread_mutex_lock(&fake->lock);
    fake->cluster.connector_state = connector_state;
    fake->cluster.task_state = task_state;
    fake->cluster.trace = trace;
    pthread_mutex_unlock(&fake->lock);
}

void fake_connect_validate_says(struct fake_connect *fake, const char *json)
{
    pthread_mutex_lock(&fake->lock);
    fake->cluster.validate = json;
    pthread_mutex_unlock(&fake->lock);
}

void fake_connect_offsets_are(struct fake_connect *fake, const char *json)
{
    pthread_mutex_lock(&fake->lock);
    fake->cluster.offsets = json;
    pthread_mutex_unlock(&fake->lock);
}

const char *fake_connect_heard(struct fake_connect *fake)
{
    pthread_mutex_lock(&fake->lock);
    buf_clear(&fake->heard_given);
    buf_str(&fake->heard_given, buf_view(&fake->heard));
    buf_clear(&fake->heard);
    pthread_mutex_unlock(&fake->lock);
    return buf_c(&fake->heard_given);
}

unsigned fake_connect_connections(struct fake_connect *fake)
{
    pthread_mutex_lock(&fake->lock);
    unsigned connections = fake->connections;
    pthread_mutex_unlock(&fake->lock);
    return connections;
}

const char *fake_connect_config(struct fake_connect *fake, const char *name)
{
    pthread_mutex_lock(&fake->lock);
    const struct fake_connector *connector = fake_cluster_find(&fake->cluster, name);
    const char *config = connector ? connector->config : "";
    pthread_mutex_unlock(&fake->lock);
    return config;
}

const char *fake_connect_state(struct fake_connect *fake, const char *name)
{
    pthread_mutex_lock(&fake->lock);
    const struct fake_connector *connector = fake_cluster_find(&fake->cluster, name);
    const char *state = connector ? connector->state : "";
    pthread_mutex_unlock(&fake->lock);
    return state;
}

void fake_connect_check(struct fake_connect *fake)
{
    pthread_mutex_lock(&fake->lock);
    ck_assert_str_eq(buf_c(&fake->cluster.wrong), "");
    pthread_mutex_unlock(&fake->lock);
}
