/* SPDX-License-Identifier: MIT
 *
 * The store when things go wrong around it: the process dies, the disk is full, the file is
 * damaged or somebody else's, other processes write at the same time, memory is short.
 */
#include <sqlite3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/store.h"
#include "plugin/core/store_sql.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"
#include "tests/support/store_rig.h"
#include "tests/support/temp.h"

#define SHOP STR("shop")

static wf_error err;

static void must(wf_status status)
{
    store_rig_must(status, &err);
}

static struct cdc_store *opened(const char *dir)
{
    struct cdc_store *store = NULL;
    must(store_open(dir, &store, &err));
    return store;
}

static uint64_t stored_number(struct cdc_store *store)
{
    CDC_CLEANUP(buf_release) struct buf position;
    CDC_CLEANUP(buf_release) struct buf identity;
    buf_init(&position, LIMIT_TEXT_BYTES);
    buf_init(&identity, LIMIT_TEXT_BYTES);
    must(store_position_get(store, SHOP, STR_EMPTY, &position, &identity, &err));
    uint64_t number = 0;
    ck_assert(position.len == 0 || str_to_u64(buf_view(&position), &number));
    return number;
}

static wf_status put_number(struct cdc_store *store, uint64_t number, wf_error *put_err)
{
    char text[24];
    int len = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    return store_position_put(store, SHOP, STR("m"), STR("i"), (wf_str){text, (size_t)len},
                              put_err);
}

static wf_status add_letter(struct cdc_store *store, wf_str event, wf_error *add_err)
{
    struct store_dead_letter letter = {.subscription = STR("s"), .event = event};
    return store_dead_letter_add(store, SHOP, &letter, add_err);
}

/* What SQLite calls to have the disk hold what was written, exported so that it does.
 * Nothing here cuts the power: it is enough to count. */
static atomic_int syncs;

WF_EXPORT int fsync(int fd)
{
    (void)fd;
    atomic_fetch_add(&syncs, 1);
    return 0;
}

WF_EXPORT int fdatasync(int fd)
{
    return fsync(fd);
}

static int64_t asked(struct cdc_store *store, const char *sql)
{
    sqlite3_stmt *statement;
    ck_assert_int_eq(sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL), SQLITE_OK);
    ck_assert_int_eq(sqlite3_step(statement), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static int64_t count_letters(struct cdc_store *store)
{
    return asked(store, "SELECT count(*) FROM dead_letter");
}

static void is_sound(struct cdc_store *store)
{
    ck_assert_int_eq(
        asked(store,
              "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"),
        1);
}

static int ended(pid_t pid)
{
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

START_TEST(every_call_that_writes_is_synced_before_it_answers)
{
    struct cdc_store *store = opened(temp_dir());
    for (uint64_t number = 1; number < 20; number++) {
        int before = atomic_load(&syncs);
        must(put_number(store, number, &err));
        ck_assert_int_gt(atomic_load(&syncs), before);
    }
    store_close(store);
}
END_TEST

/* ---- the process dies ---- */

/* Stores from + 1, from + 2 ... and says each one on the pipe once the store has said
 * OK. */
static void store_until_killed(const char *dir, uint64_t from, int pipe_fd)
{
    struct cdc_store *store = NULL;
    wf_error mine;
    if (store_open(dir, &store, &mine))
        _exit(2);
    for (uint64_t number = from + 1;; number++) {
        if (put_number(store, number, &mine) || add_letter(store, STR("{}"), &mine) ||
            write(pipe_fd, &number, sizeof number) != sizeof number)
            _exit(3);
    }
}

START_TEST(what_was_stored_is_there_after_kill_9_at_any_moment)
{
    const char *dir = temp_dir();
    uint64_t last = 0;
    int64_t letters = 0; /* acknowledged ones */
    for (int round = 0; round < 8; round++) {
        int ends[2];
        ck_assert_int_eq(pipe(ends), 0);
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            close(ends[0]);
            store_until_killed(dir, last, ends[1]);
        }
        close(ends[1]);
        uint64_t wanted = last + 3 + (uint64_t)round * 5;
        while (last < wanted && read(ends[0], &last, sizeof last) == sizeof last)
            letters++;
        kill(child, SIGKILL);
        while (read(ends[0], &last, sizeof last) == sizeof last)
            letters++; /* what it had said before it died */
        close(ends[0]);
        ck_assert(WIFSIGNALED(ended(child)));

        struct cdc_store *store = opened(dir);
        uint64_t number = stored_number(store);
        ck_assert_uint_ge(number, last);
        ck_assert_uint_le(number, last + 1);
        ck_assert_int_ge(count_letters(store), letters);
        is_sound(store);
        store_close(store);
        last = number;
    }
}
END_TEST

/* ---- several processes ---- */

#define WRITERS 4
#define WRITES 40

static void store_many(const char *dir)
{
    wf_error mine;
    for (int i = 0; i < WRITES; i++) {
        struct cdc_store *store = NULL;
        /* Opened anew now and then: making the tables and the last close are races too. */
        if (store_open(dir, &store, &mine)) {
            fprintf(stderr, "store_open: %s\n", mine.text);
            _exit(2);
        }
        for (int j = 0; j < 5; j++)
            if (put_number(store, 1, &mine) || add_letter(store, STR("{}"), &mine))
                _exit(3);
        store_close(store);
    }
    _exit(0);
}

START_TEST(processes_may_open_write_and_close_at_once)
{
    const char *dir = temp_path(temp_dir(), "state");
    pid_t children[WRITERS];
    for (size_t i = 0; i < WRITERS; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0)
            store_many(dir);
    }
    for (size_t i = 0; i < WRITERS; i++)
        ck_assert_int_eq(ended(children[i]), 0);
    struct cdc_store *store = opened(dir);
    ck_assert_int_eq(count_letters(store), WRITERS * WRITES * 5);
    is_sound(store);
    store_close(store);
}
END_TEST

START_TEST(a_file_that_stays_locked_is_reported_as_busy)
{
    struct cdc_store *store = opened(temp_dir());
    sqlite3 *other;
    ck_assert_int_eq(sqlite3_open(store->path, &other), SQLITE_OK);
    ck_assert_int_eq(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_busy_timeout(store->db, 20); /* instead of ten seconds */
    ck_assert_int_eq(put_number(store, 1, &err), WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "was locked by another process"));
    ck_assert_int_eq(store_forget(store, SHOP, &err), WF_UNAVAILABLE);
    ck_assert_int_eq(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    must(put_number(store, 1, &err));
    must(store_forget(store, SHOP, &err));
    store_close(store);
}
END_TEST

/* ---- the disk is full ---- */

START_TEST(a_full_database_is_unavailable_until_there_is_room)
{
    struct cdc_store *store = opened(temp_dir());
    must(put_number(store, 7, &err));
    ck_assert_int_eq(
        sqlite3_exec(store->db, "PRAGMA max_page_count = 24", NULL, NULL, NULL), SQLITE_OK);
    static const char page[3000] = "x";
    wf_status status;
    int64_t added = 0;
    while (!(status = add_letter(store, (wf_str){page, sizeof page}, &err)))
        ck_assert_int_lt(++added, 100);
    ck_assert_int_eq(status, WF_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(err.text, "the disk is full"));
    ck_assert_int_eq(count_letters(store), added);
    ck_assert_uint_eq(stored_number(store), 7);
    ck_assert_int_eq(
        sqlite3_exec(store->db, "PRAGMA max_page_count = 1000", NULL, NULL, NULL),
        SQLITE_OK);
    must(add_letter(store, (wf_str){page, sizeof page}, &err));
    is_sound(store);
    store_close(store);
}
END_TEST

/* In a child, because the limit is one of the process.  Gives how it ended: 0 is well. */
static int store_into_a_full_disk(const char *dir, int pipe_fd)
{
    static const char event[8192] = "x";
    struct cdc_store *store = NULL;
    wf_error mine = {0};
    if (store_open(dir, &store, &mine))
        return 2;
    struct rlimit before;
    getrlimit(RLIMIT_FSIZE, &before);
    struct rlimit small = {.rlim_cur = 256 * 1024, .rlim_max = before.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    wf_status status = WF_OK;
    uint64_t added = 0;
    for (; !status && added < 200; added += !status)
        status = add_letter(store, (wf_str){event, sizeof event}, &mine);
    if (status != WF_UNAVAILABLE || !strstr(mine.text, "could not be read or written"))
        return 3;
    setrlimit(RLIMIT_FSIZE, &before);
    if (add_letter(store, (wf_str){event, sizeof event}, &mine))
        return 4;
    added++;
    return write(pipe_fd, &added, sizeof added) == sizeof added ? 0 : 5;
}

START_TEST(a_file_that_cannot_grow_is_unavailable_and_nothing_acknowledged_is_lost)
{
    const char *dir = temp_dir();
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(store_into_a_full_disk(dir, ends[1])); /* without closing the store */
    ck_assert_int_eq(ended(child), 0);
    uint64_t added = 0;
    ck_assert_int_eq(read(ends[0], &added, sizeof added), sizeof added);
    close(ends[0]);
    close(ends[1]);
    struct cdc_store *store = opened(dir);
    ck_assert_int_eq(count_letters(store), (int64_t)added);
    is_sound(store);
    store_close(store);
}
END_TEST

/* ---- damaged files ---- */

static char *contents(const char *path, size_t *out_len)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    char *data = malloc(1024 * 1024);
    ck_assert_ptr_nonnull(data);
    *out_len = fread(data, 1, 1024 * 1024, file);
    fclose(file);
    return data;
}

#define SAMPLE_LETTERS 12

static char *sample_data;
static size_t sample_len;

static void make_sample(void)
{
    const char *dir = temp_dir();
    struct cdc_store *store = opened(dir);
    struct store_snapshot progress = {.run = 1, .table = STR("t"), .after = STR("9")};
    static const char event[2500] = "x";
    must(put_number(store, 1, &err));
    must(store_subscription_put(store, SHOP, STR("s"), &err));
    must(store_schema_add(store, SHOP, STR("t"), STR("ddl"), STR("1"), &err));
    must(store_snapshot_put(store, SHOP, &progress, &err));
    for (int i = 0; i < SAMPLE_LETTERS; i++)
        must(add_letter(store, (wf_str){event, sizeof event}, &err));
    ck_assert_int_eq(sqlite3_exec(store->db, "UPDATE dead_letter SET state = 'replay'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    store_close(store);
    sample_data = contents(temp_path(dir, "state.db"), &sample_len);
}

static wf_status ignore_name(void *ctx, wf_str name, wf_error *row_err)
{
    (void)ctx, (void)name, (void)row_err;
    return WF_OK;
}

static wf_status ignore_progress(void *ctx, const struct store_snapshot *progress,
                                 wf_error *row_err)
{
    (void)ctx, (void)progress, (void)row_err;
    return WF_OK;
}

/* Every call that reads or writes; gives the first failure. */
static wf_status use_all(struct cdc_store *store, wf_error *use_err)
{
    CDC_CLEANUP(buf_release) struct buf a;
    CDC_CLEANUP(buf_release) struct buf b;
    buf_init(&a, LIMIT_OUTPUT_BYTES);
    buf_init(&b, LIMIT_OUTPUT_BYTES);
    struct store_snapshot progress = {.run = 2, .table = STR("t")};
    struct store_dead_letter letter;
    uint64_t number;
    bool found;
    wf_status all[] = {
        store_position_get(store, SHOP, STR_EMPTY, &a, &b, use_err),
        store_subscription_each(store, SHOP, NULL, ignore_name, use_err),
        store_schema_list(store, SHOP, STR_EMPTY, &a, &number, use_err),
        store_snapshot_last_run(store, SHOP, &number, use_err),
        store_snapshot_open_tables(store, SHOP, NULL, ignore_progress, use_err),
        store_dead_letter_next_replay(store, SHOP, STR("s"), &b, &letter, &found, use_err),
        put_number(store, 2, use_err),
        store_subscription_put(store, SHOP, STR("t"), use_err),
        store_schema_add(store, SHOP, STR("t"), STR("other"), STR("1"), use_err),
        store_snapshot_put(store, SHOP, &progress, use_err),
        add_letter(store, STR("{}"), use_err),
        store_dead_letter_failed(store, 2, STR("again"), use_err),
        store_dead_letter_drop(store, 1, use_err),
        store_subscription_drop(store, SHOP, STR("t"), use_err),
        store_forget(store, SHOP, use_err),
    };
    store_changed_by_others(store);
    for (size_t i = 0; i < CDC_COUNT(all); i++)
        if (all[i])
            return all[i];
    return WF_OK;
}

/* Opens a store that consists of these bytes and uses it; the first failure. */
static wf_status try_bytes(const char *dir, const char *data, size_t len)
{
    const char *path = temp_path(dir, "state.db");
    temp_remove(temp_path(dir, "state.db-wal"));
    temp_remove(temp_path(dir, "state.db-shm"));
    temp_write(path, data, len);
    struct cdc_store *store = NULL;
    wf_status status = store_open(dir, &store, &err);
    if (status)
        return status;
    sqlite3_busy_timeout(store->db, 10);
    sqlite3_exec(store->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL); /* for speed */
    status = use_all(store, &err);
    store_close(store);
    return status;
}

START_TEST(a_store_with_a_page_overwritten_is_refused_with_words)
{
    make_sample();
    const char *dir = temp_dir();
    must(try_bytes(dir, sample_data, sample_len));
    for (size_t page = 0; page < sample_len / 4096; page++) {
        char *bad = malloc(sample_len);
        ck_assert_ptr_nonnull(bad);
        memcpy(bad, sample_data, sample_len);
        memset(bad + page * 4096, 0xAA, 4096);
        wf_status status = try_bytes(dir, bad, sample_len);
        free(bad);
        /* Pages that no call here looks at may be anything. */
        if (status == WF_OK)
            continue;
        ck_assert_int_eq(status, WF_CONFIG);
        ck_assert_msg(strstr(err.text, "is damaged") ||
                          strstr(err.text, "is not a state file"),
                      "%s", err.text);
    }
    memset(sample_data + 4096, 0xAA, sample_len - 4096);
    ck_assert_int_eq(try_bytes(dir, sample_data, sample_len), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "is damaged: "));
    free(sample_data);
}
END_TEST

START_TEST(a_store_cut_short_is_refused_or_serves_what_is_left)
{
    make_sample();
    const char *dir = temp_dir();
    for (size_t len = 1; len < sample_len; len += len < 200 ? 7 : 1111) {
        wf_status status = try_bytes(dir, sample_data, len);
        ck_assert_msg(status == WF_OK || status == WF_CONFIG, "%zu: %s", len, err.text);
    }
    free(sample_data);
}
END_TEST

START_TEST(a_store_with_a_changed_byte_is_refused_or_served)
{
    make_sample();
    const char *dir = temp_dir();
    /* Where SQLite keeps its structure: the header and the beginnings of pages. */
    for (size_t at = 0; at < sample_len; at += at % 4096 < 120 ? 5 : 1367) {
        char before = sample_data[at];
        sample_data[at] = (char)(before ^ (at % 2 ? 0xff : 0x05));
        wf_status status = try_bytes(dir, sample_data, sample_len);
        ck_assert_msg(status == WF_OK || status == WF_CONFIG, "byte %zu: %s: %s", at,
                      error_status_name(status), err.text);
        sample_data[at] = before;
    }
    free(sample_data);
}
END_TEST

/* ---- memory is short ---- */

START_TEST(every_allocation_may_fail_while_a_store_is_opened)
{
    for (long n = 0; n < OOM_MOST; n++) {
        const char *dir = temp_dir();
        struct cdc_store *store = NULL;
        oom_arm(n);
        wf_status status = store_open(dir, &store, &err);
        bool hit = oom_disarm();
        ck_assert_msg(status == WF_OK || (hit && status == WF_NO_MEMORY), "%ld: %d %s", n,
                      status, err.text);
        ck_assert_int_eq(store == NULL, status != WF_OK);
        store_close(store);
        store = opened(dir); /* nothing half-made is left */
        must(put_number(store, 1, &err));
        store_close(store);
        temp_remove(dir);
        if (!hit) {
            ck_assert_int_gt(n, 50); /* SQLite allocates through us */
            return;
        }
    }
    ck_abort_msg("no end");
}
END_TEST

START_TEST(every_allocation_may_fail_while_a_store_is_used)
{
    make_sample();
    const char *dir = temp_dir();
    temp_write(temp_path(dir, "state.db"), sample_data, sample_len);
    free(sample_data);
    for (long n = 0; n < OOM_MOST; n++) {
        struct cdc_store *store = opened(dir);
        sqlite3_exec(store->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
        oom_arm(n);
        wf_status status = use_all(store, &err);
        bool hit = oom_disarm();
        ck_assert_msg(status == WF_OK || (hit && status == WF_NO_MEMORY), "%ld: %d %s", n,
                      status, err.text);
        must(use_all(store, &err));
        is_sound(store);
        store_close(store);
        if (!hit) {
            ck_assert_int_gt(n, 50); /* SQLite allocates through us */
            return;
        }
    }
    ck_abort_msg("no end");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("store_fault");
    TCase *tcase = tcase_create("store_fault");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, every_call_that_writes_is_synced_before_it_answers);
    tcase_add_test(tcase, what_was_stored_is_there_after_kill_9_at_any_moment);
    tcase_add_test(tcase, processes_may_open_write_and_close_at_once);
    tcase_add_test(tcase, a_file_that_stays_locked_is_reported_as_busy);
    tcase_add_test(tcase, a_full_database_is_unavailable_until_there_is_room);
    tcase_add_test(tcase,
                   a_file_that_cannot_grow_is_unavailable_and_nothing_acknowledged_is_lost);
    tcase_add_test(tcase, a_store_with_a_page_overwritten_is_refused_with_words);
    tcase_add_test(tcase, a_store_cut_short_is_refused_or_serves_what_is_left);
    tcase_add_test(tcase, a_store_with_a_changed_byte_is_refused_or_served);
    if (OOM_POSSIBLE) {
        tcase_add_test(tcase, every_allocation_may_fail_while_a_store_is_opened);
        tcase_add_test(tcase, every_allocation_may_fail_while_a_store_is_used);
    }
    suite_add_tcase(suite, tcase);
    return suite;
}
