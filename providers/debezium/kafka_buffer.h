/* SPDX-License-Identifier: MIT
 *
 * kafka_buffer - the queue that all partitions' records come through, and how its fetchers
 * are kept awake.
 *
 * A fetcher (one per broker) that finds the queue full sleeps for a second, unless something
 * else comes up for it to do.  With a small queue, which is what keeps memory small, it would
 * sleep most of the time: 22,000 records/s were measured where 250,000 are possible.  So
 * when the queue has become half empty, the leaders of some partitions are asked for an
 * offset, and nobody waits for the answer: the request alone wakes their fetchers.
 */
#ifndef PROVIDERS_KAFKA_BUFFER_H
#define PROVIDERS_KAFKA_BUFFER_H

#include <librdkafka/rdkafka.h>
#include <stdbool.h>

#include "providers/debezium/kafka_lanes.h"

struct kafka_buffer {
    rd_kafka_queue_t *records;
    size_t peak;     /* records seen in it since the fetchers were woken */
    unsigned unseen; /* records taken since its length was looked at */
    size_t turn;     /* the lane to be asked for next */
    bool sleepless;  /* this librdkafka does not need it */
};

wf_status kafka_buffer_open(struct kafka_buffer *buffer, rd_kafka_t *rk, int wake_fd,
                            wf_error *err);
void kafka_buffer_close(struct kafka_buffer *buffer);

/* From now on the partition's records come through the buffer.  Before each assignment. */
void kafka_buffer_route(struct kafka_buffer *buffer, rd_kafka_t *rk, const char *topic,
                        int32_t partition);

/* The next record or error; NULL: none is there.  Gives (rd_kafka_message_destroy). */
rd_kafka_message_t *kafka_buffer_take(struct kafka_buffer *buffer, rd_kafka_t *rk,
                                      const struct kafka_lanes *lanes);

#endif
