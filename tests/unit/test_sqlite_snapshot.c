/* SPDX-License-Identifier: MIT
 *
 * Reading SQLite tables in chunks, and the text that says where a chunk ended.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_cursor.h"
#include "tests/support/run.h"
#include "tests/support/sqlite_rig.h"

static struct sqlite_rig *rig;
static void *reader;
static struct buf rows; /* of the last read, one a line */
static struct buf after;
static uint32_t row_count;
static wf_status row_answer;

static const struct cdc_snapshot_reader *ops(void)
{
    return cdc_provider_sqlite.snapshot;
}

static void setup(void)
{
    rig = sqlite_rig_new();
    reader = NULL;
    row_answer = WF_OK;
    row_count = 0;
    buf_init(&rows, LIMIT_OUTPUT_BYTES);
    buf_init(&after, LIMIT_OUTPUT_BYTES);
}

static void open_reader(void)
{
    sqlite_rig_open(rig);
    reader = calloc(1, ops()->size);
    ck_assert_ptr_nonnull(reader);
    wf_status status = ops()->open(reader, rig->state, &rig->settings, &rig->err);
    ck_assert_msg(!status, "%s", rig->err.text);
}

static void teardown(void)
{
    if (reader)
        ops()->close(reader);
    free(reader);
    buf_release(&rows);
    buf_release(&after);
    sqlite_rig_free(rig);
}

static wf_status take_row(void *ctx, struct cdc_table *table,
                          const struct cdc_value *values, wf_str identity, wf_error *err)
{
    (void)ctx;
    (void)err;
    row_count++;
    for (size_t i = 0; i < table->count; i++) {
        buf_cstr(&rows, i ? " " : "");
        sqlite_rig_put_value(&rows, &values[i]);
    }
    if (identity.len)
        buf_printf(&rows, " #%.*s", STR_ARG(identity));
    buf_byte(&rows, '\n');
    return row_answer;
}

static wf_status read_chunk(const char *table, const char *where, uint32_t max_rows,
                            bool *out_done)
{
    CDC_CLEANUP(buf_release) struct buf from;
    buf_init(&from, LIMIT_OUTPUT_BYTES);
    buf_str(&from, buf_view(&after));
    struct cdc_chunk_request request = {
        .table = str_from(table),
        .where = str_from(where),
        .after = buf_view(&from),
        .max_rows = max_rows,
        .row = take_row,
    };
    struct cdc_chunk_result result = {&after, false};
    wf_status status = ops()->read_chunk(reader, &request, &result, &rig->err);
    *out_done = result.done;
    return status;
}

/* All of a table, in chunks. */
static const char *read_all(const char *table, const char *where, uint32_t max_rows)
{
    buf_clear(&rows);
    buf_clear(&after);
    row_count = 0;
    for (bool done = false; !done;) {
        wf_status status = read_chunk(table, where, max_rows, &done);
        ck_assert_msg(!status, "%s", rig->err.text);
        ck_assert_uint_lt(row_count, 10000);
    }
    return buf_c(&rows);
}

static void read_fails(const char *table, const char *where, wf_status expected,
                       const char *part)
{
    bool done;
    wf_status status = read_chunk(table, where, 10, &done);
    ck_assert_msg(status == expected, "%d: %s", (int)status, rig->err.text);
    ck_assert_msg(strstr(rig->err.text, part), "%s", rig->err.text);
}

static const struct {
    const char *sql;
    const char *rows; /* in key order */
} shapes[] = {
    {"CREATE TABLE t(id INTEGER PRIMARY KEY, a);"
     "INSERT INTO t VALUES (-5, 'x'), (9223372036854775807, 1.5), (0, x'00'), (3, NULL)",
     "-5 'x'\n0 x'00'\n3 null\n9223372036854775807 r3ff8000000000000\n"},
    {"CREATE TABLE t(a, b); INSERT INTO t(rowid, a) VALUES (4, 'p'), (-1, 'q'), (9, 'r')",
     "'q' null #-1\n'p' null #4\n'r' null #9\n"},
    {"CREATE TABLE t(a TEXT PRIMARY KEY, b);"
     "INSERT INTO t VALUES ('x', 1), (NULL, 2), (NULL, 3), ('y', 4)",
     "'x' 1\nnull 2 #2\nnull 3 #3\n'y' 4\n"},
    {"CREATE TABLE t(a, b COLLATE NOCASE, c, PRIMARY KEY(b, a)) WITHOUT ROWID;"
     "INSERT INTO t VALUES (1, 'B', 1), (1, 'a', 2), (x'00', 'A', 3), (9e999, 'a', 4),"
     " (0.5, 'a', 5), ('t' || char(0) || ';', 'a', 6), ('t', 'a', 7), (-9e999, 'C', 8), "
     "('', 'C', 9),"
     " (-9223372036854775808, 'a', 10), (9223372036854775807, 'a', 11), (0.1, 'a', 12)",
     "-9223372036854775808 'a' 10\nr3fb999999999999a 'a' 12\nr3fe0000000000000 'a' 5\n1 "
     "'a' 2\n"
     "9223372036854775807 'a' 11\nr7ff0000000000000 'a' 4\n't' 'a' 7\n't\\00;' 'a' 6\n"
     "x'00' 'A' 3\n1 'B' 1\nrfff0000000000000 'C' 8\n'' 'C' 9\n"},
    {"CREATE TABLE t(a, b, c, PRIMARY KEY(a, b DESC, c)) WITHOUT ROWID;"
     "INSERT INTO t VALUES (1, 1, 1), (1, 2, 1), (1, 2, 2), (2, 1, 1), (2, 'z', 1), (2, 1, "
     "x'')",
     "1 2 1\n1 2 2\n1 1 1\n2 'z' 1\n2 1 1\n2 1 x''\n"},
    {"CREATE TABLE t(a PRIMARY KEY DESC) WITHOUT ROWID; INSERT INTO t VALUES (1), ('a'), "
     "(2.5)",
     "'a'\nr4004000000000000\n1\n"},
    {"CREATE TABLE t(a INTEGER PRIMARY KEY DESC, b AS (a + 1)); INSERT INTO t VALUES (5), "
     "(3)",
     "5 6\n3 4\n"},
    {"CREATE TABLE t(\"select\" PRIMARY KEY, \"a\"\"b\") WITHOUT ROWID; INSERT INTO t "
     "VALUES (1, 2)",
     "1 2\n"},
    {"CREATE TABLE t(a)", ""},
};

START_TEST(every_row_comes_once_in_chunks_of_any_size)
{
    sqlite_rig_sql(rig, shapes[_i].sql);
    open_reader();
    for (uint32_t size = 1; size < 15; size++)
        ck_assert_str_eq(read_all("main.t", "", size), shapes[_i].rows);
}
END_TEST

START_TEST(a_row_has_the_same_bytes_as_in_the_stream)
{
    sqlite_rig_sql(rig, "CREATE TABLE t(a, b)");
    open_reader();
    sqlite_rig_sql(
        rig, "INSERT INTO t VALUES (1e300, 0.1), (5.0, -0.0), (9e999, 1), ('é', x'ff'),"
             " (CAST(x'fe' AS TEXT), NULL), (1e15, 123456789012345680.0)");
    rig->raw = true;
    sqlite_rig_drain(rig);
    CDC_CLEANUP(buf_release) struct buf stream;
    buf_init(&stream, LIMIT_TEXT_BYTES);
    buf_str(&stream, buf_view(&rig->events));
    struct cdc_chunk_request request = {
        .table = STR("main.t"), .max_rows = 100, .ctx = rig, .row = sqlite_rig_take_raw};
    struct cdc_chunk_result result = {&after, false};
    buf_clear(&rig->events);
    ck_assert_int_eq(ops()->read_chunk(reader, &request, &result, &rig->err), WF_OK);
    ck_assert_str_eq(buf_c(&rig->events), buf_c(&stream));
    ck_assert_ptr_nonnull(strstr(buf_c(&stream), "\"Infinity\""));
}
END_TEST

START_TEST(a_condition_chooses_rows)
{
    sqlite_rig_sql(rig, shapes[0].sql);
    open_reader();
    ck_assert_str_eq(read_all("main.t", "id < 0 OR id = 3", 1), "-5 'x'\n3 null\n");
    ck_assert_str_eq(read_all("main.t", "a IS NULL -- and no more", 5), "3 null\n");
    ck_assert_str_eq(read_all("main.t", "0", 1), "");
}
END_TEST

START_TEST(what_is_no_condition_is_refused)
{
    sqlite_rig_sql(rig, shapes[0].sql);
    open_reader();
    read_fails("main.t", "nonsense here", WF_CONFIG, "syntax error");
    read_fails("main.t", "no_such_column", WF_CONFIG, "no such column");
    read_fails("main.t", "1); DELETE FROM t; --", WF_CONFIG, "more than a condition");
    ck_assert_int_eq(sqlite_rig_number(rig, "SELECT count(*) FROM t"), 4);
}
END_TEST

START_TEST(a_table_that_is_not_there_is_not_found)
{
    open_reader();
    read_fails("main.none", "", WF_NOT_FOUND, "no table 'none'");
    read_fails("temp.none", "", WF_NOT_FOUND, "no table 'temp.none'");
}
END_TEST

START_TEST(a_vacuum_in_between_begins_the_table_again)
{
    bool done;
    sqlite_rig_sql(rig, "CREATE TABLE t(a); INSERT INTO t VALUES (1), (2), (3), (4), (5)");
    open_reader();
    sqlite_rig_sql(rig, "DELETE FROM t WHERE a < 3");
    ck_assert_int_eq(read_chunk("main.t", "", 2, &done), WF_OK);
    ck_assert_str_eq(buf_c(&rows), "3 #3\n4 #4\n");
    sqlite_rig_sql(rig, "VACUUM"); /* 5 is rowid 3 now, before where we were */
    buf_clear(&rows);
    ck_assert_int_eq(read_chunk("main.t", "", 10, &done), WF_OK);
    ck_assert_str_eq(buf_c(&rows), "3 #1\n4 #2\n5 #3\n");
    ck_assert(done);
}
END_TEST

START_TEST(a_column_added_in_between_is_read)
{
    bool done;
    sqlite_rig_sql(rig,
                   "CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)");
    open_reader();
    ck_assert_int_eq(read_chunk("main.t", "", 1, &done), WF_OK);
    sqlite_rig_sql(rig, "ALTER TABLE t ADD COLUMN b DEFAULT 'x'");
    ck_assert_int_eq(read_chunk("main.t", "", 5, &done), WF_OK);
    ck_assert_str_eq(buf_c(&rows), "1\n2 'x'\n");
}
END_TEST

START_TEST(a_mark_covers_what_was_committed_before)
{
    uint64_t before, mark;
    sqlite_rig_sql(rig, "CREATE TABLE t(id INTEGER PRIMARY KEY)");
    open_reader();
    ck_assert_int_eq(ops()->mark(reader, &before, &rig->err), WF_OK);
    sqlite_rig_sql(rig, "INSERT INTO t VALUES (1), (2)");
    ck_assert_int_eq(ops()->mark(reader, &mark, &rig->err), WF_OK);
    ck_assert_uint_eq(mark, before + 2);
    sqlite_rig_drain(rig);
    ck_assert_uint_eq(rig->mark, mark);
    sqlite_rig_confirm(rig);
    ck_assert_int_eq(sqlite_rig_poll(rig, 1100, 10), WF_OK);
    ck_assert_int_eq(ops()->mark(reader, &before, &rig->err), WF_OK);
    ck_assert_uint_eq(before, mark); /* also when all is purged */
}
END_TEST

START_TEST(a_refused_row_ends_the_chunk)
{
    sqlite_rig_sql(rig, shapes[0].sql);
    open_reader();
    row_answer = WF_CANCELLED;
    bool done;
    ck_assert_int_eq(read_chunk("main.t", "", 5, &done), WF_CANCELLED);
    ck_assert_uint_eq(row_count, 1);
    row_answer = WF_OK;
    ck_assert_str_eq(read_all("main.t", "", 5), shapes[0].rows);
}
END_TEST

START_TEST(an_interrupt_ends_a_chunk)
{
    bool done;
    sqlite_rig_sql(rig, shapes[0].sql);
    open_reader();
    ops()->interrupt(reader);
    ck_assert_int_eq(read_chunk("main.t", "", 5, &done), WF_CANCELLED);
    ck_assert_int_eq(read_chunk("main.t", "", 5, &done), WF_OK);
}
END_TEST

static wf_status take_table(void *ctx, wf_str table, int64_t count, wf_error *err)
{
    (void)err;
    buf_printf(ctx, "%.*s %d\n", STR_ARG(table), (int)count);
    return WF_OK;
}

START_TEST(the_configured_tables_are_listed)
{
    sqlite_rig_sql(rig, "CREATE TABLE a(x); INSERT INTO a VALUES (1), (2), (3);"
                        "CREATE TABLE b(x PRIMARY KEY) WITHOUT ROWID; CREATE TABLE c(x);"
                        "CREATE TABLE other(x); CREATE VIEW ab AS SELECT 1");
    sqlite_rig_tables(rig, "a b c");
    open_reader();
    ck_assert_int_eq(
        cdc_provider_sqlite.snapshot_tables(rig->state, &rows, take_table, &rig->err),
        WF_OK);
    ck_assert_str_eq(buf_c(&rows), "main.a 3\nmain.b -1\nmain.c 0\n");
    sqlite_rig_sql(rig, "INSERT INTO b VALUES (1), (2); ANALYZE");
    buf_clear(&rows);
    ck_assert_int_eq(
        cdc_provider_sqlite.snapshot_tables(rig->state, &rows, take_table, &rig->err),
        WF_OK);
    ck_assert_str_eq(buf_c(&rows), "main.a 3\nmain.b 2\nmain.c 0\n");
}
END_TEST

/* ---- where a chunk ended ------------------------------------------------------------- */

START_TEST(a_good_cursor_is_accepted)
{
    static const struct {
        const char *text;
        size_t count;
        int64_t version;
    } good[] = {
        {"k;i5;", 1, -1},
        {"k;i-9223372036854775808;r3ff8000000000000;t;b00ff;", 4, -1},
        {"h17;i5;", 1, 17},
        {"k;", 0, -1},
    };
    for (size_t i = 0; i < CDC_COUNT(good); i++) {
        int64_t version = 99;
        ck_assert_int_eq(sqlite_cursor_bind(str_from(good[i].text), good[i].count, NULL,
                                            &version, &rig->err),
                         WF_OK);
        ck_assert_int_eq(version, good[i].version);
    }
}
END_TEST

START_TEST(a_bad_cursor_is_refused)
{
    static const char *const bad[] = {
        "",
        "k",
        "k;i5",
        "k;i5;i6;",
        "k;i5;x",
        "k;x5;",
        "k;i;",
        "k;i5a;",
        "k;i99999999999999999999;",
        "k;r12;",
        "k;r7ff8000000000001;",
        "k;r3FF8000000000000;",
        "k;t0;",
        "k;t0g;",
        "k;b0;",
        "k;;",
        "h;i5;",
        "h-1;i5;",
        "kk;i5;",
        "q;i5;",
        ";i5;",
        "k;bABCD;",
        "k;rfff8000000000000;",
    };
    int64_t version = 99;
    for (size_t i = 0; i < CDC_COUNT(bad); i++) {
        ck_assert_msg(sqlite_cursor_bind(str_from(bad[i]), 1, NULL, &version, &rig->err) ==
                          WF_STATE,
                      "accepted: %s", bad[i]);
        ck_assert_int_eq(version, 99);
    }
    buf_str(&after, STR("k;zzz;"));
    sqlite_rig_sql(rig, "CREATE TABLE t(a)");
    open_reader();
    read_fails("main.t", "", WF_STATE, "stored place makes no sense");
}
END_TEST

START_TEST(no_prefix_of_a_cursor_is_taken_for_the_whole)
{
    static const char text[] = "h17;i-5;r3ff8000000000000;t6162;bff;";
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char *copy = str_dup((wf_str){text, len});
        ck_assert_ptr_nonnull(copy);
        int64_t version;
        ck_assert_int_eq(
            sqlite_cursor_bind((wf_str){copy, len}, 4, NULL, &version, &rig->err),
            WF_STATE);
        free(copy);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sqlite_snapshot");
    TCase *tcase = tcase_create("chunks");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, every_row_comes_once_in_chunks_of_any_size, 0,
                        (int)CDC_COUNT(shapes));
    tcase_add_test(tcase, a_row_has_the_same_bytes_as_in_the_stream);
    tcase_add_test(tcase, a_condition_chooses_rows);
    tcase_add_test(tcase, what_is_no_condition_is_refused);
    tcase_add_test(tcase, a_table_that_is_not_there_is_not_found);
    tcase_add_test(tcase, a_vacuum_in_between_begins_the_table_again);
    tcase_add_test(tcase, a_column_added_in_between_is_read);
    tcase_add_test(tcase, a_mark_covers_what_was_committed_before);
    tcase_add_test(tcase, a_refused_row_ends_the_chunk);
    tcase_add_test(tcase, an_interrupt_ends_a_chunk);
    tcase_add_test(tcase, the_configured_tables_are_listed);
    tcase_add_test(tcase, a_good_cursor_is_accepted);
    tcase_add_test(tcase, a_bad_cursor_is_refused);
    tcase_add_test(tcase, no_prefix_of_a_cursor_is_taken_for_the_whole);
    suite_add_tcase(suite, tcase);
    return suite;
}
