/* SPDX-License-Identifier: MIT
 *
 * open_files - see the header.
 */
#include "tests/support/open_files.h"

#include <check.h>
#include <dirent.h>

unsigned open_files_count(void)
{
    unsigned count = 0;
    DIR *files = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(files);
    while (readdir(files))
        count++;
    closedir(files);
    return count;
}
