/* SPDX-License-Identifier: MIT
 *
 * source_lock - one process per source.
 *
 * The file stays when the lock is released: removing it would let a third process lock a
 * file that nobody finds any more.  Only its content, the pid, goes.
 *
 * A file name holds 255 bytes and a source_id of 200 may need 600: a name that is too long
 * is cut and ends in '~' and a hash of the whole, which no other id's name can hold.
 */
#include "plugin/core/source_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/state_dir.h"

#define SOURCE_LOCK_SUFFIX ".lock"
#define SOURCE_LOCK_NAME_BYTES (255 - (sizeof SOURCE_LOCK_SUFFIX - 1))
#define SOURCE_LOCK_HASH_BYTES 17 /* '~' and sixteen digits */
#define SOURCE_LOCK_PID_BYTES 24

static bool source_lock_is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '-';
}

static void source_lock_name(struct buf *name, wf_str source_id)
{
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < source_id.len; i++) {
        unsigned char c = (unsigned char)source_id.ptr[i];
        if (source_lock_is_plain((char)c))
            buf_byte(name, (char)c);
        else
            buf_append(name, (char[]){'%', hex[c >> 4], hex[c & 15]}, 3);
    }
    if (name->len > SOURCE_LOCK_NAME_BYTES) {
        name->len = SOURCE_LOCK_NAME_BYTES - SOURCE_LOCK_HASH_BYTES;
        buf_printf(name, "~%016llx", (unsigned long long)str_hash(source_id));
    }
    buf_lit(name, SOURCE_LOCK_SUFFIX);
}

static void source_lock_free(char **text)
{
    free(*text);
}

static wf_status source_lock_held(int fd, const char *path, wf_str source_id, wf_error *err)
{
    char text[SOURCE_LOCK_PID_BYTES];
    ssize_t got = pread(fd, text, sizeof text, 0);
    uint64_t pid;
    if (got > 0 && str_to_u64(str_trim((wf_str){text, (size_t)got}), &pid))
        return error_set(
            err, WF_STATE,
            "source '%.*s' is already running in process %llu (lock file '%s')",
            STR_ARG(source_id), (unsigned long long)pid, path);
    return error_set(err, WF_STATE,
                     "source '%.*s' is already running in another process (lock file '%s')",
                     STR_ARG(source_id), path);
}

/* Only for people to read: a disk that has no room for it does not keep a source from
 * running. */
static void source_lock_write_pid(int fd)
{
    char text[SOURCE_LOCK_PID_BYTES];
    int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)len, 0) != len)
        (void)!ftruncate(fd, 0);
}

static wf_status source_lock_open(const char *path, wf_str source_id, int *out_fd,
                                  wf_error *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_errno(err, state_dir_code(errno), errno,
                           "lock file '%s' could not be opened", path);
    int failure;
    do
        failure = flock(fd, LOCK_EX | LOCK_NB) ? errno : 0;
    while (failure == EINTR);
    if (failure) {
        wf_status status = failure == EWOULDBLOCK
                               ? source_lock_held(fd, path, source_id, err)
                               : error_errno(err, state_dir_code(failure), failure,
                                             "lock file '%s' could not be locked", path);
        close(fd);
        return status;
    }
    (void)!fchmod(fd, 0600);
    source_lock_write_pid(fd);
    *out_fd = fd;
    return WF_OK;
}

wf_status source_lock_take(const char *state_dir, wf_str source_id, int *out_fd,
                           wf_error *err)
{
    wf_status status = state_dir_make(state_dir, err);
    if (status)
        return status;
    CDC_CLEANUP(buf_release) struct buf name;
    buf_init(&name, LIMIT_TEXT_BYTES);
    source_lock_name(&name, source_id);
    status = buf_status(&name, "source_id", err);
    if (status)
        return status;
    CDC_CLEANUP(source_lock_free) char *path = NULL;
    status = state_dir_path(state_dir, buf_c(&name), &path, err);
    return status ? status : source_lock_open(path, source_id, out_fd, err);
}

bool source_lock_is_gone(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && !info.st_nlink;
}

void source_lock_release(int *fd)
{
    if (*fd < 0)
        return;
    (void)!ftruncate(*fd, 0);
    /* Closing alone does not let go of it while a child that was forked has it open. */
    flock(*fd, LOCK_UN);
    close(*fd);
    *fd = -1;
}
