/* SPDX-License-Identifier: MIT
 *
 * doc - what a page of the documentation says.
 */
#include "tests/support/doc.h"

#include <check.h>
#include <stdio.h>

#include "base/str.h"

void doc_read(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "r");
    ck_assert_msg(file != NULL, "%s is not there", path);
    char part[4096];
    for (size_t got; (got = fread(part, 1, sizeof part, file)) > 0;)
        buf_append(out, part, got);
    fclose(file);
    ck_assert_int_eq(out->broken, WF_OK);
}

wf_str doc_section(wf_str page, const char *heading)
{
    wf_str level = str_from(heading);
    level.len = strcspn(heading, " ") + 1;
    wf_str section = STR_EMPTY;
    bool inside = false;
    for (wf_str line; str_next(&page, '\n', &line);) {
        if (inside && str_starts(line, level))
            return section;
        if (inside)
            section.len = (size_t)(line.ptr + line.len - section.ptr);
        if (!inside && str_is(line, heading)) {
            section.ptr = line.ptr + line.len;
            inside = true;
        }
    }
    ck_assert_msg(inside, "no heading '%s'", heading);
    return section;
}

void doc_json(wf_str section, struct buf *out)
{
    bool inside = false;
    for (wf_str line; str_next(&section, '\n', &line);) {
        if (inside && str_is(line, "```"))
            return;
        if (inside)
            buf_str(out, str_trim(line));
        else
            inside = str_is(line, "```json");
    }
    ck_abort_msg("the section has no example");
}
