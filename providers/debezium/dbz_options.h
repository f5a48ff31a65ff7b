/* SPDX-License-Identifier: MIT
 *
 * dbz_options - what `options` may hold for this provider.
 */
#ifndef PROVIDERS_DBZ_OPTIONS_H
#define PROVIDERS_DBZ_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "plugin/core/option.h"

/* What a stop of the source does to its connector. */
enum dbz_on_stop { DBZ_STOP_DELETE, DBZ_STOP_KEEP, DBZ_STOP_PAUSE, DBZ_STOP_STOP };
enum dbz_records_lost { DBZ_LOST_FAIL, DBZ_LOST_RESNAPSHOT };
/* How a snapshot of some tables is asked for while the connector streams: through Kafka
 * alone, or with a table besides that takes its watermarks. */
enum dbz_signals { DBZ_SIGNALS_KAFKA, DBZ_SIGNALS_TABLE };
enum dbz_snapshot_type { DBZ_SNAPSHOT_INCREMENTAL, DBZ_SNAPSHOT_BLOCKING };

struct dbz_options {
    wf_str bootstrap_servers; /* of Kafka, as this host reaches it */
    wf_str group_id;          /* empty: the connector's name */
    wf_str topic_prefix;      /* empty: made from source_id */
    wf_str kafka;             /* JSON object of librdkafka properties; secret */
    wf_str database;  /* URI, or JSON object of fields; secret; empty: the connector is
                             somebody else's, or `connector` says it */
    wf_str connector; /* JSON object merged over the connector's configuration; secret */
    wf_str connector_kafka; /* JSON object of settings for the connector's own clients of
                             Kafka; secret */
    bool schemas;    /* records carry their schemas, so that values keep their types */
    int32_t on_stop; /* enum dbz_on_stop */
    int32_t on_records_lost;  /* enum dbz_records_lost */
    int32_t signals;          /* enum dbz_signals */
    int32_t snapshot_type;    /* enum dbz_snapshot_type */
    wf_str signal_table;      /* "schema.table"; for signals: table */
    int64_t restarts;         /* of failed tasks in a row, before the source fails */
    int64_t start_timeout_ms; /* until the connector's tasks must run */
    wf_str connect_token;     /* bearer; secret */
    wf_str connect_ca_file, connect_cert_file, connect_key_file;
    int64_t connect_timeout_ms; /* of one request to Kafka Connect */
};

extern const struct cdc_option dbz_option_rows[];

struct cdc_settings;

/* What the rows cannot say, and what needs no server. */
wf_status dbz_options_check(const struct cdc_settings *settings, wf_error *err);

#endif
