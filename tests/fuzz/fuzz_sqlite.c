/* SPDX-License-Identifier: MIT
 *
 * What the SQLite provider reads as text: the stored place of a snapshot, a stored
 * position, and the statements that sqlite_master keeps.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "providers/sqlite/sqlite_capture.h"
#include "providers/sqlite/sqlite_cursor.h"
#include "providers/sqlite/sqlite_index.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A position that is accepted is written the same way. */
static void fuzz_position(wf_str text)
{
    struct sqlite_place place;
    char again[SQLITE_PLACE_TEXT];
    if (!sqlite_capture_place_parse(text, &place))
        return;
    size_t len = sqlite_capture_place_write(place, again);
    struct sqlite_place same;
    if (!sqlite_capture_place_parse((wf_str){again, len}, &same) || same.seq != place.seq ||
        same.ts_bits != place.ts_bits)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wf_str text = {(const char *)data, size};
    wf_error err;
    int64_t version;
    for (size_t count = 0; count < 4; count++)
        (void)sqlite_cursor_bind(text, count, NULL, &version, &err);
    fuzz_position(text);
    for (size_t part = 0; part < 4; part++) {
        CDC_CLEANUP(buf_release) struct buf out;
        buf_init(&out, LIMIT_OUTPUT_BYTES);
        sqlite_index_part(text, part, &out);
        sqlite_index_generated(text, part, &out);
        sqlite_index_where(text, &out);
    }
    (void)sqlite_index_mentions(text, STR("a\"b"));
    return 0;
}
