/* SPDX-License-Identifier: MIT
 *
 * test_ring - what is written is read, in order and whole, at every place in the memory.
 */
#include <check.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "plugin/core/ring.h"
#include "tests/support/run.h"

#define RING_BYTES 65536u

static struct ring ring;

static void setup(void)
{
    wf_error err;
    ck_assert_int_eq(ring_init(&ring, RING_BYTES, LIMIT_CONFIG_BYTES, &err), WF_OK);
}

static void teardown(void)
{
    ring_release(&ring);
}

/* Appends `len` bytes of `fill`; false when the ring is full. */
static bool put(size_t len, char fill, uint8_t op)
{
    struct buf space;
    for (int attempt = 0; ring_begin(&ring, attempt, &space); attempt++) {
        if (buf_reserve(&space, len)) {
            memset(space.data + space.len, fill, len);
            space.len += len;
            ring_end(&ring, &space, (struct ring_meta){.op = op});
            return true;
        }
        buf_release(&space);
    }
    return false;
}

static void expect(uint64_t *cursor, size_t len, char fill, uint8_t op)
{
    const struct ring_record *record = ring_read(&ring, cursor, ring_head(&ring));
    ck_assert_ptr_nonnull(record);
    wf_str text = ring_text(record);
    ck_assert_uint_eq(text.len, len);
    size_t same = 0;
    while (same < len && text.ptr[same] == fill)
        same++;
    ck_assert_uint_eq(same, len);
    ck_assert_uint_eq(record->meta.op, op);
    *cursor += record->size;
}

START_TEST(records_come_out_as_they_went_in)
{
    ck_assert(put(10, 'a', 1));
    ck_assert(put(0, 'b', 2));
    ck_assert(put(1000, 'c', 3));
    uint64_t cursor = 0;
    expect(&cursor, 10, 'a', 1);
    expect(&cursor, 0, 'b', 2);
    expect(&cursor, 1000, 'c', 3);
    ck_assert_ptr_null(ring_read(&ring, &cursor, ring_head(&ring)));
    ck_assert_uint_eq(cursor, ring_head(&ring));
}
END_TEST

/* Every record length moves the wrap to another place. */
START_TEST(records_survive_every_place_of_the_wrap)
{
    size_t len = (size_t)_i * 13 + 1;
    uint64_t reader = 0;
    for (int round = 0; round < 300; round++) {
        size_t now = (len * (size_t)(round % 7 + 1)) % 9000;
        ck_assert(put(now, (char)('a' + round % 26), (uint8_t)round));
        expect(&reader, now, (char)('a' + round % 26), (uint8_t)round);
        ring_free_to(&ring, reader);
    }
}
END_TEST

START_TEST(a_full_ring_takes_nothing_and_loses_nothing)
{
    int written = 0;
    while (put(1000, (char)('a' + written % 26), 0))
        written++;
    ck_assert_int_gt(written, 50);
    uint64_t cursor = 0;
    for (int i = 0; i < written; i++)
        expect(&cursor, 1000, (char)('a' + i % 26), 0);
    ck_assert_ptr_null(ring_read(&ring, &cursor, ring_head(&ring)));
    ring_free_to(&ring, cursor);
    ck_assert_uint_eq(ring_room(&ring), RING_BYTES);
    ck_assert(put(1000, 'z', 0));
    expect(&cursor, 1000, 'z', 0);
}
END_TEST

START_TEST(a_record_larger_than_the_ring_goes_alone)
{
    ck_assert(put(100, 'a', 1));
    ck_assert_msg(!put(RING_BYTES * 2, 'b', 2), "not while something else is there");
    uint64_t cursor = 0;
    expect(&cursor, 100, 'a', 1);
    ring_free_to(&ring, cursor);
    ck_assert(put(RING_BYTES * 2, 'b', 2));
    ck_assert_msg(!put(1, 'c', 3), "nothing beside it");
    ck_assert_uint_eq(ring_room(&ring), 0);
    expect(&cursor, RING_BYTES * 2, 'b', 2);
    ck_assert_ptr_nonnull(ring.outside);
    ring_free_to(&ring, cursor);
    ck_assert_ptr_null(ring.outside);
    ck_assert(put(1, 'c', 3));
    expect(&cursor, 1, 'c', 3);
}
END_TEST

START_TEST(a_record_larger_than_the_limit_is_refused)
{
    struct buf space;
    ck_assert(ring_begin(&ring, 2, &space));
    ck_assert(!buf_reserve(&space, (size_t)LIMIT_CONFIG_BYTES + 1));
    ck_assert_int_eq(space.broken, WF_CONFIG);
    buf_release(&space);
    ck_assert(!ring_begin(&ring, 3, &space));
}
END_TEST

START_TEST(records_are_numbered_without_a_gap)
{
    uint64_t cursor = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        ck_assert(put(500, 'x', 0));
        const struct ring_record *record = ring_read(&ring, &cursor, ring_head(&ring));
        ck_assert_uint_eq(record->seq, i);
        cursor += record->size;
        ring_free_to(&ring, cursor);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ring");
    TCase *tc = tcase_create("ring");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, records_come_out_as_they_went_in);
    tcase_add_loop_test(tc, records_survive_every_place_of_the_wrap, 0, 60);
    tcase_add_test(tc, a_full_ring_takes_nothing_and_loses_nothing);
    tcase_add_test(tc, a_record_larger_than_the_ring_goes_alone);
    tcase_add_test(tc, a_record_larger_than_the_limit_is_refused);
    tcase_add_test(tc, records_are_numbered_without_a_gap);
    suite_add_tcase(suite, tc);
    return suite;
}
