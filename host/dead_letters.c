/* SPDX-License-Identifier: MIT
 *
 * dead_letters - `wfhost dead-letters`: events that no workflow accepted, in a source's
 * state.db.
 *
 * One of the two files of the host that know change data capture (the other is tail.c).
 * The database is plugin/core/store's; it may be in use by a running source meanwhile:
 *
 *     dead_letter(id, source_id, subscription, event_id, table_name, op, attempts, reason, error,
 *                 event, state 'dead'|'replay', created_at)
 *
 * Replay only marks events; the running source, or the next that is started, fires them
 * again and deletes those that succeed.
 */
#include <limits.h>
#include <sqlite3.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "host/commands.h"

#define DEAD_LETTERS_BUSY_MS 10000

struct dead_letters {
    sqlite3 *db;
    sqlite3_stmt *statement;
};

static void dead_letters_close(struct dead_letters *d)
{
    sqlite3_finalize(d->statement);
    sqlite3_close(d->db);
}

static wf_status dead_letters_failed(const struct dead_letters *d, wf_error *err)
{
    return error_set(err, WF_FAILED, "state.db: %s",
                     d->db ? sqlite3_errmsg(d->db) : "out of memory");
}

static wf_status dead_letters_open(struct dead_letters *d, const char *folder,
                                   wf_error *err)
{
    char path[PATH_MAX];
    int len = snprintf(path, sizeof(path), "%s/state.db", folder);
    if (len < 0 || (size_t)len >= sizeof(path) || access(path, F_OK))
        return error_set(err, WF_CONFIG, "there is no state.db in '%s'", folder);
    if (sqlite3_open_v2(path, &d->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        sqlite3_busy_timeout(d->db, DEAD_LETTERS_BUSY_MS) != SQLITE_OK)
        return dead_letters_failed(d, err);
    return WF_OK;
}

/* `verb` + WHERE for --source and --id, with their values bound. */
static wf_status dead_letters_prepare(struct dead_letters *d, const struct cli *cli,
                                      const char *verb, const char *tail, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf sql;
    buf_init(&sql, LIMIT_TEXT_BYTES);
    const char *source = cli_value(cli, "source", NULL);
    buf_cstr(&sql, verb);
    buf_lit(&sql, " WHERE (?1 IS NULL OR source_id = ?1)");
    size_t at = 0, ids = 0;
    for (const char *id; (id = cli_each(cli, "id", &at)); ids++) {
        int64_t number;
        if (!str_to_i64(str_from(id), &number))
            return error_set(err, WF_CONFIG, "'--id' must be a number, not '%s'", id);
        buf_cstr(&sql, ids ? "," : " AND id IN (");
        buf_i64(&sql, number);
    }
    if (ids)
        buf_byte(&sql, ')');
    buf_cstr(&sql, tail);
    wf_status status = buf_status(&sql, "the list of ids", err);
    if (status)
        return status;
    if (sqlite3_prepare_v2(d->db, buf_c(&sql), -1, &d->statement, NULL) != SQLITE_OK ||
        (source &&
         sqlite3_bind_text(d->statement, 1, source, -1, SQLITE_STATIC) != SQLITE_OK))
        return dead_letters_failed(d, err);
    return WF_OK;
}

static wf_str dead_letters_column(sqlite3_stmt *statement, int column)
{
    const void *text = sqlite3_column_blob(statement, column);
    return (wf_str){text, (size_t)sqlite3_column_bytes(statement, column)};
}

static void dead_letters_row(sqlite3_stmt *s, struct buf *line)
{
    static const char *const names[] = {"id",    "source_id", "subscription", "event_id",
                                        "table", "op",        "attempts",     "reason",
                                        "error", "state",     "created_at",   "event"};
    struct json_writer json = json_writer_of(line);
    json_open(&json, NULL, '{');
    for (int i = 0; i < (int)CDC_COUNT(names); i++) {
        wf_str text = dead_letters_column(s, i);
        bool event = i == (int)CDC_COUNT(names) - 1;
        if (sqlite3_column_type(s, i) == SQLITE_INTEGER)
            json_i64(&json, names[i], sqlite3_column_int64(s, i));
        else if (sqlite3_column_type(s, i) == SQLITE_NULL)
            json_null(&json, names[i]);
        else if (event && !json_check(text, "event", NULL))
            json_raw(&json, names[i], text);
        else
            json_str(&json, names[i], text);
    }
    json_close(&json, '}');
    buf_byte(line, '\n');
}

static wf_status dead_letters_list(struct dead_letters *d, const struct cli *cli,
                                   wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf line;
    buf_init(&line, LIMIT_EVENT_BYTES);
    size_t count = 0;
    wf_status status = dead_letters_prepare(d, cli,
                                            "SELECT id, source_id, subscription, event_id, "
                                            "table_name, op, attempts, reason, error,"
                                            " state, created_at, event FROM dead_letter",
                                            " ORDER BY id", err);
    if (status)
        return status;
    int step;
    while ((step = sqlite3_step(d->statement)) == SQLITE_ROW) {
        buf_clear(&line);
        dead_letters_row(d->statement, &line);
        status = buf_status(&line, "a dead letter", err);
        if (status)
            return status;
        if (fwrite(line.data, 1, line.len, stdout) != line.len)
            return error_set(err, WF_FAILED, "the output could not be written");
        count++;
    }
    if (step != SQLITE_DONE)
        return dead_letters_failed(d, err);
    if (fflush(stdout))
        return error_set(err, WF_FAILED, "the output could not be written");
    fprintf(stderr, "%zu dead letter%s\n", count, count == 1 ? "" : "s");
    return WF_OK;
}

static wf_status dead_letters_change(struct dead_letters *d, const struct cli *cli,
                                     const char *verb, const char *said, wf_error *err)
{
    wf_status status = dead_letters_prepare(d, cli, verb, "", err);
    if (status)
        return status;
    if (sqlite3_step(d->statement) != SQLITE_DONE)
        return dead_letters_failed(d, err);
    int count = sqlite3_changes(d->db);
    printf("%d dead letter%s %s\n", count, count == 1 ? "" : "s", said);
    return WF_OK;
}

static wf_status dead_letters_do(struct dead_letters *d, const struct cli *cli,
                                 wf_error *err)
{
    wf_str verb = str_from(cli->words[0]);
    if (str_is(verb, "list"))
        return dead_letters_list(d, cli, err);
    if (str_is(verb, "replay"))
        return dead_letters_change(d, cli, "UPDATE dead_letter SET state = 'replay'",
                                   "will be fired again", err);
    return dead_letters_change(d, cli, "DELETE FROM dead_letter", "dropped", err);
}

static int dead_letters_main(const struct cli *cli)
{
    wf_str verb = str_from(cli->words[0]);
    const char *folder = cli_value(cli, "state-dir", NULL);
    if (!str_is(verb, "list") && !str_is(verb, "replay") && !str_is(verb, "drop"))
        return cli_wrong(cli, "there are list, replay and drop, not '%s'", cli->words[0]);
    if (!folder)
        return cli_wrong(cli,
                         "--state-dir is needed: the folder with the source's state.db");
    struct dead_letters d = {.db = NULL};
    wf_error err;
    wf_status status = dead_letters_open(&d, folder, &err);
    if (!status)
        status = dead_letters_do(&d, cli, &err);
    dead_letters_close(&d);
    if (!status)
        return CLI_DONE;
    fprintf(stderr, "wfhost dead-letters: %s\n", err.text);
    return status == WF_CONFIG ? CLI_CONFIG : CLI_FAILED;
}

static const struct cli_option dead_letters_options[] = {
    {"state-dir", "DIR", "the folder with the source's state.db"},
    {"source", "ID", "only of this source"},
    {"id", "N", "only this one; several times for several"},
    {NULL, NULL, NULL},
};

const struct cli_command dead_letters_command = {
    .name = "dead-letters",
    .arguments = "list|replay|drop --state-dir DIR",
    .least = 1,
    .most = 1,
    .summary = "List, fire again, or drop the events that no workflow accepted.",
    .help = "list prints one JSON object per line.  replay marks them: the running source, "
            "or the\n"
            "next that is started, fires them again and forgets those that succeed.",
    .options = dead_letters_options,
    .run = dead_letters_main,
};
