/* SPDX-License-Identifier: MIT
 *
 * app - one configuration brought to life: plugins, modules, pipelines, triggers.
 *
 *     app_new -> app_load -> app_start -> ... -> app_stop -> app_free
 *
 * app_load() creates everything and runs every module's init, so that all mistakes come out
 * without touching another system; `wfhost validate` is that and no more.  Order: modules
 * after those they depend on; pipelines after all modules; triggers last.  Stop goes
 * backwards, triggers first.
 */
#ifndef HOST_APP_H
#define HOST_APP_H

#include "base/log.h"
#include "host/builtin.h"
#include "host/bus.h"
#include "host/config.h"

struct plugins;         /* host/plugin.h */
struct run_memory_pool; /* host/run_memory.h */

/* Copies nothing; logger and plugins outlive the app. */
struct app *app_new(const struct logger *logger, struct plugins *plugins, struct bus *bus);
/* Stops first if need be.  NULL is ignored. */
void app_free(struct app *app);

/* Loads the file.  False when it has mistakes; they are in `problems`, and the app is only
 * good for app_free(). */
bool app_load(struct app *app, const char *path, struct problems *problems);
/* The same from memory; `config_dir` becomes _config_dir. */
bool app_load_text(struct app *app, wf_str yaml, const char *file, const char *config_dir,
                   struct problems *problems);

/* Starts modules, then (if `with_triggers`) triggers.  On failure what had started is
 * stopped. */
wf_status app_start(struct app *app, bool with_triggers, wf_error *err);
/* Ends an app_start() that is running, or is about to, with WF_CANCELLED.  `app` is void
 * for signals_call().  Does not block.  [any] */
void app_cancel(void *app);
/* Refuses new runs with WF_CANCELLED, waits for those under way, stops triggers, then
 * modules, in reverse.  Goes on after a failure and gives the last.  Idempotent. */
wf_status app_stop(struct app *app, wf_error *err);

/* ---- for modules, steps and triggers [any] ------------------------------------------- */

const struct logger *app_logger(const struct app *app);
struct bus *app_bus(const struct app *app);
/* Absolute folder of the configuration file, without a slash at its end. */
wf_str app_config_dir(const struct app *app);
/* NULL when there is none. */
struct pipeline *app_pipeline(const struct app *app, wf_str name);

/* The object (what module_type.create gave) of the module called `name`; NULL when there is
 * none of that type. */
void *app_module(const struct app *app, wf_str name, const char *type);
/* The first module of that type in the file; NULL when there is none. */
void *app_first_module(const struct app *app, const char *type);
/* While creating: the module that def->config[key] names.  Otherwise adds a problem that
 * says what there is, and gives NULL (without a second problem when that module itself is
 * what is wrong). */
void *app_need_module(const struct definition *def, const char *key, const char *type);

/* ---- for those who run an app -------------------------------------------------------- */

/* clock_mono_ms() when the last run began or ended; now, while one is under way. */
int64_t app_last_activity(struct app *app);

/* What has been run since the app was made; a run inside a run is part of it. */
struct app_activity {
    uint64_t runs;   /* that have ended */
    uint64_t failed; /* of these */
    unsigned under_way;
    int64_t last_ms; /* clock_mono_ms() when the last one began or ended */
};
struct app_activity app_activity(struct app *app);
size_t app_pipeline_count(const struct app *app);
size_t app_trigger_count(const struct app *app);

/* ---- for the host's own parts -------------------------------------------------------- */

/* False when the app is stopping and this is no run inside a run; otherwise app_run_end()
 * must follow. */
bool app_run_begin(struct app *app, bool nested);
void app_run_end(struct app *app, bool nested, wf_status status);
struct run_memory_pool *app_run_memory(const struct app *app);
struct plugins *app_plugins(const struct app *app);
/* Lives as long as the app; only used while it is loaded. */
struct arena *app_arena(struct app *app);
/* The map with _config_dir laid over it; NULL when out of memory. */
const struct value *app_with_config_dir(struct app *app, const struct value *config);

#endif
