/* SPDX-License-Identifier: MIT
 *
 * bench_pg_writer - single-row or small transactions at a steady rate, from one connection.
 *
 * libpq's pipeline mode: what is due each millisecond is sent at once, and the server
 * commits one transaction after the other.
 */
#include <libpq-fe.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "bench/measure.h"
#include "bench/postgres/bench_pg.h"

#define WRITER_TICK_NS INT64_C(1000000)

struct bench_pg_writer {
    PGconn *conn;
    char sql[512];
    long long next, pending; /* pending: commits whose answer has not come */
};

static void bench_pg_writer_answers(struct bench_pg_writer *w, bool all)
{
    measure_must(PQflush(w->conn) >= 0 && PQconsumeInput(w->conn), PQerrorMessage(w->conn));
    while (w->pending && (all || !PQisBusy(w->conn))) {
        PGresult *result = PQgetResult(w->conn);
        ExecStatusType status = PQresultStatus(result);
        measure_must(!result || status == PGRES_COMMAND_OK || status == PGRES_PIPELINE_SYNC,
                     PQerrorMessage(w->conn));
        w->pending -= result && status == PGRES_PIPELINE_SYNC;
        PQclear(result);
    }
}

static void bench_pg_writer_commit(struct bench_pg_writer *w, int per_commit)
{
    char first[24];
    snprintf(first, sizeof first, "%lld", w->next);
    const char *const values[] = {first};
    w->next += per_commit;
    measure_must(PQsendQueryPrepared(w->conn, "w", 1, values, NULL, NULL, 0) &&
                     PQpipelineSync(w->conn),
                 PQerrorMessage(w->conn));
    w->pending++;
}

void bench_pg_write(const char *table, long long rows, int per_second, int per_commit)
{
    struct bench_pg_writer w = {.conn = PQconnectdb(bench_pg_connection())};
    measure_must(PQstatus(w.conn) == CONNECTION_OK, PQerrorMessage(w.conn));
    w.next = bench_pg_number("SELECT coalesce(max(id), 0) + 1 FROM %s", table);
    snprintf(
        w.sql, sizeof w.sql,
        "INSERT INTO %s SELECT g, g %% 1000, md5(g::text), (g %% 100000) / 100.0, "
        "now(), jsonb_build_object('a', g, 'b', 'word') FROM generate_series($1::bigint,"
        " $1::bigint + %d) g",
        table, per_commit - 1);
    PQclear(PQprepare(w.conn, "w", w.sql, 0, NULL));
    measure_must(PQenterPipelineMode(w.conn), "no pipeline mode");
    long long last = w.next + rows - per_commit;
    int64_t begin = clock_mono_ns();
    long long first = w.next;
    for (int64_t tick = 1; w.next <= last; tick++) {
        int64_t due = begin + tick * WRITER_TICK_NS;
        struct timespec until = {due / 1000000000, due % 1000000000};
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
        long long wanted = first + tick * per_second / 1000;
        while (w.next <= last && w.next + per_commit <= wanted)
            bench_pg_writer_commit(&w, per_commit);
        bench_pg_writer_answers(&w, false);
    }
    bench_pg_writer_answers(&w, true);
    PQfinish(w.conn);
}
