/* SPDX-License-Identifier: MIT
 *
 * dbz_cell - members of a JSON object as views, taken while the text is checked: nothing is
 * looked at twice, and what a member means is asked later.
 */
#ifndef PROVIDERS_DBZ_CELL_H
#define PROVIDERS_DBZ_CELL_H

#include "base/json.h"

struct dbz_cell {
    wf_str name;  /* still escaped */
    wf_str text;  /* the value's JSON: a string with its quotes */
    uint8_t kind; /* enum json_token: JSON_OBJECT to JSON_NULL */
    bool escaped; /* a string that holds a backslash */
};

/* The value that `token`, just read, is or begins; the name stays.  False after JSON_BAD. */
bool dbz_cell_rest(struct json_reader *r, enum json_token token, struct dbz_cell *out);
/* The value of the key that was just read. */
static inline bool dbz_cell_read(struct json_reader *r, struct dbz_cell *out)
{
    return dbz_cell_rest(r, json_read(r), out);
}

/* What stands between the quotes; empty when it is no string. */
static inline wf_str dbz_cell_inner(const struct dbz_cell *cell)
{
    if (cell->kind != JSON_STRING)
        return (wf_str){NULL, 0};
    return (wf_str){cell->text.ptr + 1, cell->text.len - 2};
}

/* A whole number that an int64_t holds. */
bool dbz_cell_i64(const struct dbz_cell *cell, int64_t *out);
/* Appends what a string stands for, or a number's digits; nothing for others. */
void dbz_cell_put(struct buf *out, const struct dbz_cell *cell);

/* ---- objects of any members ----------------------------------------------------------- */

struct dbz_cells {
    struct dbz_cell *at;
    size_t count;
    size_t room;
    /* Of the object itself: JSON_OBJECT, JSON_NULL, or what else came in its place;
     * JSON_END: nothing came. */
    enum json_token kind;
    struct dbz_cell other; /* what came in its place */
};

enum dbz_cells_result {
    DBZ_CELLS_READ,
    DBZ_CELLS_BAD,
    DBZ_CELLS_TOO_MANY,
    DBZ_CELLS_NO_MEMORY
};

static inline void dbz_cells_clear(struct dbz_cells *cells)
{
    cells->count = 0;
    cells->kind = JSON_END;
}

void dbz_cells_release(struct dbz_cells *cells);
/* The value of the key that was just read, or of the whole text.  At most LIMIT_COLUMNS
 * members. */
enum dbz_cells_result dbz_cells_read(struct json_reader *r, struct dbz_cells *cells);
enum dbz_cells_result dbz_cells_add(struct dbz_cells *cells, const struct dbz_cell *cell);
/* The members of an object; `token` is the first behind JSON_OBJECT. */
enum dbz_cells_result dbz_cells_members(struct json_reader *r, enum json_token token,
                                        struct dbz_cells *cells);

/* ---- objects whose members are known --------------------------------------------------- */

#define DBZ_MEMBERS_MOST 40

struct dbz_names {
    const wf_str *at;
    unsigned count;
};

/* Debezium writes a block's members in the same order each time: the place of a name is
 * where the name behind the same one before was. */
struct dbz_guess {
    uint8_t next[DBZ_MEMBERS_MOST + 1];
};

/* Index in `names`, or names->count.  *last is the index before, names->count at first. */
unsigned dbz_names_find(const struct dbz_names *names, struct dbz_guess *guess,
                        unsigned last, wf_str name);

struct dbz_members {
    uint64_t seen; /* a bit for each that came; the others are not to be looked at */
    struct dbz_cell at[DBZ_MEMBERS_MOST];
};

static inline bool dbz_members_has(const struct dbz_members *members, unsigned which)
{
    return (members->seen >> which) & 1;
}

/* The member, or a JSON null. */
const struct dbz_cell *dbz_members_get(const struct dbz_members *members, unsigned which);

/* After JSON_OBJECT.  Members that have no name here are passed over. */
bool dbz_members_read(struct json_reader *r, const struct dbz_names *names,
                      struct dbz_guess *guess, struct dbz_members *out);

#endif
