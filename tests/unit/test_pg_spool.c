/* SPDX-License-Identifier: MIT
 *
 * Tests of providers/postgres/pg_spool.
 */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/str.h"
#include "providers/postgres/pg_spool.h"
#include "tests/support/oom.h"
#include "tests/support/open_files.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

#define KIB ((size_t)1024)
#define MIB (KIB * KIB)
#define LEAST (256 * KIB)

static const char *dir;
static struct pg_spool *spool;
static wf_error error;

static void make(size_t memory)
{
    ck_assert_int_eq(pg_spool_new(dir, memory, &spool, &error), WF_OK);
}

static void setup(void)
{
    dir = temp_path(temp_dir(), "spool");
    make(LEAST);
}

static void teardown(void)
{
    pg_spool_free(spool);
    spool = NULL;
}

static struct pg_spool_figures figures(void)
{
    struct pg_spool_figures now;
    pg_spool_figures(spool, &now);
    return now;
}

/* The n-th message of a transaction: its own bytes, and a length of its own. */
static wf_str message(uint32_t xid, uint32_t n, size_t len)
{
    static char *bytes;
    static size_t room;
    if (room < len) {
        free(bytes);
        room = len;
        bytes = malloc(room);
        ck_assert_ptr_nonnull(bytes);
    }
    uint32_t state = xid * 2654435761u + n;
    for (size_t i = 0; i < len; i++) {
        state = state * 1664525u + 1013904223u;
        bytes[i] = (char)(state >> 24);
    }
    return (wf_str){bytes, len};
}

static wf_status append_as(uint32_t xid, uint32_t subxid, uint32_t n, size_t len)
{
    return pg_spool_append(spool, xid, subxid, n + 1000u, message(xid, n, len), &error);
}

static void append(uint32_t xid, uint32_t n, size_t len)
{
    ck_assert_msg(append_as(xid, xid, n, len) == WF_OK, "%s", error.text);
}

static bool next(uint32_t xid, uint64_t *lsn, wf_str *bytes)
{
    bool end;
    ck_assert_msg(pg_spool_next(spool, xid, lsn, bytes, &end, &error) == WF_OK, "%s",
                  error.text);
    return !end;
}

static void next_is(uint32_t xid, uint32_t n, size_t len)
{
    uint64_t lsn;
    wf_str bytes;
    ck_assert(next(xid, &lsn, &bytes));
    ck_assert_uint_eq(lsn, n + 1000u);
    ck_assert_uint_eq(bytes.len, len);
    ck_assert(str_eq(bytes, message(xid, n, len)));
}

static void ends(uint32_t xid)
{
    uint64_t lsn;
    wf_str bytes;
    ck_assert(!next(xid, &lsn, &bytes));
    ck_assert(!next(xid, &lsn, &bytes));
}

static void rewind_to(uint32_t xid)
{
    ck_assert_int_eq(pg_spool_rewind(spool, xid, &error), WF_OK);
}

/* Lengths from nothing to some KiB, another for each. */
static size_t odd_len(uint32_t n)
{
    return (size_t)n * 7919 % 5003;
}

START_TEST(messages_come_back_in_order)
{
    uint64_t lsn = 7;
    wf_str bytes;
    ck_assert(!pg_spool_has(spool, 5));
    ck_assert_int_eq(pg_spool_rewind(spool, 5, &error), WF_NOT_FOUND);
    ck_assert(!next(5, &lsn, &bytes));
    for (uint32_t n = 0; n < 10; n++)
        append(5, n, n);
    ck_assert(pg_spool_has(spool, 5));
    for (int twice = 0; twice < 2; twice++) {
        rewind_to(5);
        for (uint32_t n = 0; n < 10; n++)
            next_is(5, n, n);
        ends(5);
    }
    ck_assert_uint_eq(figures().transactions, 1);
    ck_assert_uint_eq(figures().spilled_bytes, 0);
    ck_assert_int_ne(access(dir, F_OK), 0);
}
END_TEST

START_TEST(a_large_transaction_comes_back_from_the_file_and_memory)
{
    enum { COUNT = 2000 };
    for (uint32_t n = 0; n < COUNT; n++) {
        append(5, n, odd_len(n));
        ck_assert_uint_le(figures().memory_bytes, LEAST);
    }
    ck_assert_uint_gt(figures().spilled_bytes, 4 * MIB);
    ck_assert_uint_gt(figures().memory_bytes, 0);
    for (int twice = 0; twice < 2; twice++) {
        rewind_to(5);
        for (uint32_t n = 0; n < COUNT; n++)
            next_is(5, n, odd_len(n));
        ends(5);
    }
    rewind_to(5); /* half, and again from the beginning */
    for (uint32_t n = 0; n < COUNT / 2; n++)
        next_is(5, n, odd_len(n));
    rewind_to(5);
    next_is(5, 0, odd_len(0));
}
END_TEST

START_TEST(many_transactions_share_the_bound)
{
    enum { XIDS = 300, EACH = 40 };
    for (uint32_t n = 0; n < EACH; n++)
        for (uint32_t xid = 1; xid <= XIDS; xid++) {
            append(xid, n, odd_len(n * xid));
            ck_assert_uint_le(figures().memory_bytes, LEAST);
        }
    ck_assert_uint_eq(figures().transactions, XIDS);
    for (uint32_t xid = 1; xid <= XIDS; xid++)
        rewind_to(xid);
    for (uint32_t n = 0; n < EACH; n++) /* in turns */
        for (uint32_t xid = 1; xid <= XIDS; xid += 7)
            next_is(xid, n, odd_len(n * xid));
    for (uint32_t xid = 1; xid <= XIDS; xid++)
        pg_spool_forget(spool, xid);
    struct pg_spool_figures now = figures();
    ck_assert(now.transactions == 0 && now.memory_bytes == 0 && now.file_bytes == 0);
    ck_assert_uint_gt(now.spilled_bytes, 0);
}
END_TEST

START_TEST(transactions_with_numbers_alike_are_kept_apart)
{
    for (uint32_t i = 0; i < 50; i++)
        append(1 + i * 1024, i, 10);
    for (uint32_t i = 0; i < 50; i += 2)
        pg_spool_forget(spool, 1 + i * 1024);
    for (uint32_t i = 0; i < 50; i++) {
        ck_assert_int_eq(pg_spool_has(spool, 1 + i * 1024), i % 2);
        if (i % 2 == 0)
            continue;
        rewind_to(1 + i * 1024);
        next_is(1 + i * 1024, i, 10);
        ends(1 + i * 1024);
    }
}
END_TEST

START_TEST(what_was_rolled_back_is_passed_over)
{
    for (uint32_t n = 0; n < 600; n++)
        ck_assert_int_eq(append_as(5, 5 + n % 3, n, odd_len(n)), WF_OK);
    ck_assert_int_eq(pg_spool_abort(spool, 5, 6, &error), WF_OK);
    ck_assert_int_eq(pg_spool_abort(spool, 5, 6, &error), WF_OK);
    ck_assert_int_eq(pg_spool_abort(spool, 99, 6, &error), WF_OK);
    ck_assert_int_eq(pg_spool_abort(spool, 5, 0, &error), WF_PROTOCOL);
    rewind_to(5);
    for (uint32_t n = 0; n < 600; n++)
        if (n % 3 != 1)
            next_is(5, n, odd_len(n));
    ends(5);
    ck_assert_int_eq(pg_spool_abort(spool, 5, 5, &error), WF_OK);
    ck_assert(!pg_spool_has(spool, 5));
    ck_assert_uint_eq(figures().file_bytes + figures().memory_bytes, 0);
}
END_TEST

START_TEST(all_rolled_back_leaves_nothing_to_read)
{
    for (uint32_t n = 0; n < 500; n++)
        ck_assert_int_eq(append_as(5, 6, n, 1000), WF_OK);
    ck_assert_int_eq(pg_spool_abort(spool, 5, 6, &error), WF_OK);
    rewind_to(5);
    ends(5);
}
END_TEST

START_TEST(a_hundred_thousand_rollbacks_take_no_time)
{
    enum { COUNT = 100000 };
    clock_t begin = clock();
    for (uint32_t n = 0; n < COUNT; n++) {
        ck_assert_int_eq(append_as(5, 6 + n, n, 8), WF_OK);
        if (n % 10)
            ck_assert_int_eq(pg_spool_abort(spool, 5, 6 + n, &error), WF_OK);
    }
    rewind_to(5);
    for (uint32_t n = 0; n < COUNT; n += 10)
        next_is(5, n, 8);
    ends(5);
    ck_assert_int_lt((clock() - begin) / CLOCKS_PER_SEC, 3);
}
END_TEST

START_TEST(a_message_beyond_the_bound_goes_past_memory)
{
    static const size_t lens[] = {10, LEAST - 16, LEAST - 15, 3 * MIB, 0, 5 * MIB, 20};
    for (uint32_t n = 0; n < CDC_COUNT(lens); n++) {
        append(5, n, lens[n]);
        append(6, n, 100);
        ck_assert_uint_le(figures().memory_bytes, LEAST);
    }
    rewind_to(5);
    rewind_to(6);
    for (uint32_t n = 0; n < CDC_COUNT(lens); n++) {
        next_is(5, n, lens[n]);
        next_is(6, n, 100);
    }
    ends(5);
    ends(6);
}
END_TEST

START_TEST(appending_does_not_disturb_a_reader)
{
    enum { COUNT = 1000 };
    for (uint32_t n = 0; n < COUNT; n++)
        append(5, n, odd_len(n));
    rewind_to(5);
    for (uint32_t n = 0; n < COUNT; n++) {
        append(6, n, 2 * odd_len(n)); /* pushes what 5 has in memory out */
        append(5, COUNT + n, 10);
        next_is(5, n, odd_len(n));
    }
    for (uint32_t n = 0; n < COUNT; n++)
        next_is(5, COUNT + n, 10);
    ends(5);
}
END_TEST

static size_t names_in(const char *folder)
{
    size_t count = 0;
    DIR *entries = opendir(folder);
    ck_assert_ptr_nonnull(entries);
    const struct dirent *entry;
    while ((entry = readdir(entries)) != NULL)
        count += entry->d_name[0] != '.';
    closedir(entries);
    return count;
}

START_TEST(the_folder_is_the_owners_alone_and_its_files_have_no_name)
{
    size_t files = open_files_count();
    umask(0);
    for (uint32_t n = 0; n < 1000; n++)
        append(5, n, 1000);
    struct stat info;
    ck_assert_int_eq(stat(dir, &info), 0);
    ck_assert_uint_eq(info.st_mode & 07777, 0700);
    ck_assert_uint_eq(names_in(dir), 0);
    ck_assert_uint_eq(open_files_count(), files + 1);
    pg_spool_forget(spool, 5);
    ck_assert_uint_eq(open_files_count(), files);
    for (uint32_t n = 0; n < 1000; n++)
        append(6, n, 1000);
    teardown(); /* with something in it */
    ck_assert_uint_eq(open_files_count(), files);
}
END_TEST

/* The largest file may have `bytes`: a disk that is full. */
static void disk_of(rlim_t bytes)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

START_TEST(a_full_disk_is_told_and_nothing_is_lost)
{
    uint32_t n = 0;
    size_t len = _i ? 300 * KIB : 1000; /* past memory, through memory */
    disk_of(2000123);
    wf_status status = WF_OK;
    while (!(status = append_as(5, 5, n, len)))
        n++;
    ck_assert_int_eq(status, WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.text, "make room"));
    ck_assert_ptr_nonnull(strstr(error.text, dir));
    ck_assert_int_eq(append_as(5, 5, n, len), WF_UNAVAILABLE);
    ck_assert_uint_le(figures().memory_bytes, LEAST);
    disk_of(RLIM_INFINITY);
    uint32_t all = n + 20; /* there is room again */
    for (; n < all; n++)
        append(5, n, len);
    rewind_to(5);
    for (n = 0; n < all; n++)
        next_is(5, n, len);
    ends(5);
}
END_TEST

START_TEST(a_first_message_that_finds_no_room_leaves_no_transaction)
{
    disk_of(64 * KIB); /* Check has a file of its own */
    ck_assert_int_eq(append_as(5, 5, 0, MIB), WF_UNAVAILABLE);
    disk_of(RLIM_INFINITY);
    ck_assert(!pg_spool_has(spool, 5));
    ck_assert_uint_eq(figures().transactions + figures().file_bytes, 0);
}
END_TEST

START_TEST(a_folder_that_cannot_be_is_the_configurations_fault)
{
    teardown();
    dir = "/proc/nothing/here";
    make(LEAST);
    append(5, 0, 100);
    ck_assert_int_eq(append_as(5, 5, 1, MIB), WF_CONFIG);
    rewind_to(5);
    next_is(5, 0, 100);
    ends(5);
}
END_TEST

#if OOM_POSSIBLE
/* Appends, spills, rolls back and reads, until something fails. */
static wf_status all_of_it(wf_str bytes)
{
    uint64_t lsn;
    wf_str got;
    bool end = false;
    wf_status status = pg_spool_new(dir, LEAST, &spool, &error);
    for (uint32_t n = 0; !status && n < 600; n++)
        status = pg_spool_append(spool, 5 + n % 2, 5 + n % 100, n, bytes, &error);
    for (uint32_t n = 0; !status && n < 90; n++)
        status = pg_spool_abort(spool, 5, 6 + n, &error);
    if (!status)
        status = pg_spool_rewind(spool, 5, &error);
    while (!status && !end)
        status = pg_spool_next(spool, 5, &lsn, &got, &end, &error);
    return status;
}

START_TEST(an_allocation_that_fails_is_told)
{
    char bytes[1000] = {0};
    long failed = 0;
    teardown();
    for (long n = 0; n < OOM_MOST; n++) {
        oom_arm(n);
        wf_status status = all_of_it((wf_str){bytes, sizeof bytes});
        bool hit = oom_disarm();
        teardown();
        if (!hit)
            break;
        ck_assert(status == WF_OK || status == WF_NO_MEMORY);
        failed += status == WF_NO_MEMORY;
    }
    ck_assert_int_gt(failed, 20);
}
END_TEST
#endif

static long resident_kib(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%*s %ld", &pages), 1);
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

START_TEST(a_hundred_mib_take_no_more_memory_than_the_bound)
{
    enum { COUNT = 100 * 1024 };
    teardown();
    make(16 * MIB);
    message(0, 0, KIB);
    long before = resident_kib();
    long most = before;
    wf_str bytes = message(5, 0, KIB - 16); /* the same for all: this is not about them */
    for (uint32_t n = 0; n < COUNT; n++) {
        ck_assert_int_eq(pg_spool_append(spool, 5, 5, n, bytes, &error), WF_OK);
        if (n % 1024 == 0 && resident_kib() > most)
            most = resident_kib();
    }
    rewind_to(5);
    for (uint32_t n = 0; n < COUNT; n++) {
        uint64_t lsn;
        wf_str got;
        ck_assert(next(5, &lsn, &got) && lsn == n && got.len == bytes.len);
        if (n % 1024 == 0 && resident_kib() > most)
            most = resident_kib();
    }
    ends(5);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    ck_assert_int_lt(most - before, 18 * 1024);
#endif
    ck_assert_uint_gt(figures().file_bytes, 80 * MIB);
    pg_spool_forget(spool, 5);
    ck_assert_uint_eq(figures().file_bytes + figures().memory_bytes, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_spool");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 30);
    tcase_add_test(tc, messages_come_back_in_order);
    tcase_add_test(tc, a_large_transaction_comes_back_from_the_file_and_memory);
    tcase_add_test(tc, many_transactions_share_the_bound);
    tcase_add_test(tc, transactions_with_numbers_alike_are_kept_apart);
    tcase_add_test(tc, what_was_rolled_back_is_passed_over);
    tcase_add_test(tc, all_rolled_back_leaves_nothing_to_read);
    tcase_add_test(tc, a_hundred_thousand_rollbacks_take_no_time);
    tcase_add_test(tc, a_message_beyond_the_bound_goes_past_memory);
    tcase_add_test(tc, appending_does_not_disturb_a_reader);
    tcase_add_test(tc, the_folder_is_the_owners_alone_and_its_files_have_no_name);
    tcase_add_loop_test(tc, a_full_disk_is_told_and_nothing_is_lost, 0, 2);
    tcase_add_test(tc, a_first_message_that_finds_no_room_leaves_no_transaction);
    tcase_add_test(tc, a_folder_that_cannot_be_is_the_configurations_fault);
#if OOM_POSSIBLE
    tcase_add_test(tc, an_allocation_that_fails_is_told);
#endif
    tcase_add_test(tc, a_hundred_mib_take_no_more_memory_than_the_bound);
    suite_add_tcase(suite, tc);
    return suite;
}
