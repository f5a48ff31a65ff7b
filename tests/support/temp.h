/* SPDX-License-Identifier: MIT
 *
 * temp - folders for tests, under $TMPDIR or /tmp.
 *
 * A test program that uses them has one folder of its own, made before main(); everything
 * in it is removed when the program ends, also what tests left that crashed in a process of
 * their own. Failures abort the program: without a disk no test means anything.
 */
#ifndef TESTS_SUPPORT_TEMP_H
#define TESTS_SUPPORT_TEMP_H

#include <stddef.h>

/* A new empty folder, as an absolute path; the text lives as long as the program. */
const char *temp_dir(void);

/* "<dir>/<name>"; the text lives as long as the program. */
const char *temp_path(const char *dir, const char *name);

/* Makes the file, or replaces it. */
void temp_write(const char *path, const void *data, size_t len);

/* Removes a file, or a folder and all it holds; a path that is not there is let pass. */
void temp_remove(const char *path);

#endif
