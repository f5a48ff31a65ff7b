/* SPDX-License-Identifier: MIT
 *
 * dbz_connector - the configuration of the connector that a source needs: names made from
 * source_id, the settings under which nothing is lost, the database, and over all of it
 * what options.connector says.  (Debezium 3.5 documentation, "Connector properties" of each
 * connector.)
 */
#ifndef PROVIDERS_DBZ_CONNECTOR_H
#define PROVIDERS_DBZ_CONNECTOR_H

#include "base/buf.h"
#include "plugin/core/settings.h"

/* All views into the struct's own memory; end it with dbz_connector_release(). */
struct dbz_connector {
    struct buf name;         /* "workflow-<source_id>" */
    struct buf class_name;   /* "io.debezium.connector.postgresql.PostgresConnector" */
    struct buf topic_prefix; /* after options.connector was merged */
    struct buf config;       /* the JSON object that PUT .../config takes; holds secrets */
    struct buf signal_topic; /* empty: signals do not go through Kafka */
    struct buf signal_table; /* as its rows name it; empty: none */
    struct buf notify_topic; /* empty: none */
    struct buf remains;      /* what a deleted connector leaves in the database, and the
                                  SQL that removes it, one line each; may be empty */
    bool schema_topic;       /* the topic named like the prefix carries schema changes */
    bool registry;           /* a converter that needs a schema registry: `registry_why` */
    struct buf registry_why; /* the readable error for that */
};

/* WF_CONFIG for what is wrong without asking anybody: a database that cannot be read, a
 * source_type that is not known and no connector.class.  A converter that is not JSON is
 * told by `registry`, so that what was made before can still be taken away.
 *
 * Where neither options.database nor options.connector say anything, the connector is
 * somebody else's: `config` and `class_name` are empty. */
wf_status dbz_connector_make(const struct cdc_settings *settings, struct dbz_connector *out,
                             wf_error *err);
void dbz_connector_release(struct dbz_connector *connector);

/* Takes from the configuration that Kafka Connect gives what matters to a reader: class,
 * topics, converters.  For a connector that is somebody else's. */
wf_status dbz_connector_adopt(struct dbz_connector *connector, wf_str config,
                              wf_error *err);

/* What to do about a failed task, by what it says; "" when that is not known. */
const char *dbz_connector_cure(const char *why);

#endif
