/* SPDX-License-Identifier: MIT
 *
 * sqlite_watch - inotify on three files and their directory.
 *
 * Files are watched for writes, the directory only for comings and goings: other files in
 * it may be busy.  In rollback mode the commit is the journal's removal, which is an event
 * of the directory, or its truncation, which is a write.
 */
#include "providers/sqlite/sqlite_watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"

#define SQLITE_WATCH_BLIND_MS 250
#define SQLITE_WATCH_LOOKS 11 /* 1 + 2 + ... + 512 ms, after one at once */

#define SQLITE_WATCH_DIR_EVENTS                                                            \
    (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR)
#define SQLITE_WATCH_FILE_EVENTS (IN_MODIFY | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF)

/* File systems whose other writers may be on another machine (linux/magic.h, fs/smb). */
static bool sqlite_watch_is_remote(const char *path)
{
    static const unsigned long remote[] = {
        0x6969 /* NFS */,      0x517B /* SMB */,      0xFF534D42 /* CIFS */,
        0xFE534D42 /* SMB2 */, 0x65735546 /* FUSE */, 0x01021997 /* 9P */,
        0x00C36400 /* CEPH */, 0x5346414F /* AFS */,
    };
    struct statfs info;
    if (statfs(path, &info))
        return true;
    for (size_t i = 0; i < CDC_COUNT(remote); i++) {
        if (((unsigned long)info.f_type & 0xFFFFFFFFul) == remote[i])
            return true;
    }
    return false;
}

static wf_status sqlite_watch_name(struct sqlite_watch *watch, const char *path,
                                   wf_error *err)
{
    static const char *const suffixes[SQLITE_WATCH_FILES] = {"", "-wal", "-journal"};
    for (int i = 0; i < SQLITE_WATCH_FILES; i++) {
        CDC_CLEANUP(buf_release) struct buf name;
        buf_init(&name, LIMIT_TEXT_BYTES);
        buf_printf(&name, "%s%s", path, suffixes[i]);
        watch->paths[i] = buf_take(&name);
        if (!watch->paths[i])
            return error_no_memory(err);
    }
    return WF_OK;
}

/* Watches what is there by now; the -wal and the -journal come and go. */
static void sqlite_watch_arm(struct sqlite_watch *watch)
{
    for (int i = 0; i < SQLITE_WATCH_FILES; i++) {
        if (!watch->files[i])
            watch->files[i] = inotify_add_watch(watch->fd - 1, watch->paths[i],
                                                SQLITE_WATCH_FILE_EVENTS) +
                              1;
    }
}

wf_status sqlite_watch_open(struct sqlite_watch *watch, const char *path, wf_error *err)
{
    watch->looks = 0;
    wf_status status = sqlite_watch_name(watch, path, err);
    if (status)
        return status;
    watch->blind = sqlite_watch_is_remote(path);
    watch->fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK) + 1;
    char *dir = str_dup(str_from(path));
    if (!dir)
        return error_no_memory(err);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = 0;
    if (watch->fd)
        watch->dir =
            inotify_add_watch(watch->fd - 1, slash ? dir : ".", SQLITE_WATCH_DIR_EVENTS) +
            1;
    free(dir);
    if (!watch->dir)
        watch->blind = true;
    else
        sqlite_watch_arm(watch);
    if (!watch->files[SQLITE_WATCH_DB])
        watch->blind = true;
    return WF_OK;
}

void sqlite_watch_close(struct sqlite_watch *watch)
{
    if (watch->fd)
        close(watch->fd - 1);
    for (int i = 0; i < SQLITE_WATCH_FILES; i++)
        free(watch->paths[i]);
    *watch = (struct sqlite_watch){0};
}

static const char *sqlite_watch_base(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Whether the event is about the database; a watch that ended is forgotten. */
static bool sqlite_watch_concerns(struct sqlite_watch *watch,
                                  const struct inotify_event *event)
{
    if (event->mask & IN_Q_OVERFLOW)
        return true;
    for (int i = 0; i < SQLITE_WATCH_FILES; i++) {
        if (event->wd == watch->files[i] - 1 && watch->files[i]) {
            if (event->mask & IN_IGNORED)
                watch->files[i] = 0;
            return true;
        }
        if (event->wd == watch->dir - 1 && event->len &&
            !strcmp(event->name, sqlite_watch_base(watch->paths[i])))
            return true;
    }
    return false;
}

static bool sqlite_watch_drain(struct sqlite_watch *watch)
{
    _Alignas(struct inotify_event) char events[4096];
    bool concerns = false;
    for (;;) {
        ssize_t got = read(watch->fd - 1, events, sizeof(events));
        if (got <= 0)
            return concerns;
        for (char *at = events; at < events + got;) {
            const struct inotify_event *event = (const struct inotify_event *)(void *)at;
            concerns |= sqlite_watch_concerns(watch, event);
            at += sizeof(*event) + event->len;
        }
    }
}

static int sqlite_watch_next_ms(const struct sqlite_watch *watch, int timeout_ms)
{
    int next = timeout_ms;
    if (watch->looks < SQLITE_WATCH_LOOKS) {
        int pause = watch->looks ? 1 << (watch->looks - 1) : 0;
        next = pause < next ? pause : next;
    }
    if (watch->blind && next > SQLITE_WATCH_BLIND_MS)
        next = SQLITE_WATCH_BLIND_MS;
    return next;
}

void sqlite_watch_wait(struct sqlite_watch *watch, int cancel_fd, int timeout_ms)
{
    if (!watch) {
        struct pollfd cancel = {.fd = cancel_fd, .events = POLLIN};
        poll(&cancel, 1, timeout_ms);
        return;
    }
    if (watch->dir)
        sqlite_watch_arm(watch);
    struct pollfd fds[2] = {
        {.fd = cancel_fd, .events = POLLIN},
        {.fd = watch->fd - 1, .events = POLLIN}, /* negative: ignored */
    };
    int ready = poll(fds, 2, sqlite_watch_next_ms(watch, timeout_ms));
    if (watch->looks < SQLITE_WATCH_LOOKS)
        watch->looks++;
    if (ready > 0 && fds[1].revents && sqlite_watch_drain(watch))
        watch->looks = 1; /* the caller takes the first look now */
}
