/* SPDX-License-Identifier: MIT
 *
 * open_files - for tests that nothing is left open.
 */
#ifndef TESTS_SUPPORT_OPEN_FILES_H
#define TESTS_SUPPORT_OPEN_FILES_H

/* Of this process.  What looks is counted too, always alike: only differences mean something. */
unsigned open_files_count(void);

#endif
