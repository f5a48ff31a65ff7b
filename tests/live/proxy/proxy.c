/* SPDX-License-Identifier: MIT
 *
 * proxy - stands between two programs that speak TCP, for tests of networks that fail.
 *
 *     live_proxy HOST PORT
 *
 * Listens on a free port of 127.0.0.1, prints it, and passes everything on to HOST:PORT.
 *
 *     SIGUSR1   the cable is out: nothing is passed on, nobody is told
 *     SIGUSR2   it is in again: what waited goes on
 *     SIGHUP    every connection is reset
 *
 * While the cable is out connections are accepted by the kernel but by nobody else, as
 * behind a firewall that drops what it does not like.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROXY_PAIRS 32
#define PROXY_BYTES 16384

/* One direction: bytes read from one side and not yet written to the other. */
struct proxy_way {
    char bytes[PROXY_BYTES];
    size_t from, to;
    bool ended; /* the reading side has said that nothing more comes */
};

struct proxy_pair {
    int fd[2];               /* client, server; -1: free */
    struct proxy_way way[2]; /* from fd[i] to fd[1 - i] */
};

struct proxy {
    struct proxy_pair pairs[PROXY_PAIRS];
    int listener, signals;
    bool out;
    struct addrinfo *target;
};

static _Noreturn void proxy_die(const char *what)
{
    fprintf(stderr, "live_proxy: %s: %m\n", what);
    exit(1);
}

static void proxy_close(struct proxy_pair *pair, bool reset)
{
    struct linger now = {1, 0};
    for (int i = 0; i < 2; i++) {
        if (reset)
            setsockopt(pair->fd[i], SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(pair->fd[i]);
        pair->fd[i] = -1;
    }
}

static void proxy_accept(struct proxy *proxy)
{
    struct proxy_pair *pair = proxy->pairs;
    while (pair < proxy->pairs + PROXY_PAIRS && pair->fd[0] >= 0)
        pair++;
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);
    if (client < 0 || pair == proxy->pairs + PROXY_PAIRS) {
        close(client);
        return;
    }
    int server = socket(proxy->target->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || connect(server, proxy->target->ai_addr, proxy->target->ai_addrlen)) {
        close(server);
        close(client);
        return;
    }
    memset(pair->way, 0, sizeof pair->way);
    pair->fd[0] = client;
    pair->fd[1] = server;
    for (int i = 0; i < 2; i++) {
        int on = 1;
        setsockopt(pair->fd[i], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        fcntl(pair->fd[i], F_SETFL, O_NONBLOCK);
    }
}

/* Moves what can be moved from fd[i] to the other; false: the connection has failed. */
static bool proxy_move(struct proxy_pair *pair, int i)
{
    struct proxy_way *way = &pair->way[i];
    if (!way->ended && way->to < PROXY_BYTES) {
        ssize_t got = read(pair->fd[i], way->bytes + way->to, PROXY_BYTES - way->to);
        if (got < 0 && errno != EAGAIN)
            return false;
        way->ended = got == 0;
        way->to += got > 0 ? (size_t)got : 0;
    }
    if (way->from < way->to) {
        ssize_t put = send(pair->fd[1 - i], way->bytes + way->from, way->to - way->from,
                           MSG_NOSIGNAL);
        if (put < 0 && errno != EAGAIN)
            return false;
        way->from += put > 0 ? (size_t)put : 0;
    }
    if (way->from < way->to)
        return true;
    way->from = way->to = 0;
    if (way->ended)
        shutdown(pair->fd[1 - i], SHUT_WR);
    return true;
}

static void proxy_signal(struct proxy *proxy)
{
    struct signalfd_siginfo info;
    if (read(proxy->signals, &info, sizeof info) != sizeof info)
        return;
    if (info.ssi_signo == SIGUSR1)
        proxy->out = true;
    else if (info.ssi_signo == SIGUSR2)
        proxy->out = false;
    else
        for (int i = 0; i < PROXY_PAIRS; i++)
            if (proxy->pairs[i].fd[0] >= 0)
                proxy_close(&proxy->pairs[i], true);
}

static short proxy_events(const struct proxy_pair *pair, int side)
{
    const struct proxy_way *in = &pair->way[side], *out = &pair->way[1 - side];
    return (short)((!in->ended && in->to < PROXY_BYTES ? POLLIN : 0) |
                   (out->from < out->to ? POLLOUT : 0));
}

static void proxy_turn(struct proxy *proxy)
{
    struct pollfd fds[2 + 2 * PROXY_PAIRS] = {
        {.fd = proxy->signals, .events = POLLIN},
        {.fd = proxy->out ? -1 : proxy->listener, .events = POLLIN},
    };
    for (int i = 0; i < 2 * PROXY_PAIRS; i++) {
        const struct proxy_pair *pair = &proxy->pairs[i / 2];
        fds[2 + i].fd = proxy->out ? -1 : pair->fd[i % 2];
        fds[2 + i].events = pair->fd[0] >= 0 ? proxy_events(pair, i % 2) : 0;
    }
    if (poll(fds, sizeof fds / sizeof *fds, -1) < 0 && errno != EINTR)
        proxy_die("poll");
    for (int i = 0; i < PROXY_PAIRS; i++) {
        struct proxy_pair *pair = &proxy->pairs[i];
        if (pair->fd[0] < 0 || !(fds[2 + 2 * i].revents | fds[3 + 2 * i].revents))
            continue;
        bool good = proxy_move(pair, 0) && proxy_move(pair, 1);
        if (!good || (pair->way[0].ended && pair->way[1].ended && !pair->way[0].to &&
                      !pair->way[1].to))
            proxy_close(pair, !good);
    }
    if (fds[0].revents)
        proxy_signal(proxy);
    if (fds[1].revents)
        proxy_accept(proxy);
}

static void proxy_listen(struct proxy *proxy)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    proxy->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (proxy->listener < 0 ||
        bind(proxy->listener, (struct sockaddr *)&address, sizeof address) ||
        listen(proxy->listener, 16) ||
        getsockname(proxy->listener, (struct sockaddr *)&address, &size))
        proxy_die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct proxy proxy;
    if (argc != 3) {
        fprintf(stderr, "usage: live_proxy HOST PORT\n");
        return 2;
    }
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    if (getaddrinfo(argv[1], argv[2], &hints, &proxy.target))
        proxy_die("no such host");
    for (int i = 0; i < PROXY_PAIRS; i++)
        proxy.pairs[i].fd[0] = proxy.pairs[i].fd[1] = -1;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    proxy.signals = signalfd(-1, &set, SFD_CLOEXEC);
    if (proxy.signals < 0)
        proxy_die("signalfd");
    proxy_listen(&proxy);
    for (;;)
        proxy_turn(&proxy);
}
