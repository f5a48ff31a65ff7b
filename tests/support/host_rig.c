/* SPDX-License-Identifier: MIT
 *
 * host_rig - the host without its command line.
 */
#include "tests/support/host_rig.h"

#include <check.h>
#include <pthread.h>

#include "base/limits.h"
#include "base/str.h"
#include "host/pipeline.h"

struct host_rig {
    struct logger logger;
    struct bus *bus;
    struct app *app;
    const char *step; /* whose output is wanted; NULL: the final data */
    struct buf result;
    pthread_mutex_t log_lock;
    struct buf log;
    struct buf log_copy;
};

static void host_rig_write(void *ctx, int32_t level, wf_str line)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct host_rig *rig = ctx;
    pthread_mutex_lock(&rig->log_lock);
    buf_printf(&rig->log, "%s %.*s\n", names[level & 3], STR_ARG(line));
    pthread_mutex_unlock(&rig->log_lock);
}

static struct host_rig *host_rig_make(void)
{
    struct host_rig *rig = calloc(1, sizeof *rig);
    ck_assert_ptr_nonnull(rig);
    pthread_mutex_init(&rig->log_lock, NULL);
    buf_init(&rig->log, LIMIT_OUTPUT_BYTES);
    /* So that counting a step's allocations does not count these. */
    ck_assert(buf_reserve(&rig->log, 65536));
    buf_init(&rig->log_copy, LIMIT_OUTPUT_BYTES);
    buf_init(&rig->result, LIMIT_OUTPUT_BYTES);
    rig->logger = (struct logger){rig, host_rig_write};
    rig->bus = bus_new();
    rig->app = rig->bus ? app_new(&rig->logger, NULL, rig->bus) : NULL;
    ck_assert_ptr_nonnull(rig->app);
    return rig;
}

static bool host_rig_load(struct host_rig *rig, const char *yaml, const char *dir,
                          struct buf *mistakes)
{
    struct problems *problems = problems_new();
    ck_assert_ptr_nonnull(problems);
    bool good = app_load_text(rig->app, str_from(yaml), "test.yaml", dir ? dir : "/nowhere",
                              problems);
    problems_print(problems, mistakes);
    problems_free(problems);
    return good;
}

struct host_rig *host_rig_new(const char *yaml, const char *dir)
{
    struct host_rig *rig = host_rig_make();
    struct buf mistakes;
    buf_init(&mistakes, LIMIT_OUTPUT_BYTES);
    bool good = host_rig_load(rig, yaml, dir, &mistakes);
    ck_assert_msg(good, "%s", buf_c(&mistakes));
    buf_release(&mistakes);
    return rig;
}

const char *host_rig_mistakes(const char *yaml)
{
    static struct buf mistakes;
    buf_release(&mistakes);
    buf_init(&mistakes, LIMIT_OUTPUT_BYTES);
    struct host_rig *rig = host_rig_make();
    (void)host_rig_load(rig, yaml, NULL, &mistakes);
    host_rig_free(rig);
    return buf_c(&mistakes);
}

void host_rig_start(struct host_rig *rig)
{
    wf_error err = {.code = WF_OK};
    wf_status status = app_start(rig->app, true, &err);
    ck_assert_msg(status == WF_OK, "%s", err.text);
}

void host_rig_free(struct host_rig *rig)
{
    app_free(rig->app);
    bus_free(rig->bus);
    buf_release(&rig->log);
    buf_release(&rig->log_copy);
    buf_release(&rig->result);
    pthread_mutex_destroy(&rig->log_lock);
    free(rig);
}

static void host_rig_finished(void *ctx, const struct run *run)
{
    struct host_rig *rig = ctx;
    const struct value *wanted = run->scope.current;
    if (rig->step)
        wanted = value_get(run->scope.steps, str_from(rig->step));
    value_json(&rig->result, wanted ? wanted : &value_null);
}

const char *host_rig_step(struct host_rig *rig, const char *pipeline, const char *event,
                          const char *step)
{
    struct pipeline *p = app_pipeline(rig->app, str_from(pipeline));
    ck_assert_msg(p, "there is no pipeline %s", pipeline);
    struct pipeline_call call = {
        .data = str_from(event), .finished = host_rig_finished, .ctx = rig};
    wf_error err = {.code = WF_OK};
    rig->step = step;
    buf_clear(&rig->result);
    if (pipeline_run(p, &call, &err)) {
        buf_clear(&rig->result);
        buf_printf(&rig->result, "error: %s", err.text);
    }
    return buf_c(&rig->result);
}

const char *host_rig_run(struct host_rig *rig, const char *pipeline, const char *event)
{
    return host_rig_step(rig, pipeline, event, NULL);
}

struct app *host_rig_app(struct host_rig *rig)
{
    return rig->app;
}

const char *host_rig_log(struct host_rig *rig)
{
    pthread_mutex_lock(&rig->log_lock);
    buf_clear(&rig->log_copy);
    buf_str(&rig->log_copy, buf_view(&rig->log));
    pthread_mutex_unlock(&rig->log_lock);
    return buf_c(&rig->log_copy);
}

unsigned host_rig_port(struct host_rig *rig)
{
    unsigned port = 0;
    struct buf log;
    buf_init(&log, LIMIT_OUTPUT_BYTES);
    pthread_mutex_lock(&rig->log_lock);
    buf_str(&log, buf_view(&rig->log));
    pthread_mutex_unlock(&rig->log_lock);
    for (const char *at = buf_c(&log); (at = strstr(at, "address=")) != NULL; at++) {
        wf_str line = {at, strcspn(at, "\n")};
        wf_str part;
        uint64_t number = 0;
        while (str_next(&line, ':', &part))
            (void)str_to_u64(str_trim(part), &number);
        port = (unsigned)number;
    }
    buf_release(&log);
    ck_assert_msg(port, "nothing listens");
    return port;
}
