/* SPDX-License-Identifier: MIT
 *
 * step.log - writes a line to the host's log.
 *
 *     config  {message: "order ${ after.id } changed", level: info}
 *     out     {}
 */
#include "base/error.h"
#include "base/str.h"
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config_check.h"

struct step_log {
    wf_str name;
    const struct logger *logger;
    enum log_level level;
    struct template *message;
};

static void step_log_free(void *step)
{
    struct step_log *self = step;
    if (!self)
        return;
    template_free(self->message);
    free(self);
}

static bool step_log_level(wf_str word, enum log_level *out)
{
    static const char *const words[] = {"debug", "info", "warn", "error"};
    for (size_t i = 0; i < CDC_COUNT(words); i++) {
        if (str_is(word, words[i])) {
            *out = (enum log_level)i;
            return true;
        }
    }
    return false;
}

static void *step_log_create(const struct definition *def)
{
    wf_str word = config_check_text(def->config, "level", STR("info"));
    enum log_level level;
    if (!step_log_level(word.len ? word : STR("info"), &level)) {
        problems_add(
            def->problems, def->node, "level",
            "log step \"%.*s\": invalid level \"%.*s\" (expected debug, info, warn, or "
            "error)",
            STR_ARG(def->name), STR_ARG(word));
        return NULL;
    }
    struct step_log *self = calloc(1, sizeof *self);
    wf_error err;
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->name = def->name;
    self->logger = app_logger(def->app);
    self->level = level;
    wf_str message = config_check_text(def->config, "message", STR_EMPTY);
    if (template_compile(message, &self->message, &err)) {
        problems_add(def->problems, def->node, "message", "%s", err.text);
        step_log_free(self);
        return NULL;
    }
    return self;
}

static wf_status step_log_run(void *step, struct run *run, struct step_result *out,
                              wf_error *err)
{
    const struct step_log *self = step;
    wf_str message;
    (void)out;
    if (template_eval(self->message, &run->scope, run->arena, &message, err))
        return error_prefix(err, "log step \"%.*s\": failed to resolve message",
                            STR_ARG(self->name));
    log_line(self->logger, self->level, "%.*s step=%.*s", STR_ARG(message),
             STR_ARG(self->name));
    return WF_OK;
}

static const struct config_key step_log_keys[] = {
    {"message", "string", true, true, "what to write"},
    {"level", "string", false, false, "debug, info (default), warn or error"},
    {0},
};

const struct step_type step_log_type = {
    .type = "step.log",
    .summary = "Writes a line to the log.",
    .keys = step_log_keys,
    .create = step_log_create,
    .run = step_log_run,
    .free = step_log_free,
};
