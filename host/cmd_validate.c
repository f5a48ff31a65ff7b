/* SPDX-License-Identifier: MIT
 *
 * cmd_validate - `wfhost validate`: every mistake of a configuration, without starting
 * anything.
 */
#include "host/commands.h"
#include "host/session.h"

static const char *cmd_validate_s(size_t count)
{
    return count == 1 ? "" : "s";
}

/* A warning may well be why something never happens: it is counted where all seems well. */
static void cmd_validate_good(const char *file, const struct session *s)
{
    size_t pipelines = app_pipeline_count(s->app);
    size_t triggers = app_trigger_count(s->app);
    size_t warnings = problems_warnings(s->problems);
    printf("%s: no mistakes", file);
    if (warnings)
        printf(", %zu warning%s", warnings, cmd_validate_s(warnings));
    printf(" (%zu pipeline%s, %zu trigger%s)\n", pipelines, cmd_validate_s(pipelines),
           triggers, cmd_validate_s(triggers));
}

static int cmd_validate_main(const struct cli *cli)
{
    struct session s;
    int code = session_open(&s, cli, "warn");
    if (!code) {
        bool good = session_load(&s, cli->words[0]);
        host_log_flush(s.log);
        session_print_problems(&s, stdout);
        size_t count = s.problems ? problems_count(s.problems) : 1;
        if (good)
            cmd_validate_good(cli->words[0], &s);
        else
            fprintf(stderr, "%s: %zu mistake%s\n", cli->words[0], count,
                    cmd_validate_s(count));
        code = good ? CLI_DONE : CLI_CONFIG;
    }
    session_close(&s);
    return code;
}

static const struct cli_option cmd_validate_options[] = {
    CLI_COMMON_OPTIONS,
    {NULL, NULL, NULL},
};

const struct cli_command cmd_validate = {
    .name = "validate",
    .arguments = "CONFIG.yaml",
    .least = 1,
    .most = 1,
    .summary = "Report every mistake in a configuration, with file, line and key.",
    .help = "Modules, steps and triggers are made, plugins' too, and modules initialised; "
            "nothing\n"
            "is started and no other system is touched.",
    .options = cmd_validate_options,
    .run = cmd_validate_main,
};
