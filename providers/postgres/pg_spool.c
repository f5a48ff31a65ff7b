/* SPDX-License-Identifier: MIT
 *
 * pg_spool - a log of messages per running transaction, in memory first and then on disk.
 *
 * A transaction's log is one run of bytes: the older part in its file, the newer in a list
 * of chunks.  When the chunks of all transactions together come to the bound, those of the
 * transaction that has most go to its file, in order, so a place in the log stays the same
 * place.  Each message lies in one piece:
 *
 *     len:4 subxid:4 lsn:8 bytes        (this machine's byte order)
 *
 * What was rolled back stays in the log and is passed over when reading.
 */
#include "providers/postgres/pg_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/str.h"
#include "plugin/core/state_dir.h"

#define PG_SPOOL_MEMORY_LEAST ((size_t)256 * 1024)
#define PG_SPOOL_CHUNK_FIRST ((size_t)4 * 1024)
#define PG_SPOOL_CHUNK_SPILLED ((size_t)64 * 1024)
#define PG_SPOOL_CHUNK_MOST ((size_t)256 * 1024)
#define PG_SPOOL_WINDOW ((size_t)256 * 1024) /* read at once */
#define PG_SPOOL_BUCKETS 1024u
#define PG_SPOOL_SET_FIRST 64u

struct pg_spool_head {
    uint32_t len;
    uint32_t subxid;
    uint64_t lsn;
};

struct pg_spool_chunk {
    struct pg_spool_chunk *next;
    uint64_t begin; /* where in the log */
    size_t len;
    size_t cap;
    char bytes[];
};

/* Transaction numbers, open addressing; 0 is never a transaction and marks a free place. */
struct pg_spool_set {
    uint32_t *slots;
    size_t cap; /* a power of 2, or 0 */
    size_t count;
};

struct pg_spool_log {
    struct pg_spool_log *next; /* in the bucket */
    uint32_t xid;
    int fd;            /* -1: nothing spilled */
    uint64_t file_len; /* the part of the log that is in the file */
    uint64_t len;      /* of all of it */
    struct pg_spool_chunk *first, *last;
    size_t memory; /* of the chunks */
    size_t chunk_next;
    uint64_t read_at;
    struct pg_spool_chunk *read_chunk; /* NULL: to be looked for */
    struct pg_spool_set aborted;
};

struct pg_spool {
    char *dir;
    size_t bound;
    struct pg_spool_log *buckets[PG_SPOOL_BUCKETS];
    struct pg_spool_log *latest; /* looked for last */
    struct pg_spool_figures figures;

    char *window; /* part of the file of `window_of` */
    size_t window_cap, window_len;
    uint64_t window_begin;
    const struct pg_spool_log *window_of;
};

/* ---- sets of transactions ------------------------------------------------------------ */

static size_t pg_spool_set_place(const struct pg_spool_set *set, uint32_t xid)
{
    size_t at = (size_t)(xid * UINT32_C(2654435761)) & (set->cap - 1);
    while (set->slots[at] && set->slots[at] != xid)
        at = (at + 1) & (set->cap - 1);
    return at;
}

static inline bool pg_spool_set_has(const struct pg_spool_set *set, uint32_t xid)
{
    return set->count && set->slots[pg_spool_set_place(set, xid)];
}

static bool pg_spool_set_grow(struct pg_spool_set *set)
{
    struct pg_spool_set more = {.cap = set->cap ? set->cap * 2 : PG_SPOOL_SET_FIRST,
                                .count = set->count};
    more.slots = calloc(more.cap, sizeof *more.slots);
    if (!more.slots)
        return false;
    for (size_t i = 0; i < set->cap; i++)
        if (set->slots[i])
            more.slots[pg_spool_set_place(&more, set->slots[i])] = set->slots[i];
    free(set->slots);
    *set = more;
    return true;
}

static bool pg_spool_set_add(struct pg_spool_set *set, uint32_t xid)
{
    if (pg_spool_set_has(set, xid))
        return true;
    if (set->count * 4 >= set->cap * 3 && !pg_spool_set_grow(set))
        return false;
    set->slots[pg_spool_set_place(set, xid)] = xid;
    set->count++;
    return true;
}

/* ---- logs ---------------------------------------------------------------------------- */

static struct pg_spool_log *pg_spool_find(const struct pg_spool *spool, uint32_t xid)
{
    if (spool->latest && spool->latest->xid == xid)
        return spool->latest;
    struct pg_spool_log *log = spool->buckets[xid % PG_SPOOL_BUCKETS];
    while (log && log->xid != xid)
        log = log->next;
    return log;
}

static struct pg_spool_log *pg_spool_begin(struct pg_spool *spool, uint32_t xid)
{
    struct pg_spool_log *log = calloc(1, sizeof *log);
    if (!log)
        return NULL;
    log->xid = xid;
    log->fd = -1;
    log->chunk_next = PG_SPOOL_CHUNK_FIRST;
    log->next = spool->buckets[xid % PG_SPOOL_BUCKETS];
    spool->buckets[xid % PG_SPOOL_BUCKETS] = log;
    spool->figures.transactions++;
    return log;
}

static void pg_spool_drop_chunk(struct pg_spool *spool, struct pg_spool_log *log)
{
    struct pg_spool_chunk *chunk = log->first;
    log->first = chunk->next;
    if (!log->first)
        log->last = NULL;
    log->memory -= chunk->cap;
    log->read_chunk = NULL;
    spool->figures.memory_bytes -= chunk->cap;
    free(chunk);
}

void pg_spool_forget(struct pg_spool *spool, uint32_t xid)
{
    struct pg_spool_log *log = pg_spool_find(spool, xid);
    if (!log)
        return;
    struct pg_spool_log **link = &spool->buckets[xid % PG_SPOOL_BUCKETS];
    while (*link != log)
        link = &(*link)->next;
    *link = log->next;
    if (spool->latest == log)
        spool->latest = NULL;
    if (spool->window_of == log)
        spool->window_of = NULL;
    while (log->first)
        pg_spool_drop_chunk(spool, log);
    if (log->fd >= 0)
        close(log->fd);
    spool->figures.file_bytes -= log->file_len;
    spool->figures.transactions--;
    free(log->aborted.slots);
    free(log);
    if (!spool->window_of) { /* one very large message need not stay for good */
        free(spool->window);
        spool->window = NULL;
        spool->window_cap = 0;
    }
}

bool pg_spool_has(const struct pg_spool *spool, uint32_t xid)
{
    return pg_spool_find(spool, xid) != NULL;
}

/* ---- to the disk --------------------------------------------------------------------- */

/* A file without a name; where the file system has none, one that loses it at once. */
static int pg_spool_file(const char *dir)
{
    int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR))
        return fd;
    char path[4096];
    int len = snprintf(path, sizeof path, "%s/spool-XXXXXX", dir);
    if (len < 0 || (size_t)len >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static wf_status pg_spool_open(struct pg_spool *spool, struct pg_spool_log *log,
                               wf_error *err)
{
    if (log->fd >= 0)
        return WF_OK;
    wf_status status = state_dir_make(spool->dir, err);
    if (status)
        return error_prefix(err, "changes of a running transaction cannot be spooled");
    log->fd = pg_spool_file(spool->dir);
    if (log->fd < 0)
        return error_errno(err, state_dir_code(errno), errno,
                           "changes of a running transaction cannot be spooled in '%s'",
                           spool->dir);
    return WF_OK;
}

/* At the file's end; its length in the log changes only when all is written. */
static wf_status pg_spool_write(struct pg_spool *spool, struct pg_spool_log *log,
                                const char *bytes, size_t len, wf_error *err)
{
    size_t done = 0;
    while (done < len) {
        ssize_t n =
            pwrite(log->fd, bytes + done, len - done, (off_t)(log->file_len + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_errno(err, WF_UNAVAILABLE, n ? errno : ENOSPC,
                               "changes of a running transaction cannot be spooled in '%s' "
                               "(%llu bytes are there); make room, or raise spool_memory",
                               spool->dir, (unsigned long long)spool->figures.file_bytes);
        done += (size_t)n;
    }
    log->file_len += len;
    spool->figures.file_bytes += len;
    spool->figures.spilled_bytes += len;
    return WF_OK;
}

static wf_status pg_spool_spill(struct pg_spool *spool, struct pg_spool_log *log,
                                wf_error *err)
{
    wf_status status = pg_spool_open(spool, log, err);
    while (!status && log->first) {
        status = pg_spool_write(spool, log, log->first->bytes, log->first->len, err);
        if (!status)
            pg_spool_drop_chunk(spool, log);
    }
    if (!status)
        log->chunk_next = PG_SPOOL_CHUNK_SPILLED;
    return status;
}

static struct pg_spool_log *pg_spool_largest(const struct pg_spool *spool)
{
    struct pg_spool_log *largest = NULL;
    for (size_t i = 0; i < PG_SPOOL_BUCKETS; i++)
        for (struct pg_spool_log *log = spool->buckets[i]; log; log = log->next)
            if (log->memory && (!largest || log->memory > largest->memory))
                largest = log;
    return largest;
}

/* ---- appending ----------------------------------------------------------------------- */

static wf_status pg_spool_chunk_add(struct pg_spool *spool, struct pg_spool_log *log,
                                    size_t cap, wf_error *err)
{
    struct pg_spool_chunk *chunk = malloc(sizeof *chunk + cap);
    if (!chunk)
        return error_no_memory(err);
    *chunk = (struct pg_spool_chunk){.begin = log->len, .cap = cap};
    if (log->last)
        log->last->next = chunk;
    else
        log->first = chunk;
    log->last = chunk;
    log->memory += cap;
    spool->figures.memory_bytes += cap;
    if (log->chunk_next < PG_SPOOL_CHUNK_MOST)
        log->chunk_next *= 2;
    return WF_OK;
}

/* Larger than all the memory there is: past it. */
static wf_status pg_spool_append_file(struct pg_spool *spool, struct pg_spool_log *log,
                                      const struct pg_spool_head *head, wf_str bytes,
                                      wf_error *err)
{
    wf_status status = pg_spool_spill(spool, log, err);
    if (status)
        return status;
    uint64_t begin = log->file_len;
    status = pg_spool_write(spool, log, (const char *)head, sizeof *head, err);
    if (!status)
        status = pg_spool_write(spool, log, bytes.ptr, bytes.len, err);
    if (status) { /* a head without its bytes is no message */
        spool->figures.file_bytes -= log->file_len - begin;
        log->file_len = begin;
        return status;
    }
    log->len = log->file_len;
    return WF_OK;
}

static wf_status pg_spool_append_log(struct pg_spool *spool, struct pg_spool_log *log,
                                     const struct pg_spool_head *head, wf_str bytes,
                                     wf_error *err)
{
    size_t need = sizeof *head + bytes.len;
    if (!log->last || log->last->cap - log->last->len < need) {
        if (need > spool->bound)
            return pg_spool_append_file(spool, log, head, bytes, err);
        size_t cap = need > log->chunk_next ? need : log->chunk_next;
        wf_status status = WF_OK;
        while (!status && spool->figures.memory_bytes + cap > spool->bound)
            status = pg_spool_spill(spool, pg_spool_largest(spool), err);
        if (!status)
            status = pg_spool_chunk_add(spool, log, cap, err);
        if (status)
            return status;
    }
    struct pg_spool_chunk *chunk = log->last;
    memcpy(chunk->bytes + chunk->len, head, sizeof *head);
    if (bytes.len)
        memcpy(chunk->bytes + chunk->len + sizeof *head, bytes.ptr, bytes.len);
    chunk->len += need;
    log->len += need;
    return WF_OK;
}

wf_status pg_spool_append(struct pg_spool *spool, uint32_t xid, uint32_t subxid,
                          uint64_t lsn, wf_str bytes, wf_error *err)
{
    if (bytes.len > INT32_MAX)
        return error_set(err, WF_PROTOCOL, "a message of %zu bytes cannot be spooled",
                         bytes.len);
    struct pg_spool_log *log = pg_spool_find(spool, xid);
    bool fresh = !log;
    if (fresh && !(log = pg_spool_begin(spool, xid)))
        return error_no_memory(err);
    spool->latest = log;
    struct pg_spool_head head = {(uint32_t)bytes.len, subxid, lsn};
    wf_status status = pg_spool_append_log(spool, log, &head, bytes, err);
    if (status && fresh)
        pg_spool_forget(spool, xid);
    return status;
}

wf_status pg_spool_abort(struct pg_spool *spool, uint32_t xid, uint32_t subxid,
                         wf_error *err)
{
    struct pg_spool_log *log = pg_spool_find(spool, xid);
    if (!log)
        return WF_OK;
    if (subxid == xid) {
        pg_spool_forget(spool, xid);
        return WF_OK;
    }
    if (!subxid)
        return error_set(err, WF_PROTOCOL,
                         "the server rolled back transaction 0, which cannot be");
    return pg_spool_set_add(&log->aborted, subxid) ? WF_OK : error_no_memory(err);
}

/* ---- reading ------------------------------------------------------------------------- */

wf_status pg_spool_rewind(struct pg_spool *spool, uint32_t xid, wf_error *err)
{
    struct pg_spool_log *log = pg_spool_find(spool, xid);
    if (!log)
        return error_set(err, WF_NOT_FOUND, "nothing of transaction %u was spooled",
                         (unsigned)xid);
    log->read_at = 0;
    log->read_chunk = NULL;
    spool->latest = log;
    if (log->fd >= 0)
        (void)posix_fadvise(log->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return WF_OK;
}

static wf_status pg_spool_window_fill(struct pg_spool *spool,
                                      const struct pg_spool_log *log, size_t want,
                                      wf_error *err)
{
    spool->window_of = log;
    spool->window_begin = log->read_at;
    spool->window_len = 0;
    while (spool->window_len < want) {
        ssize_t n =
            pread(log->fd, spool->window + spool->window_len, want - spool->window_len,
                  (off_t)(log->read_at + spool->window_len));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return error_errno(err, WF_UNAVAILABLE, n ? errno : EIO,
                               "spooled changes cannot be read back from '%s'", spool->dir);
        spool->window_len += (size_t)n;
    }
    return WF_OK;
}

/* At least `need` bytes of the file from read_at on, in memory. */
static wf_status pg_spool_file_bytes(struct pg_spool *spool, const struct pg_spool_log *log,
                                     size_t need, const char **out, wf_error *err)
{
    uint64_t skipped = log->read_at - spool->window_begin;
    if (spool->window_of == log && log->read_at >= spool->window_begin &&
        skipped + need <= spool->window_len) {
        *out = spool->window + skipped;
        return WF_OK;
    }
    uint64_t left = log->file_len - log->read_at;
    if (left < need)
        return error_set(err, WF_UNAVAILABLE, "the spool in '%s' was changed by somebody",
                         spool->dir);
    size_t cap = need > PG_SPOOL_WINDOW ? need : PG_SPOOL_WINDOW;
    if (spool->window_cap < cap) {
        char *window = malloc(cap);
        if (!window)
            return error_no_memory(err);
        free(spool->window);
        spool->window = window;
        spool->window_cap = cap;
    }
    wf_status status =
        pg_spool_window_fill(spool, log, left < PG_SPOOL_WINDOW ? (size_t)left : cap, err);
    if (status)
        spool->window_of = NULL;
    else
        *out = spool->window;
    return status;
}

static const char *pg_spool_memory_bytes(struct pg_spool_log *log)
{
    struct pg_spool_chunk *chunk = log->read_chunk ? log->read_chunk : log->first;
    while (log->read_at >= chunk->begin + chunk->len)
        chunk = chunk->next;
    log->read_chunk = chunk;
    return chunk->bytes + (log->read_at - chunk->begin);
}

/* The message at read_at, which is not the end. */
static wf_status pg_spool_peek(struct pg_spool *spool, struct pg_spool_log *log,
                               struct pg_spool_head *head, const char **out_bytes,
                               wf_error *err)
{
    const char *at;
    if (log->read_at >= log->file_len) {
        at = pg_spool_memory_bytes(log);
        memcpy(head, at, sizeof *head);
        *out_bytes = at + sizeof *head;
        return WF_OK;
    }
    wf_status status = pg_spool_file_bytes(spool, log, sizeof *head, &at, err);
    if (status)
        return status;
    memcpy(head, at, sizeof *head);
    status = pg_spool_file_bytes(spool, log, sizeof *head + head->len, &at, err);
    if (!status)
        *out_bytes = at + sizeof *head;
    return status;
}

wf_status pg_spool_next(struct pg_spool *spool, uint32_t xid, uint64_t *out_lsn,
                        wf_str *out_bytes, bool *out_end, wf_error *err)
{
    struct pg_spool_log *log = pg_spool_find(spool, xid);
    struct pg_spool_head head;
    const char *bytes = NULL;
    while (log && log->read_at < log->len) {
        wf_status status = pg_spool_peek(spool, log, &head, &bytes, err);
        if (status)
            return status;
        log->read_at += sizeof head + head.len;
        if (pg_spool_set_has(&log->aborted, head.subxid))
            continue;
        *out_lsn = head.lsn;
        *out_bytes = (wf_str){bytes, head.len};
        *out_end = false;
        return WF_OK;
    }
    *out_end = true;
    return WF_OK;
}

/* ---- the whole ----------------------------------------------------------------------- */

wf_status pg_spool_new(const char *dir, size_t memory, struct pg_spool **out, wf_error *err)
{
    struct pg_spool *spool = calloc(1, sizeof *spool);
    if (!spool)
        return error_no_memory(err);
    spool->bound = memory > PG_SPOOL_MEMORY_LEAST ? memory : PG_SPOOL_MEMORY_LEAST;
    spool->dir = str_dup(str_from(dir));
    if (!spool->dir) {
        pg_spool_free(spool);
        return error_no_memory(err);
    }
    *out = spool;
    return WF_OK;
}

void pg_spool_free(struct pg_spool *spool)
{
    if (!spool)
        return;
    for (size_t i = 0; i < PG_SPOOL_BUCKETS; i++)
        while (spool->buckets[i])
            pg_spool_forget(spool, spool->buckets[i]->xid);
    free(spool->window);
    free(spool->dir);
    free(spool);
}

void pg_spool_figures(const struct pg_spool *spool, struct pg_spool_figures *out)
{
    *out = spool->figures;
}
