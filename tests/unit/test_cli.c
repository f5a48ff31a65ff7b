/* SPDX-License-Identifier: MIT
 *
 * cli and the commands, as a user calls them: output, exit codes, signals.
 */
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/str.h"
#include "tests/support/run.h"
#include "tests/support/temp.h"

#define HELLO BUILD_DIR "/examples/workflow-plugin-hello.so"
#define GREET BUILD_DIR "/tests/plugins/workflow-plugin-greet.so"

extern char **environ;

static const char *folder;
static char out[65536], err[65536];

static void setup(void)
{
    folder = temp_dir();
    unsetenv("WF_PLUGIN_PATH");
}

static const char *file(const char *name, const char *text)
{
    const char *path = temp_path(folder, name);
    temp_write(path, text, strlen(text));
    return path;
}

static void slurp(const char *path, char *into, size_t size)
{
    FILE *in = fopen(path, "r");
    ck_assert_ptr_nonnull(in);
    size_t len = fread(into, 1, size - 1, in);
    into[len] = '\0';
    fclose(in);
}

static pid_t begin(const char *const *arguments)
{
    pid_t pid;
    posix_spawn_file_actions_t actions;
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, temp_path(folder, "out"), flags, 0600);
    posix_spawn_file_actions_addopen(&actions, 2, temp_path(folder, "err"), flags, 0600);
    ck_assert_int_eq(
        posix_spawn(&pid, WFHOST, &actions, NULL, (char *const *)arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static int end(pid_t pid)
{
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    slurp(temp_path(folder, "out"), out, sizeof(out));
    slurp(temp_path(folder, "err"), err, sizeof(err));
    ck_assert_msg(WIFEXITED(status), "it was killed by signal %d\n%s", WTERMSIG(status),
                  err);
    return WEXITSTATUS(status);
}

#define RUN(...) end(begin((const char *const[]){"wfhost", __VA_ARGS__, NULL}))

/* Waits until the log says `text`. */
static void await(const char *text)
{
    int64_t until = clock_mono_ms() + 20000;
    do {
        slurp(temp_path(folder, "err"), err, sizeof(err));
        struct timespec pause = {0, 5 * 1000 * 1000};
        nanosleep(&pause, NULL);
    } while (!strstr(err, text) && clock_mono_ms() < until);
    ck_assert_msg(strstr(err, text), "never said '%s' but:\n%s", text, err);
}

static const char good[] =
    "pipelines:\n"
    "  p:\n"
    "    steps:\n"
    "      - {name: s, type: step.set, config: {values: {sum: '${ a + 1 }'}}}\n"
    "  bad:\n"
    "    steps:\n"
    "      - {name: s, type: step.json_parse, config: {source: a}}\n";

/* ---- the command line itself ---- */

static const struct {
    const char *arguments[6];
    int code;
    const char *said; /* on stderr */
} wrong[] = {
    {{"rn"}, 2, "wfhost: unknown command 'rn', did you mean 'run'?; see wfhost --help\n"},
    {{"banana"}, 2, "wfhost: unknown command 'banana'; see wfhost --help\n"},
    {{"run"},
     2,
     "wfhost run: too few arguments, it needs CONFIG.yaml; see wfhost run --help\n"},
    {{"run", "a", "b"}, 2, "wfhost run: unexpected argument 'b'; see wfhost run --help\n"},
    {{"run", "a", "--plugn", "x"},
     2,
     "wfhost run: unknown option '--plugn', did you mean '--plugin'?; see wfhost run "
     "--help\n"},
    {{"run", "a", "--plugin"},
     2,
     "wfhost run: option '--plugin' needs a value (FILE.so); see wfhost run --help\n"},
    {{"run", "a", "-x"}, 2, "wfhost run: unknown option '-x'; see wfhost run --help\n"},
    {{"inspect", "--json=yes"},
     2,
     "wfhost inspect: option '--json' takes no value; see wfhost inspect --help\n"},
    {{"run", "a", "--exit-when-idle", "soon"},
     2,
     "wfhost run: '--exit-when-idle' must be a duration such as '2s', not 'soon'; see "
     "wfhost run "
     "--help\n"},
    {{"run", "a", "--log-format=xml"},
     2,
     "wfhost run: '--log-format' is text or json, not 'xml'; see wfhost run --help\n"},
    {{"run", "a", "--log-level=loud"},
     2,
     "wfhost run: '--log-level' is debug, info, warn or error, not 'loud'; see wfhost run "
     "--help\n"},
    {{"exec", "a", "p", "--input", "[1]"},
     2,
     "wfhost exec: --input must be a JSON object; see wfhost exec --help\n"},
    {{"tail", "a", "b", "--max", "x"},
     2,
     "wfhost tail: '--max' must be a number, not 'x'; see wfhost tail --help\n"},
    {{"tail", "a", "b", "--option", "x"},
     2,
     "wfhost tail: '--option' is KEY=VALUE, not 'x'; see wfhost tail --help\n"},
    {{"dead-letters", "list"},
     2,
     "wfhost dead-letters: --state-dir is needed: the folder with the source's state.db; "
     "see "
     "wfhost dead-letters --help\n"},
    {{"dead-letters", "bury", "--state-dir=."},
     2,
     "wfhost dead-letters: there are list, replay and drop, not 'bury'; see wfhost "
     "dead-letters "
     "--help\n"},
    {{"dead-letters", "list", "--state-dir=/nowhere"},
     1,
     "wfhost dead-letters: there is no state.db in '/nowhere'\n"},
    {{"inspect", "--remove"},
     2,
     "wfhost inspect: '--remove' needs '--setup NAME'; see wfhost inspect --help\n"},
    {{"inspect", "/nowhere/x.so"},
     1,
     "wfhost inspect: plugin '/nowhere/x.so': no such file\n"},
    {{"validate", "x.yaml", "--plugin", "/nowhere/x.so"},
     1,
     "wfhost validate: plugin '/nowhere/x.so': no such file\n"},
    {{"run", "/nowhere/x.yaml"},
     1,
     "cannot read '/nowhere/x.yaml': No such file or directory\n"},
};

START_TEST(a_wrong_call_says_what_is_wrong_and_where_help_is)
{
    const char *arguments[8] = {"wfhost"};
    for (size_t i = 0; i < CDC_COUNT(wrong[_i].arguments); i++)
        arguments[i + 1] = wrong[_i].arguments[i];
    ck_assert_int_eq(end(begin(arguments)), wrong[_i].code);
    ck_assert_str_eq(err, wrong[_i].said);
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(every_command_has_help)
{
    static const char *const commands[] = {"run",     "validate", "exec",
                                           "inspect", "tail",     "dead-letters"};
    ck_assert_int_eq(RUN("--help"), 0);
    for (size_t i = 0; i < CDC_COUNT(commands); i++)
        ck_assert_ptr_nonnull(strstr(out, commands[i]));
    for (size_t i = 0; i < CDC_COUNT(commands); i++) {
        ck_assert_int_eq(RUN(commands[i], "--help"), 0);
        ck_assert_ptr_nonnull(strstr(out, "usage: wfhost "));
        ck_assert_ptr_nonnull(strstr(out, "--help"));
        ck_assert_str_eq(err, "");
    }
    ck_assert_int_eq(RUN("--version"), 0);
    ck_assert_ptr_nonnull(strstr(out, "wfhost "));
    ck_assert_int_eq(end(begin((const char *const[]){"wfhost", NULL})), 2);
}
END_TEST

/* ---- validate, exec, inspect ---- */

START_TEST(validate_tells_every_mistake_and_ends_with_one)
{
    const char *bad = file("bad.yaml", "pipelines:\n  p: {steps: 1}\n  q: []\n");
    ck_assert_int_eq(RUN("validate", bad), 1);
    ck_assert_ptr_nonnull(strstr(out, "bad.yaml:2:14: pipelines.p.steps: "));
    ck_assert_ptr_nonnull(strstr(out, "bad.yaml:3:6: pipelines.q: "));
    ck_assert_ptr_nonnull(strstr(err, "2 mistakes"));
    ck_assert_int_eq(RUN("validate", file("good.yaml", good)), 0);
    ck_assert_ptr_nonnull(strstr(out, "no mistakes (2 pipelines, 0 triggers)"));
    ck_assert_int_eq(
        RUN("validate", file("warned.yaml", "module: []\npipelines: {p: {steps: []}}\n")),
        0);
    ck_assert_ptr_nonnull(strstr(out, "no mistakes, 1 warning (1 pipeline, 0 triggers)"));
}
END_TEST

START_TEST(exec_prints_what_the_pipeline_ends_with)
{
    const char *config = file("good.yaml", good);
    ck_assert_int_eq(RUN("exec", config, "p", "--input", "{\"a\":41}"), 0);
    ck_assert_str_eq(out, "{\"a\":41,\"sum\":\"42\"}\n");
    ck_assert_int_eq(RUN("exec", config, "bad", "--input={\"a\":\"{\"}"), 3);
    ck_assert_str_eq(out, "");
    ck_assert_ptr_nonnull(strstr(err, "workflow execution failed: pipeline \"bad\""));
    ck_assert_int_eq(RUN("exec", config, "nobody"), 1);
    ck_assert_ptr_nonnull(strstr(err, "there is no pipeline 'nobody'"));
}
END_TEST

START_TEST(inspect_shows_the_manifest_and_json_gives_its_bytes)
{
    static char manifest[65536];
    slurp(SOURCE_DIR "/plugin.manifest.json", manifest, sizeof(manifest));
    ck_assert_int_eq(RUN("inspect", PLUGIN_SO, "--json"), 0);
    ck_assert_str_eq(out, manifest);
    ck_assert_int_eq(RUN("inspect", GREET), 0);
    ck_assert_ptr_nonnull(strstr(out, "module greet - Knows how one greets"));
    ck_assert_ptr_nonnull(strstr(out, "the word to greet with (required)"));
    ck_assert_int_eq(RUN("inspect"), 0);
    ck_assert_ptr_nonnull(strstr(out, "step step.log - "));
}
END_TEST

/* ---- examples/minimal_plugin ---- */

START_TEST(the_minimal_plugin_says_what_it_is_configured_to)
{
    const char *config = SOURCE_DIR "/examples/minimal_plugin/hello.yaml";
    ck_assert_int_eq(
        RUN("exec", config, "greet", "--plugin", HELLO, "--input", "{\"name\":\"Ada\"}"),
        0);
    ck_assert_str_eq(out, "{\"name\":\"Ada\",\"text\":\"Good morning, Ada\"}\n");
    ck_assert_int_eq(RUN("exec", config, "greet", "--plugin", HELLO, "--input",
                         "{\"name\":\"a \\\"b\\\" \\\\ \\n\"}"),
                     0);
    ck_assert_ptr_nonnull(
        strstr(out, "\"text\":\"Good morning, a \\\"b\\\" \\\\ \\n\"}\n"));
}
END_TEST

START_TEST(the_minimal_plugin_names_the_key_that_is_wrong)
{
    const char *config = file(
        "greet.yaml", "pipelines:\n  p:\n    steps:\n      - {name: h, type: step.hello, "
                      "config: {greeting: '${ text }'}}\n");
    ck_assert_int_eq(
        RUN("exec", config, "p", "--plugin", HELLO, "--input", "{\"text\":\"\"}"), 3);
    ck_assert_str_eq(out, "");
    ck_assert_ptr_nonnull(
        strstr(err, "step.hello: 'greeting' must be text, and not empty\n"));
    config = file("none.yaml", "pipelines: {p: {steps: [{name: h, type: step.hello}]}}\n");
    ck_assert_int_eq(RUN("validate", config, "--plugin", HELLO), 1);
    ck_assert_ptr_nonnull(strstr(out, "steps[0].greeting: is required: what to say\n"));
}
END_TEST

/* ---- run ---- */

START_TEST(a_plugins_trigger_starts_three_workflows_and_the_run_ends_when_idle)
{
    const char *config = file(
        "guests.yaml",
        "modules:\n  - {name: g, type: greet, config: {greeting: Good morning}}\n"
        "pipelines:\n  p:\n    trigger: {type: greet, config: {count: 3}}\n"
        "    steps:\n"
        "      - {name: greet, type: step.greet, config: {name: 'guest ${ number }'}}\n"
        "      - {name: say, type: step.log, config: {message: '${ text }'}}\n");
    ck_assert_int_eq(RUN("run", config, "--plugin", GREET, "--exit-when-idle", "200ms"), 0);
    ck_assert_ptr_nonnull(strstr(err, "Good morning, guest 1"));
    ck_assert_ptr_nonnull(strstr(err, "Good morning, guest 3"));
    ck_assert_ptr_nonnull(strstr(err, "stopped\n"));
    ck_assert_str_eq(out, "");
}
END_TEST

START_TEST(a_signal_stops_in_order_and_ends_with_zero)
{
    static const int signals[] = {SIGINT, SIGTERM};
    const char *config = file("good.yaml", good);
    pid_t pid =
        begin((const char *const[]){"wfhost", "run", config, "--log-format=json", NULL});
    await("running");
    kill(pid, signals[_i]);
    ck_assert_int_eq(end(pid), 0);
    ck_assert_ptr_nonnull(strstr(err, "\"message\":\"stopped\""));
}
END_TEST

START_TEST(a_second_signal_ends_at_once)
{
    /* A pipeline that never ends: stopping waits for it. */
    const char *loop = file(
        "again.yaml", "pipelines:\n  p:\n    trigger: {type: greet}\n    timeout: 60s\n"
                      "    steps:\n"
                      "      - {name: start, type: step.log, config: {message: begun, "
                      "level: warn}}\n"
                      "      - {name: again, type: step.conditional, config: {field: "
                      "number, routes: {'1': again}}}\n");
    pid_t pid =
        begin((const char *const[]){"wfhost", "run", loop, "--plugin", GREET, NULL});
    await("begun");
    kill(pid, SIGTERM);
    await("terminated");
    kill(pid, SIGINT);
    ck_assert_int_eq(end(pid), 130);
}
END_TEST

START_TEST(a_module_that_cannot_start_ends_with_three)
{
    const char *config = file(
        "taken.yaml", "modules:\n"
                      "  - {name: a, type: http.server, config: {address: '192.0.2.1:1'}}\n"
                      "  - {name: r, type: http.router, dependsOn: [a]}\n");
    ck_assert_int_eq(RUN("run", config), 3);
    ck_assert_ptr_nonnull(strstr(err, " ERROR module 'a': "));
}
END_TEST

/* ---- dead letters ---- */

static const char *state_with_letters(void)
{
    sqlite3 *db;
    ck_assert_int_eq(sqlite3_open(temp_path(folder, "state.db"), &db), SQLITE_OK);
    const char *sql =
        "CREATE TABLE dead_letter(id INTEGER PRIMARY KEY, source_id TEXT, subscription "
        "TEXT,"
        " event_id TEXT, table_name TEXT, op TEXT, attempts INTEGER, reason TEXT, error "
        "TEXT,"
        " event BLOB, state TEXT, created_at TEXT);"
        "INSERT INTO dead_letter VALUES(1,'a','p','e1','t','INSERT',5,'r','bad "
        "\"x\"','{\"n\":1}',"
        "'dead','2026'),(2,'b','p','e2','t','UPDATE',5,NULL,'y','not json','dead','2026'),"
        "(3,'b','p','e3','t','DELETE',5,'r','z','{}','dead','2026')";
    ck_assert_int_eq(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    return folder;
}

START_TEST(dead_letters_are_listed_marked_and_dropped)
{
    const char *dir = state_with_letters();
    ck_assert_int_eq(RUN("dead-letters", "list", "--state-dir", dir, "--source", "a"), 0);
    ck_assert_str_eq(out,
                     "{\"id\":1,\"source_id\":\"a\",\"subscription\":\"p\",\"event_id\":"
                     "\"e1\",\"table\":\"t\",\"op\":\"INSERT\",\"attempts\":5,\"reason\":"
                     "\"r\",\"error\":\"bad \\\"x\\\"\",\"state\":\"dead\",\"created_at\":"
                     "\"2026\",\"event\":{\"n\":1}}\n");
    ck_assert_str_eq(err, "1 dead letter\n");
    ck_assert_int_eq(RUN("dead-letters", "replay", "--state-dir", dir, "--id=2", "--id=3"),
                     0);
    ck_assert_str_eq(out, "2 dead letters will be fired again\n");
    ck_assert_int_eq(RUN("dead-letters", "list", "--state-dir", dir), 0);
    ck_assert_ptr_nonnull(strstr(out, "\"id\":2,"));
    ck_assert_ptr_nonnull(strstr(out, "\"state\":\"replay\""));
    ck_assert_ptr_nonnull(strstr(out, "\"event\":\"not json\""));
    ck_assert_int_eq(
        RUN("dead-letters", "drop", "--state-dir", dir, "--source", "b", "--id", "1"), 0);
    ck_assert_str_eq(out, "0 dead letters dropped\n");
    ck_assert_int_eq(RUN("dead-letters", "drop", "--state-dir", dir), 0);
    ck_assert_str_eq(out, "3 dead letters dropped\n");
    ck_assert_int_eq(RUN("dead-letters", "list", "--state-dir", dir), 0);
    ck_assert_str_eq(out, "");
    ck_assert_int_eq(RUN("dead-letters", "drop", "--state-dir", dir, "--id", "x"), 1);
}
END_TEST

START_TEST(a_state_that_is_no_database_is_an_error)
{
    file("state.db",
         "this is not a database, and long enough to be looked at as one .......");
    ck_assert_int_eq(RUN("dead-letters", "list", "--state-dir", folder), 3);
    ck_assert_ptr_nonnull(strstr(err, "state.db: file is not a database"));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("cli");
    TCase *tcase = tcase_create("cli");
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_loop_test(tcase, a_wrong_call_says_what_is_wrong_and_where_help_is, 0,
                        (int)CDC_COUNT(wrong));
    tcase_add_test(tcase, every_command_has_help);
    tcase_add_test(tcase, validate_tells_every_mistake_and_ends_with_one);
    tcase_add_test(tcase, exec_prints_what_the_pipeline_ends_with);
    tcase_add_test(tcase, inspect_shows_the_manifest_and_json_gives_its_bytes);
    tcase_add_test(tcase, the_minimal_plugin_says_what_it_is_configured_to);
    tcase_add_test(tcase, the_minimal_plugin_names_the_key_that_is_wrong);
    tcase_add_test(tcase,
                   a_plugins_trigger_starts_three_workflows_and_the_run_ends_when_idle);
    tcase_add_loop_test(tcase, a_signal_stops_in_order_and_ends_with_zero, 0, 2);
    tcase_add_test(tcase, a_second_signal_ends_at_once);
    tcase_add_test(tcase, a_module_that_cannot_start_ends_with_three);
    tcase_add_test(tcase, dead_letters_are_listed_marked_and_dropped);
    tcase_add_test(tcase, a_state_that_is_no_database_is_an_error);
    suite_add_tcase(suite, tcase);
    return suite;
}
