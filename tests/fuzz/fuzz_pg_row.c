/* SPDX-License-Identifier: MIT
 *
 * fuzz_pg_row - any text as a value of a type with parts.
 *
 *   - what comes out is one JSON value, and a string when the text is not of its type;
 *   - twice the same text gives the same bytes, also after another row.
 *
 * The first byte chooses the type.
 */
#include <stdlib.h>

#include "base/json.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "providers/postgres/pg_row.h"
#include "providers/postgres/pg_type_known.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static struct pg_type fuzz_types[8];

static void fuzz_make_types(void)
{
    static struct pg_type_field fields[3];
    const struct pg_type *integer = pg_type_known_find(23);
    const struct pg_type *text = pg_type_known_find(25);
    struct pg_type *t = fuzz_types;
    t[0] = (struct pg_type){
        .kind = PG_TYPE_ARRAY, .levels = 1, .delimiter = ';', .element = text};
    t[1] = (struct pg_type){.kind = PG_TYPE_RANGE, .levels = 1, .element = text};
    t[2] = (struct pg_type){.kind = PG_TYPE_MULTIRANGE, .levels = 2, .element = &t[1]};
    fields[0] = (struct pg_type_field){STR("i"), STR("\"i\":"), integer};
    fields[1] = (struct pg_type_field){STR("t"), STR("\"t\":"), &t[0]};
    fields[2] = (struct pg_type_field){STR("r"), STR("\"r\":"), &t[2]};
    t[3] = (struct pg_type){
        .kind = PG_TYPE_COMPOSITE, .levels = 3, .fields = fields, .count = 3};
    t[4] = (struct pg_type){
        .kind = PG_TYPE_ARRAY, .levels = 4, .delimiter = ',', .element = &t[3]};
    t[5] = *pg_type_known_find(3807); /* jsonb[] */
    t[6] = *pg_type_known_find(1001); /* bytea[] */
    t[7] = *pg_type_known_find(1006); /* int2vector[] */
}

static enum cdc_value_kind fuzz_value(struct pg_row *row, const struct pg_type *type,
                                      wf_str text, struct buf *out)
{
    fuzz_must(pg_row_begin(row, 2, NULL) == WF_OK);
    pg_row_text(row, type, text);
    pg_row_text(row, type, text);
    fuzz_must(pg_row_end(row, NULL) == WF_OK);
    struct buf again;
    buf_init(&again, LIMIT_CONFIG_BYTES * 16u);
    render_value(out, &row->values[0]);
    render_value(&again, &row->values[1]);
    fuzz_must(buf_status(out, "", NULL) == WF_OK && buf_status(&again, "", NULL) == WF_OK);
    fuzz_must(str_eq(buf_view(out), buf_view(&again)));
    buf_release(&again);
    return row->values[0].kind;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!fuzz_types[0].kind)
        fuzz_make_types();
    if (!size)
        return 0;
    wf_str text = {(const char *)data + 1, size - 1};
    struct pg_row row;
    struct buf out;
    pg_row_init(&row);
    buf_init(&out, LIMIT_CONFIG_BYTES * 16u);
    enum cdc_value_kind kind =
        fuzz_value(&row, &fuzz_types[data[0] % CDC_COUNT(fuzz_types)], text, &out);
    fuzz_must(kind == CDC_VALUE_JSON || kind == CDC_VALUE_TEXT);
    fuzz_must(json_check(buf_view(&out), "value", NULL) == WF_OK);
    fuzz_must((kind == CDC_VALUE_JSON) ==
              (json_kind(buf_view(&out)) == JSON_ARRAY ||
               (json_kind(buf_view(&out)) == JSON_OBJECT &&
                !str_starts(buf_view(&out), STR("{\"base64\"")))));
    buf_release(&out);
    pg_row_release(&row);
    return 0;
}
