/* SPDX-License-Identifier: MIT
 *
 * writer - the other program of the fault tests: changes rows of a database until SIGTERM.
 *
 *     fault_writer DATABASE RUN [PAUSE_US]
 *
 * Every change has a number that is never used again, RUN times a billion and counting, so
 * that a writer that was killed is followed by one with a higher RUN.  What it does to
 * `item` it also notes in `journal`, in the same transaction: what the journal holds in the
 * end is what was committed, in the order of the commits.  Transactions are of random size,
 * some are rolled back, and some rest in their middle, so that a kill -9 finds it there.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sqlite3.h>

#include "base/str.h"

#define WRITER_RUN INT64_C(1000000000)
#define WRITER_KEYS 500 /* rows there are at most */
#define WRITER_MOST 24  /* changes of a transaction, at most */

enum writer_statement {
    WRITER_BEGIN,
    WRITER_COMMIT,
    WRITER_ROLLBACK,
    WRITER_PICK,
    WRITER_INSERT,
    WRITER_UPDATE,
    WRITER_DELETE,
    WRITER_NOTE,
    WRITER_STATEMENTS
};

static const char *const writer_sql[WRITER_STATEMENTS] = {
    [WRITER_BEGIN] = "BEGIN IMMEDIATE",
    [WRITER_COMMIT] = "COMMIT",
    [WRITER_ROLLBACK] = "ROLLBACK",
    [WRITER_PICK] = "SELECT n FROM item WHERE id = ?1",
    [WRITER_INSERT] = "INSERT INTO item (id, n, filler) VALUES (?1, ?2, ?3)",
    [WRITER_UPDATE] = "UPDATE item SET n = ?2, filler = ?3 WHERE id = ?1",
    [WRITER_DELETE] = "DELETE FROM item WHERE id = ?1",
    [WRITER_NOTE] = "INSERT INTO journal (n, op, id, old, new) VALUES (?1, ?2, ?3, ?4, ?5)",
};

struct writer {
    sqlite3 *db;
    sqlite3_stmt *statements[WRITER_STATEMENTS];
    int64_t next;
};

static volatile sig_atomic_t writer_ended;

static void writer_on_term(int number)
{
    (void)number;
    writer_ended = 1;
}

static _Noreturn void writer_die(const struct writer *w, const char *doing)
{
    fprintf(stderr, "fault_writer: cannot %s: %s\n", doing, sqlite3_errmsg(w->db));
    exit(1);
}

static uint32_t writer_random(uint32_t below)
{
    uint32_t number;
    sqlite3_randomness(sizeof number, &number);
    return number % below;
}

static void writer_rest(uint32_t us)
{
    struct timespec time = {.tv_nsec = (long)us * 1000};
    nanosleep(&time, NULL);
}

/* One step, done with; *out_n is the first column of a row, 0 when there is none. */
static void writer_step(struct writer *w, enum writer_statement which, int64_t *out_n)
{
    sqlite3_stmt *stmt = w->statements[which];
    int code = sqlite3_step(stmt);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        writer_die(w, writer_sql[which]);
    if (out_n)
        *out_n = code == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
    sqlite3_reset(stmt);
}

static void writer_note(struct writer *w, const char *op, int64_t id, int64_t old,
                        int64_t new)
{
    sqlite3_stmt *stmt = w->statements[WRITER_NOTE];
    sqlite3_clear_bindings(stmt);
    sqlite3_bind_int64(stmt, 1, w->next);
    sqlite3_bind_text(stmt, 2, op, -1, SQLITE_STATIC);
    sqlite3_bind_int64(stmt, 3, id);
    if (old)
        sqlite3_bind_int64(stmt, 4, old);
    if (new)
        sqlite3_bind_int64(stmt, 5, new);
    writer_step(w, WRITER_NOTE, NULL);
    w->next++;
}

/* Of a random key: it is made when it is not there, else mostly updated, sometimes
 * deleted. */
static void writer_change(struct writer *w)
{
    int64_t id = 1 + writer_random(WRITER_KEYS), old;
    sqlite3_bind_int64(w->statements[WRITER_PICK], 1, id);
    writer_step(w, WRITER_PICK, &old);
    bool remove = old && writer_random(4) == 0;
    enum writer_statement which = remove ? WRITER_DELETE
                                  : old  ? WRITER_UPDATE
                                         : WRITER_INSERT;
    sqlite3_stmt *stmt = w->statements[which];
    sqlite3_bind_int64(stmt, 1, id);
    if (!remove) {
        char filler[200];
        int len = (int)writer_random(sizeof filler);
        for (int i = 0; i < len; i++)
            filler[i] = (char)('a' + (w->next + i) % 26);
        sqlite3_bind_int64(stmt, 2, w->next);
        sqlite3_bind_text(stmt, 3, filler, len, SQLITE_TRANSIENT);
    }
    writer_step(w, which, NULL);
    writer_note(w,
                remove ? "DELETE"
                : old  ? "UPDATE"
                       : "INSERT",
                id, old, remove ? 0 : w->next);
}

static void writer_transaction(struct writer *w)
{
    uint32_t count = 1 + writer_random(WRITER_MOST);
    uint32_t rest_at = writer_random(8) ? count : writer_random(count);
    writer_step(w, WRITER_BEGIN, NULL);
    for (uint32_t i = 0; i < count; i++) {
        writer_change(w);
        if (i == rest_at)
            writer_rest(5000);
    }
    writer_step(w, writer_random(10) ? WRITER_COMMIT : WRITER_ROLLBACK, NULL);
}

static void writer_open(struct writer *w, const char *path)
{
    if (sqlite3_open_v2(path, &w->db, SQLITE_OPEN_READWRITE, NULL))
        writer_die(w, "open it");
    sqlite3_busy_timeout(w->db, 60000);
    /* A killed process loses nothing of what it wrote; only a power cut would. */
    if (sqlite3_exec(w->db, "PRAGMA synchronous = OFF", NULL, NULL, NULL))
        writer_die(w, "set it up");
    for (int i = 0; i < WRITER_STATEMENTS; i++)
        if (sqlite3_prepare_v2(w->db, writer_sql[i], -1, &w->statements[i], NULL))
            writer_die(w, writer_sql[i]);
}

int main(int argc, char **argv)
{
    int64_t run, pause_us = 2000;
    if (argc < 3 || !str_to_i64(str_from(argv[2]), &run) ||
        (argc > 3 && !str_to_i64(str_from(argv[3]), &pause_us))) {
        fprintf(stderr, "usage: fault_writer DATABASE RUN [PAUSE_US]\n");
        return 2;
    }
    struct writer w = {.next = run * WRITER_RUN + 1};
    struct sigaction action = {.sa_handler = writer_on_term};
    sigaction(SIGTERM, &action, NULL);
    writer_open(&w, argv[1]);
    while (!writer_ended) {
        writer_transaction(&w);
        writer_rest(writer_random((uint32_t)pause_us + 1));
    }
    for (int i = 0; i < WRITER_STATEMENTS; i++)
        sqlite3_finalize(w.statements[i]);
    sqlite3_close(w.db);
    return 0;
}
