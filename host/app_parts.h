/* SPDX-License-Identifier: MIT
 *
 * app_parts - what an app consists of, for app.c, app_modules.c and app_pipelines.c.
 */
#ifndef HOST_APP_PARTS_H
#define HOST_APP_PARTS_H

#include <pthread.h>

#include "host/app.h"
#include "host/pipeline.h"
#include "host/run_memory.h"

struct app_module {
    wf_str name;
    wf_str type_name;
    const struct module_type *type; /* NULL: unknown */
    const struct plugin_type *origin;
    const struct node *node;
    void *self;   /* NULL: its configuration is wrong */
    bool ordered; /* has its place in the order of start */
    bool started;
};

struct app_trigger {
    const struct trigger_type *type;
    wf_str type_name;
    struct pipeline *pipeline;
    void *self;
    bool started;
};

struct app {
    const struct logger *logger;
    struct plugins *plugins;
    struct bus *bus;
    struct arena arena;
    const struct node *root;
    wf_str config_dir;
    const struct value *config_dir_map; /* {"_config_dir": "..."} */

    struct app_module *modules; /* as in the file */
    size_t module_count;
    struct app_module **order; /* as they start */
    size_t order_count;
    struct pipeline **pipelines;
    size_t pipeline_count;
    struct app_trigger *triggers;
    size_t trigger_count;

    struct run_memory_pool *run_memory;
    pthread_mutex_t running_lock; /* guards the rest */
    pthread_cond_t idle;          /* running became 0 */
    unsigned running;
    bool stopping;
    bool cancelled;              /* no module is started any more */
    struct app_module *starting; /* NULL: none */
    struct app_activity activity;
};

/* Each adds what is wrong to `problems`. */
void app_modules_load(struct app *app, struct problems *problems);
wf_status app_modules_start(struct app *app, wf_error *err);
wf_status app_modules_stop(struct app *app, wf_error *err);
void app_modules_free(struct app *app);

void app_pipelines_load(struct app *app, struct problems *problems);
wf_status app_triggers_start(struct app *app, wf_error *err);
wf_status app_triggers_stop(struct app *app, wf_error *err);
void app_pipelines_free(struct app *app);

#endif
