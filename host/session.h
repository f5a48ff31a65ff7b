/* SPDX-License-Identifier: MIT
 *
 * session - what every command that works with plugins begins with: log, bus, plugins.
 */
#ifndef HOST_SESSION_H
#define HOST_SESSION_H

#include "host/app.h"
#include "host/cli.h"
#include "host/host_log.h"
#include "host/plugin.h"
#include "host/plugin_host.h"

struct session {
    struct host_log *log;
    struct bus *bus;
    struct plugins *plugins;
    struct plugin_host host;
    struct app *app;           /* of session_load() */
    struct problems *problems; /* of session_load() */
};

/* Opens by --log-format, --log-level (default `level`) and --plugin.  CLI_DONE, or what the
 * process ends with, which has been said on stderr.  session_close() in any case. */
int session_open(struct session *s, const struct cli *cli, const char *level);
/* Loads the configuration.  False: it has mistakes, they are in s->problems. */
bool session_load(struct session *s, const char *path);
/* Prints what was found to `out`. */
void session_print_problems(const struct session *s, FILE *out);
const struct logger *session_logger(const struct session *s);
void session_close(struct session *s);

#endif
