/* SPDX-License-Identifier: MIT
 *
 * fake_far [--tls KEY CERTIFICATE CA] CLASS... - fake_connect with these classes installed,
 * and librdkafka's mock cluster, for scripts.
 *
 * Says "URL SERVERS" when both are there.  Each line of stdin is a record, TOPIC<tab>KEY<tab>
 * VALUE, and is answered "done"; a topic is made by its first.  At the end of stdin it exits,
 * with 0 when nothing was sent to fake_connect that a real one would not like.
 */
#include <check.h>
#include <stdlib.h>

#include "base/str.h"
#include "tests/support/fake_connect.h"
#include "tests/support/kafka_mock.h"

#define FAKE_FAR_TOPICS 64

static char *fake_far_topics[FAKE_FAR_TOPICS];

static void fake_far_topic(struct kafka_mock *kafka, const char *topic)
{
    size_t i = 0;
    while (fake_far_topics[i] && strcmp(fake_far_topics[i], topic) != 0)
        ck_assert_uint_lt(++i, FAKE_FAR_TOPICS - 1);
    if (fake_far_topics[i])
        return;
    fake_far_topics[i] = str_dup(str_from(topic));
    kafka_mock_topic(kafka, topic, 1);
}

static void fake_far_record(struct kafka_mock *kafka, char *line)
{
    char *parts[3];
    for (int i = 0; i < 3; i++) {
        char *end = line + strcspn(line, i < 2 ? "\t" : "\n");
        ck_assert_msg(*end, "a line is TOPIC, KEY and VALUE");
        *end = '\0';
        parts[i] = line;
        line = end + 1;
    }
    fake_far_topic(kafka, parts[0]);
    kafka_mock_record(kafka, parts[0], parts[1], parts[2]);
    puts("done");
}

/* As a test, because the fakes say by Check what is wrong. */
static int fake_far_argc;
static char **fake_far_argv;

START_TEST(far)
{
    struct kafka_mock kafka;
    char **argv = fake_far_argv;
    bool tls = fake_far_argc > 4 && strcmp(argv[1], "--tls") == 0;
    const struct fake_tls files = {argv[tls ? 2 : 0], argv[tls ? 3 : 0], argv[tls ? 4 : 0]};
    struct fake_connect *connect = fake_connect_start_tls(tls ? &files : NULL);
    for (int i = tls ? 5 : 1; i < fake_far_argc; i++)
        fake_connect_install(connect, argv[i]);
    kafka_mock_start(&kafka, 1);
    printf("%s %s\n", fake_connect_url(connect), kafka.servers);
    char *line = NULL;
    size_t room = 0;
    while (getline(&line, &room, stdin) > 0)
        fake_far_record(&kafka, line);
    free(line);
    for (size_t i = 0; fake_far_topics[i]; i++)
        free(fake_far_topics[i]);
    fake_connect_check(connect);
    fake_connect_stop(connect);
    kafka_mock_stop(&kafka);
}
END_TEST

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    fake_far_argc = argc;
    fake_far_argv = argv;
    Suite *suite = suite_create("fake_far");
    TCase *tc = tcase_create("fake_far");
    tcase_add_test(tc, far);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_SILENT);
    int failed = srunner_ntests_failed(runner);
    TestResult **results = srunner_failures(runner);
    for (int i = 0; i < failed; i++)
        fprintf(stderr, "%s\n", tr_msg(results[i]));
    free((void *)results);
    srunner_free(runner);
    return failed != 0;
}
