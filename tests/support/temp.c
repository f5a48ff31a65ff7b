/* SPDX-License-Identifier: MIT
 *
 * temp - folders for tests.
 *
 * The root is made by a constructor, not by the first temp_dir(): Check runs each test in a
 * child, and what a child made and left behind only the parent can still remove.
 */
#include "tests/support/temp.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEMP_OPEN_FOLDERS 16

struct temp_text {
    struct temp_text *next;
    char text[];
};

static pthread_mutex_t temp_lock = PTHREAD_MUTEX_INITIALIZER; /* guards temp_texts */
static struct temp_text *temp_texts; /* keeps every path reachable, for the leak checker */
static const char *temp_root;
static pid_t temp_owner;

static void temp_fail(const char *what, const char *path)
{
    fprintf(stderr, "temp: %s '%s': %m\n", what, path);
    abort();
}

const char *temp_path(const char *dir, const char *name)
{
    size_t size = strlen(dir) + strlen(name) + 2;
    struct temp_text *kept = malloc(sizeof *kept + size);
    if (!kept)
        temp_fail("no memory for", name);
    snprintf(kept->text, size, "%s/%s", dir, name);
    pthread_mutex_lock(&temp_lock);
    kept->next = temp_texts;
    temp_texts = kept;
    pthread_mutex_unlock(&temp_lock);
    return kept->text;
}

/* mkdtemp() writes into the path, which is one of ours. */
static const char *temp_make(const char *dir, const char *pattern)
{
    const char *path = temp_path(dir, pattern);
    if (!mkdtemp((char *)(size_t)path))
        temp_fail("cannot make", path);
    return path;
}

const char *temp_dir(void)
{
    return temp_make(temp_root, "XXXXXX");
}

void temp_write(const char *path, const void *data, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, len) != (ssize_t)len || close(fd))
        temp_fail("cannot write", path);
}

static int temp_remove_one(const char *path, const struct stat *info, int kind,
                           struct FTW *where)
{
    (void)info;
    (void)where;
    if (kind == FTW_DNR && chmod(path, 0700) == 0)
        temp_remove(path); /* a test took the rights away */
    else
        (void)!remove(path);
    return 0;
}

void temp_remove(const char *path)
{
    if (nftw(path, temp_remove_one, TEMP_OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) &&
        errno != ENOENT)
        temp_fail("cannot remove", path);
}

static void temp_end(void)
{
    if (getpid() == temp_owner)
        temp_remove(temp_root);
}

__attribute__((constructor)) static void temp_begin(void)
{
    const char *base = getenv("TMPDIR");
    temp_owner = getpid();
    temp_root = temp_make(base && base[0] == '/' ? base : "/tmp", "cdc-test-XXXXXX");
    atexit(temp_end);
}
