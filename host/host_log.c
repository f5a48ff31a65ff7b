/* SPDX-License-Identifier: MIT
 *
 * host_log - collects lines and writes many at once.
 *
 * Two locks, always taken in this order: write_lock (who writes to the descriptor, so that
 * batches keep their order), lines_lock (the buffer that lines go into).  A writer swaps
 * the full buffer for an empty one under lines_lock and writes without it, so that other
 * threads go on logging.
 */
#include "host/host_log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "base/thread.h"

#define HOST_LOG_BUFFER (256u * 1024u)
#define HOST_LOG_LINE 8192u /* a longer line is cut */
#define HOST_LOG_STATUS 240u
#define HOST_LOG_ERASE "\r\033[K"
#define HOST_LOG_ERASE_LEN (sizeof(HOST_LOG_ERASE) - 1)

struct host_log {
    int fd;
    bool json;
    bool at_once; /* a terminal */
    bool has_status;
    enum log_level level;
    struct logger logger;
    pthread_mutex_t write_lock;
    pthread_mutex_t lines_lock;
    pthread_cond_t wake;
    struct buf lines;   /* under lines_lock */
    struct buf writing; /* under write_lock */
    /* Under write_lock: what erases the status line, and the line. */
    char status[HOST_LOG_ERASE_LEN + HOST_LOG_STATUS];
    size_t status_len; /* of the line alone */
    bool closing;
    pthread_t flusher;
};

static void host_log_write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t done = write(fd, data, len);
        if (done >= 0) {
            data += done;
            len -= (size_t)done;
        } else if (errno == EAGAIN) {
            struct pollfd ready = {.fd = fd, .events = POLLOUT};
            poll(&ready, 1, -1);
        } else if (errno != EINTR) {
            return; /* nobody reads the log any more; the work goes on */
        }
    }
}

void host_log_flush(struct host_log *log)
{
    pthread_mutex_lock(&log->write_lock);
    pthread_mutex_lock(&log->lines_lock);
    struct buf swap = log->writing;
    log->writing = log->lines;
    log->lines = swap;
    pthread_mutex_unlock(&log->lines_lock);
    bool again = log->writing.len && log->status_len;
    if (again)
        host_log_write_all(log->fd, log->status, HOST_LOG_ERASE_LEN);
    host_log_write_all(log->fd, log->writing.data, log->writing.len);
    if (again)
        host_log_write_all(log->fd, log->status, HOST_LOG_ERASE_LEN + log->status_len);
    buf_clear(&log->writing);
    pthread_mutex_unlock(&log->write_lock);
}

/* ---- the status line ----------------------------------------------------------------- */

bool host_log_has_status(const struct host_log *log)
{
    return log->has_status;
}

/* Without the last column, where some terminals begin a new line. */
static size_t host_log_width(const struct host_log *log)
{
    struct winsize size;
    if (ioctl(log->fd, TIOCGWINSZ, &size) || size.ws_col < 2)
        return HOST_LOG_STATUS;
    return size.ws_col - 1u < HOST_LOG_STATUS ? size.ws_col - 1u : HOST_LOG_STATUS;
}

static bool host_log_is_ready(const struct host_log *log)
{
    struct pollfd fd = {.fd = log->fd, .events = POLLOUT};
    return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT);
}

/* With write_lock. */
static void host_log_put_status(struct host_log *log, wf_str line)
{
    size_t len = line.len < host_log_width(log) ? line.len : host_log_width(log);
    /* Not through the middle of a UTF-8 sequence. */
    while (len && len < line.len && ((unsigned char)line.ptr[len] & 0xC0) == 0x80)
        len--;
    char *to = log->status + HOST_LOG_ERASE_LEN;
    for (size_t i = 0; i < len; i++)
        to[i] =
            (unsigned char)line.ptr[i] < 0x20 || line.ptr[i] == 0x7f ? ' ' : line.ptr[i];
    log->status_len = len;
    host_log_write_all(log->fd, log->status, HOST_LOG_ERASE_LEN + len);
}

void host_log_status(struct host_log *log, wf_str line)
{
    if (!log->has_status)
        return;
    pthread_mutex_lock(&log->write_lock);
    if ((line.len || log->status_len) && host_log_is_ready(log))
        host_log_put_status(log, line);
    pthread_mutex_unlock(&log->write_lock);
}

/* ---- lines --------------------------------------------------------------------------- */

static void *host_log_flusher(void *arg)
{
    struct host_log *log = arg;
    pthread_mutex_lock(&log->lines_lock);
    while (!log->closing) {
        if (!log->lines.len) {
            pthread_cond_wait(&log->wake, &log->lines_lock);
            continue;
        }
        int64_t deadline = clock_mono_ms() + HOST_LOG_DELAY_MS;
        while (!log->closing &&
               thread_cond_wait_until(&log->wake, &log->lines_lock, deadline))
            ;
        pthread_mutex_unlock(&log->lines_lock);
        host_log_flush(log);
        pthread_mutex_lock(&log->lines_lock);
    }
    pthread_mutex_unlock(&log->lines_lock);
    return NULL;
}

static const char *const host_log_names[] = {"debug", "info", "warn", "error"};

static void host_log_put_text(struct buf *out, int32_t level, wf_str line)
{
    static const char *const words[] = {" DEBUG ", " INFO  ", " WARN  ", " ERROR "};
    buf_append(out, words[level], 7);
    size_t from = 0;
    for (size_t i = 0; i < line.len; i++) {
        /* One message is one line, whatever is in it. */
        if ((unsigned char)line.ptr[i] >= 0x20 || line.ptr[i] == '\t')
            continue;
        buf_append(out, line.ptr + from, i - from);
        buf_byte(out, ' ');
        from = i + 1;
    }
    buf_append(out, line.ptr + from, line.len - from);
}

static void host_log_put(struct host_log *log, int32_t level, wf_str line)
{
    char now[CLOCK_TEXT];
    wf_str time = {now, clock_rfc3339(clock_wall_us(), now)};
    struct buf *out = &log->lines;
    if (log->json) {
        struct json_writer json = json_writer_of(out);
        json_open(&json, NULL, '{');
        json_str(&json, "time", time);
        json_cstr(&json, "level", host_log_names[level]);
        json_str(&json, "message", line);
        json_close(&json, '}');
    } else {
        buf_str(out, time);
        host_log_put_text(out, level, line);
    }
    buf_byte(out, '\n');
}

static void host_log_line(void *ctx, int32_t level, wf_str line)
{
    struct host_log *log = ctx;
    if (level < (int32_t)log->level)
        return;
    if (level > LOG_ERROR)
        level = LOG_ERROR;
    if (line.len > HOST_LOG_LINE)
        line.len = HOST_LOG_LINE;
    pthread_mutex_lock(&log->lines_lock);
    bool first = !log->lines.len;
    host_log_put(log, level, line);
    bool flush = level >= LOG_WARN || log->at_once || log->lines.len > HOST_LOG_BUFFER / 2;
    if (first && !flush)
        pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lines_lock);
    if (flush)
        host_log_flush(log);
}

struct host_log *host_log_open(int fd, bool json, enum log_level level, wf_error *err)
{
    struct host_log *log = calloc(1, sizeof(*log));
    if (!log) {
        error_no_memory(err);
        return NULL;
    }
    *log = (struct host_log){.fd = fd, .json = json, .level = level, .at_once = isatty(fd)};
    wf_str terminal = str_from(getenv("TERM"));
    log->has_status = log->at_once && !json && terminal.len && !str_is(terminal, "dumb");
    memcpy(log->status, HOST_LOG_ERASE, HOST_LOG_ERASE_LEN);
    log->logger = (struct logger){log, host_log_line};
    pthread_mutex_init(&log->write_lock, NULL);
    pthread_mutex_init(&log->lines_lock, NULL);
    thread_cond_init(&log->wake);
    buf_init(&log->lines, 2 * HOST_LOG_BUFFER);
    buf_init(&log->writing, 2 * HOST_LOG_BUFFER);
    if (thread_start(&log->flusher, "host-log", host_log_flusher, log, err)) {
        free(log);
        return NULL;
    }
    return log;
}

void host_log_close(struct host_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lines_lock);
    log->closing = true;
    pthread_cond_signal(&log->wake);
    pthread_mutex_unlock(&log->lines_lock);
    pthread_join(log->flusher, NULL);
    host_log_status(log, STR_EMPTY);
    host_log_flush(log);
    buf_release(&log->lines);
    buf_release(&log->writing);
    pthread_cond_destroy(&log->wake);
    pthread_mutex_destroy(&log->lines_lock);
    pthread_mutex_destroy(&log->write_lock);
    free(log);
}

const struct logger *host_log_logger(const struct host_log *log)
{
    return &log->logger;
}

bool host_log_level(wf_str word, enum log_level *out)
{
    for (size_t i = 0; i < CDC_COUNT(host_log_names); i++) {
        if (str_is(word, host_log_names[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}
