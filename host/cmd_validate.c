/* SPDX-License-Identifier: MIT
 *
 * cmd_validate - `wfhost validate`: every mistake of a configuration, without starting
 * anything.
 */
#include "host/commands.h"
#include "host/session.h"

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
            printf("%s: no mistakes (%zu pipelines, %zu triggers)\n", cli->words[0],
                   app_pipeline_count(s.app), app_trigger_count(s.app));
        else
            fprintf(stderr, "%s: %zu mistake%s\n", cli->words[0], count,
                    count == 1 ? "" : "s");
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
