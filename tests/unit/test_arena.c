/* SPDX-License-Identifier: MIT
 *
 * Tests of host/lang/arena and arena_text.
 */
#include <stdint.h>

#include "base/str.h"
#include "host/lang/arena.h"
#include "host/lang/arena_text.h"
#include "tests/support/run.h"

START_TEST(pieces_are_aligned_and_do_not_overlap)
{
    struct arena a;
    unsigned char *pieces[500];
    arena_init(&a, 1024 * 1024);
    for (size_t i = 0; i < CDC_COUNT(pieces); i++) {
        pieces[i] = arena_alloc(&a, i);
        ck_assert_ptr_nonnull(pieces[i]);
        ck_assert_uint_eq((uintptr_t)pieces[i] % _Alignof(max_align_t), 0);
        memset(pieces[i], (int)(i & 0xFF), i);
    }
    for (size_t i = 0; i < CDC_COUNT(pieces); i++)
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_eq(pieces[i][j], i & 0xFF);
    arena_release(&a);
}
END_TEST

START_TEST(a_reset_arena_gives_the_same_memory_again)
{
    struct arena a;
    arena_init(&a, 1024 * 1024);
    void *first = arena_alloc(&a, 100);
    for (int i = 0; i < 1000; i++)
        ck_assert_ptr_nonnull(arena_alloc(&a, 100));
    size_t total = a.total;

    for (int run = 0; run < 10; run++) {
        arena_reset(&a);
        ck_assert_ptr_eq(arena_alloc(&a, 100), first);
        for (int i = 0; i < 1000; i++)
            ck_assert_ptr_nonnull(arena_alloc(&a, 100));
        ck_assert_uint_eq(a.total, total);
    }
    arena_release(&a);
}
END_TEST

START_TEST(no_more_than_the_limit_is_taken)
{
    struct arena a;
    arena_init(&a, 10000);
    size_t taken = 0;
    while (arena_alloc(&a, 16))
        taken += 16;
    ck_assert_uint_ge(taken, 9000);
    ck_assert_uint_le(a.total, 10000);
    ck_assert_ptr_null(arena_alloc(&a, 1));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX));
    ck_assert_ptr_null(arena_alloc(&a, SIZE_MAX - 8));

    arena_reset(&a);
    ck_assert_ptr_nonnull(arena_alloc(&a, 16));
    arena_release(&a);
}
END_TEST

START_TEST(a_piece_larger_than_any_block_gets_a_block_of_its_own)
{
    struct arena a;
    arena_init(&a, 64 * 1024 * 1024);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1));
    unsigned char *large = arena_alloc(&a, 5 * 1024 * 1024);
    ck_assert_ptr_nonnull(large);
    memset(large, 7, 5 * 1024 * 1024);
    ck_assert_ptr_nonnull(arena_alloc(&a, 1));
    size_t total = a.total;

    arena_reset(&a);
    ck_assert_ptr_nonnull(
        arena_alloc(&a, 4 * 1024 * 1024)); /* the large block is found again */
    ck_assert_uint_eq(a.total, total);
    arena_release(&a);
}
END_TEST

START_TEST(a_released_arena_can_be_used_and_released_again)
{
    struct arena a;
    arena_init(&a, 10000);
    arena_release(&a);
    ck_assert_ptr_nonnull(arena_alloc(&a, 10));
    arena_release(&a);
    arena_release(&a);
    ck_assert_uint_eq(a.total, 0);
}
END_TEST

START_TEST(a_copied_text_is_its_own)
{
    struct arena a;
    char text[] = "abc";
    arena_init(&a, 10000);
    wf_str copy = arena_str(&a, (wf_str){text, 3});
    text[0] = 'x';
    ck_assert(str_is(copy, "abc"));
    ck_assert_ptr_nonnull(arena_str(&a, STR_EMPTY).ptr);
    arena_release(&a);

    arena_init(&a, 8);
    ck_assert_ptr_null(arena_str(&a, STR("longer than eight")).ptr);
    arena_release(&a);
}
END_TEST

START_TEST(a_text_grows_while_other_pieces_are_taken)
{
    struct arena a;
    char expected[3000];
    arena_init(&a, 1024 * 1024);
    struct arena_text t = arena_text_of(&a, (size_t)_i);
    for (size_t i = 0; i < sizeof expected; i++) {
        expected[i] = (char)('a' + i % 26);
        arena_text_byte(&t, expected[i]);
        if (i % 100 == 0)
            ck_assert_ptr_nonnull(arena_alloc(&a, 40));
    }
    wf_str text;
    ck_assert(arena_text_end(&t, &text));
    ck_assert_uint_eq(text.len, sizeof expected);
    ck_assert_mem_eq(text.ptr, expected, sizeof expected);
    arena_release(&a);
}
END_TEST

START_TEST(a_text_without_memory_is_broken_and_stays_so)
{
    struct arena a;
    arena_init(&a, 256);
    struct arena_text t = arena_text_of(&a, 0);
    wf_str text = STR("untouched");
    for (int i = 0; i < 100; i++)
        arena_text_str(&t, STR("0123456789"));
    arena_text_byte(&t, 'x');
    arena_text_value(&t, &value_true);
    ck_assert(!arena_text_end(&t, &text));
    ck_assert(str_is(text, "untouched"));
    arena_release(&a);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("arena");
    TCase *tests = tcase_create("arena");
    tcase_add_test(tests, pieces_are_aligned_and_do_not_overlap);
    tcase_add_test(tests, a_reset_arena_gives_the_same_memory_again);
    tcase_add_test(tests, no_more_than_the_limit_is_taken);
    tcase_add_test(tests, a_piece_larger_than_any_block_gets_a_block_of_its_own);
    tcase_add_test(tests, a_released_arena_can_be_used_and_released_again);
    tcase_add_test(tests, a_copied_text_is_its_own);
    tcase_add_loop_test(tests, a_text_grows_while_other_pieces_are_taken, 0, 5);
    tcase_add_test(tests, a_text_without_memory_is_broken_and_stays_so);
    suite_add_tcase(suite, tests);
    return suite;
}
