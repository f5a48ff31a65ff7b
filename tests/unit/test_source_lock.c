/* SPDX-License-Identifier: MIT
 *
 * One process per source.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/source_lock.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

static wf_error err;

static int taken(const char *dir, wf_str id)
{
    int fd = -1;
    ck_assert_msg(source_lock_take(dir, id, &fd, &err) == WF_OK, "%s", err.text);
    ck_assert_int_ge(fd, 0);
    return fd;
}

/* The name of the one file in the folder. */
static const char *only_file(const char *dir)
{
    static char name[256];
    DIR *folder = opendir(dir);
    ck_assert_ptr_nonnull(folder);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (!str_is(str_from(entry->d_name), ".") &&
            !str_is(str_from(entry->d_name), "..")) {
            snprintf(name, sizeof name, "%s", entry->d_name);
            count++;
        }
    closedir(folder);
    ck_assert_int_eq(count, 1);
    return name;
}

START_TEST(a_lock_is_taken_once)
{
    const char *dir = temp_path(temp_dir(), "state"); /* is made */
    int first = taken(dir, STR("shop"));
    int second = -7;
    ck_assert_int_eq(source_lock_take(dir, STR("shop"), &second, &err), WF_STATE);
    ck_assert_int_eq(second, -7);
    int other = taken(dir, STR("shop2"));
    source_lock_release(&first);
    ck_assert_int_eq(first, -1);
    first = taken(dir, STR("shop"));
    source_lock_release(&first);
    source_lock_release(&other);
}
END_TEST

START_TEST(who_comes_second_learns_the_pid_and_the_file)
{
    const char *dir = temp_dir();
    int fd = taken(dir, STR("shop"));
    int second = -1;
    ck_assert_int_eq(source_lock_take(dir, STR("shop"), &second, &err), WF_STATE);
    char expected[512];
    snprintf(expected, sizeof expected,
             "source 'shop' is already running in process %ld (lock file '%s/shop.lock')",
             (long)getpid(), dir);
    ck_assert_str_eq(err.text, expected);
    source_lock_release(&fd);
}
END_TEST

START_TEST(a_lock_file_without_a_readable_pid_does_no_harm)
{
    static const char *const texts[] = {"", "x", "-1\n",
                                        "99999999999999999999999999999999999\n"};
    const char *dir = temp_dir();
    int fd = taken(dir, STR("shop"));
    temp_write(temp_path(dir, "shop.lock"), texts[_i], strlen(texts[_i]));
    int second = -1;
    ck_assert_int_eq(source_lock_take(dir, STR("shop"), &second, &err), WF_STATE);
    ck_assert_ptr_nonnull(
        strstr(err.text, "is already running in another process (lock file '"));
    source_lock_release(&fd);
    fd = taken(dir, STR("shop"));
    source_lock_release(&fd);
}
END_TEST

START_TEST(the_file_is_the_owners_alone_and_its_pid_goes_with_the_lock)
{
    const char *dir = temp_dir();
    mode_t before = umask(0);
    int fd = taken(dir, STR("shop"));
    umask(before);
    struct stat info;
    ck_assert_int_eq(stat(temp_path(dir, "shop.lock"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0600);
    ck_assert_int_gt(info.st_size, 0);
    source_lock_release(&fd);
    ck_assert_int_eq(stat(temp_path(dir, "shop.lock"), &info), 0);
    ck_assert_int_eq(info.st_size, 0);
}
END_TEST

START_TEST(releasing_nothing_does_nothing)
{
    int fd = -1;
    source_lock_release(&fd);
    ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(the_lock_of_a_killed_process_is_free)
{
    const char *dir = temp_dir();
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int fd = -1;
        wf_error mine;
        char ok = source_lock_take(dir, STR("shop"), &fd, &mine) == WF_OK;
        if (write(ends[1], &ok, 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    char ok = 0;
    ck_assert_int_eq(read(ends[0], &ok, 1), 1);
    ck_assert_int_eq(ok, 1);
    int fd = -1;
    ck_assert_int_eq(source_lock_take(dir, STR("shop"), &fd, &err), WF_STATE);
    char pid[32];
    snprintf(pid, sizeof pid, "process %ld ", (long)child);
    ck_assert_ptr_nonnull(strstr(err.text, pid));
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    fd = taken(dir, STR("shop"));
    source_lock_release(&fd);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

/* Between fork() and exec() a child of the host's has the file open as well. */
START_TEST(a_lock_that_was_released_is_free_although_a_child_was_forked_meanwhile)
{
    const char *dir = temp_dir();
    int fd = taken(dir, STR("shop"));
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        char end;
        close(ends[1]);
        _exit((int)read(ends[0], &end, 1));
    }
    source_lock_release(&fd);
    wf_status status = source_lock_take(dir, STR("shop"), &fd, &err);
    close(ends[0]);
    close(ends[1]);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
    ck_assert_msg(!status, "%s", err.text);
    source_lock_release(&fd);
}
END_TEST

START_TEST(the_lock_does_not_outlive_an_exec)
{
    int fd = taken(temp_dir(), STR("shop"));
    ck_assert_int_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
    source_lock_release(&fd);
}
END_TEST

/* ---- names ---- */

static const struct {
    const char *id;
    const char *name;
} names[] = {
    {"shop", "shop.lock"},
    {"A-z_0.9", "A-z_0.9.lock"},
    {"", ".lock"},
    {".", "..lock"},
    {"..", "...lock"},
    {"a/b", "a%2Fb.lock"},
    {"../../etc/passwd", "..%2F..%2Fetc%2Fpasswd.lock"},
    {"100%", "100%25.lock"},
    {"Gr\xC3\xBC\xC3\x9F"
     "e aus",
     "Gr%C3%BC%C3%9Fe%20aus.lock"},
    {"a~b", "a%7Eb.lock"},
};

START_TEST(bytes_that_are_no_plain_names_are_written_in_hexadecimal)
{
    const char *dir = temp_dir();
    int fd = taken(dir, str_from(names[_i].id));
    ck_assert_str_eq(only_file(dir), names[_i].name);
    source_lock_release(&fd);
}
END_TEST

START_TEST(ids_whose_names_would_be_too_long_have_locks_of_their_own)
{
    const char *dir = temp_dir();
    char a[LIMIT_SOURCE_ID];
    char b[LIMIT_SOURCE_ID];
    memset(a, '/', sizeof a);
    memset(b, '/', sizeof b);
    b[sizeof b - 1] = '.';
    wf_str ids[] = {{a, sizeof a}, {b, sizeof b}, {a, sizeof a - 1}, {a, 83}, {a, 84}};
    int fds[CDC_COUNT(ids)];
    for (size_t i = 0; i < CDC_COUNT(ids); i++)
        fds[i] = taken(dir, ids[i]);
    int second = -1;
    for (size_t i = 0; i < CDC_COUNT(ids); i++)
        ck_assert_int_eq(source_lock_take(dir, ids[i], &second, &err), WF_STATE);
    for (size_t i = 0; i < CDC_COUNT(ids); i++)
        source_lock_release(&fds[i]);
}
END_TEST

/* ---- failures ---- */

START_TEST(a_folder_that_cannot_be_made_is_named)
{
    const char *dir = temp_path(temp_dir(), "no/state");
    int fd = -1;
    ck_assert_int_eq(source_lock_take(dir, STR("shop"), &fd, &err), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, dir));
    ck_assert_int_eq(source_lock_take("", STR("shop"), &fd, &err), WF_CONFIG);
    ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(a_folder_or_a_link_in_the_files_place_is_refused)
{
    const char *dir = temp_dir();
    const char *path = temp_path(dir, "shop.lock");
    int fd = -1;
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(source_lock_take(dir, STR("shop"), &fd, &err), WF_CONFIG);
    temp_remove(path);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    ck_assert_int_eq(source_lock_take(dir, STR("shop"), &fd, &err), WF_CONFIG);
    ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    const char *dir = temp_dir();
    for (long n = 0; n < OOM_MOST; n++) {
        int fd = -1;
        oom_arm(n);
        wf_status status = source_lock_take(dir, STR("shop"), &fd, &err);
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        ck_assert_int_eq(fd >= 0, !hit);
        source_lock_release(&fd);
        if (!hit)
            return;
    }
    ck_abort_msg("no end");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("source_lock");
    TCase *tcase = tcase_create("source_lock");
    tcase_add_test(tcase, a_lock_is_taken_once);
    tcase_add_test(tcase, who_comes_second_learns_the_pid_and_the_file);
    tcase_add_loop_test(tcase, a_lock_file_without_a_readable_pid_does_no_harm, 0, 4);
    tcase_add_test(tcase, the_file_is_the_owners_alone_and_its_pid_goes_with_the_lock);
    tcase_add_test(tcase, releasing_nothing_does_nothing);
    tcase_add_test(tcase, the_lock_of_a_killed_process_is_free);
    tcase_add_test(tcase,
                   a_lock_that_was_released_is_free_although_a_child_was_forked_meanwhile);
    tcase_add_test(tcase, the_lock_does_not_outlive_an_exec);
    tcase_add_loop_test(tcase, bytes_that_are_no_plain_names_are_written_in_hexadecimal, 0,
                        (int)CDC_COUNT(names));
    tcase_add_test(tcase, ids_whose_names_would_be_too_long_have_locks_of_their_own);
    tcase_add_test(tcase, a_folder_that_cannot_be_made_is_named);
    tcase_add_test(tcase, a_folder_or_a_link_in_the_files_place_is_refused);
    if (OOM_POSSIBLE)
        tcase_add_test(tcase, every_allocation_may_fail);
    suite_add_tcase(suite, tcase);
    return suite;
}
