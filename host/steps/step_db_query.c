/* SPDX-License-Identifier: MIT
 *
 * step.db_query - reads rows of a database.
 *
 *     config  {database: db, query: "SELECT id, name FROM users WHERE id = $1",
 *              params: ["${ key.id }"], mode: single}
 *     out     {"row": {"id": 1, "name": "Ada"}, "found": true}
 *             mode list: {"rows": [{...}], "count": 1}
 */
#include "base/error.h"
#include "base/str.h"
#include "host/builtin_types.h"
#include "host/steps/db_step.h"

static void *step_db_query_create(const struct definition *def)
{
    return db_step_new(def, "db_query");
}

static wf_status step_db_query_run(void *step, struct run *run, struct step_result *out,
                                   wf_error *err)
{
    const struct db_step *self = step;
    struct db_statement d = {.want_rows = true};
    wf_status status = db_step_run(self, run, &d, err);
    if (status)
        return error_prefix(err, "db_query step \"%.*s\": query failed",
                            STR_ARG(db_step_name(self)));
    struct value *output = value_map(run->arena, 2);
    if (!output)
        return error_no_memory(err);
    status = db_step_put_rows(self, run->arena, &d, output, err);
    if (!status)
        out->output = output;
    return status;
}

static void step_db_query_free(void *step)
{
    db_step_free(step);
}

static const struct config_key step_db_query_keys[] = {
    DB_STEP_KEYS,
    {0},
};

const struct step_type step_db_query_type = {
    .type = "step.db_query",
    .summary = "Reads rows of a database.",
    .keys = step_db_query_keys,
    .create = step_db_query_create,
    .run = step_db_query_run,
    .free = step_db_query_free,
};
