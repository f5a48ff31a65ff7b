/* SPDX-License-Identifier: MIT
 *
 * messaging_broker - the module `messaging.broker`: a name for the host's bus.
 *
 * The engine's broker is memory of its own with handlers that run in the sender's
 * thread; the host's bus is the same, and always there, so that plugins can publish
 * too.  Every broker is that one bus.
 */
#include "host/app.h"
#include "host/builtin_types.h"
#include "host/config_check.h"

struct messaging_broker {
    struct app *app;
};

static void *messaging_broker_create(const struct definition *def)
{
    struct messaging_broker *self = calloc(1, sizeof *self);
    if (!self) {
        problems_add(def->problems, def->node, NULL, "out of memory");
        return NULL;
    }
    self->app = def->app;
    return self;
}

static void messaging_broker_free(void *self)
{
    free(self);
}

static const struct config_key messaging_broker_keys[] = {
    {"maxQueueSize", "number", false, false,
     "accepted; there is no queue: publishing waits"},
    {"deliveryTimeout", "duration", false, false,
     "accepted; a pipeline's own timeout bounds it"},
    {0},
};

const struct module_type messaging_broker_type = {
    .type = "messaging.broker",
    .summary = "Topics inside this process, for step.publish and the event trigger.",
    .keys = messaging_broker_keys,
    .create = messaging_broker_create,
    .free = messaging_broker_free,
};
