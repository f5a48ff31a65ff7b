/* SPDX-License-Identifier: MIT
 *
 * session - opening and closing in the right order: log, bus, plugins, app.
 */
#include "host/session.h"

#include "base/error.h"
#include "base/limits.h"

const struct logger *session_logger(const struct session *s)
{
    return host_log_logger(s->log);
}

static int session_failed(const struct cli *cli, const wf_error *err)
{
    fprintf(stderr, "wfhost %s: %s\n", cli->command->name, err->text);
    return err->code == WF_CONFIG || err->code == WF_NOT_FOUND ? CLI_CONFIG : CLI_FAILED;
}

static int session_open_log(struct session *s, const struct cli *cli, const char *level)
{
    wf_str format = str_from(cli_value(cli, "log-format", "text"));
    wf_str word = str_from(cli_value(cli, "log-level", level));
    enum log_level least;
    wf_error err;
    if (!str_is(format, "text") && !str_is(format, "json"))
        return cli_wrong(cli, "'--log-format' is text or json, not '%.*s'",
                         STR_ARG(format));
    if (!host_log_level(word, &least))
        return cli_wrong(cli, "'--log-level' is debug, info, warn or error, not '%.*s'",
                         STR_ARG(word));
    s->log = host_log_open(STDERR_FILENO, str_is(format, "json"), least, &err);
    return s->log ? CLI_DONE : session_failed(cli, &err);
}

static wf_status session_load_plugins(struct session *s, const struct cli *cli,
                                      wf_error *err)
{
    s->bus = bus_new();
    s->plugins = plugins_new();
    if (!s->bus || !s->plugins)
        return error_no_memory(err);
    size_t at = 0;
    wf_status status = WF_OK;
    if (!cli_has(cli, "plugin"))
        status = plugins_search(s->plugins, session_logger(s), err);
    for (const char *file; !status && (file = cli_each(cli, "plugin", &at));)
        status = plugins_add(s->plugins, file, err);
    if (status)
        return status;
    plugin_host_init(&s->host, session_logger(s), s->bus);
    return plugins_open(s->plugins, &s->host.table, err);
}

int session_open(struct session *s, const struct cli *cli, const char *level)
{
    *s = (struct session){.log = NULL};
    int code = session_open_log(s, cli, level);
    if (code)
        return code;
    wf_error err;
    if (session_load_plugins(s, cli, &err))
        return session_failed(cli, &err);
    return CLI_DONE;
}

bool session_load(struct session *s, const char *path)
{
    s->problems = problems_new();
    s->app = app_new(session_logger(s), s->plugins, s->bus);
    return s->problems && s->app && app_load(s->app, path, s->problems);
}

void session_print_problems(const struct session *s, FILE *out)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, LIMIT_OUTPUT_BYTES);
    if (s->problems && s->app)
        problems_print(s->problems, &text);
    else
        buf_lit(&text, "out of memory\n");
    fputs(buf_c(&text), out);
}

void session_close(struct session *s)
{
    app_free(s->app);
    problems_free(s->problems);
    plugins_free(s->plugins);
    bus_free(s->bus);
    host_log_close(s->log);
    *s = (struct session){.log = NULL};
}
