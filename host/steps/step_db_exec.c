/* SPDX-License-Identifier: MIT
 *
 * step.db_exec - changes a database.
 *
 *     config  {database: db, query: "INSERT INTO log(id, op) VALUES ($1, $2)",
 *              params: ["${ key.id }", "${ op }"]}
 *     out     {"affected_rows": 1, "last_id": "7"}
 *             with `returning: true` also {"rows": [...], "count": 1} or
 *             {"row": {...}, "found": true}
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/config_check.h"
#include "host/steps/db_step.h"

struct step_db_exec {
    struct db_step *db;
    bool returning;
    bool ignore_error;
};

static void step_db_exec_free(void *step)
{
    struct step_db_exec *self = step;
    if (!self)
        return;
    db_step_free(self->db);
    free(self);
}

static void *step_db_exec_create(const struct definition *def)
{
    struct step_db_exec *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->returning = config_check_bool(def->config, "returning", false);
    self->ignore_error = config_check_bool(def->config, "ignore_error", false);
    self->db = db_step_new(def, "db_exec");
    if (self->db)
        return self;
    step_db_exec_free(self);
    return NULL;
}

static wf_status step_db_exec_output(struct arena *a, const struct db_statement *d,
                                     struct value **out, wf_error *err)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)d->last_id);
    wf_str text = arena_str(a, (wf_str){digits, (size_t)len});
    struct value *output = value_map(a, 4);
    struct value *affected = value_of_int(a, d->affected_rows);
    struct value *last = value_of_text(a, text);
    if (!text.ptr || !output || !affected || !last ||
        !value_set(a, output, STR("affected_rows"), affected) ||
        !value_set(a, output, STR("last_id"), last))
        return error_no_memory(err);
    *out = output;
    return WF_OK;
}

/* The failure as output, so that the pipeline goes on. */
static wf_status step_db_exec_ignore(struct arena *a, const wf_error *why,
                                     struct step_result *out, wf_error *err)
{
    const struct db_statement nothing = {0};
    struct value *output;
    wf_status status = step_db_exec_output(a, &nothing, &output, err);
    if (status)
        return status;
    struct value *text = value_of_text(a, arena_str(a, str_from(why->text)));
    if (!text || !value_set(a, output, STR("ignored_error"), text))
        return error_no_memory(err);
    out->output = output;
    return WF_OK;
}

static wf_status step_db_exec_run(void *step, struct run *run, struct step_result *out,
                                  wf_error *err)
{
    const struct step_db_exec *self = step;
    struct db_statement d = {.want_rows = self->returning};
    wf_error why;
    wf_status status = db_step_run(self->db, run, &d, &why);
    if (status) {
        bool final = status == WF_NO_MEMORY || status == WF_CANCELLED;
        status = error_prefix(&why, "db_exec step \"%.*s\": exec failed",
                              STR_ARG(db_step_name(self->db)));
        if (self->ignore_error && !final)
            return step_db_exec_ignore(run->arena, &why, out, err);
        return error_set(err, status, "%s", why.text);
    }
    struct value *output;
    status = step_db_exec_output(run->arena, &d, &output, err);
    if (!status && self->returning)
        status = db_step_put_rows(self->db, run->arena, &d, output, err);
    if (!status)
        out->output = output;
    return status;
}

static const struct config_key step_db_exec_keys[] = {
    DB_STEP_KEYS,
    {"returning", "bool", false, false, "the statement gives rows (RETURNING) (false)"},
    {"ignore_error", "bool", false, false,
     "a failure is put into the output instead (false)"},
    {0},
};

const struct step_type step_db_exec_type = {
    .type = "step.db_exec",
    .summary = "Changes a database.",
    .keys = step_db_exec_keys,
    .create = step_db_exec_create,
    .run = step_db_exec_run,
    .free = step_db_exec_free,
};
