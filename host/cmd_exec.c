/* SPDX-License-Identifier: MIT
 *
 * cmd_exec - `wfhost exec`: one pipeline, once, with its result on stdout.
 */
#include "base/error.h"
#include "base/limits.h"
#include "host/commands.h"
#include "host/pipeline.h"
#include "host/session.h"

/* What step.pipeline_output would have set, or everything the run knows at its end. */
static void cmd_exec_finished(void *ctx, const struct run *run)
{
    const struct value *output = value_get(run->scope.current, STR("_pipeline_output"));
    value_json(ctx, output ? output : run->scope.current);
}

static int cmd_exec_pipeline(struct session *s, struct pipeline *pipeline,
                             const char *input)
{
    CDC_CLEANUP(buf_release) struct buf output;
    buf_init(&output, LIMIT_OUTPUT_BYTES);
    struct pipeline_call call = {
        .data = str_from(input), .finished = cmd_exec_finished, .ctx = &output};
    wf_error err;
    wf_status status = app_start(s->app, false, &err);
    if (status) {
        log_line(session_logger(s), LOG_ERROR, "%s", err.text);
        return status == WF_CONFIG ? CLI_CONFIG : CLI_FAILED;
    }
    status = pipeline_run(pipeline, &call, &err); /* a failure is in the log */
    if (app_stop(s->app, NULL) || status)
        return CLI_FAILED;
    buf_byte(&output, '\n');
    if (output.broken || fwrite(output.data, 1, output.len, stdout) != output.len ||
        fflush(stdout)) {
        fprintf(stderr, "wfhost exec: the output could not be written\n");
        return CLI_FAILED;
    }
    return CLI_DONE;
}

static int cmd_exec_find(struct session *s, const struct cli *cli)
{
    struct pipeline *pipeline = app_pipeline(s->app, str_from(cli->words[1]));
    if (pipeline)
        return cmd_exec_pipeline(s, pipeline, cli_value(cli, "input", "{}"));
    fprintf(stderr, "wfhost exec: there is no pipeline '%s' in %s\n", cli->words[1],
            cli->words[0]);
    return CLI_CONFIG;
}

static bool cmd_exec_input_is_object(const struct cli *cli)
{
    struct arena arena;
    arena_init(&arena, LIMIT_ARENA_BYTES);
    const struct value *input = NULL;
    wf_error err;
    wf_status status = value_parse(&arena, str_from(cli_value(cli, "input", "{}")),
                                   "--input", &input, &err);
    bool object = !status && input->kind == VALUE_MAP;
    arena_release(&arena);
    if (status)
        cli_wrong(cli, "%s", err.text);
    else if (!object)
        cli_wrong(cli, "--input must be a JSON object");
    return object;
}

static int cmd_exec_main(const struct cli *cli)
{
    if (!cmd_exec_input_is_object(cli))
        return CLI_USAGE;
    struct session s;
    int code = session_open(&s, cli, "info");
    if (!code) {
        bool good = session_load(&s, cli->words[0]);
        host_log_flush(s.log);
        session_print_problems(&s, stderr);
        code = good ? cmd_exec_find(&s, cli) : CLI_CONFIG;
    }
    session_close(&s);
    return code;
}

static const struct cli_option cmd_exec_options[] = {
    CLI_COMMON_OPTIONS,
    {"input", "JSON", "the event, an object (default: {})"},
    {NULL, NULL, NULL},
};

const struct cli_command cmd_exec = {
    .name = "exec",
    .arguments = "CONFIG.yaml PIPELINE",
    .least = 2,
    .most = 2,
    .summary = "Run one pipeline once and print what it ends with, as JSON.",
    .help = "Modules are started, triggers are not.",
    .options = cmd_exec_options,
    .run = cmd_exec_main,
};
