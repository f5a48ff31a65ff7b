/* SPDX-License-Identifier: MIT
 *
 * host_rig - the host without its command line: an app from YAML text, its log and its runs
 * kept for a test to look at.  Whatever cannot be had fails the test.
 *
 *     struct host_rig *rig = host_rig_new(yaml);
 *     host_rig_start(rig);
 *     ck_assert_str_eq(host_rig_step(rig, "p", "{\"a\":1}", "set"), "{\"b\":2}");
 *     host_rig_free(rig);
 */
#ifndef TESTS_SUPPORT_HOST_RIG_H
#define TESTS_SUPPORT_HOST_RIG_H

#include "host/app.h"

struct host_rig;

/* Loads the YAML, which must be without mistakes; `dir` becomes _config_dir (NULL:
 * "/nowhere"). */
struct host_rig *host_rig_new(const char *yaml, const char *dir);
/* Starts modules and triggers. */
void host_rig_start(struct host_rig *rig);
void host_rig_free(struct host_rig *rig);

/* Runs a pipeline and gives the final data as JSON, or "error: text".  Good until the
 * next run. */
const char *host_rig_run(struct host_rig *rig, const char *pipeline, const char *event);
/* The same, but gives the output of one step: "null" when there is none. */
const char *host_rig_step(struct host_rig *rig, const char *pipeline, const char *event,
                          const char *step);

struct app *host_rig_app(struct host_rig *rig);
/* All that was logged, one line each.  Good until the next call; for one thread. */
const char *host_rig_log(struct host_rig *rig);
/* The port after the last "address=" of the log.  [any] */
unsigned host_rig_port(struct host_rig *rig);

/* What loading that YAML says is wrong; "" when nothing is. */
const char *host_rig_mistakes(const char *yaml);

#endif
