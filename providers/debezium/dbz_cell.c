/* SPDX-License-Identifier: MIT
 *
 * dbz_cell - one call of the reader per token, one struct per member.
 */
#include "providers/debezium/dbz_cell.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"

#define DBZ_CELLS_FIRST 32

bool dbz_cell_rest(struct json_reader *r, enum json_token token, struct dbz_cell *out)
{
    out->kind = (uint8_t)token;
    out->escaped = false;
    if (token == JSON_STRING) {
        out->text = (wf_str){r->text.ptr - 1, r->text.len + 2};
        out->escaped = r->escaped;
        return true;
    }
    out->text = r->text;
    if (token == JSON_OBJECT || token == JSON_ARRAY)
        return json_skip(r, &out->text) != JSON_BAD;
    return token > JSON_BAD;
}

bool dbz_cell_i64(const struct dbz_cell *cell, int64_t *out)
{
    return cell->kind == JSON_NUMBER && str_to_i64(cell->text, out);
}

void dbz_cell_put(struct buf *out, const struct dbz_cell *cell)
{
    if (cell->kind == JSON_NUMBER)
        buf_str(out, cell->text);
    else if (cell->escaped)
        json_unescape(out, dbz_cell_inner(cell));
    else
        buf_str(out, dbz_cell_inner(cell));
}

/* ---- objects of any members ----------------------------------------------------------- */

void dbz_cells_release(struct dbz_cells *cells)
{
    free(cells->at);
    *cells = (struct dbz_cells){.kind = JSON_END};
}

static enum dbz_cells_result dbz_cells_grow(struct dbz_cells *cells)
{
    if (cells->room >= LIMIT_COLUMNS)
        return DBZ_CELLS_TOO_MANY;
    size_t room = cells->room ? cells->room * 2 : DBZ_CELLS_FIRST;
    struct dbz_cell *at = realloc(cells->at, room * sizeof *at);
    if (!at)
        return DBZ_CELLS_NO_MEMORY;
    cells->at = at;
    cells->room = room;
    return DBZ_CELLS_READ;
}

enum dbz_cells_result dbz_cells_add(struct dbz_cells *cells, const struct dbz_cell *cell)
{
    if (cells->count == cells->room) {
        enum dbz_cells_result grown = dbz_cells_grow(cells);
        if (grown != DBZ_CELLS_READ)
            return grown;
    }
    cells->at[cells->count++] = *cell;
    return DBZ_CELLS_READ;
}

enum dbz_cells_result dbz_cells_members(struct json_reader *r, enum json_token token,
                                        struct dbz_cells *cells)
{
    cells->count = 0;
    cells->kind = JSON_OBJECT;
    for (; token == JSON_KEY; token = json_read(r)) {
        if (CDC_UNLIKELY(cells->count == cells->room)) {
            enum dbz_cells_result grown = dbz_cells_grow(cells);
            if (grown != DBZ_CELLS_READ)
                return grown;
        }
        struct dbz_cell *cell = &cells->at[cells->count++];
        cell->name = r->text;
        if (!dbz_cell_read(r, cell))
            return DBZ_CELLS_BAD;
    }
    return token == JSON_OBJECT_END ? DBZ_CELLS_READ : DBZ_CELLS_BAD;
}

enum dbz_cells_result dbz_cells_read(struct json_reader *r, struct dbz_cells *cells)
{
    cells->count = 0;
    cells->kind = json_read(r);
    if (cells->kind == JSON_OBJECT)
        return dbz_cells_members(r, json_read(r), cells);
    return dbz_cell_rest(r, cells->kind, &cells->other) ? DBZ_CELLS_READ : DBZ_CELLS_BAD;
}

/* ---- objects whose members are known --------------------------------------------------- */

static inline bool dbz_names_are_same(wf_str a, wf_str b)
{
    return a.len == b.len && memcmp(a.ptr, b.ptr, a.len) == 0;
}

unsigned dbz_names_find(const struct dbz_names *names, struct dbz_guess *guess,
                        unsigned last, wf_str name)
{
    unsigned place = guess->next[last];
    if (CDC_LIKELY(place < names->count && dbz_names_are_same(names->at[place], name)))
        return place;
    for (place = 0; place < names->count; place++) {
        if (dbz_names_are_same(names->at[place], name)) {
            guess->next[last] = (uint8_t)place;
            break;
        }
    }
    return place;
}

const struct dbz_cell *dbz_members_get(const struct dbz_members *members, unsigned which)
{
    static const struct dbz_cell none = {.text = {"null", 4}, .kind = JSON_NULL};
    return dbz_members_has(members, which) ? &members->at[which] : &none;
}

bool dbz_members_read(struct json_reader *r, const struct dbz_names *names,
                      struct dbz_guess *guess, struct dbz_members *out)
{
    unsigned place = names->count;
    struct dbz_cell passed;
    out->seen = 0;
    enum json_token token;
    while ((token = json_read(r)) == JSON_KEY) {
        place = dbz_names_find(names, guess, place, r->text);
        bool known = place < names->count;
        if (!dbz_cell_read(r, known ? &out->at[place] : &passed))
            return false;
        if (known)
            out->seen |= UINT64_C(1) << place;
    }
    return token == JSON_OBJECT_END;
}
