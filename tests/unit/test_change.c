/* SPDX-License-Identifier: MIT
 *
 * The words for operations.
 */
#include "base/compiler.h"
#include "base/str.h"
#include "plugin/core/change.h"
#include "tests/support/run.h"

START_TEST(every_operation_is_read_back_from_its_word_in_any_case)
{
    enum cdc_op op = (enum cdc_op)_i;
    wf_str word = change_op_text(op);
    ck_assert_uint_gt(word.len, 0);
    ck_assert_int_eq(change_op_parse(word), op);
    char lower[16];
    char mixed[16];
    for (size_t i = 0; i < word.len; i++) {
        ck_assert(word.ptr[i] >= 'A' && word.ptr[i] <= 'Z');
        lower[i] = (char)(word.ptr[i] | 0x20);
        mixed[i] = i % 2 ? lower[i] : word.ptr[i];
    }
    ck_assert_int_eq(change_op_parse((wf_str){lower, word.len}), op);
    ck_assert_int_eq(change_op_parse((wf_str){mixed, word.len}), op);
}
END_TEST

START_TEST(every_prefix_of_a_word_but_its_letter_is_no_operation)
{
    wf_str word = change_op_text((enum cdc_op)_i);
    for (size_t len = 2; len < word.len; len++)
        ck_assert_int_eq(change_op_parse(str_slice(word, 0, len)), CDC_OP_NONE);
}
END_TEST

START_TEST(debeziums_letters_are_operations)
{
    static const struct {
        const char *letter;
        enum cdc_op op;
    } letters[] = {
        {"c", CDC_INSERT},   {"u", CDC_UPDATE}, {"d", CDC_DELETE}, {"r", CDC_READ},
        {"t", CDC_TRUNCATE}, {"C", CDC_INSERT}, {"D", CDC_DELETE}, {"R", CDC_READ},
    };
    for (size_t i = 0; i < CDC_COUNT(letters); i++)
        ck_assert_int_eq(change_op_parse(str_from(letters[i].letter)), letters[i].op);
}
END_TEST

START_TEST(anything_else_is_no_operation)
{
    static const char *const texts[] = {
        "", "x", "i", "#", "\xff", "INSERTS", " ", "INSERT ", " insert", "\x03", "*"};
    for (size_t i = 0; i < CDC_COUNT(texts); i++)
        ck_assert_msg(change_op_parse(str_from(texts[i])) == CDC_OP_NONE, "'%s'", texts[i]);
    ck_assert_int_eq(change_op_parse(STR_EMPTY), CDC_OP_NONE);
    ck_assert_uint_eq(change_op_text(CDC_OP_NONE).len, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("change");
    TCase *tcase = tcase_create("change");
    tcase_add_loop_test(tcase, every_operation_is_read_back_from_its_word_in_any_case, 0,
                        CDC_OP_COUNT);
    tcase_add_loop_test(tcase, every_prefix_of_a_word_but_its_letter_is_no_operation, 0,
                        CDC_OP_COUNT);
    tcase_add_test(tcase, debeziums_letters_are_operations);
    tcase_add_test(tcase, anything_else_is_no_operation);
    suite_add_tcase(suite, tcase);
    return suite;
}
