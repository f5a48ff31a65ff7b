/* SPDX-License-Identifier: MIT
 *
 * kafka_member - the inside of a kafka_group, shared by the files that are one:
 *
 *     kafka_group        open, next, took, rest, close
 *     kafka_group_info   lag, details, cluster, is_shared
 *     kafka_group_past   whether the group has read before
 *     kafka_group_send   a record to the cluster
 *     kafka_member       what librdkafka tells: errors, lines of its log, wake-ups
 *     kafka_rebalance    partitions come and go
 *     kafka_commit       what is confirmed becomes the group's offsets
 *     kafka_buffer       the one queue of records, and its fetchers kept awake
 *     kafka_config, kafka_error, kafka_lanes, kafka_ledger     know nothing of the others
 *
 * Two queues.  librdkafka would put records, rebalances and errors into one; then whoever
 * wants no records for now either stops hearing of rebalances or has to pause, and a pause
 * throws away all that was fetched.  So each partition's queue is forwarded to `records`,
 * and the consumer's own has only the rest.  A group that rests does not look into
 * `records`, which is bounded; nothing needs to be paused.
 *
 * Facts about librdkafka 2.0.2 that stand behind the code (sources in src/):
 *
 *   - rd_kafka_consume_batch_queue() may lose records: it moves the partition's application
 *     offset on for each record, and a barrier that comes up within the same call throws
 *     the records away again, while the pause that brought the barrier goes on from that
 *     offset.  Every cooperative rebalance pauses all partitions.  (Fixed in 2.1.0, pull
 *     request #4208; rdkafka_queue.c, rd_kafka_q_serve_rkmessages.)  Records taken one by
 *     one are safe: at worst one is fetched again, which its offset tells.  It costs as
 *     much.
 *   - A batch call also waits for its whole timeout when fewer records than asked for are
 *     there.
 *   - A fetcher that finds the queue full looks again after 1 s, whatever happens in the
 *     meantime.  (Settable since 2.2.0, fetch.queue.backoff.ms; see kafka_buffer.h.)
 *   - rd_kafka_queue_yield() takes the queue's lock, and only ends a wait inside
 *     librdkafka.  We wait for descriptors instead, so an interrupt is a write to one.
 *   - When partitions are assigned without an offset and the request for the committed
 *     ones fails while the assignment changes, librdkafka waits for its answer for ever
 *     (rdkafka_assignment.c, rd_kafka_assignment_handle_OffsetFetch).  So we ask, and
 *     assign with offsets.
 *   - A pause while a logical offset (BEGINNING) is looked up leaves the partition waiting
 *     for ever (rdkafka_partition.c, rd_kafka_toppar_pause_resume).  So offsets are always
 *     numbers.
 *   - A member that is destroyed between the answer to its first request to join and its
 *     first assignment ends the process: the assignor's state is made with the assignment,
 *     and its destruction insists on it (rdkafka_sticky_assignor.c,
 *     rd_kafka_sticky_assignor_state_destroy).  So close waits for the assignment, and ends
 *     the subscription first when nothing was answered yet.  Whether there is an assignor,
 *     rd_kafka_rebalance_protocol() tells; the member's id does not, which is taken back
 *     when the group does not know it.
 *   - When a membership ends, what others have just asked its thread is thrown away, and who
 *     asked waits for ever (rdkafka_cgrp.c, rd_kafka_cgrp_terminated): the protocol, too, and
 *     every answer to a rebalance is such a question.  An end waits for one answer, to the
 *     rebalance it brings or to one that was told before; so that is given once, and nothing
 *     is asked behind it.  With the eager protocol it does not wait for the answer to one
 *     that was told before, unless that tells of a loss (rd_kafka_cgrp_revoke_all_rejoin).
 *   - A commit that waits for a coordinator is given up one session after the beginning of
 *     the end, and destruction waits for that (rdkafka_cgrp.c, rd_kafka_cgrp_try_terminate);
 *     once it has begun, nobody looks for a coordinator any more.  The timer of the automatic
 *     commit begins such commits, so no member can be sure to have none.
 *   - rd_kafka_DescribeConsumerGroups() frees twice, or waits for ever, when no good answer
 *     comes (issue #4605), and a client that asked so may not be closed afterwards.
 *     rd_kafka_list_groups() tells the members as well, and has done so since 0.9.1.
 *   - The forwarding of a partition's queue ends when its fetcher stops
 *     (rd_kafka_toppar_fetch_stop), so it is set anew for each assignment.
 */
#ifndef PROVIDERS_KAFKA_MEMBER_H
#define PROVIDERS_KAFKA_MEMBER_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "base/cancel.h"
#include "base/compiler.h"
#include "providers/debezium/kafka_buffer.h"
#include "providers/debezium/kafka_group.h"
#include "providers/debezium/kafka_lanes.h"
#include "providers/debezium/kafka_ledger.h"

enum kafka_pending { KAFKA_PENDING_NOTHING, KAFKA_PENDING_ASSIGN, KAFKA_PENDING_REVOKE };

/* A rebalance that librdkafka waits for us to carry out. */
struct kafka_rebalance {
    enum kafka_pending pending;
    bool cooperative;
    bool lost;                                   /* somebody else has them already */
    rd_kafka_topic_partition_list_t *partitions; /* ours; NULL: nothing is pending */
    int64_t since_ms;
    int64_t due_ms;   /* REVOKE: not waited longer; ASSIGN: not tried before */
    bool handing;     /* REVOKE: nobody holds their records; their offsets are committed */
    bool asked;       /* that commit is under way */
    int64_t until_ms; /* the end of trying it */
};

struct kafka_commit {
    bool wanted; /* a lane's confirmed offset was not handed on yet */
    int64_t due_ms;
};

/* Whether there is a broker.  librdkafka says sometimes when the last one is gone, but not
 * always, and never when one is back; so after any error of a broker we ask. */
struct kafka_health {
    int64_t down_since_ms; /* 0: not down */
    int64_t probe_ms;      /* when it is asked next whether there is one; 0: not */
    rd_kafka_resp_err_t code;
    char text[256];
    int64_t quiet_until_ms; /* no notices before */
    unsigned kept_back;     /* notices that were not given */
};

struct kafka_group {
    struct kafka_plan plan; /* the strings below, and the callbacks */
    char *bootstrap_servers, *group_id, *client_id, *properties;
    char *first_topic; /* of the plan */
    rd_kafka_t *rk;
    rd_kafka_queue_t *events; /* rebalances, errors, answers to commits */
    struct kafka_buffer buffer;
    struct cancel cancel;
    int wake_fd;          /* eventfd: something is in one of the queues */
    _Atomic bool stirred; /* there is something in `events` */
    int64_t patience_ms;  /* the longest wait without a call of librdkafka's */
    int64_t session_ms;

    rd_kafka_message_t *held;     /* the record given last */
    struct kafka_lane *held_lane; /* of the last message looked at, with its topic */
    const rd_kafka_topic_t *held_topic;
    bool took;
    uint64_t number;    /* of the last record taken */
    uint64_t confirmed; /* the last number that was confirmed */
    unsigned unserved;  /* records given since the last kafka_member_serve() */

    struct kafka_lanes lanes;
    struct kafka_ledger ledger;
    struct kafka_rebalance rebalance;
    bool lanes_gone; /* a lane's offset is not there any more */
    int64_t mend_due_ms;
    struct kafka_commit commit;
    struct kafka_health health;
    bool assigned; /* librdkafka has told of an assignment, also of an empty one */
    bool closing;
    bool ending;      /* librdkafka was told to end the membership */
    bool answered;    /* ENDING: its one rebalance has its answer */
    bool quit;        /* it has left the group, or tried to */
    bool overdue;     /* QUIT: it had to be given up */
    bool midway;      /* QUIT: it was, so librdkafka's member cannot be destroyed */
    wf_error failure; /* code WF_OK: none */
};

/* Everything that is not a record: events, and what is due. */
wf_status kafka_member_serve(struct kafka_group *group, wf_error *err);
/* Waits for a queue, an interrupt, something that is due, or `deadline_ms`. */
void kafka_member_wait(struct kafka_group *group, int64_t deadline_ms);

/* An error in the place of a record. */
void kafka_member_trouble(struct kafka_group *group, const rd_kafka_message_t *message);
/* The first failure is what the next call tells. */
void kafka_member_fail(struct kafka_group *group, rd_kafka_resp_err_t code,
                       const char *what, const char *words);
/* A broker has answered.  A record says nothing of that, it may have been here for long. */
void kafka_member_alive(struct kafka_group *group);
/* A line for the log; of those that may come in floods few are given. */
void kafka_member_notice(struct kafka_group *group, enum log_level level,
                         const char *format, ...) CDC_PRINTF(3, 4);

/* Callbacks of librdkafka's; the opaque of its configuration is the group. */
void kafka_member_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque);
void kafka_member_on_log(const rd_kafka_t *rk, int level, const char *facility,
                         const char *line);

void kafka_rebalance_on(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                        rd_kafka_topic_partition_list_t *partitions, void *opaque);
/* Carries out what is pending, when its time has come. */
void kafka_rebalance_serve(struct kafka_group *group, int64_t now_ms);
/* Just before librdkafka is told to end the membership; what it has told is in our hands. */
void kafka_rebalance_end(struct kafka_group *group);
void kafka_rebalance_release(struct kafka_group *group);

void kafka_commit_on(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                     rd_kafka_topic_partition_list_t *offsets, void *opaque);
void kafka_commit_serve(struct kafka_group *group, int64_t now_ms);
/* Hands on what is confirmed, now. */
void kafka_commit_store(struct kafka_group *group);
/* Commits what is confirmed of the leaving lanes, and tells `answered` afterwards; false:
 * there is nothing to be committed. */
bool kafka_commit_leaving(struct kafka_group *group,
                          void (*answered)(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                                           rd_kafka_topic_partition_list_t *offsets,
                                           void *opaque));
/* Of the leaving lanes nothing more is to be committed. */
void kafka_commit_drop(struct kafka_group *group);
/* Commits the lane's next offset, also when it is smaller than the one before. */
void kafka_commit_back(struct kafka_group *group, struct kafka_lane *lane);

#endif
