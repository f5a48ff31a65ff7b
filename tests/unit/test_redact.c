/* SPDX-License-Identifier: MIT
 *
 * Tests of base/redact.  Every secret in this file is "hunter2" or holds it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/redact.h"
#include "base/str.h"
#include "tests/support/run.h"

#define LIMIT 4096

/* `shown` NULL: it only matters that the secret is gone. */
static const struct {
    const char *connection;
    const char *shown;
} rows[] = {
    /* nothing to hide */
    {"", ""},
    {"/var/lib/app.db", "/var/lib/app.db"},
    {"postgres://localhost:5432/shop", "postgres://localhost:5432/shop"},
    {"postgres://me@localhost/shop", "postgres://me@localhost/shop"},
    {"host=db port=5432 user=me@corp dbname=shop",
     "host=db port=5432 user=me@corp dbname=shop"},
    {"broker-1:9092,broker-2:9092", "broker-1:9092,broker-2:9092"},
    {"http://connect:8083/connectors?user=me@corp",
     "http://connect:8083/connectors?user=me@corp"},
    {"arn:aws:dms:eu-west-1:123:task:ABC", "arn:aws:dms:eu-west-1:123:task:ABC"},
    /* URIs */
    {"postgres://me:hunter2@db:5432/shop", "postgres://me:***@db:5432/shop"},
    {"postgresql://me:hunter2@a:1,b:2/shop?sslmode=require",
     "postgresql://me:***@a:1,b:2/shop?sslmode=require"},
    {"postgres://:hunter2@db/shop", "postgres://:***@db/shop"},
    {"postgres://me:hun:ter2@db/shop", "postgres://me:***@db/shop"},
    {"postgres://me:@hunter2@db/shop", "postgres://me:***@db/shop"},
    {"postgres://me:x/hunter2@db/shop", "postgres://me:***@db/shop"},
    {"postgres://me:x?hunter2@db/shop", "postgres://me:***@db/shop"},
    {"postgres://me:12?hunter2@db/shop", "postgres://me:***@db/shop"},
    {"postgres://me:x?a=hunter2@db/shop", NULL},
    {"postgres://me:x#hunter2@db/shop", "postgres://me:***@db/shop"},
    {"postgres://me:x@hunter2/y@db/shop", "postgres://me:***@db/shop"},
    {"postgres://me:hunter2@db/shop?user=a@b", "postgres://me:***@db/shop?user=a@b"},
    {"jdbc:mysql://me:hunter2@db/shop", "jdbc:mysql://me:***@db/shop"},
    {"dsn=mysql://me:hunter2@db/shop", "dsn=mysql://me:***@db/shop"},
    {"could not reach mysql://me:hunter2@db/shop today",
     "could not reach mysql://me:***@db/shop today"},
    /* parameters of a query */
    {"postgres://db/shop?user=me&password=hunter2&sslmode=disable",
     "postgres://db/shop?user=me&password=***&sslmode=disable"},
    {"postgres://db/shop?sslpassword=hunter2", "postgres://db/shop?sslpassword=***"},
    {"https://api/x?ACCESS_TOKEN=hunter2&n=1", "https://api/x?ACCESS_TOKEN=***&n=1"},
    {"https://api/x?password=a&hunter2&n=1", "https://api/x?password=***&n=1"},
    {"https://api/x?n=1&clientSecret=hunter2", "https://api/x?n=1&clientSecret=***"},
    /* DSNs */
    {"me:hunter2@tcp(db:3306)/shop", "me:***@tcp(db:3306)/shop"},
    {"me:hunter2@tcp(db:3306)/shop?parseTime=true",
     "me:***@tcp(db:3306)/shop?parseTime=true"},
    {"me:p@ss:hunter2@unix(/run/m.sock)/shop", "me:***@unix(/run/m.sock)/shop"},
    {"me:pa://hunter2@tcp(db)/shop", "me:***@tcp(db)/shop"},
    {"me:hunter2@db", "me:***@db"},
    /* name=value pairs */
    {"host=db password=hunter2 user=me", "host=db password=*** user=me"},
    {"password=hunter2", "password=***"},
    {"PASSWORD = hunter2 user = me", "PASSWORD = *** user = me"},
    {"password='a hunter2 b' user=me", "password=*** user=me"},
    {"password='it\\'s hunter2' user=me", "password=*** user=me"},
    {"password='it''s hunter2' user=me", "password=*** user=me"},
    {"password='never closed hunter2", "password=***"},
    {"password=\"a hunter2\" user=me", "password=*** user=me"},
    {"password=a;b&hunter2 user=me", "password=*** user=me"},
    {"password=a hunter2 user=me", "password=*** user=me"},
    {"password=a@b:hunter2 user=me", "password=*** user=me"},
    {"password='x://a:hunter2' user=a@b", NULL},
    {"Server=db;Pwd=a hunter2;Database=shop", "Server=db;Pwd=***;Database=shop"},
    {"passphrase=hunter2", "passphrase=***"},
    {"sslkey=/etc/hunter2", "sslkey=***"},
    {"password=", "password=***"},
    {"module required username=\"me\" password=\"hunter2\";",
     "module required username=\"me\" password=***;"},
    {"aws_access_key_id=hunter2 aws_secret_access_key=hunter2",
     "aws_access_key_id=*** aws_secret_access_key=***"},
    {"a=1,api.key=hunter2,b=2", "a=1,api.key=***,b=2"},
};

START_TEST(a_connection_is_shown_without_its_secret)
{
    struct buf out;
    buf_init(&out, LIMIT);
    buf_lit(&out, "before:after@ ");
    redact_connection(&out, str_from(rows[_i].connection));
    ck_assert_int_eq(out.broken, WF_OK);
    const char *text = buf_c(&out);
    ck_assert_msg(!strstr(text, "hunter2"), "%s", text);
    if (rows[_i].shown)
        ck_assert_str_eq(text + 14, rows[_i].shown);
    ck_assert(str_starts(buf_view(&out), STR("before:after@ ")));
    buf_release(&out);
}
END_TEST

START_TEST(an_empty_view_shows_nothing)
{
    struct buf out;
    buf_init(&out, LIMIT);
    redact_connection(&out, STR_EMPTY);
    ck_assert_uint_eq(out.len, 0);
    buf_release(&out);
}
END_TEST

/* Every limit too small for the result: nothing half-hidden is left behind. */
START_TEST(a_full_buffer_shows_nothing)
{
    wf_str connection = STR("postgres://u:x@db/?password=hunter2");
    struct buf out;
    buf_init(&out, (size_t)_i);
    redact_connection(&out, connection);
    ck_assert_int_eq(out.broken, WF_CONFIG);
    ck_assert_uint_eq(out.len, 0);
    buf_release(&out);
}
END_TEST

START_TEST(a_known_secret_is_replaced_wherever_it_stands)
{
    static const char *const texts[][2] = {
        {"hunter2", "***"},
        {"login of me with hunter2 failed", "login of me with *** failed"},
        {"hunter2hunter2", "******"},
        {"hunter hunter2 hunter", "hunter *** hunter"},
        {"nothing here", "nothing here"},
        {"", ""},
    };
    for (size_t i = 0; i < CDC_COUNT(texts); i++) {
        char *text = str_dup(str_from(texts[i][0]));
        redact_secret(text, STR("hunter2"));
        ck_assert_str_eq(text, texts[i][1]);
        free(text);
    }
}
END_TEST

START_TEST(a_secret_of_two_bytes_is_no_secret)
{
    char text[] = "ab abc";
    redact_secret(text, STR("ab"));
    ck_assert_str_eq(text, "ab abc");
    redact_secret(text, STR_EMPTY);
    ck_assert_str_eq(text, "ab abc");
    redact_secret(text, STR("abc"));
    ck_assert_str_eq(text, "ab ***");
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("redact");
    TCase *tcase = tcase_create("redact");
    tcase_add_loop_test(tcase, a_connection_is_shown_without_its_secret, 0,
                        CDC_COUNT(rows));
    tcase_add_test(tcase, an_empty_view_shows_nothing);
    tcase_add_loop_test(tcase, a_full_buffer_shows_nothing, 0, 30);
    tcase_add_test(tcase, a_known_secret_is_replaced_wherever_it_stands);
    tcase_add_test(tcase, a_secret_of_two_bytes_is_no_secret);
    suite_add_tcase(suite, tcase);
    return suite;
}
