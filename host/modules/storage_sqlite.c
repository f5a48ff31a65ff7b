/* SPDX-License-Identifier: MIT
 *
 * storage_sqlite - the module `storage.sqlite`: a database file and its connections.
 */
#include "host/modules/storage_sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "base/thread.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config_check.h"

#define SQLITE_STATEMENTS 16u     /* prepared ones kept per connection */
#define SQLITE_CONNECTIONS 64     /* the most maxConnections may be */
#define SQLITE_BUSY_MS 5000       /* how long a statement waits for another writer */
#define SQLITE_INSTRUCTIONS 10000 /* between two looks at the clock */

struct prepared {
    sqlite3_stmt *statement; /* NULL: a free place */
    char *sql;
    size_t sql_len;
    bool in_use;
};

struct sqlite_connection {
    struct storage_sqlite *storage;
    struct sqlite_connection *next; /* while idle */
    sqlite3 *db;
    int64_t deadline_ms;
    bool expired;
    unsigned next_victim;
    struct prepared prepared[SQLITE_STATEMENTS];
};

struct storage_sqlite {
    struct definition def;
    char *path;
    unsigned max_connections;
    bool wal;

    pthread_mutex_t idle_lock; /* guards all below */
    pthread_cond_t idle_changed;
    struct sqlite_connection *idle;
    unsigned open;
    bool started;
};

/* ---- one connection
 * -------------------------------------------------------------------------- */

static void storage_sqlite_close(struct sqlite_connection *c)
{
    if (!c)
        return;
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        sqlite3_finalize(c->prepared[i].statement);
        free(c->prepared[i].sql);
    }
    sqlite3_close(c->db);
    free(c);
}

/* Called by SQLite every few instructions; anything but 0 interrupts the statement. */
static int storage_sqlite_progress(void *ctx)
{
    struct sqlite_connection *c = ctx;
    if (c->deadline_ms != INT64_MAX && clock_mono_ms() >= c->deadline_ms)
        c->expired = true;
    return c->expired;
}

static wf_status storage_sqlite_open(struct storage_sqlite *s,
                                     struct sqlite_connection **out, wf_error *err)
{
    struct sqlite_connection *c = calloc(1, sizeof *c);
    if (!c)
        return error_no_memory(err);
    c->storage = s;
    c->deadline_ms = INT64_MAX;
    /* No mutex of SQLite's: a connection is one thread's at a time. */
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(s->path, &c->db, flags, NULL);
    if (!code) {
        (void)sqlite3_extended_result_codes(c->db, 1);
        (void)sqlite3_busy_timeout(c->db, SQLITE_BUSY_MS);
        sqlite3_progress_handler(c->db, SQLITE_INSTRUCTIONS, storage_sqlite_progress, c);
    }
    if (!code && s->wal)
        code = sqlite3_exec(c->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
                            NULL, NULL, NULL);
    if (code) {
        wf_status status =
            error_set(err, WF_UNAVAILABLE, "cannot open database '%s': %s", s->path,
                      c->db ? sqlite3_errmsg(c->db) : sqlite3_errstr(code));
        storage_sqlite_close(c);
        return status;
    }
    *out = c;
    return WF_OK;
}

sqlite3 *storage_sqlite_db(const struct sqlite_connection *connection)
{
    return connection->db;
}

bool storage_sqlite_expired(const struct sqlite_connection *connection)
{
    return connection->expired;
}

/* A place for one more statement: a free one, else one that is not in use; NULL when all
 * are. */
static struct prepared *storage_sqlite_place(struct sqlite_connection *c)
{
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++)
        if (!c->prepared[i].statement)
            return &c->prepared[i];
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        struct prepared *p = &c->prepared[c->next_victim++ % SQLITE_STATEMENTS];
        if (p->in_use)
            continue;
        sqlite3_finalize(p->statement);
        free(p->sql);
        *p = (struct prepared){0};
        return p;
    }
    return NULL;
}

/* Only whole texts are kept: the parts of a text with several statements are prepared
 * each time. */
static void storage_sqlite_keep(struct sqlite_connection *c, wf_str sql,
                                sqlite3_stmt *statement)
{
    struct prepared *p = storage_sqlite_place(c);
    char *copy = p ? str_dup(sql) : NULL;
    if (copy)
        *p = (struct prepared){statement, copy, sql.len, true};
}

wf_status storage_sqlite_prepare(struct sqlite_connection *c, wf_str sql,
                                 sqlite3_stmt **out, wf_str *rest, wf_error *err)
{
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        struct prepared *p = &c->prepared[i];
        if (p->statement && !p->in_use && str_eq(sql, (wf_str){p->sql, p->sql_len})) {
            p->in_use = true;
            *rest = STR_EMPTY;
            *out = p->statement;
            return WF_OK;
        }
    }
    if (sql.len > INT32_MAX)
        return error_set(err, WF_CONFIG, "the SQL text is too long");
    sqlite3_stmt *statement = NULL;
    const char *tail = sql.ptr;
    int code = sqlite3_prepare_v3(c->db, sql.ptr ? sql.ptr : "", (int)sql.len, 0,
                                  &statement, &tail);
    if (code)
        return error_set(err, WF_FAILED, "%s", sqlite3_errmsg(c->db));
    size_t used = tail ? (size_t)(tail - sql.ptr) : sql.len;
    *rest = str_trim(str_slice(sql, used, sql.len));
    if (statement && rest->len == 0)
        storage_sqlite_keep(c, sql, statement);
    *out = statement;
    return WF_OK;
}

void storage_sqlite_done(struct sqlite_connection *c, sqlite3_stmt *statement)
{
    if (!statement)
        return;
    for (size_t i = 0; i < SQLITE_STATEMENTS; i++) {
        if (c->prepared[i].statement != statement)
            continue;
        (void)sqlite3_reset(statement);
        (void)sqlite3_clear_bindings(statement);
        c->prepared[i].in_use = false;
        return;
    }
    sqlite3_finalize(statement);
}

/* ---- the pool
 * -------------------------------------------------------------------------------- */

/* An idle connection, or NULL and the right to open one.  Lock held. */
static wf_status storage_sqlite_take(struct storage_sqlite *s, int64_t deadline_ms,
                                     struct sqlite_connection **out, wf_error *err)
{
    while (s->started && !s->idle && s->open >= s->max_connections) {
        if (deadline_ms == INT64_MAX)
            pthread_cond_wait(&s->idle_changed, &s->idle_lock);
        else if (!thread_cond_wait_until(&s->idle_changed, &s->idle_lock, deadline_ms))
            return error_set(err, WF_UNAVAILABLE,
                             "no database connection became free in time");
    }
    if (!s->started)
        return error_set(err, WF_STATE,
                         "database connection is nil: module '%.*s' is not started",
                         STR_ARG(s->def.name));
    *out = s->idle;
    if (s->idle)
        s->idle = s->idle->next;
    else
        s->open++;
    return WF_OK;
}

static void storage_sqlite_forget(struct storage_sqlite *s)
{
    pthread_mutex_lock(&s->idle_lock);
    s->open--;
    pthread_cond_signal(&s->idle_changed);
    pthread_mutex_unlock(&s->idle_lock);
}

wf_status storage_sqlite_borrow(struct storage_sqlite *s, int64_t deadline_ms,
                                struct sqlite_connection **out, wf_error *err)
{
    struct sqlite_connection *c = NULL;
    pthread_mutex_lock(&s->idle_lock);
    wf_status status = storage_sqlite_take(s, deadline_ms, &c, err);
    pthread_mutex_unlock(&s->idle_lock);
    if (status)
        return status;
    if (!c) {
        status = storage_sqlite_open(s, &c, err);
        if (status) {
            storage_sqlite_forget(s);
            return status;
        }
    }
    int64_t left =
        deadline_ms == INT64_MAX ? SQLITE_BUSY_MS : deadline_ms - clock_mono_ms();
    if (left > SQLITE_BUSY_MS)
        left = SQLITE_BUSY_MS;
    (void)sqlite3_busy_timeout(c->db, left > 1 ? (int)left : 1);
    c->deadline_ms = deadline_ms;
    c->expired = false;
    *out = c;
    return WF_OK;
}

void storage_sqlite_return(struct sqlite_connection *c)
{
    if (!c)
        return;
    struct storage_sqlite *s = c->storage;
    c->deadline_ms = INT64_MAX;
    c->expired = false;
    if (!sqlite3_get_autocommit(c->db))
        (void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);

    pthread_mutex_lock(&s->idle_lock);
    bool keep = s->started;
    if (keep) {
        c->next = s->idle;
        s->idle = c;
    } else {
        s->open--;
    }
    pthread_cond_broadcast(&s->idle_changed);
    pthread_mutex_unlock(&s->idle_lock);
    if (!keep)
        storage_sqlite_close(c);
}

/* ---- the module
 * ------------------------------------------------------------------------------ */

static char *storage_sqlite_path(const struct definition *def, wf_str path)
{
    wf_str folder = config_check_text(def->config, "_config_dir", app_config_dir(def->app));
    bool memory = str_is(path, ":memory:");
    if (memory || path.ptr[0] == '/' || folder.len == 0)
        return str_dup(path);
    struct buf joined;
    buf_init(&joined, LIMIT_TEXT_BYTES);
    buf_str(&joined, folder);
    buf_byte(&joined, '/');
    buf_str(&joined, path);
    char *result = buf_take(&joined);
    buf_release(&joined);
    return result;
}

static void storage_sqlite_free(void *self)
{
    struct storage_sqlite *s = self;
    if (!s)
        return;
    while (s->idle) {
        struct sqlite_connection *c = s->idle;
        s->idle = c->next;
        storage_sqlite_close(c);
    }
    pthread_cond_destroy(&s->idle_changed);
    pthread_mutex_destroy(&s->idle_lock);
    free(s->path);
    free(s);
}

static void *storage_sqlite_create(const struct definition *def)
{
    wf_str path = config_check_text(def->config, "dbPath", STR_EMPTY);
    int64_t connections = config_check_int(def->config, "maxConnections", 5);
    bool good = true;
    if (path.len == 0 || memchr(path.ptr, '\0', path.len)) {
        problems_add(def->problems, def->node, "dbPath", "must name a file");
        good = false;
    }
    if (connections < 1 || connections > SQLITE_CONNECTIONS) {
        problems_add(def->problems, def->node, "maxConnections", "must be from 1 to %d",
                     SQLITE_CONNECTIONS);
        good = false;
    }
    if (!good)
        return NULL;
    struct storage_sqlite *s = calloc(1, sizeof *s);
    char *full = s ? storage_sqlite_path(def, path) : NULL;
    if (!full) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        free(s);
        return NULL;
    }
    s->def = *def;
    s->path = full;
    s->wal = config_check_bool(def->config, "walMode", true);
    /* Every connection to ":memory:" would be a database of its own. */
    s->max_connections = str_is(path, ":memory:") ? 1 : (unsigned)connections;
    pthread_mutex_init(&s->idle_lock, NULL);
    thread_cond_init(&s->idle_changed);
    return s;
}

/* The folders that the file's path names. */
static wf_status storage_sqlite_make_folders(char *path, wf_error *err)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        int code = mkdir(path, 0750);
        int why = errno;
        *slash = '/';
        if (code && why != EEXIST)
            return error_errno(err, WF_UNAVAILABLE, why, "cannot make the folders of '%s'",
                               path);
    }
    return WF_OK;
}

static wf_status storage_sqlite_start(void *self, wf_error *err)
{
    struct storage_sqlite *s = self;
    if (s->started)
        return WF_OK;
    wf_status status = WF_OK;
    if (!str_is(str_from(s->path), ":memory:"))
        status = storage_sqlite_make_folders(s->path, err);
    struct sqlite_connection *first = NULL;
    if (!status)
        status = storage_sqlite_open(s, &first, err);
    if (status)
        return status;
    pthread_mutex_lock(&s->idle_lock);
    s->idle = first;
    s->open = 1;
    s->started = true;
    pthread_mutex_unlock(&s->idle_lock);
    return WF_OK;
}

/* Connections that are borrowed are waited for. */
static wf_status storage_sqlite_stop(void *self, wf_error *err)
{
    struct storage_sqlite *s = self;
    (void)err;
    pthread_mutex_lock(&s->idle_lock);
    s->started = false;
    struct sqlite_connection *idle = s->idle;
    s->idle = NULL;
    for (struct sqlite_connection *c = idle; c; c = c->next)
        s->open--;
    pthread_cond_broadcast(&s->idle_changed);
    while (s->open)
        pthread_cond_wait(&s->idle_changed, &s->idle_lock);
    pthread_mutex_unlock(&s->idle_lock);
    while (idle) {
        struct sqlite_connection *c = idle;
        idle = c->next;
        storage_sqlite_close(c);
    }
    return WF_OK;
}

static const struct config_key storage_sqlite_keys[] = {
    {"dbPath", "string", true, false, "the file; relative to the folder of the YAML file"},
    {"maxConnections", "number", false, false, "connections at once (5); 1 for ':memory:'"},
    {"walMode", "bool", false, false, "write-ahead log instead of rollback journal (true)"},
    {0},
};

const struct module_type storage_sqlite_type = {
    .type = "storage.sqlite",
    .summary = "A SQLite database for step.db_query and step.db_exec.",
    .keys = storage_sqlite_keys,
    .create = storage_sqlite_create,
    .start = storage_sqlite_start,
    .stop = storage_sqlite_stop,
    .free = storage_sqlite_free,
};
