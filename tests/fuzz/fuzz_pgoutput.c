/* SPDX-License-Identifier: MIT
 *
 * fuzz_pgoutput - any bytes as a message of the logical replication protocol, inside a
 * block of a running transaction and outside of one.
 *
 *   - it is taken or refused as WF_PROTOCOL with words, with *out untouched;
 *   - what is taken gives views that lie within the message, and rows, columns and
 *     relations that are as many as it said;
 *   - iterating over bytes that were not looked at before stays within them.
 */
#include "base/str.h"
#include "providers/postgres/pgoutput.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_inside(wf_str part, wf_str whole)
{
    fuzz_must(!part.len ||
              (part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len));
}

static unsigned fuzz_columns(wf_str raw)
{
    struct reader rest = reader_of(raw.ptr, raw.len);
    struct pgoutput_column column;
    unsigned count = 0;
    for (; pgoutput_next_column(&rest, &column); count++) {
        fuzz_inside(column.text, raw);
        fuzz_must(column.kind == 't' || column.kind == 'b' || !column.text.len);
    }
    return count;
}

static unsigned fuzz_fields(wf_str raw)
{
    struct reader rest = reader_of(raw.ptr, raw.len);
    struct pgoutput_field field;
    unsigned count = 0;
    for (; pgoutput_next_field(&rest, &field); count++)
        fuzz_inside(field.name, raw);
    return count;
}

static void fuzz_message(const struct pgoutput_message *m, wf_str whole)
{
    fuzz_must(m->kind == (unsigned char)whole.ptr[0]);
    fuzz_inside(m->old.raw, whole);
    fuzz_inside(m->row.raw, whole);
    fuzz_inside(m->name, whole);
    fuzz_inside(m->schema, whole);
    fuzz_inside(m->table, whole);
    fuzz_inside(m->content, whole);
    fuzz_inside(m->relations, whole);
    fuzz_must(fuzz_columns(m->old.raw) == m->old.columns);
    fuzz_must(fuzz_columns(m->row.raw) == m->row.columns);
    if (m->kind == PGOUTPUT_RELATION)
        fuzz_must(fuzz_fields(m->content) == m->count);
    if (m->kind == PGOUTPUT_TRUNCATE)
        fuzz_must(m->relations.len == (size_t)m->count * 4);
}

static void fuzz_parse(wf_str bytes, bool in_stream)
{
    struct pgoutput_message message;
    struct pgoutput_message before;
    wf_error err = {0};
    memset(&message, 0x5A, sizeof message);
    before = message;
    wf_status status = pgoutput_parse(bytes, in_stream, &message, &err);
    if (status == WF_OK) {
        fuzz_message(&message, bytes);
        return;
    }
    fuzz_must(status == WF_PROTOCOL && err.code == WF_PROTOCOL && err.text[0]);
    fuzz_must(memcmp(&message, &before, sizeof message) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wf_str bytes = {(const char *)data, size};
    fuzz_parse(bytes, false);
    fuzz_parse(bytes, true);
    fuzz_columns(bytes);
    fuzz_fields(bytes);
    return 0;
}
