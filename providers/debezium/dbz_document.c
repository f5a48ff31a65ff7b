/* SPDX-License-Identifier: MIT
 *
 * dbz_document - JSON in JSON.  (Debezium 3.5 documentation, "MongoDB connector, Change
 * events".)
 */
#include "providers/debezium/dbz_document.h"

#include "base/str.h"
#include "providers/debezium/dbz_value.h"

enum dbz_cells_result dbz_document_read(const struct dbz_cell *string, struct buf *memory,
                                        struct dbz_cells *out)
{
    buf_clear(memory);
    dbz_cell_put(memory, string);
    if (memory->broken)
        return memory->broken == WF_NO_MEMORY ? DBZ_CELLS_NO_MEMORY : DBZ_CELLS_BAD;
    if (!dbz_value_is_json(buf_view(memory), DBZ_VALUE_DEPTH))
        return DBZ_CELLS_BAD; /* too deep for an event is also bad */
    struct json_reader reader = json_reader_of(buf_view(memory));
    enum dbz_cells_result result = dbz_cells_read(&reader, out);
    if (result == DBZ_CELLS_READ &&
        (out->kind != JSON_OBJECT || json_read(&reader) != JSON_END))
        return DBZ_CELLS_BAD;
    return result;
}

enum dbz_cells_result dbz_document_key(struct dbz_cells *key, struct buf *memory)
{
    if (key->kind != JSON_OBJECT || key->count != 1 || !str_is(key->at[0].name, "id") ||
        key->at[0].kind != JSON_STRING)
        return DBZ_CELLS_READ;
    struct dbz_cell *id = &key->at[0];
    buf_clear(memory);
    dbz_cell_put(memory, id);
    if (memory->broken)
        return memory->broken == WF_NO_MEMORY ? DBZ_CELLS_NO_MEMORY : DBZ_CELLS_BAD;
    id->name = STR("_id");
    wf_str text = buf_view(memory);
    if (dbz_value_is_json(text, DBZ_VALUE_DEPTH)) {
        struct json_reader reader = json_reader_of(text);
        dbz_cell_read(&reader, id);
    }
    return DBZ_CELLS_READ;
}
