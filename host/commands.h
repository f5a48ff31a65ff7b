/* SPDX-License-Identifier: MIT
 *
 * commands - what wfhost can do, in the order of its help.
 */
#ifndef HOST_COMMANDS_H
#define HOST_COMMANDS_H

#include "host/cli.h"

extern const struct cli_command cmd_run, cmd_validate, cmd_exec, cmd_inspect;
extern const struct cli_command tail_command, dead_letters_command;

extern const struct cli_command *const commands[]; /* ends with NULL */

#endif
