/* SPDX-License-Identifier: MIT
 *
 * debezium - changes that Debezium captures on a Kafka Connect cluster: the connector is
 * managed through Connect's REST interface, the events are taken from Kafka.
 *
 *     debezium, debezium_open           the provider: running, stopping; getting there
 *     debezium_feed                     from a record to what core wants of it
 *     debezium_snapshot                 asked for by signal, followed by notifications
 *     debezium_lag                      how far behind it is; what status shows
 *     debezium_place                    positions
 *     debezium_watch, debezium_tend     a thread that keeps the connector running
 *     debezium_settle                   its configuration, brought there and taken away
 *     dbz_connector, dbz_database,
 *     dbz_options                       what that configuration is
 *     connect_*                         Kafka Connect's REST interface
 *     kafka_*                           a member of a consumer group
 *     dbz_decode and below              records taken apart (the map is there)
 */
#ifndef PROVIDERS_DEBEZIUM_H
#define PROVIDERS_DEBEZIUM_H

#include "providers/debezium/dbz_connector.h"
#include "providers/debezium/dbz_decode.h"
#include "providers/debezium/dbz_options.h"
#include "providers/debezium/debezium_place.h"
#include "providers/debezium/debezium_snapshot.h"
#include "providers/debezium/debezium_watch.h"
#include "providers/debezium/kafka_group.h"
#include "providers/provider.h"

#define DEBEZIUM_AGES 64
#define DEBEZIUM_LISTED 64

/* Records that are not confirmed yet, and when they were committed at the database. */
struct debezium_age {
    uint64_t number;
    int64_t time_us;
};

/* Whether a table is one of the configuration's, remembered by name. */
struct debezium_listed {
    char name[120];
    size_t len; /* 0: empty */
    bool listed;
};

struct debezium_state {
    const struct cdc_settings *settings;
    const struct dbz_options *options;
    const struct cdc_emitter *out;
    const _Atomic bool *unwanted;

    struct dbz_connector connector;
    bool foreign; /* no part of its configuration is ours */
    struct debezium_watch *watch;
    struct buf group_id;
    struct kafka_group *group;
    struct dbz_decoder *decoder;
    struct debezium_snapshot snapshot;

    struct debezium_place place; /* of the last record that was given */
    uint64_t confirmed;
    uint32_t lanes; /* the highest that was given */
    bool first;     /* no position was ever confirmed */
    bool initial;   /* the snapshot of a first start was not asked for yet */
    bool joined;    /* its rows have come already: others of the group were first */
    bool empty;     /* nothing was there at the last look */
    bool closing;
    int64_t leave_ms; /* what a stop waits for Kafka Connect at most */

    int64_t time_us;                         /* of the last record; CDC_NO_TIME: none yet */
    struct debezium_age ages[DEBEZIUM_AGES]; /* oldest first */
    size_t age_count;

    struct debezium_listed listed[DEBEZIUM_LISTED]; /* by hash of the name */
};

/* A line for the operator's log. */
void debezium_tell(const struct debezium_state *s, enum log_level level, const char *format,
                   ...) CDC_PRINTF(3, 4);
/* What the watch has to say; then its failure, if there is one. */
wf_status debezium_hear_watch(struct debezium_state *s, wf_error *err);
/* Gives the present place to core. */
void debezium_commit(struct debezium_state *s);

/* ---- debezium_open ------------------------------------------------------------------- */

wf_status debezium_open_all(struct debezium_state *s, const struct cdc_open *with,
                            wf_error *err);

/* ---- debezium_feed ------------------------------------------------------------------- */

wf_status debezium_feed_open(struct debezium_state *s, wf_error *err);
/* Gives what is there, waiting for the first record. */
wf_status debezium_feed(struct debezium_state *s, struct cdc_budget budget, wf_error *err);
/* What the group tells while it is asked for records. */
void debezium_feed_lane_lost(void *ctx, uint32_t lane);
wf_status debezium_feed_records_lost(void *ctx, wf_str topic, int32_t partition,
                                     wf_error *err);

/* ---- debezium_lag -------------------------------------------------------------------- */

/* Notes when the record at s->place was committed. */
void debezium_lag_note(struct debezium_state *s, int64_t time_us);
wf_status debezium_lag(struct debezium_state *s, struct cdc_lag *out, wf_error *err);
wf_status debezium_lag_details(struct debezium_state *s, struct buf *out_json,
                               wf_error *err);

#endif
