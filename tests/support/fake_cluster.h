/* SPDX-License-Identifier: MIT
 *
 * fake_cluster - what Kafka Connect's servers keep and answer, without HTTP: the part of
 * fake_connect that does as a real one does.
 */
#ifndef TESTS_SUPPORT_FAKE_CLUSTER_H
#define TESTS_SUPPORT_FAKE_CLUSTER_H

#include "base/buf.h"

#define FAKE_CONNECTORS 16
#define FAKE_CLASSES 16

struct fake_connector {
    char *name; /* NULL: the place is free */
    char *config;
    const char *state, *shown; /* what it is, and what the status says yet */
    unsigned lag;              /* requests until they are the same */
};

struct fake_cluster {
    struct fake_connector connectors[FAKE_CONNECTORS];
    unsigned lag;
    const char *connector_state, *task_state, *trace; /* shown instead; NULL: as it is */
    const char *validate, *offsets;
    const char *classes[FAKE_CLASSES]; /* installed besides the two that always are */
    struct buf wrong;                  /* what a real one would not like, one line each */
};

/* What it is answered. */
struct fake_cluster_reply {
    unsigned status;
    struct buf body;
    const char *location;
    bool cut;
};

void fake_cluster_init(struct fake_cluster *cluster);
void fake_cluster_release(struct fake_cluster *cluster);

void fake_cluster_do(struct fake_cluster *cluster, const char *method, const char *uri,
                     wf_str body, struct fake_cluster_reply *reply);
/* An error as Kafka Connect puts it; %s in `format` is the name. */
void fake_cluster_error(struct fake_cluster_reply *reply, unsigned status,
                        const char *format, const char *name);
struct fake_connector *fake_cluster_find(struct fake_cluster *cluster, const char *name);
void fake_cluster_wrong(struct fake_cluster *cluster, const char *why, const char *what);

#endif
