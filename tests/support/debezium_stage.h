/* SPDX-License-Identifier: MIT
 *
 * debezium_stage - the debezium provider on its rig, driven by hand, and what it tells.
 */
#ifndef TESTS_SUPPORT_DEBEZIUM_STAGE_H
#define TESTS_SUPPORT_DEBEZIUM_STAGE_H

#include "providers/debezium/debezium.h"
#include "tests/support/debezium_rig.h"
#include "tests/support/provider_rig.h"

struct debezium_stage {
    char notices[8000];
    char ddl[500], schema[2000]; /* the last statement; "table: sql" lines */
    char poison[300], content[300];
    struct cdc_snapshot_report report;
    size_t reports, wanted_snapshots;
    char wanted_table[200];
    enum cdc_op ops[100];
    uint32_t lane;
    struct buf kept;
};

extern struct debezium_stage debezium_stage;
extern const struct cdc_provider cdc_provider_debezium;

/* `options` as debezium_rig_config() takes them. */
void debezium_stage_set_up(const char *options);
void debezium_stage_set_up_as(const char *source_type, const char *options);
/* The same, and opens it. */
void debezium_stage_open(const char *options);
void debezium_stage_tear_down(void);

/* The group has given it its partitions: who leaves before that holds up the next. */
void debezium_stage_arrive(void);
/* Where the next open goes on; good until the next call. */
wf_str debezium_stage_position(void);
/* The operator has read that. */
void debezium_stage_said(const char *text);
/* Polls until that is so. */
void debezium_stage_until(bool (*is)(void));
struct debezium_state *debezium_stage_state(void);

/* From now on Kafka Connect answers nothing but 503. */
void debezium_stage_connect_goes(void);
/* "RUNNING" ...; "": there is none. */
const char *debezium_stage_connector(void);
bool debezium_stage_rests(void); /* the connector is paused */
bool debezium_stage_runs(void);

#endif
