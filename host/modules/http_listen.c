/* SPDX-License-Identifier: MIT
 *
 * http_listen - a listening socket for an address as the engine writes it.
 */
#include "host/modules/http_listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/error.h"
#include "base/str.h"

struct http_address {
    char host[256];
    char port[8];
};

static wf_status http_listen_split(wf_str address, struct http_address *out, wf_error *err)
{
    ptrdiff_t colon = -1;
    for (size_t i = 0; i < address.len; i++)
        if (address.ptr[i] == ':')
            colon = (ptrdiff_t)i;
    if (colon < 0)
        return error_set(err, WF_CONFIG,
                         "'%.*s' has no port; write ':8080' or '127.0.0.1:8080'",
                         STR_ARG(address));
    wf_str host = str_slice(address, 0, (size_t)colon);
    wf_str port = str_slice(address, (size_t)colon + 1, address.len);
    if (host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']')
        host = str_slice(host, 1, host.len - 1);
    else if (str_find(host, STR(":")) >= 0)
        return error_set(err, WF_CONFIG, "'%.*s' has several colons; write '[::1]:8080'",
                         STR_ARG(address));
    uint64_t number;
    if (!str_to_u64(port, &number) || number > 65535)
        return error_set(err, WF_CONFIG, "'%.*s' is no port number", STR_ARG(port));
    if (host.len >= sizeof out->host || memchr(host.ptr ? host.ptr : "", '\0', host.len))
        return error_set(err, WF_CONFIG, "'%.*s' is no host name", STR_ARG(host));
    if (host.len)
        memcpy(out->host, host.ptr, host.len);
    out->host[host.len] = '\0';
    snprintf(out->port, sizeof out->port, "%u", (unsigned)number);
    return WF_OK;
}

wf_status http_listen_check(wf_str address, wf_error *err)
{
    struct http_address parts;
    return http_listen_split(address, &parts, err);
}

/* -1 with errno set when it cannot. */
static int http_listen_try(const struct addrinfo *a)
{
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    int on = 1;
    int off = 0;
    bool ready = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0;
    /* "[::]" and ":8080" take IPv4 as well. */
    if (ready && a->ai_family == AF_INET6)
        ready = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0;
    if (ready && bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, 128) == 0)
        return fd;
    int why = errno;
    close(fd);
    errno = why;
    return -1;
}

static int http_listen_family(const struct addrinfo *list, int family, bool only,
                              int *out_errno)
{
    for (const struct addrinfo *a = list; a; a = a->ai_next) {
        if ((a->ai_family == family) != only)
            continue;
        int fd = http_listen_try(a);
        if (fd >= 0)
            return fd;
        *out_errno = errno;
    }
    return -1;
}

wf_status http_listen_open(wf_str address, int *out_fd, wf_error *err)
{
    struct http_address parts;
    wf_status status = http_listen_split(address, &parts, err);
    if (status)
        return status;
    struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *list = NULL;
    const char *host = parts.host[0] ? parts.host : NULL;
    int code = getaddrinfo(host, parts.port, &hints, &list);
    if (code)
        return error_set(err, WF_UNAVAILABLE, "cannot listen on '%.*s': %s",
                         STR_ARG(address), gai_strerror(code));
    /* Every address: IPv6 first, since its socket takes IPv4 too.  A name: in the
     * resolver's order, in which IPv4 of "localhost" must not be missed. */
    int why = EADDRNOTAVAIL;
    int first = host ? AF_INET : AF_INET6;
    int fd = http_listen_family(list, first, true, &why);
    if (fd < 0)
        fd = http_listen_family(list, first, false, &why);
    freeaddrinfo(list);
    if (fd < 0)
        return error_errno(err, WF_UNAVAILABLE, why, "cannot listen on '%.*s'",
                           STR_ARG(address));
    *out_fd = fd;
    return WF_OK;
}

void http_listen_name(int fd, struct buf *out)
{
    struct sockaddr_storage name;
    socklen_t len = sizeof name;
    char host[NI_MAXHOST];
    char port[NI_MAXSERV];
    if (getsockname(fd, (struct sockaddr *)&name, &len) ||
        getnameinfo((struct sockaddr *)&name, len, host, sizeof host, port, sizeof port,
                    NI_NUMERICHOST | NI_NUMERICSERV))
        return;
    bool six = name.ss_family == AF_INET6;
    buf_printf(out, six ? "[%s]:%s" : "%s:%s", host, port);
}
