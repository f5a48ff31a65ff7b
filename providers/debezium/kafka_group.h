/* SPDX-License-Identifier: MIT
 *
 * kafka_group - a member of a consumer group: records of the partitions it is given, and
 * offsets that are committed only for what was delivered.  (librdkafka: INTRODUCTION.md
 * "Consumer groups", CONFIGURATION.md.)
 *
 * Records are numbered in the order they are given.  confirm(number) says that everything
 * up to that number was delivered; per partition that is a contiguous prefix, whose end is
 * stored as the group's offset and committed (some times a second while there is something
 * new, and when a partition is given back).
 *
 * Where the group has no offset for a partition, reading begins at its beginning: the topic
 * is as old as the connector.  Where its offset is no longer there (retention), records
 * were lost and the plan's lost() is told.
 *
 * A partition that is taken away: lane_lost() is called before anything else, inside a call
 * of next(), rest() or cluster().  Then, for three seconds at most, it is kept until the last
 * number taken before, or a later one, is confirmed: no callback has its records then, and
 * the next owner cannot be ahead of one.  That confirmation does not count for the lane
 * itself, for what it covers may have been dropped; one of a smaller number does.  Then what
 * counts is committed, and the partition is given back.  Meanwhile nothing comes of any
 * partition.  When somebody else has the partition already (the session timed out), it is
 * given up at once, and nothing is committed.
 *
 * All calls from one thread but interrupt().
 */
#ifndef PROVIDERS_KAFKA_GROUP_H
#define PROVIDERS_KAFKA_GROUP_H

#include "base/buf.h"
#include "base/log.h"

struct kafka_group;

struct kafka_plan {
    wf_str bootstrap_servers;
    wf_str group_id;
    wf_str client_id;
    wf_str
        properties; /* JSON object of librdkafka properties, laid over ours; empty: none */
    /* Topics, or patterns that begin with '^'; when the first is not there yet, a notice
     * says so. */
    const char *const *topics;
    size_t topic_count;
    void *ctx;
    /* What was given of this lane and is not delivered yet belongs to somebody else now. */
    void (*lane_lost)(void *ctx, uint32_t lane);
    /* Records of a partition were deleted before the group had read them.  Anything but
     * WF_OK comes back from kafka_group_next(). */
    wf_status (*records_lost)(void *ctx, wf_str topic, int32_t partition, wf_error *err);
    void (*notice)(void *ctx, enum log_level level, const char *text);
};

struct kafka_record {
    wf_str topic;
    int32_t partition;
    int64_t offset;
    uint32_t lane;   /* of this partition for as long as the group is open, from 1 */
    uint64_t number; /* from 1 */
    int64_t ts_ms;   /* the record's timestamp; -1: none */
    wf_str key;      /* ptr NULL: null */
    wf_str value;    /* ptr NULL: null (a tombstone) */
};

struct kafka_lag {
    int64_t records;     /* in the partitions we have, not yet confirmed; -1: unknown */
    unsigned partitions; /* that we have */
};

/* Connects in the background; WF_CONFIG for a property that librdkafka refuses, named,
 * without its value when it may be a secret. */
wf_status kafka_group_open(const struct kafka_plan *plan, struct kafka_group **out,
                           wf_error *err);
/* Commits what is confirmed, leaves the group.  A few seconds at most: where brokers are away
 * and a commit is under way, librdkafka gives it up after a session (session.timeout.ms), and
 * a thread that nobody waits for sees to the rest. */
void kafka_group_close(struct kafka_group *group);
/* The first half of it: only is_shared() and close() may follow. */
void kafka_group_quit(struct kafka_group *group);

/* The next record, or none (out->number 0) when nothing came in timeout_ms, or interrupted.
 * It is borrowed until the next call, and is given again by it unless kafka_group_took()
 * was called between.  WF_UNAVAILABLE: all brokers are away, to be
 * opened again.  That is told once it has lasted as long as a session, for until then the
 * group knows this member, which goes on at once; a notice is given at its beginning and its
 * end. WF_CONFIG: no right to the group or a topic, wrong
 * login. */
wf_status kafka_group_next(struct kafka_group *group, int timeout_ms,
                           struct kafka_record *out, wf_error *err);
void kafka_group_took(struct kafka_group *group);

/* Nothing is wanted for now (at most timeout_ms): stays a member, whatever time a workflow
 * takes, and buffers nothing more. */
wf_status kafka_group_rest(struct kafka_group *group, int timeout_ms, wf_error *err);

/* Everything up to `number` is delivered.  Commits in the background. */
wf_status kafka_group_confirm(struct kafka_group *group, uint64_t number, wf_error *err);

void kafka_group_interrupt(
    struct kafka_group *group); /* [any]; neither blocks nor allocates */

/* Appends the cluster's id, as soon as a broker has told it; WF_UNAVAILABLE after
 * timeout_ms. */
wf_status kafka_group_cluster(struct kafka_group *group, int timeout_ms, struct buf *out_id,
                              wf_error *err);

void kafka_group_lag(struct kafka_group *group, struct kafka_lag *out);
/* Appends {"<topic>/<partition>":{"committed":..,"end":..}, ...}, at most some hundred. */
void kafka_group_details(struct kafka_group *group, struct buf *out_json);
/* Whether the group has members beside this one; waits for the brokers' answers, at most
 * timeout_ms.  They take two round trips, each behind a fetch that waits for records
 * (fetch.wait.max.ms, 500 ms).  An error: it is not known.  One that was killed is a member
 * until its session times out. */
wf_status kafka_group_is_shared(struct kafka_group *group, int timeout_ms, bool *out,
                                wf_error *err);
/* Whether the group has committed an offset of any of these topics. */
struct kafka_topics {
    bool (*has)(void *ctx, wf_str topic);
    void *ctx;
};
wf_status kafka_group_has_past(struct kafka_group *group, const struct kafka_topics *topics,
                               int timeout_ms, bool *out, wf_error *err);

/* Sends one record through the same cluster and waits until it is acknowledged by all
 * in-sync replicas (at most timeout_ms). */
wf_status kafka_group_send(struct kafka_group *group, wf_str topic, wf_str key,
                           wf_str value, int timeout_ms, wf_error *err);

#endif
