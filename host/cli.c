/* SPDX-License-Identifier: MIT
 *
 * cli - the command line of wfhost.
 */
#include "host/cli.h"

#include <stdarg.h>

#include "host/commands.h"
#include "host/config_check.h"

static void cli_print_option(FILE *out, const struct cli_option *option)
{
    char name[64];
    snprintf(name, sizeof(name), "--%s%s%s", option->name, option->argument ? " " : "",
             option->argument ? option->argument : "");
    fprintf(out, "  %-26s %s\n", name, option->help);
}

static void cli_print_command(FILE *out, const struct cli_command *command)
{
    fprintf(out, "usage: wfhost %s %s%s\n\n%s\n", command->name, command->arguments,
            command->options[0].name ? " [option]..." : "", command->summary);
    if (command->help)
        fprintf(out, "\n%s\n", command->help);
    fprintf(out, "\noptions:\n");
    for (const struct cli_option *option = command->options; option->name; option++)
        cli_print_option(out, option);
    fprintf(out, "  %-26s %s\n", "--help", "this text");
}

static void cli_print_help(FILE *out)
{
    fprintf(out, "usage: wfhost COMMAND ...\n\n"
                 "Runs workflows written as the workflow engine's YAML, with plugins.\n\n"
                 "commands:\n");
    for (size_t i = 0; commands[i]; i++)
        fprintf(out, "  %-14s %s\n", commands[i]->name, commands[i]->summary);
    fprintf(out,
            "\n  --help, --version\n\n"
            "`wfhost COMMAND --help` tells more.  Exit: 0 done, 1 the configuration is "
            "wrong,\n2 usage, 3 it failed while running.\n");
}

int cli_wrong(const struct cli *cli, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    const char *name = cli->command ? cli->command->name : "";
    fprintf(stderr, "wfhost%s%s: %s; see wfhost%s%s --help\n", *name ? " " : "", name, text,
            *name ? " " : "", name);
    return CLI_USAGE;
}

static const struct cli_command *cli_find(const char *name)
{
    for (size_t i = 0; commands[i]; i++)
        if (!strcmp(commands[i]->name, name))
            return commands[i];
    return NULL;
}

static int cli_unknown_command(const char *name)
{
    wf_str names[16];
    size_t count = 0;
    for (; commands[count] && count < CDC_COUNT(names); count++)
        names[count] = str_from(commands[count]->name);
    wf_str near = config_check_nearest(str_from(name), names, count);
    const struct cli cli = {.command = NULL};
    if (near.len)
        return cli_wrong(&cli, "unknown command '%s', did you mean '%.*s'?", name,
                         STR_ARG(near));
    return cli_wrong(&cli, "unknown command '%s'", name);
}

static int cli_unknown_option(const struct cli *cli, wf_str name)
{
    wf_str names[32];
    size_t count = 0;
    for (; cli->command->options[count].name && count < CDC_COUNT(names); count++)
        names[count] = str_from(cli->command->options[count].name);
    wf_str near = config_check_nearest(name, names, count);
    if (near.len)
        return cli_wrong(cli, "unknown option '--%.*s', did you mean '--%.*s'?",
                         STR_ARG(name), STR_ARG(near));
    return cli_wrong(cli, "unknown option '--%.*s'", STR_ARG(name));
}

/* One option at argv[*at]; moves on over its value. */
static int cli_take_option(struct cli *cli, struct cli_given *given, char **argv, int *at)
{
    wf_str rest = str_from(argv[*at] + 2), name = STR_EMPTY;
    bool attached = str_find(rest, STR("=")) >= 0;
    str_next(&rest, '=', &name);
    const struct cli_option *option = cli->command->options;
    while (option->name && !str_is(name, option->name))
        option++;
    if (!option->name)
        return cli_unknown_option(cli, name);
    if (!option->argument && attached)
        return cli_wrong(cli, "option '--%s' takes no value", option->name);
    const char *value = NULL;
    if (option->argument && attached)
        value = strchr(argv[*at], '=') + 1;
    else if (option->argument)
        value = argv[++*at];
    if (option->argument && !value)
        return cli_wrong(cli, "option '--%s' needs a value (%s)", option->name,
                         option->argument);
    *given = (struct cli_given){option, value};
    cli->given_count++;
    return CLI_DONE;
}

static int cli_check_words(const struct cli *cli)
{
    if (cli->word_count < cli->command->least)
        return cli_wrong(cli, "too few arguments, it needs %s", cli->command->arguments);
    if (cli->word_count > cli->command->most)
        return cli_wrong(cli, "unexpected argument '%s'", cli->words[cli->command->most]);
    return CLI_DONE;
}

static int cli_run(struct cli *cli, int argc, char **argv)
{
    const char **words = calloc((size_t)argc + 1, sizeof(char *));
    struct cli_given *given = calloc((size_t)argc + 1, sizeof(*given));
    bool options = true, help = false;
    int code = words && given ? CLI_DONE : CLI_FAILED;
    cli->words = words;
    cli->given = given;
    for (int i = 2; i < argc && !code && !help; i++) {
        if (options && !strcmp(argv[i], "--"))
            options = false;
        else if (options && (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")))
            help = true;
        else if (options && !strncmp(argv[i], "--", 2))
            code = cli_take_option(cli, &given[cli->given_count], argv, &i);
        else if (options && argv[i][0] == '-' && argv[i][1])
            code = cli_wrong(cli, "unknown option '%s'", argv[i]);
        else
            words[cli->word_count++] = argv[i];
    }
    if (help)
        cli_print_command(stdout, cli->command);
    else if (!code && !(code = cli_check_words(cli)))
        code = cli->command->run(cli);
    free(words);
    free(given);
    return code;
}

int cli_main(int argc, char **argv)
{
    struct cli cli = {.command = NULL};
    if (argc < 2) {
        cli_print_help(stderr);
        return CLI_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")) {
        cli_print_help(stdout);
        return CLI_DONE;
    }
    if (!strcmp(argv[1], "--version")) {
        printf("wfhost %s, plugin ABI %d\n", CDC_VERSION, WF_ABI_VERSION);
        return CLI_DONE;
    }
    cli.command = cli_find(argv[1]);
    return cli.command ? cli_run(&cli, argc, argv) : cli_unknown_command(argv[1]);
}

const char *cli_each(const struct cli *cli, const char *option, size_t *at)
{
    while (*at < cli->given_count) {
        const struct cli_given *given = &cli->given[(*at)++];
        if (!strcmp(given->option->name, option))
            return given->value ? given->value : "";
    }
    return NULL;
}

bool cli_has(const struct cli *cli, const char *option)
{
    size_t at = 0;
    return cli_each(cli, option, &at);
}

const char *cli_value(const struct cli *cli, const char *option, const char *fallback)
{
    size_t at = 0;
    for (const char *value; (value = cli_each(cli, option, &at));)
        fallback = value;
    return fallback;
}

bool cli_duration(const struct cli *cli, const char *option, int64_t *out_ms)
{
    const char *text = cli_value(cli, option, NULL);
    *out_ms = -1;
    if (!text)
        return true;
    int64_t ms;
    if (str_to_duration_ms(str_from(text), &ms) && ms >= 0) {
        *out_ms = ms;
        return true;
    }
    cli_wrong(cli, "'--%s' must be a duration such as '2s', not '%s'", option, text);
    return false;
}
