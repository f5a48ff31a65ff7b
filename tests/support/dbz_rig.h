/* SPDX-License-Identifier: MIT
 *
 * dbz_rig - records of Debezium's, made of the parts that matter to a test, through a decoder
 * to events.
 */
#ifndef TESTS_SUPPORT_DBZ_RIG_H
#define TESTS_SUPPORT_DBZ_RIG_H

#include "base/buf.h"
#include "base/str.h"
#include "plugin/core/table.h"
#include "providers/debezium/dbz_decode.h"

struct dbz_rig {
    struct dbz_decoder *decoder; /* of the prefix "pg", notifications on "pg-notify" */
    struct dbz_decoded decoded;  /* of the last call */
    uint32_t wanted_ops;         /* bits of operations that somebody wants */
    unsigned asked;              /* how often that was looked at */
};

extern struct dbz_rig dbz_rig;

void dbz_rig_setup(void);
void dbz_rig_teardown(void);

/* Decodes a record of partition 3, offset 100, lane 7; NULL is null.  It has to be given
 * back by WF_OK. */
enum dbz_kind dbz_rig_on(const char *topic, const char *key, const char *value);
/* On the topic "pg.public.t". */
enum dbz_kind dbz_rig_decode(const char *key, const char *value);

/* The event of the last change, which must be JSON; and one of its members. */
const char *dbz_rig_event(void);
wf_str dbz_rig_member(const char *name);

/* The last record is poison on the topic "pg.public.t", and its reason holds `part`. */
void dbz_rig_is_poison(const char *part);

#define dbz_rig_is(name, text)                                                             \
    do {                                                                                   \
        wf_str got_ = dbz_rig_member(name);                                                \
        ck_assert_msg(str_is(got_, text), "%s is %.*s", name, STR_ARG(got_));              \
    } while (0)

#define dbz_rig_reads(view, text)                                                          \
    ck_assert_msg(str_is(view, text), "'%.*s' instead of '%s'", STR_ARG(view), text)

/* ---- parts of records ----------------------------------------------------------------- */

#define DBZ_PG_SOURCE(table, snapshot, txid, lsn)                                          \
    "\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"postgresql\",\"name\":"       \
    "\"pg\",\"ts_ms\":1795352917379,\"snapshot\":" snapshot                                \
    ",\"db\":\"inv\",\"sequence\":\"[null,\\\"" lsn                                        \
    "\\\"]\",\"ts_us\":1795352917379373,\"ts_ns\":1795352917379373000,\"schema\":"         \
    "\"public\",\"table\":\"" table "\",\"txId\":" txid ",\"lsn\":" lsn                    \
    ",\"xmin\":null,\"origin\":null,\"origin_lsn\":null}"

#define DBZ_ORDER(order)                                                                   \
    ",\"transaction\":{\"id\":\"745:27006904\",\"total_order\":" order                     \
    ",\"data_collection_order\":1}"

#define DBZ_END(op)                                                                        \
    ",\"op\":\"" op "\",\"ts_ms\":1795352917426,\"ts_us\":1795352917426081,\"ts_ns\":"     \
    "1795352917426081118}"

#define DBZ_PG(before, after, op)                                                          \
    "{\"before\":" before ",\"after\":" after                                              \
    "," DBZ_PG_SOURCE("t", "\"false\"", "745", "27006904") DBZ_ORDER("1") DBZ_END(op)

#define DBZ_MARIADB(before, after, op)                                                     \
    "{\"before\":" before ",\"after\":" after                                              \
    ",\"source\":{\"version\":\"3.5.0.Final\",\"connector\":\"mariadb\",\"name\":\"pg\","  \
    "\"ts_ms\":1795353017000,\"snapshot\":\"false\",\"db\":\"inv\",\"sequence\":null,"     \
    "\"ts_us\":1795353017000000,\"ts_ns\":1795353017000000000,\"table\":\"t\","            \
    "\"server_id\":1,\"gtid\":\"0-1-11\",\"file\":\"binlog.000002\",\"pos\":2430,"         \
    "\"row\":4,\"thread\":null,\"query\":null},\"transaction\":{\"id\":\"0-1-11\","        \
    "\"total_order\":9,\"data_collection_order\":1}" DBZ_END(op)

#define DBZ_MONGODB(members, op)                                                           \
    "{" members ",\"source\":{\"connector\":\"mongodb\",\"ts_ms\":1000,\"snapshot\":"      \
    "\"false\",\"db\":\"shop\",\"collection\":\"orders\",\"ord\":2},\"op\":\"" op          \
    "\",\"ts_ms\":2000}"

#define DBZ_DDL(snapshot, ddl, changes)                                                    \
    "{\"source\":{\"connector\":\"mariadb\",\"ts_ms\":1795353015458,"                      \
    "\"snapshot\":" snapshot                                                               \
    ",\"db\":\"inv\",\"table\":null,\"gtid\":null,\"file\":\"binlog.000002\",\"pos\":"     \
    "1804,\"row\":0},\"ts_ms\":1,\"databaseName\":\"inv\",\"schemaName\":null,"            \
    "\"ddl\":" ddl ",\"tableChanges\":" changes "}"

/* A row of id, state, n and at, with defaults as PostgreSQL's connector tells them. */
#define DBZ_ROW_SCHEMA(name)                                                               \
    "{\"type\":\"struct\",\"optional\":true,\"name\":\"pg.public.t.Value\",\"field\":"     \
    "\"" name "\",\"fields\":["                                                            \
    "{\"type\":\"int32\",\"optional\":false,\"field\":\"id\"},"                            \
    "{\"type\":\"string\",\"optional\":false,\"default\":\"new\",\"field\":\"state\"},"    \
    "{\"type\":\"bytes\",\"optional\":false,\"name\":"                                     \
    "\"org.apache.kafka.connect.data.Decimal\",\"version\":1,\"parameters\":{\"scale\":"   \
    "\"2\",\"connect.decimal.precision\":\"12\"},\"default\":\"AJY=\",\"field\":\"n\"},"   \
    "{\"type\":\"string\",\"optional\":true,\"name\":"                                     \
    "\"io.debezium.time.ZonedTimestamp\",\"version\":1,\"field\":\"at\"}]}"

#define DBZ_WITH_SCHEMA(payload)                                                           \
    "{\"schema\":{\"type\":\"struct\",\"fields\":[" DBZ_ROW_SCHEMA(                        \
        "before") "," DBZ_ROW_SCHEMA("after") "]},\"payload\":" payload "}"

#define DBZ_KEY_WITH_SCHEMA(id)                                                            \
    "{\"schema\":{\"type\":\"struct\",\"fields\":[{\"type\":\"int32\",\"field\":"          \
    "\"id\"}]},\"payload\":{\"id\":" id "}}"

#endif
