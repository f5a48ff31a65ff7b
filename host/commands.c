/* SPDX-License-Identifier: MIT
 *
 * commands - the list.
 */
#include "host/commands.h"

const struct cli_command *const commands[] = {
    &cmd_run,      &cmd_validate,         &cmd_exec, &cmd_inspect,
    &tail_command, &dead_letters_command, NULL,
};
