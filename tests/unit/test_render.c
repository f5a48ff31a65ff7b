/* SPDX-License-Identifier: MIT
 *
 * A change becomes JSON.  The examples of docs/events.md are rendered here and compared
 * byte for byte, line breaks apart.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"
#include "plugin/core/render.h"
#include "tests/support/doc.h"
#include "tests/support/oom.h"
#include "tests/support/run.h"

#define INT(n)                                                                             \
    {                                                                                      \
        .kind = CDC_VALUE_INT, .integer = (n)                                              \
    }
#define UINT(n)                                                                            \
    {                                                                                      \
        .kind = CDC_VALUE_UINT, .uinteger = (n)                                            \
    }
#define BOOL(n)                                                                            \
    {                                                                                      \
        .kind = CDC_VALUE_BOOL, .integer = (n)                                             \
    }
#define TEXT(s)                                                                            \
    {                                                                                      \
        .kind = CDC_VALUE_TEXT, .text = {(s), sizeof(s) - 1 }                              \
    }
#define BYTES(s)                                                                           \
    {                                                                                      \
        .kind = CDC_VALUE_BYTES, .text = {(s), sizeof(s) - 1 }                             \
    }
#define JSON(s)                                                                            \
    {                                                                                      \
        .kind = CDC_VALUE_JSON, .text = {(s), sizeof(s) - 1 }                              \
    }
#define NOTHING                                                                            \
    {                                                                                      \
        .kind = CDC_VALUE_NULL                                                             \
    }
#define ABSENT                                                                             \
    {                                                                                      \
        .kind = CDC_VALUE_ABSENT                                                           \
    }
#define UNCHANGED                                                                          \
    {                                                                                      \
        .kind = CDC_VALUE_UNCHANGED                                                        \
    }

static wf_error err;
static struct render_origin origin;
static struct cdc_table *table;
static struct buf out;
static wf_str key;

static const struct cdc_column columns[] = {
    {{"id", 2}, true},
    {{"status", 6}, false},
    {{"note", 4}, false},
};

static void setup(void)
{
    ck_assert_int_eq(render_origin_init(&origin, STR("shop"), STR("postgres"), &err),
                     WF_OK);
    ck_assert_int_eq(table_new(STR("public.orders"), columns, 3, NULL, 0, &table, &err),
                     WF_OK);
    buf_init(&out, LIMIT_OUTPUT_BYTES);
}

static void teardown(void)
{
    buf_release(&out);
    table_free(table);
    render_origin_release(&origin);
}

static struct cdc_change change_of(enum cdc_op op, const struct cdc_value *before,
                                   const struct cdc_value *after)
{
    return (struct cdc_change){
        .op = op,
        .table = table,
        .id = STR("pg:0/16B374F0:750:2"),
        .position = STR("0/16B374F0"),
        .txid = STR("750"),
        .seq = 2,
        .ts_us = INT64_C(1795341600123456),
        .before = before,
        .after = after,
    };
}

/* Renders; what comes out is JSON, and the key is where it is said to be. */
static wf_str rendered(const struct cdc_change *change)
{
    key = STR("untouched");
    buf_clear(&out);
    render_event(&out, &origin, change, &key);
    ck_assert_int_eq(out.broken, WF_OK);
    ck_assert_msg(json_check(buf_view(&out), "event", &err) == WF_OK, "%s\n%s", err.text,
                  buf_c(&out));
    wf_str member;
    ck_assert(json_member(buf_view(&out), "key", &member));
    if (key.len)
        ck_assert_ptr_eq(key.ptr, member.ptr);
    else
        ck_assert(str_is(member, "null"));
    return buf_view(&out);
}

static void has_member(wf_str event, const char *name, const char *expected)
{
    wf_str value;
    ck_assert_msg(json_member(event, name, &value), "no '%s'", name);
    ck_assert_msg(str_is(value, expected), "'%s' is %.*s, not %s", name, STR_ARG(value),
                  expected);
}

static void has_no_member(wf_str event, const char *name)
{
    wf_str value;
    ck_assert_msg(!json_member(event, name, &value), "'%s' is there", name);
}

/* ---- the examples of docs/events.md ---- */

static const struct cdc_value row_new[] = {INT(1), TEXT("new"), NOTHING};
static const struct cdc_value row_paid[] = {INT(1), TEXT("paid"), UNCHANGED};
static const struct cdc_value row_key[] = {INT(1), ABSENT, ABSENT};

static struct cdc_change example_change(enum cdc_op op)
{
    switch (op) {
    case CDC_INSERT:
        return change_of(op, NULL, row_new);
    case CDC_UPDATE:
        return change_of(op, row_new, row_paid);
    case CDC_DELETE:
        return change_of(op, row_key, NULL);
    case CDC_READ: {
        struct cdc_change change = change_of(op, NULL, row_new);
        change.id = STR("postgres:s1:public.orders:1");
        change.txid = change.position = STR_EMPTY;
        change.seq = 0;
        return change;
    }
    case CDC_DDL: {
        struct cdc_change change = change_of(op, NULL, NULL);
        change.ddl = STR("ALTER TABLE orders ADD COLUMN note text");
        return change;
    }
    case CDC_MESSAGE: {
        struct cdc_change change = change_of(op, NULL, NULL);
        change.table = NULL;
        change.prefix = STR("billing");
        change.content = STR("run 17 has ended");
        return change;
    }
    default:
        return change_of(op, NULL, NULL);
    }
}

START_TEST(the_documented_examples_are_what_is_rendered)
{
    static const char *const headings[] = {
#define X(name) [CDC_##name] = "## `" #name "`",
        CDC_OP_MAP(X)
#undef X
    };
    CDC_CLEANUP(buf_release) struct buf page;
    CDC_CLEANUP(buf_release) struct buf expected;
    buf_init(&expected, LIMIT_OUTPUT_BYTES);
    buf_init(&page, LIMIT_OUTPUT_BYTES);
    doc_read(SOURCE_DIR "/docs/events.md", &page);
    doc_json(doc_section(buf_view(&page), headings[_i]), &expected);
    struct cdc_change change = example_change((enum cdc_op)_i);
    rendered(&change);
    ck_assert_str_eq(buf_c(&out), buf_c(&expected));
}
END_TEST

/* ---- values ---- */

static const struct {
    struct cdc_value value;
    const char *json;
} values[] = {
    {NOTHING, "null"},
    {ABSENT, "null"},
    {UNCHANGED, "null"},
    {INT(0), "0"},
    {INT(-1), "-1"},
    {INT(INT64_MAX), "9223372036854775807"},
    {INT(INT64_MIN), "-9223372036854775808"},
    {UINT(UINT64_MAX), "18446744073709551615"},
    {BOOL(0), "false"},
    {BOOL(1), "true"},
    {BOOL(-7), "true"},
    {TEXT(""), "\"\""},
    {TEXT("plain"), "\"plain\""},
    {TEXT("a \"quote\" and a \\"), "\"a \\\"quote\\\" and a \\\\\""},
    {TEXT("line\nbreak\ttab\x01\x7f"), "\"line\\nbreak\\ttab\\u0001\x7f\""},
    {TEXT("a\0b"), "\"a\\u0000b\""},
    {TEXT("Gr\xC3\xBC\xC3\x9F"
          "e"),
     "\"Gr\xC3\xBC\xC3\x9F"
     "e\""},
    {TEXT("\xff\xfe"), "{\"base64\":\"//4=\"}"},
    {TEXT("long enough to be written in part \xff"),
     "{\"base64\":\"bG9uZyBlbm91Z2ggdG8gYmUgd3JpdHRlbiBpbiBwYXJ0IP8=\"}"},
    {{.kind = CDC_VALUE_TEXT, .text = {NULL, 0}}, "\"\""},
    {BYTES("\0\xff"), "\"AP8=\""},
    {{.kind = CDC_VALUE_BYTES, .text = {NULL, 0}}, "\"\""},
    {JSON("{\"a\": [1, 2.50]}"), "{\"a\": [1, 2.50]}"},
    {JSON("12345678901234567890.12345"), "12345678901234567890.12345"},
    {JSON("\"NaN\""), "\"NaN\""},
    {{.kind = CDC_VALUE_JSON, .text = {NULL, 0}}, "null"},
};

START_TEST(a_value_is_written_without_loss)
{
    render_value(&out, &values[_i].value);
    ck_assert_str_eq(buf_c(&out), values[_i].json);
    ck_assert_int_eq(json_check(buf_view(&out), "value", &err), WF_OK);
}
END_TEST

/* ---- the envelope ---- */

START_TEST(what_is_not_known_is_null)
{
    struct cdc_change change = {.op = CDC_OP_NONE, .ts_us = CDC_NO_TIME};
    rendered(&change);
    ck_assert_str_eq(
        buf_c(&out),
        "{\"id\":null,\"source_id\":\"shop\",\"provider\":\"postgres\",\"table\":null,"
        "\"op\":null,\"action\":null,\"key\":null,\"before\":null,\"after\":null,"
        "\"ts\":null,\"position\":null,\"txid\":null,\"seq\":null,"
        "\"snapshot\":false}");
}
END_TEST

START_TEST(names_are_escaped_wherever_they_stand)
{
    struct render_origin odd;
    ck_assert_int_eq(render_origin_init(&odd, STR("a\"b"), STR("c\\d"), &err), WF_OK);
    struct cdc_table *odd_table;
    struct cdc_column odd_columns[] = {{STR("k\"1"), true}, {STR("u\n"), false}};
    ck_assert_int_eq(table_new(STR("s.\"t"), odd_columns, 2, NULL, 0, &odd_table, &err),
                     WF_OK);
    struct cdc_value row[] = {TEXT("x"), UNCHANGED};
    struct cdc_change change = change_of(CDC_INSERT, NULL, row);
    change.table = odd_table;
    change.id = STR("i\"d");
    change.position = STR("p\"p");
    change.txid = STR("t\"t");
    render_event(&out, &odd, &change, &key);
    wf_str event = buf_view(&out);
    ck_assert_int_eq(json_check(event, "event", &err), WF_OK);
    has_member(event, "id", "\"i\\\"d\"");
    has_member(event, "source_id", "\"a\\\"b\"");
    has_member(event, "provider", "\"c\\\\d\"");
    has_member(event, "table", "\"s.\\\"t\"");
    has_member(event, "key", "{\"k\\\"1\":\"x\"}");
    has_member(event, "unchanged", "[\"u\\n\"]");
    has_member(event, "position", "\"p\\\"p\"");
    has_member(event, "txid", "\"t\\\"t\"");
    table_free(odd_table);
    render_origin_release(&odd);
}
END_TEST

START_TEST(rows_an_operation_does_not_have_are_null_whatever_comes_along)
{
    static const struct {
        bool before, after;
    } has[] = {
        [CDC_INSERT] = {false, true},   [CDC_UPDATE] = {true, true},
        [CDC_DELETE] = {true, false},   [CDC_TRUNCATE] = {false, false},
        [CDC_READ] = {false, true},     [CDC_DDL] = {false, false},
        [CDC_MESSAGE] = {false, false},
    };
    struct cdc_value row[] = {INT(1), NOTHING, NOTHING};
    struct cdc_change change = change_of((enum cdc_op)_i, row, row);
    wf_str event = rendered(&change);
    const char *json = "{\"id\":1,\"status\":null,\"note\":null}";
    bool any = has[_i].before || has[_i].after;
    has_member(event, "before", has[_i].before ? json : "null");
    has_member(event, "after", has[_i].after ? json : "null");
    has_member(event, "key", any ? "{\"id\":1}" : "null");
    has_member(event, "snapshot", _i == CDC_READ ? "true" : "false");
}
END_TEST

START_TEST(action_equals_op_and_is_the_word_of_the_operation)
{
    struct cdc_change change = change_of((enum cdc_op)_i, NULL, NULL);
    wf_str event = rendered(&change);
    wf_str word = change_op_text((enum cdc_op)_i);
    char quoted[32];
    snprintf(quoted, sizeof quoted, "\"%.*s\"", STR_ARG(word));
    has_member(event, "op", quoted);
    has_member(event, "action", quoted);
}
END_TEST

START_TEST(a_row_of_absent_columns_is_an_empty_object)
{
    struct cdc_value row[] = {ABSENT, ABSENT, ABSENT};
    struct cdc_change change = change_of(CDC_INSERT, NULL, row);
    wf_str event = rendered(&change);
    has_member(event, "after", "{}");
    has_member(event, "key", "null");
    has_no_member(event, "unchanged");
}
END_TEST

START_TEST(unchanged_columns_are_named_and_left_out_of_both_rows)
{
    struct cdc_value before[] = {INT(1), UNCHANGED, TEXT("x")};
    struct cdc_value after[] = {UNCHANGED, TEXT("y"), UNCHANGED};
    struct cdc_change change = change_of(CDC_UPDATE, before, after);
    wf_str event = rendered(&change);
    has_member(event, "before", "{\"id\":1,\"note\":\"x\"}");
    has_member(event, "after", "{\"status\":\"y\"}");
    has_member(event, "unchanged", "[\"id\",\"note\"]");
    has_member(event, "key", "null");
}
END_TEST

START_TEST(a_key_has_the_keys_column_order)
{
    struct cdc_table *two;
    const uint16_t keys[] = {2, 0};
    ck_assert_int_eq(table_new(STR("t"), columns, 3, keys, 2, &two, &err), WF_OK);
    struct cdc_value row[] = {INT(1), TEXT("s"), TEXT("n")};
    ck_assert(render_key(&out, two, row));
    ck_assert_str_eq(buf_c(&out), "{\"note\":\"n\",\"id\":1}");
    row[0].kind = CDC_VALUE_NULL;
    buf_clear(&out);
    ck_assert(render_key(&out, two, row));
    ck_assert_str_eq(buf_c(&out), "{\"note\":\"n\",\"id\":null}");
    buf_clear(&out);
    row[0].kind = _i ? CDC_VALUE_ABSENT : CDC_VALUE_UNCHANGED;
    ck_assert(!render_key(&out, two, row));
    ck_assert_uint_eq(out.len, 0);
    table_free(two);
}
END_TEST

START_TEST(a_table_without_a_key_has_no_key)
{
    struct cdc_table *keyless;
    ck_assert_int_eq(table_new(STR("t"), &columns[1], 2, NULL, 0, &keyless, &err), WF_OK);
    struct cdc_value row[] = {TEXT("a"), TEXT("b")};
    struct cdc_change change = change_of(CDC_INSERT, NULL, row);
    change.table = keyless;
    has_member(rendered(&change), "key", "null");
    ck_assert(!render_key(&out, keyless, row));
    table_free(keyless);
}
END_TEST

START_TEST(a_table_without_columns_renders)
{
    struct cdc_table *bare;
    ck_assert_int_eq(table_new(STR("t"), NULL, 0, NULL, 0, &bare, &err), WF_OK);
    struct cdc_value none = NOTHING;
    struct cdc_change change = change_of(CDC_INSERT, NULL, &none);
    change.table = bare;
    has_member(rendered(&change), "after", "{}");
    table_free(bare);
}
END_TEST

START_TEST(times_always_have_six_digits_of_a_second)
{
    struct cdc_change change = change_of(CDC_TRUNCATE, NULL, NULL);
    change.ts_us = 0;
    has_member(rendered(&change), "ts", "\"1970-01-01T00:00:00.000000Z\"");
    change.ts_us = -1;
    has_member(rendered(&change), "ts", "\"1969-12-31T23:59:59.999999Z\"");
}
END_TEST

START_TEST(content_that_is_no_text_is_base64)
{
    struct cdc_change change = change_of(CDC_MESSAGE, NULL, NULL);
    change.prefix = STR("p");
    change.content = STR("\xff\x00");
    has_member(rendered(&change), "content", "{\"base64\":\"/wA=\"}");
    change.content = STR_EMPTY;
    has_member(rendered(&change), "content", "\"\"");
}
END_TEST

/* ---- finished events ---- */

START_TEST(a_raw_event_is_passed_on_as_it_is)
{
    static const char raw[] = "{ \"op\":\"X\", \"key\": {\"id\": 7} }";
    struct cdc_change change = {.op = CDC_OP_NONE, .raw = STR(raw)};
    change.raw_key = (wf_str){strstr(raw, "{\"id\""), strlen("{\"id\": 7}")};
    buf_lit(&out, "before ");
    render_event(&out, &origin, &change, &key);
    ck_assert_str_eq(buf_c(&out), "before { \"op\":\"X\", \"key\": {\"id\": 7} }");
    ck_assert(str_is(key, "{\"id\": 7}"));
    ck_assert_ptr_eq(key.ptr, strstr(buf_c(&out), "{\"id\""));
}
END_TEST

START_TEST(a_raw_key_that_is_null_or_elsewhere_is_no_key)
{
    static const char raw[] = "{\"key\":null}";
    struct cdc_change change = {.op = CDC_OP_NONE, .raw = STR(raw)};
    const wf_str keys[] = {
        STR_EMPTY,
        {strstr(raw, "null"), 4},
        STR("{\"id\":1}"),
        STR("{\"id\":1,\"longer\":\"than the event\"}"),
        {raw + 1, sizeof raw},
    };
    change.raw_key = keys[_i];
    render_event(&out, &origin, &change, &key);
    ck_assert_uint_eq(key.len, 0);
    ck_assert_str_eq(buf_c(&out), raw);
}
END_TEST

/* ---- too large ---- */

START_TEST(an_oversize_event_tells_what_it_was_without_its_rows)
{
    struct cdc_change change = example_change((enum cdc_op)_i);
    wf_str event = rendered(&change);
    CDC_CLEANUP(buf_release) struct buf small;
    buf_init(&small, LIMIT_TEXT_BYTES);
    render_oversize(&small, &origin, &change);
    wf_str oversize = buf_view(&small);
    ck_assert_int_eq(json_check(oversize, "event", &err), WF_OK);
    has_member(oversize, "oversize", "true");
    static const char *const same[] = {"id",       "source_id", "provider", "table",
                                       "op",       "action",    "key",      "ts",
                                       "position", "txid",      "seq",      "snapshot"};
    for (size_t i = 0; i < CDC_COUNT(same); i++) {
        wf_str value;
        ck_assert(json_member(event, same[i], &value));
        char text[128];
        snprintf(text, sizeof text, "%.*s", STR_ARG(value));
        has_member(oversize, same[i], text);
    }
    static const char *const gone[] = {"before", "after", "content", "ddl", "unchanged"};
    for (size_t i = 0; i < CDC_COUNT(gone); i++)
        has_no_member(oversize, gone[i]);
}
END_TEST

START_TEST(an_oversize_raw_event_keeps_what_filters_know_of_it)
{
    struct cdc_change change = {
        .op = CDC_UPDATE,
        .ts_us = CDC_NO_TIME,
        .raw = STR("{\"key\":{\"id\":7}}"),
        .raw_table = STR("t"),
        .raw_key = _i ? STR("{\"id\":7}") : STR_EMPTY,
    };
    render_oversize(&out, &origin, &change);
    wf_str event = buf_view(&out);
    ck_assert_int_eq(json_check(event, "event", &err), WF_OK);
    has_member(event, "table", "\"t\"");
    has_member(event, "op", "\"UPDATE\"");
    has_member(event, "key", _i ? "{\"id\":7}" : "null");
    has_member(event, "oversize", "true");
}
END_TEST

/* ---- room ---- */

START_TEST(an_event_needs_its_own_length_and_nothing_more)
{
    struct cdc_value before[] = {INT(1), TEXT("text \"that\" needs\nescapes"),
                                 BYTES("bytes")};
    struct cdc_value after[] = {INT(1), TEXT("\xffno text"), UNCHANGED};
    struct cdc_change change = change_of(CDC_UPDATE, before, after);
    size_t len = rendered(&change).len;
    for (size_t room = 0; room <= len; room++) {
        char *memory = malloc(room + 1); /* exact, so that ASan sees a byte too many */
        ck_assert_ptr_nonnull(memory);
        struct buf fixed;
        buf_fixed(&fixed, memory, room);
        key = STR("untouched");
        render_event(&fixed, &origin, &change, &key);
        ck_assert_int_eq(fixed.broken, room < len ? WF_CONFIG : WF_OK);
        if (room < len)
            ck_assert_uint_eq(key.len, 0);
        else
            ck_assert_mem_eq(memory, out.data, len);
        struct buf limited;
        buf_init(&limited, room);
        render_event(&limited, &origin, &change, &key);
        ck_assert_int_eq(limited.broken, room < len ? WF_CONFIG : WF_OK);
        buf_release(&limited);
        free(memory);
    }
}
END_TEST

START_TEST(the_key_is_found_although_the_buffer_moves)
{
    char long_text[5000];
    memset(long_text, 'x', sizeof long_text);
    struct cdc_value row[] = {
        INT(1), {.kind = CDC_VALUE_TEXT, .text = {long_text, 5000}}, NOTHING};
    struct cdc_change change = change_of(CDC_INSERT, NULL, row);
    ck_assert(str_is((rendered(&change), key), "{\"id\":1}"));
}
END_TEST

START_TEST(every_allocation_may_fail)
{
    struct cdc_change change = change_of(CDC_UPDATE, row_new, row_paid);
    for (long n = 0; n < OOM_MOST; n++) {
        struct render_origin other = {0};
        struct buf memory;
        buf_init(&memory, LIMIT_OUTPUT_BYTES);
        oom_arm(n);
        wf_status status = render_origin_init(&other, STR("s"), STR("p"), &err);
        if (!status) {
            render_event(&memory, &other, &change, &key);
            status = memory.broken;
        }
        bool hit = oom_disarm();
        ck_assert_int_eq(status, hit ? WF_NO_MEMORY : WF_OK);
        buf_release(&memory);
        render_origin_release(&other);
        if (!hit)
            return;
    }
    ck_abort_msg("no end");
}
END_TEST

START_TEST(a_source_id_without_end_is_refused)
{
    static char id[LIMIT_TEXT_BYTES];
    memset(id, 'x', sizeof id);
    struct render_origin other;
    ck_assert_int_eq(render_origin_init(&other, (wf_str){id, sizeof id}, STR("p"), &err),
                     WF_CONFIG);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("render");
    TCase *tcase = tcase_create("render");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, the_documented_examples_are_what_is_rendered, 0,
                        CDC_OP_COUNT);
    tcase_add_loop_test(tcase, a_value_is_written_without_loss, 0, (int)CDC_COUNT(values));
    tcase_add_test(tcase, what_is_not_known_is_null);
    tcase_add_test(tcase, names_are_escaped_wherever_they_stand);
    tcase_add_loop_test(tcase,
                        rows_an_operation_does_not_have_are_null_whatever_comes_along, 0,
                        CDC_OP_COUNT);
    tcase_add_loop_test(tcase, action_equals_op_and_is_the_word_of_the_operation, 0,
                        CDC_OP_COUNT);
    tcase_add_test(tcase, a_row_of_absent_columns_is_an_empty_object);
    tcase_add_test(tcase, unchanged_columns_are_named_and_left_out_of_both_rows);
    tcase_add_loop_test(tcase, a_key_has_the_keys_column_order, 0, 2);
    tcase_add_test(tcase, a_table_without_a_key_has_no_key);
    tcase_add_test(tcase, a_table_without_columns_renders);
    tcase_add_test(tcase, times_always_have_six_digits_of_a_second);
    tcase_add_test(tcase, content_that_is_no_text_is_base64);
    tcase_add_test(tcase, a_raw_event_is_passed_on_as_it_is);
    tcase_add_loop_test(tcase, a_raw_key_that_is_null_or_elsewhere_is_no_key, 0, 5);
    tcase_add_loop_test(tcase, an_oversize_event_tells_what_it_was_without_its_rows, 0,
                        CDC_OP_COUNT);
    tcase_add_loop_test(tcase, an_oversize_raw_event_keeps_what_filters_know_of_it, 0, 2);
    tcase_add_test(tcase, an_event_needs_its_own_length_and_nothing_more);
    tcase_add_test(tcase, the_key_is_found_although_the_buffer_moves);
    if (OOM_POSSIBLE)
        tcase_add_test(tcase, every_allocation_may_fail);
    tcase_add_test(tcase, a_source_id_without_end_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}
