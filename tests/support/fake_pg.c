/* SPDX-License-Identifier: MIT
 *
 * fake_pg - PostgreSQL documentation, "Message Formats".
 */
#include "tests/support/fake_pg.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define FAKE_PG_PORT 5999
#define FAKE_PG_MESSAGE 8192

struct fake_pg {
    int listener, client;
    const char *version, *timeout;
    char path[108], connection[256];
    char begun[FAKE_PG_MESSAGE];
    pthread_t thread;
    sem_t streaming;
};

static bool fake_pg_read(int fd, void *out, size_t len)
{
    char *at = out;
    for (ssize_t got; len; at += got, len -= (size_t)got) {
        got = recv(fd, at, len, 0);
        if (got <= 0)
            return false;
    }
    return true;
}

void fake_pg_send_raw(struct fake_pg *fake, char kind, const void *data, size_t len)
{
    uint32_t size = htonl((uint32_t)len + 4);
    char head[5] = {kind};
    memcpy(head + 1, &size, 4);
    ck_assert_int_eq(send(fake->client, head, 5, MSG_NOSIGNAL | MSG_MORE), 5);
    ck_assert_int_eq(send(fake->client, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

void fake_pg_send(struct fake_pg *fake, const void *data, size_t len)
{
    fake_pg_send_raw(fake, 'd', data, len);
}

static void fake_pg_say_parameter(struct fake_pg *fake, const char *name, const char *value)
{
    char text[128];
    size_t a = strlen(name) + 1, b = strlen(value) + 1;
    memcpy(text, name, a);
    memcpy(text + a, value, b);
    fake_pg_send_raw(fake, 'S', text, a + b);
}

static void fake_pg_say_timeout(struct fake_pg *fake)
{
    static const char columns[] =
        "\0\1setting\0\0\0\0\0\0\0\0\0\0\31\377\377\377\377\377\377\0";
    char row[64] = {0, 1, 0, 0, 0, (char)strlen(fake->timeout)};
    memcpy(row + 6, fake->timeout, strlen(fake->timeout));
    fake_pg_send_raw(fake, 'T', columns, sizeof columns);
    fake_pg_send_raw(fake, 'D', row, 6 + strlen(fake->timeout));
    fake_pg_send_raw(fake, 'C', "SELECT 1", 9);
}

static bool fake_pg_welcome(struct fake_pg *fake)
{
    uint32_t size, code;
    char rest[FAKE_PG_MESSAGE];
    for (;;) {
        if (!fake_pg_read(fake->client, &size, 4) ||
            !fake_pg_read(fake->client, &code, 4) || ntohl(size) - 8 > sizeof rest ||
            !fake_pg_read(fake->client, rest, ntohl(size) - 8))
            return false;
        if (ntohl(code) >> 16 == 3)
            break;
        ck_assert_int_eq(send(fake->client, "N", 1, MSG_NOSIGNAL), 1); /* no TLS */
    }
    fake_pg_send_raw(fake, 'R', "\0\0\0", 4);
    fake_pg_say_parameter(fake, "server_version", fake->version);
    fake_pg_send_raw(fake, 'K', "\0\0\0\1\0\0\0", 8);
    fake_pg_send_raw(fake, 'Z', "I", 1);
    return true;
}

/* False: the client has gone, or streams. */
static bool fake_pg_answer(struct fake_pg *fake)
{
    char kind, text[FAKE_PG_MESSAGE];
    uint32_t size;
    if (!fake_pg_read(fake->client, &kind, 1) || !fake_pg_read(fake->client, &size, 4) ||
        ntohl(size) - 4 > sizeof text || !fake_pg_read(fake->client, text, ntohl(size) - 4))
        return false;
    if (kind != 'Q')
        return false;
    if (!strncmp(text, "START_REPLICATION", 17)) {
        memcpy(fake->begun, text, ntohl(size) - 4);
        fake_pg_send_raw(fake, 'W', "\0\0", 3);
        sem_post(&fake->streaming);
        return false;
    }
    if (strstr(text, "wal_sender_timeout"))
        fake_pg_say_timeout(fake);
    else
        fake_pg_send_raw(fake, 'C', "SELECT 0", 9);
    fake_pg_send_raw(fake, 'Z', "I", 1);
    return true;
}

static void *fake_pg_run(void *arg)
{
    struct fake_pg *fake = arg;
    fake->client = accept4(fake->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fake->client < 0 || !fake_pg_welcome(fake))
        return NULL;
    while (fake_pg_answer(fake))
        ;
    return NULL;
}

static void fake_pg_listen_local(struct fake_pg *fake, const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(fake->path, sizeof fake->path, "%s/.s.PGSQL.%d", dir, FAKE_PG_PORT);
    snprintf(fake->connection, sizeof fake->connection,
             "host=%s port=%d user=u dbname=d gssencmode=disable", dir, FAKE_PG_PORT);
    memcpy(address.sun_path, fake->path, sizeof fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fake->listener, 0);
    ck_assert_int_eq(bind(fake->listener, (struct sockaddr *)&address, sizeof address), 0);
}

static void fake_pg_listen_tcp(struct fake_pg *fake)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    fake->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fake->listener, 0);
    ck_assert_int_eq(bind(fake->listener, (struct sockaddr *)&address, len), 0);
    ck_assert_int_eq(getsockname(fake->listener, (struct sockaddr *)&address, &len), 0);
    snprintf(fake->connection, sizeof fake->connection,
             "host=127.0.0.1 port=%d user=u dbname=d gssencmode=disable",
             ntohs(address.sin_port));
}

struct fake_pg *fake_pg_start(const char *dir, const char *version, const char *timeout)
{
    struct fake_pg *fake = calloc(1, sizeof *fake);
    ck_assert_ptr_nonnull(fake);
    fake->client = -1;
    fake->version = version;
    fake->timeout = timeout;
    if (dir)
        fake_pg_listen_local(fake, dir);
    else
        fake_pg_listen_tcp(fake);
    ck_assert_int_eq(listen(fake->listener, 4), 0);
    sem_init(&fake->streaming, 0, 0);
    ck_assert_int_eq(pthread_create(&fake->thread, NULL, fake_pg_run, fake), 0);
    return fake;
}

void fake_pg_cut(struct fake_pg *fake)
{
    shutdown(fake->client, SHUT_RDWR);
}

void fake_pg_stop(struct fake_pg *fake)
{
    shutdown(fake->listener, SHUT_RDWR);
    if (fake->client >= 0)
        fake_pg_cut(fake);
    pthread_join(fake->thread, NULL);
    if (fake->client >= 0)
        close(fake->client);
    close(fake->listener);
    if (fake->path[0])
        unlink(fake->path);
    sem_destroy(&fake->streaming);
    free(fake);
}

const char *fake_pg_connection(const struct fake_pg *fake)
{
    return fake->connection;
}

const char *fake_pg_begun(struct fake_pg *fake)
{
    sem_wait(&fake->streaming);
    return fake->begun;
}

bool fake_pg_receive(struct fake_pg *fake, char *out, size_t size, size_t *out_len)
{
    char kind;
    uint32_t len;
    struct pollfd fd = {.fd = fake->client, .events = POLLIN};
    if (poll(&fd, 1, 1000) <= 0 || !fake_pg_read(fake->client, &kind, 1) ||
        !fake_pg_read(fake->client, &len, 4))
        return false;
    *out_len = ntohl(len) - 4;
    ck_assert_uint_le(*out_len, size);
    return fake_pg_read(fake->client, out, *out_len) && kind == 'd';
}
