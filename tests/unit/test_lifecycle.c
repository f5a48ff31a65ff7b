/* SPDX-License-Identifier: MIT
 *
 * test_lifecycle - every event in every phase.
 */
#include <check.h>

#include "plugin/core/lifecycle.h"
#include "tests/support/run.h"

#define EVENTS 5 /* START OPENED LOST BROKEN STOPPED: those that move the phase */

/* One letter per phase: Stopped Connecting sTreaming snapsHot Waiting Paused Reconnecting
 * Failed; '-' refused, '=' stays, 'o' the open phase of the facts. */
static const char phase_letters[] = "SCTHWPRF";
static const char *const expected[LIFECYCLE_PHASE_COUNT] = {
    [LIFECYCLE_STOPPED] = "C---=",      [LIFECYCLE_CONNECTING] = "=oRFS",
    [LIFECYCLE_STREAMING] = "=-RFS",    [LIFECYCLE_SNAPSHOT] = "=-RFS",
    [LIFECYCLE_WAITING] = "=-RFS",      [LIFECYCLE_PAUSED] = "=-RFS",
    [LIFECYCLE_RECONNECTING] = "=oRFS", [LIFECYCLE_FAILED] = "C---S",
};

START_TEST(every_event_in_every_phase_does_what_the_table_says)
{
    enum lifecycle_phase phase = (enum lifecycle_phase)(_i / EVENTS);
    enum lifecycle_event event = (enum lifecycle_event)(_i % EVENTS);
    struct lifecycle life = {.phase = phase};
    char want = expected[phase][event];
    bool taken = lifecycle_on(&life, event);
    ck_assert_int_eq(taken, want != '-');
    char got = phase_letters[life.phase];
    if (want == '-' || want == '=')
        ck_assert_int_eq(life.phase, phase);
    else if (want == 'o')
        ck_assert_int_eq(got, 'T');
    else
        ck_assert_int_eq(got, want);
}
END_TEST

/* paused, deserted, snapshot as bits of the loop's number */
START_TEST(an_open_stream_shows_the_most_important_fact)
{
    struct lifecycle life = {.phase = LIFECYCLE_CONNECTING,
                             .paused = _i & 1,
                             .deserted = _i & 2,
                             .snapshot = _i & 4};
    ck_assert(lifecycle_on(&life, LIFECYCLE_ON_OPENED));
    enum lifecycle_phase want = _i & 1   ? LIFECYCLE_PAUSED
                                : _i & 2 ? LIFECYCLE_WAITING
                                : _i & 4 ? LIFECYCLE_SNAPSHOT
                                         : LIFECYCLE_STREAMING;
    ck_assert_int_eq(life.phase, want);
    ck_assert(lifecycle_is_open(&life));
}
END_TEST

START_TEST(facts_are_kept_while_the_connection_is_away)
{
    struct lifecycle life = {.phase = LIFECYCLE_RECONNECTING};
    ck_assert(lifecycle_on(&life, LIFECYCLE_ON_PAUSE));
    ck_assert_int_eq(life.phase, LIFECYCLE_RECONNECTING);
    ck_assert(lifecycle_on(&life, LIFECYCLE_ON_OPENED));
    ck_assert_int_eq(life.phase, LIFECYCLE_PAUSED);
    ck_assert(lifecycle_on(&life, LIFECYCLE_ON_RESUME));
    ck_assert_int_eq(life.phase, LIFECYCLE_STREAMING);
}
END_TEST

START_TEST(a_new_start_forgets_a_pause)
{
    struct lifecycle life = {.phase = LIFECYCLE_STOPPED, .paused = true, .snapshot = true};
    ck_assert(lifecycle_on(&life, LIFECYCLE_ON_START));
    ck_assert(!life.paused && !life.snapshot);
}
END_TEST

START_TEST(phases_speak_upstreams_words)
{
    ck_assert_str_eq(lifecycle_state_text(LIFECYCLE_STREAMING), "running");
    ck_assert_str_eq(lifecycle_state_text(LIFECYCLE_WAITING), "running");
    ck_assert_str_eq(lifecycle_state_text(LIFECYCLE_RECONNECTING), "error");
    ck_assert_str_eq(lifecycle_phase_text(LIFECYCLE_RECONNECTING), "reconnecting");
    ck_assert_str_eq(lifecycle_phase_text(LIFECYCLE_PHASE_COUNT), "unknown");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("lifecycle");
    TCase *tc = tcase_create("lifecycle");
    tcase_add_loop_test(tc, every_event_in_every_phase_does_what_the_table_says, 0,
                        LIFECYCLE_PHASE_COUNT * EVENTS);
    tcase_add_loop_test(tc, an_open_stream_shows_the_most_important_fact, 0, 8);
    tcase_add_test(tc, facts_are_kept_while_the_connection_is_away);
    tcase_add_test(tc, a_new_start_forgets_a_pause);
    tcase_add_test(tc, phases_speak_upstreams_words);
    suite_add_tcase(suite, tc);
    return suite;
}
