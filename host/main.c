/* SPDX-License-Identifier: MIT
 *
 * main - wfhost, a host for workflow plugins.
 */
#include "host/cli.h"

int main(int argc, char **argv)
{
    return cli_main(argc, argv);
}
