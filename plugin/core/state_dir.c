/* SPDX-License-Identifier: MIT
 *
 * state_dir - the folder that holds a source's state and lock files.
 */
#include "plugin/core/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"

wf_status state_dir_code(int number)
{
    switch (number) {
    case EACCES:
    case EPERM:
    case EROFS:
    case ENOENT:
    case ENOTDIR:
    case EISDIR:
    case ELOOP:
    case ENAMETOOLONG:
    case EINVAL:
    case ENXIO:
        return WF_CONFIG;
    case ENOMEM:
        return WF_NO_MEMORY;
    default:
        return WF_UNAVAILABLE;
    }
}

/* A new folder survives a power cut only once its parent is on the disk.  Parents that
 * cannot be opened or synced (not every file system lets one) are let pass. */
static void state_dir_sync_parent(const char *state_dir)
{
    CDC_CLEANUP(buf_release) struct buf path;
    buf_init(&path, LIMIT_TEXT_BYTES);
    buf_cstr(&path, state_dir);
    buf_lit(&path, "/..");
    int fd = open(buf_c(&path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    fsync(fd);
    close(fd);
}

wf_status state_dir_make(const char *state_dir, wf_error *err)
{
    if (!state_dir[0])
        return error_set(err, WF_CONFIG, "state_dir is empty");
    if (mkdir(state_dir, 0700) == 0) {
        /* A umask may have taken the owner's rights away. */
        if (chmod(state_dir, 0700))
            return error_errno(err, state_dir_code(errno), errno,
                               "state_dir '%s' could not be protected", state_dir);
        state_dir_sync_parent(state_dir);
        return WF_OK;
    }
    int failure = errno;
    struct stat info;
    if (failure == EEXIST && stat(state_dir, &info) == 0) {
        if (S_ISDIR(info.st_mode))
            return WF_OK;
        failure = ENOTDIR;
    }
    return error_errno(err, state_dir_code(failure), failure,
                       failure == ENOENT ? "state_dir '%s' could not be made in a folder "
                                           "that is not there"
                                         : "state_dir '%s' could not be made",
                       state_dir);
}

wf_status state_dir_path(const char *state_dir, const char *name, char **out, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf path;
    buf_init(&path, LIMIT_TEXT_BYTES);
    buf_cstr(&path, state_dir);
    buf_byte(&path, '/');
    buf_cstr(&path, name);
    wf_status status = buf_status(&path, "state_dir", err);
    if (status)
        return status;
    char *text = buf_take(&path);
    if (!text)
        return error_no_memory(err);
    *out = text;
    return WF_OK;
}
