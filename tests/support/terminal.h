/* SPDX-License-Identifier: MIT
 *
 * terminal - a pseudo terminal, and what was written to it.
 */
#ifndef TESTS_SUPPORT_TERMINAL_H
#define TESTS_SUPPORT_TERMINAL_H

/* The end that a program writes to, `columns` wide (0: of no known width).  TERM is set to
 * something that can erase lines. */
int terminal_open(unsigned columns);
/* Everything written so far, "\n" as the terminal makes it: "\r\n".  Good until the next
 * call. */
const char *terminal_read(void);
void terminal_close(void);

#endif
