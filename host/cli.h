/* SPDX-License-Identifier: MIT
 *
 * cli - commands, their options, their help.
 *
 * A command is a const table at the end of its own file.  cli_main() finds it, parses what
 * follows (--name value, --name=value, -- ends options), and runs it.
 */
#ifndef HOST_CLI_H
#define HOST_CLI_H

#include <stdbool.h>
#include <stdio.h>

#include "base/str.h"

/* How the process ends. */
enum cli_exit {
    CLI_DONE = 0,
    CLI_CONFIG = 1, /* the configuration is wrong */
    CLI_USAGE = 2,
    CLI_FAILED = 3, /* it failed while running */
};

struct cli_option {
    const char *name;     /* without the dashes; NULL ends the list */
    const char *argument; /* as the help calls it; NULL: the option is a switch */
    const char *help;
};

/* Options of commands that load plugins and log. */
#define CLI_COMMON_OPTIONS                                                                 \
    {"plugin", "FILE.so",                                                                  \
     "load this plugin; several times for several (default: all found)"},                  \
        {"log-format", "text|json", "how lines on stderr look (default: text)"},           \
    {                                                                                      \
        "log-level", "LEVEL", "debug, info, warn or error"                                 \
    }

struct cli_command;

struct cli_given {
    const struct cli_option *option;
    const char *value; /* NULL for a switch */
};

struct cli {
    const struct cli_command *command;
    const char *const *words; /* what is no option */
    size_t word_count;
    const struct cli_given *given;
    size_t given_count;
};

struct cli_command {
    const char *name;
    const char *arguments; /* "CONFIG PIPELINE" */
    size_t least, most;    /* words */
    const char *summary;
    const char *help; /* more, may be NULL */
    const struct cli_option *options;
    int (*run)(const struct cli *cli);
};

int cli_main(int argc, char **argv);

bool cli_has(const struct cli *cli, const char *option);
/* The last value given, or the fallback. */
const char *cli_value(const struct cli *cli, const char *option, const char *fallback);
/* The values of an option given several times: *at begins with 0; NULL when there is no
 * more. */
const char *cli_each(const struct cli *cli, const char *option, size_t *at);
/* A duration, or -1 when the option is not given.  False: it is none; said on stderr. */
bool cli_duration(const struct cli *cli, const char *option, int64_t *out_ms);
/* "wfhost run: <text>, see wfhost run --help" on stderr; gives CLI_USAGE. */
int cli_wrong(const struct cli *cli, const char *format, ...) CDC_PRINTF(2, 3);

#endif
