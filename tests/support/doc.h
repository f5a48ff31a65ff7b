/* SPDX-License-Identifier: MIT
 *
 * doc - what a page of the documentation says, for tests that hold the code to it.
 */
#ifndef TESTS_SUPPORT_DOC_H
#define TESTS_SUPPORT_DOC_H

#include "base/buf.h"

/* Appends the file; the test fails when it is not there. */
void doc_read(const char *path, struct buf *out);

/* What follows the line `heading` ("## Values") up to the next heading that begins with the
 * same number of '#'; the test fails when there is none. */
wf_str doc_section(wf_str page, const char *heading);

/* Appends the first ```json block of the section as one line: without line ends and the
 * spaces that begin and end a line. */
void doc_json(wf_str section, struct buf *out);

#endif
