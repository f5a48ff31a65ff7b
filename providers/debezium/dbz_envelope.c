/* SPDX-License-Identifier: MIT
 *
 * dbz_envelope - blocks whose members are known are taken apart on the way, rows into cells,
 * and all else is a view.
 */
#include "providers/debezium/dbz_envelope.h"

#include "base/str.h"

static const wf_str dbz_envelope_member_names[] = {
#define X(place, name) {(name), sizeof(name) - 1},
    DBZ_ENVELOPE_MAP(X)
#undef X
};
static const wf_str dbz_envelope_transaction_names[] = {{"id", 2}, {"total_order", 11}};
static const wf_str dbz_envelope_message_names[] = {{"prefix", 6}, {"content", 7}};

static const struct dbz_names dbz_envelope_names = {dbz_envelope_member_names,
                                                    DBZ_ENVELOPE_COUNT};
static const struct dbz_names dbz_envelope_transaction = {dbz_envelope_transaction_names,
                                                          DBZ_TRANSACTION_COUNT};
static const struct dbz_names dbz_envelope_message = {dbz_envelope_message_names,
                                                      DBZ_MESSAGE_COUNT};

_Static_assert(DBZ_ENVELOPE_COUNT <= DBZ_MEMBERS_MOST, "there is room for all of them");

enum { DBZ_GUESS_TOP, DBZ_GUESS_SOURCE, DBZ_GUESS_TRANSACTION, DBZ_GUESS_MESSAGE };

void dbz_envelope_release(struct dbz_envelope *e)
{
    dbz_cells_release(&e->before);
    dbz_cells_release(&e->after);
}

/* Blocks whose members are known; false when the text is bad. */
static bool dbz_envelope_block(struct dbz_envelope *e, struct json_reader *r,
                               enum dbz_envelope_member which, struct dbz_cell *cell)
{
    enum json_token token = json_read(r);
    if (token != JSON_OBJECT)
        return dbz_cell_rest(r, token, cell);
    *cell = (struct dbz_cell){.text = r->text, .kind = JSON_OBJECT};
    if (which == DBZ_ENVELOPE_SOURCE)
        return dbz_source_read(r, &e->guesses[DBZ_GUESS_SOURCE], &e->source);
    if (which == DBZ_ENVELOPE_TRANSACTION)
        return dbz_members_read(r, &dbz_envelope_transaction,
                                &e->guesses[DBZ_GUESS_TRANSACTION], &e->transaction);
    return dbz_members_read(r, &dbz_envelope_message, &e->guesses[DBZ_GUESS_MESSAGE],
                            &e->message);
}

static enum dbz_cells_result dbz_envelope_row(struct json_reader *r, struct dbz_cells *row,
                                              struct dbz_cell *cell)
{
    enum dbz_cells_result result = dbz_cells_read(r, row);
    *cell = (struct dbz_cell){.text = row->other.text, .kind = (uint8_t)row->kind};
    return result;
}

static enum dbz_cells_result dbz_envelope_value(struct dbz_envelope *e,
                                                struct json_reader *r,
                                                enum dbz_envelope_member which)
{
    struct dbz_cell passed;
    struct dbz_cell *cell = which < DBZ_ENVELOPE_COUNT ? &e->members.at[which] : &passed;
    bool read;
    switch (which) {
    case DBZ_ENVELOPE_BEFORE:
        return dbz_envelope_row(r, &e->before, cell);
    case DBZ_ENVELOPE_AFTER:
        return dbz_envelope_row(r, &e->after, cell);
    case DBZ_ENVELOPE_SOURCE:
    case DBZ_ENVELOPE_TRANSACTION:
    case DBZ_ENVELOPE_MESSAGE:
        read = dbz_envelope_block(e, r, which, cell);
        break;
    default:
        read = dbz_cell_read(r, cell);
        break;
    }
    return read ? DBZ_CELLS_READ : DBZ_CELLS_BAD;
}

/* `token` is the first behind JSON_OBJECT. */
static enum dbz_cells_result dbz_envelope_members(struct dbz_envelope *e,
                                                  struct json_reader *r,
                                                  enum json_token token)
{
    unsigned which = DBZ_ENVELOPE_COUNT;
    for (; token == JSON_KEY; token = json_read(r)) {
        which =
            dbz_names_find(&dbz_envelope_names, &e->guesses[DBZ_GUESS_TOP], which, r->text);
        enum dbz_cells_result result = dbz_envelope_value(e, r, which);
        if (result != DBZ_CELLS_READ)
            return result;
        if (which < DBZ_ENVELOPE_COUNT)
            e->members.seen |= UINT64_C(1) << which;
        else
            e->others++;
    }
    return token == JSON_OBJECT_END ? DBZ_CELLS_READ : DBZ_CELLS_BAD;
}

/* The key "schema" of {"schema":...,"payload":...} was read. */
static bool dbz_envelope_schema(struct dbz_envelope *e, struct json_reader *r,
                                const wf_str known[DBZ_ENVELOPE_KNOWN])
{
    for (int i = 0; i < DBZ_ENVELOPE_KNOWN; i++) {
        if (json_pass(r, known[i])) {
            e->known = i;
            return true;
        }
    }
    struct dbz_cell cell;
    if (!dbz_cell_read(r, &cell))
        return false;
    if (cell.kind == JSON_OBJECT)
        e->schema = cell.text;
    return true;
}

/* The converter writes the two in this order and nothing else; the first key has told. */
static enum dbz_cells_result dbz_envelope_wrapped(struct dbz_envelope *e,
                                                  struct json_reader *r,
                                                  const wf_str known[DBZ_ENVELOPE_KNOWN])
{
    if (!dbz_envelope_schema(e, r, known))
        return DBZ_CELLS_BAD;
    enum json_token token;
    while ((token = json_read(r)) == JSON_KEY) {
        if (!str_is(r->text, "payload")) {
            struct dbz_cell passed;
            e->others++;
            if (!dbz_cell_read(r, &passed))
                return DBZ_CELLS_BAD;
            continue;
        }
        struct dbz_cell *cell = &e->members.at[DBZ_ENVELOPE_PAYLOAD];
        token = json_read(r);
        e->members.seen |= UINT64_C(1) << DBZ_ENVELOPE_PAYLOAD;
        if (token != JSON_OBJECT) {
            if (!dbz_cell_rest(r, token, cell))
                return DBZ_CELLS_BAD;
            continue;
        }
        *cell = (struct dbz_cell){.text = r->text, .kind = JSON_OBJECT};
        enum dbz_cells_result result = dbz_envelope_members(e, r, json_read(r));
        if (result != DBZ_CELLS_READ)
            return result;
    }
    return token == JSON_OBJECT_END ? DBZ_CELLS_READ : DBZ_CELLS_BAD;
}

enum dbz_cells_result dbz_envelope_read(struct dbz_envelope *e, struct json_reader *r,
                                        const wf_str known[DBZ_ENVELOPE_KNOWN])
{
    e->members.seen = 0;
    e->others = 0;
    e->schema = STR_EMPTY;
    e->known = -1;
    e->source.members.seen = 0;
    e->source.far = DBZ_FAR_OTHER;
    e->transaction.seen = 0;
    e->message.seen = 0;
    dbz_cells_clear(&e->before);
    dbz_cells_clear(&e->after);
    e->kind = json_read(r);
    enum dbz_cells_result result = DBZ_CELLS_READ;
    if (e->kind == JSON_OBJECT) {
        enum json_token token = json_read(r);
        result = token == JSON_KEY && str_is(r->text, "schema")
                     ? dbz_envelope_wrapped(e, r, known)
                     : dbz_envelope_members(e, r, token);
    } else {
        struct dbz_cell passed;
        if (!dbz_cell_rest(r, e->kind, &passed))
            result = DBZ_CELLS_BAD;
    }
    if (result == DBZ_CELLS_READ && json_read(r) != JSON_END)
        result = DBZ_CELLS_BAD;
    return result;
}
