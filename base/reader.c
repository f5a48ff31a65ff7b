/* SPDX-License-Identifier: MIT
 *
 * reader - what of reader.h is too long to be inline.
 */
#include "base/reader.h"

wf_str reader_cstr(struct reader *r)
{
    size_t left = r->short_read ? 0 : reader_left(r);
    const uint8_t *nul = left ? memchr(r->at, 0, left) : NULL;
    if (!nul) {
        r->short_read = true;
        r->at = r->end;
        return (wf_str){NULL, 0};
    }
    wf_str text = {(const char *)r->at, (size_t)(nul - r->at)};
    r->at = nul + 1;
    return text;
}
