/* SPDX-License-Identifier: MIT
 *
 * crash - one readable line when native code dies.
 *
 * Go's own handlers say what a Go program's developer wants to know, over hundreds of lines;
 * whoever runs an engine wants to know which plugin has died, and where.
 */
#ifndef BRIDGE_CRASH_H
#define BRIDGE_CRASH_H

/* From now on a fatal signal outside the Go program writes one line to stderr and ends the
 * process by that signal.  `program` and `library` are the words for them; both are copied.
 * After the library is loaded; a second call does nothing. */
void crash_watch(const char *program, const char *library, const void *in_library);

#endif
