/* SPDX-License-Identifier: MIT */
#include "steps/monitor_rules.h"

#include "base/compiler.h"
#include "tests/support/run.h"

#define NO_LIMIT 0

static const struct {
    struct monitor_lag lag;
    struct monitor_thresholds limits;
    enum monitor_status status;
} levels[] = {
    /* Row 53 of the behaviour. */
    {{0, 0, -1}, {1000000, 60, 0}, MONITOR_HEALTHY},
    {{850000, 0, -1}, {1000000, 60, 0}, MONITOR_WARNING},
    {{1500000, 0, -1}, {1000000, 60, 0}, MONITOR_CRITICAL},
    {{0, 90, -1}, {1000000, 60, 0}, MONITOR_CRITICAL},
    /* The edges. */
    {{799999, 0, -1}, {1000000, 60, 0}, MONITOR_HEALTHY},
    {{800000, 0, -1}, {1000000, 60, 0}, MONITOR_WARNING},
    {{999999, 0, -1}, {1000000, 60, 0}, MONITOR_WARNING},
    {{1000000, 0, -1}, {1000000, 60, 0}, MONITOR_CRITICAL},
    {{0, 47, -1}, {1000000, 60, 0}, MONITOR_HEALTHY},
    {{0, 48, -1}, {1000000, 60, 0}, MONITOR_WARNING},
    {{0, 60, -1}, {1000000, 60, 0}, MONITOR_CRITICAL},
    {{0, 4, -1}, {1000000, 5, 0}, MONITOR_WARNING},
    {{900000, 60, -1}, {1000000, 60, 0}, MONITOR_CRITICAL},
    /* A threshold of 0 takes its axis out. */
    {{INT64_MAX, 0, -1}, {NO_LIMIT, 60, 0}, MONITOR_HEALTHY},
    {{0, INT64_MAX, -1}, {1000000, NO_LIMIT, 0}, MONITOR_HEALTHY},
    {{INT64_MAX, INT64_MAX, -1}, {NO_LIMIT, NO_LIMIT, 0}, MONITOR_HEALTHY},
    /* Where a double no longer tells neighbours apart. */
    {{INT64_MAX - 1, 0, -1}, {INT64_MAX, 60, 0}, MONITOR_WARNING},
    {{INT64_MAX, 0, -1}, {INT64_MAX, 60, 0}, MONITOR_CRITICAL},
    /* Headroom: less is worse; without a limit, or without a threshold, it is no matter. */
    {{0, 0, 99}, {1000000, 60, 100}, MONITOR_CRITICAL},
    {{0, 0, 100}, {1000000, 60, 100}, MONITOR_WARNING},
    {{0, 0, 124}, {1000000, 60, 100}, MONITOR_WARNING},
    {{0, 0, 125}, {1000000, 60, 100}, MONITOR_HEALTHY},
    {{0, 0, -1}, {1000000, 60, 100}, MONITOR_HEALTHY},
    {{0, 0, 0}, {1000000, 60, NO_LIMIT}, MONITOR_HEALTHY},
};

START_TEST(a_lag_is_healthy_a_warning_or_critical)
{
    ck_assert_int_eq(monitor_rules_evaluate(levels[_i].lag, levels[_i].limits),
                     levels[_i].status);
}
END_TEST

START_TEST(the_low_water_mark_counts_on_both_axes)
{
    const struct monitor_thresholds limits = {1000, 100, 0};
    ck_assert(monitor_rules_is_low((struct monitor_lag){499, 49, -1}, limits, 0.5));
    ck_assert(!monitor_rules_is_low((struct monitor_lag){500, 0, -1}, limits, 0.5));
    ck_assert(!monitor_rules_is_low((struct monitor_lag){0, 50, -1}, limits, 0.5));
    ck_assert(!monitor_rules_is_low((struct monitor_lag){0, 0, -1}, limits, 0));
    ck_assert(monitor_rules_is_low((struct monitor_lag){999, 99, -1}, limits, 1));
}
END_TEST

START_TEST(the_words_are_upstream_s)
{
    ck_assert_str_eq(monitor_rules_text(MONITOR_HEALTHY), "healthy");
    ck_assert_str_eq(monitor_rules_text(MONITOR_WARNING), "warning");
    ck_assert_str_eq(monitor_rules_text(MONITOR_CRITICAL), "critical");
}
END_TEST

/* ---- decisions: stories, one look per row -------------------------------------------- */

struct look {
    enum monitor_status status;
    bool low, paused;
    bool alert, pause, resume; /* expected */
};

#define H MONITOR_HEALTHY
#define W MONITOR_WARNING
#define C MONITOR_CRITICAL

static const struct look pause_once[] = {
    {H, true, false, false, false, false},  {W, false, false, true, false, false},
    {W, false, false, false, false, false}, {C, false, false, true, true, false},
    {C, false, true, false, false, false},  {C, false, true, false, false, false},
    {W, false, true, true, false, false},   {H, false, true, true, false, false},
    {H, true, true, false, false, true},    {H, true, false, false, false, false},
};
static const struct look again_after_recovery[] = {
    {C, false, false, true, true, false},
    {H, true, true, true, false, true},
    {C, false, false, true, true, false},
    {H, true, true, true, false, true},
};
static const struct look back_to_critical_while_paused[] = {
    {C, false, false, true, true, false},
    {W, false, true, true, false, false},
    {C, false, true, true, false, false},
    {H, true, true, true, false, true},
};
static const struct look resumed_by_somebody[] = {
    {C, false, false, true, true, false},
    {C, false, true, false, false, false},
    {C, false, false, false, false, false},
    {H, true, false, true, false, false},
};
static const struct look paused_by_somebody[] = {
    {H, true, true, false, false, false},
    {C, false, true, true, false, false},
    {H, true, true, true, false, false},
};

static const struct {
    const struct look *looks;
    size_t count;
} stories[] = {
    {pause_once, CDC_COUNT(pause_once)},
    {again_after_recovery, CDC_COUNT(again_after_recovery)},
    {back_to_critical_while_paused, CDC_COUNT(back_to_critical_while_paused)},
    {resumed_by_somebody, CDC_COUNT(resumed_by_somebody)},
    {paused_by_somebody, CDC_COUNT(paused_by_somebody)},
};

START_TEST(a_monitor_acts_on_changes_and_only_on_its_own_pause)
{
    struct monitor_state state = {.told = MONITOR_HEALTHY};
    for (size_t i = 0; i < stories[_i].count; i++) {
        const struct look *look = &stories[_i].looks[i];
        const struct monitor_look now = {look->status, look->low, look->paused, true};
        struct monitor_actions actions = monitor_rules_decide(&state, &now);
        ck_assert_msg(actions.alert == look->alert, "alert in look %zu", i);
        ck_assert_msg(actions.pause == look->pause, "pause in look %zu", i);
        ck_assert_msg(actions.resume == look->resume, "resume in look %zu", i);
    }
}
END_TEST

START_TEST(without_leave_to_pause_there_are_only_alerts)
{
    struct monitor_state state = {.told = MONITOR_HEALTHY};
    const struct monitor_look critical = {C, false, false, false};
    const struct monitor_look healthy = {H, true, false, false};
    struct monitor_actions actions = monitor_rules_decide(&state, &critical);
    ck_assert(actions.alert && !actions.pause);
    actions = monitor_rules_decide(&state, &healthy);
    ck_assert(actions.alert && !actions.resume);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("monitor_rules");
    TCase *tests = tcase_create("rules");
    tcase_add_loop_test(tests, a_lag_is_healthy_a_warning_or_critical, 0,
                        (int)CDC_COUNT(levels));
    tcase_add_test(tests, the_low_water_mark_counts_on_both_axes);
    tcase_add_test(tests, the_words_are_upstream_s);
    tcase_add_loop_test(tests, a_monitor_acts_on_changes_and_only_on_its_own_pause, 0,
                        (int)CDC_COUNT(stories));
    tcase_add_test(tests, without_leave_to_pause_there_are_only_alerts);
    suite_add_tcase(suite, tests);
    return suite;
}
