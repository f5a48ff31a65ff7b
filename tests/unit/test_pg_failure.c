/* SPDX-License-Identifier: MIT */
#include "providers/postgres/pg_failure.h"

#include <string.h>

#include "base/error.h"
#include "base/str.h"
#include "tests/support/run.h"

static const struct {
    const char *state, *message, *detail;
    wf_status status;
    const char *cure; /* a part of it */
} conditions[] = {
    {"28P01", "password authentication failed for user \"u\"", "", WF_CONFIG, "password"},
    {"28000", "no pg_hba.conf entry for host \"1.2.3.4\"", "", WF_CONFIG,
     "pg_hba.conf and"},
    {"3D000", "database \"x\" does not exist", "", WF_CONFIG, "dbname"},
    {"42501", "must be superuser or replication role to use replication slots", "",
     WF_CONFIG, "rds_replication"},
    {"42501", "permission denied to use replication slots",
     "Only roles with the REPLICATION attribute may use replication slots.", WF_CONFIG,
     "rds_replication"},
    {"42501", "must be owner of publication p", "", WF_CONFIG, "options.publication"},
    {"42501", "permission denied for table t", "", WF_CONFIG, "GRANT SELECT"},
    {"42501", "permission denied for database d", "", WF_CONFIG, "GRANT CREATE"},
    {"42501", "query would be affected by row-level security policy for table \"t\"", "",
     WF_CONFIG, "BYPASSRLS"},
    {"55000", "logical decoding requires wal_level >= logical", "", WF_CONFIG,
     "wal_level = logical"},
    {"55000", "cannot read from logical replication slot \"s\"",
     "This slot has been invalidated because it exceeded the maximum reserved size.",
     WF_STATE, "snapshot"},
    {"55000", "can no longer access replication slot \"s\"", "", WF_STATE, "snapshot"},
    {"55006", "replication slot \"s\" is active for PID 42", "", WF_UNAVAILABLE, "42"},
    {"42704", "publication \"p\" does not exist", "", WF_STATE, "publication is gone"},
    {"42704", "replication slot \"s\" does not exist", "", WF_STATE, "on_slot_lost"},
    {"53300", "number of requested standby connections exceeds max_wal_senders", "",
     WF_UNAVAILABLE, "raise max_wal_senders"},
    {"53300", "too many connections for role \"cdc\"", "", WF_UNAVAILABLE, "ALTER ROLE"},
    {"53300", "too many connections for database \"shop\"", "", WF_UNAVAILABLE,
     "ALTER DATABASE"},
    {"53300", "sorry, too many clients already", "", WF_UNAVAILABLE, "max_connections"},
    {"53400", "all replication slots are in use", "", WF_UNAVAILABLE,
     "max_replication_slots"},
    {"53100", "could not write: No space left on device", "", WF_UNAVAILABLE, ""},
    {"57P01", "terminating connection due to administrator command", "", WF_UNAVAILABLE,
     ""},
    {"57P03", "the database system is starting up", "", WF_UNAVAILABLE, ""},
    {"58P01", "requested WAL segment 000000010000000000000001 has already been removed", "",
     WF_STATE, "snapshot"},
    {"08006", "connection failure", "", WF_UNAVAILABLE, ""},
    {"0A000", "not supported", "", WF_CONFIG, ""},
    {"25006", "cannot execute INSERT in a read-only transaction", "", WF_UNAVAILABLE,
     "target_session_attrs"},
    {"42601", "syntax error", "", WF_PROTOCOL, ""},
    {"42P01", "relation \"t\" does not exist", "", WF_CONFIG, ""},
    {"ZZZZZ", "never heard of", "", WF_UNAVAILABLE, ""},
    {"", "fe_sendauth: no password supplied", "", WF_CONFIG, "passfile"},
    {"", "server does not support SSL, but SSL was required", "", WF_CONFIG, "sslmode"},
    {"", "SSL error: certificate verify failed", "", WF_CONFIG, "sslrootcert"},
    {"", "Connection refused", "", WF_UNAVAILABLE, ""},
    {"", "server closed the connection unexpectedly", "", WF_UNAVAILABLE, ""},
};

START_TEST(each_condition_has_its_code_and_its_cure)
{
    struct pg_failure_facts facts = {
        .state = str_from(conditions[_i].state),
        .message = str_from(conditions[_i].message),
        .detail = str_from(conditions[_i].detail),
    };
    wf_error err = {.code = WF_OK};
    wf_status status = pg_failure_set(&facts, "do this", &err);
    ck_assert_msg(status == conditions[_i].status, "%s: %d", err.text, status);
    ck_assert_int_eq(err.code, status);
    ck_assert_ptr_eq(strstr(err.text, "cannot do this: "), err.text);
    ck_assert_ptr_nonnull(strstr(err.text, conditions[_i].message));
    ck_assert_ptr_nonnull(strstr(err.text, conditions[_i].detail));
    ck_assert_ptr_nonnull(strstr(err.text, conditions[_i].state));
    ck_assert_msg(strstr(err.text, conditions[_i].cure), "%s", err.text);
}
END_TEST

START_TEST(lines_become_one_and_the_servers_own_hint_is_kept)
{
    struct pg_failure_facts facts = {
        .state = STR("XX000"),
        .message = STR("it\n\tbroke \r\n"),
        .hint = STR("Do\nsomething."),
    };
    wf_error err;
    ck_assert_int_eq(pg_failure_set(&facts, "go on", &err), WF_UNAVAILABLE);
    ck_assert_str_eq(err.text, "cannot go on: it broke [XX000]; Do something.");
}
END_TEST

START_TEST(a_long_message_leaves_room_for_the_cure)
{
    char text[4096];
    memset(text, 'x', sizeof text);
    struct pg_failure_facts facts = {.state = STR("28P01"),
                                     .message = {text, sizeof text},
                                     .detail = {text, sizeof text}};
    wf_error err;
    ck_assert_int_eq(pg_failure_set(&facts, "connect", &err), WF_CONFIG);
    ck_assert_ptr_nonnull(strstr(err.text, "check user and password"));
}
END_TEST

static const char refusals[] =
    "connection to server at \"a\" (10.0.0.1), port 5432 failed: Connection refused\n"
    "\tIs the server running on that host and accepting TCP/IP connections?\n"
    "connection to server at \"b\" (10.0.0.2), port 5432 failed: FATAL:  57P03: starting "
    "up\n"
    "LOCATION:  ProcessStartupPacket, postmaster.c:2356\n"
    "connection to server at \"c\" (10.0.0.3), port 5432 failed: FATAL:  28000: no entry\n"
    "DETAIL:  Nobody may.\n"
    "HINT:  Ask.\n"
    "LOCATION:  ClientAuthentication, auth.c:543\n";

START_TEST(the_sqlstate_of_the_last_host_is_found_in_the_text)
{
    struct pg_failure_facts facts;
    pg_failure_read(str_from(refusals), &facts);
    ck_assert(str_is(facts.state, "28000"));
    ck_assert(str_is(facts.message, "no entry"));
    ck_assert(str_is(facts.detail, "Nobody may."));
    ck_assert(str_is(facts.hint, "Ask."));
}
END_TEST

START_TEST(a_text_without_sqlstate_is_the_message)
{
    struct pg_failure_facts facts;
    wf_str text = STR("Connection refused:  not:  28p01: a state");
    pg_failure_read(text, &facts);
    ck_assert_uint_eq(facts.state.len, 0);
    ck_assert_ptr_eq(facts.message.ptr, text.ptr);
    ck_assert_uint_eq(facts.message.len, text.len);
}
END_TEST

START_TEST(a_text_cut_anywhere_is_read_within_its_bounds)
{
    struct pg_failure_facts facts;
    char *copy = malloc((size_t)_i + 1);
    memcpy(copy, refusals, (size_t)_i);
    pg_failure_read((wf_str){copy, (size_t)_i}, &facts);
    wf_error err;
    ck_assert_int_ne(pg_failure_set(&facts, "read", &err), WF_OK);
    ck_assert(facts.state.len == 0 || facts.state.len == 5);
    free(copy);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("pg_failure");
    TCase *tests = tcase_create("pg_failure");
    tcase_add_loop_test(tests, each_condition_has_its_code_and_its_cure, 0,
                        (int)(sizeof conditions / sizeof *conditions));
    tcase_add_test(tests, lines_become_one_and_the_servers_own_hint_is_kept);
    tcase_add_test(tests, a_long_message_leaves_room_for_the_cure);
    tcase_add_test(tests, the_sqlstate_of_the_last_host_is_found_in_the_text);
    tcase_add_test(tests, a_text_without_sqlstate_is_the_message);
    tcase_add_loop_test(tests, a_text_cut_anywhere_is_read_within_its_bounds, 0,
                        (int)sizeof refusals);
    suite_add_tcase(suite, tests);
    return suite;
}
