/* SPDX-License-Identifier: MIT
 *
 * kafka_buffer - one queue, looked at every few records.
 */
#include "providers/debezium/kafka_buffer.h"

#include "base/compiler.h"
#include "base/error.h"

#define KAFKA_BUFFER_LOOK 64     /* records between two looks at the queue's length */
#define KAFKA_BUFFER_LEADERS 16u /* partitions asked for at a time */

wf_status kafka_buffer_open(struct kafka_buffer *buffer, rd_kafka_t *rk, int wake_fd,
                            wf_error *err)
{
    static const uint64_t one = 1;
    buffer->records = rd_kafka_queue_new(rk);
    if (!buffer->records)
        return error_no_memory(err);
    rd_kafka_queue_io_event_enable(buffer->records, wake_fd, &one, sizeof(one));
    buffer->sleepless = rd_kafka_version() >= 0x020200ff;
    return WF_OK;
}

void kafka_buffer_close(struct kafka_buffer *buffer)
{
    if (!buffer->records)
        return;
    rd_kafka_queue_io_event_enable(buffer->records, -1, NULL, 0);
    rd_kafka_queue_destroy(buffer->records);
    buffer->records = NULL;
}

void kafka_buffer_route(struct kafka_buffer *buffer, rd_kafka_t *rk, const char *topic,
                        int32_t partition)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_get_partition(rk, topic, partition);
    if (!queue)
        return;
    rd_kafka_queue_forward(queue, buffer->records);
    rd_kafka_queue_destroy(queue);
}

/* With a timeout of 0 the requests are sent and their answers dropped. */
static void kafka_buffer_wake(struct kafka_buffer *buffer, rd_kafka_t *rk,
                              const struct kafka_lanes *lanes)
{
    rd_kafka_topic_partition_list_t *some = rd_kafka_topic_partition_list_new(1);
    for (size_t i = 0; i < lanes->count && some->cnt < (int)KAFKA_BUFFER_LEADERS; i++) {
        const struct kafka_lane *lane = lanes->list[buffer->turn++ % lanes->count];
        if (lane->state == KAFKA_LANE_OURS)
            rd_kafka_topic_partition_list_add(some, lane->topic, lane->partition)->offset =
                RD_KAFKA_OFFSET_BEGINNING;
    }
    if (some->cnt)
        (void)rd_kafka_offsets_for_times(rk, some, 0);
    rd_kafka_topic_partition_list_destroy(some);
}

static CDC_NO_INLINE void kafka_buffer_look(struct kafka_buffer *buffer, rd_kafka_t *rk,
                                            const struct kafka_lanes *lanes)
{
    buffer->unseen = 0;
    size_t length = rd_kafka_queue_length(buffer->records);
    if (length > buffer->peak)
        buffer->peak = length;
    if (buffer->peak < KAFKA_BUFFER_LOOK || length > buffer->peak / 2)
        return;
    buffer->peak = length;
    kafka_buffer_wake(buffer, rk, lanes);
}

rd_kafka_message_t *kafka_buffer_take(struct kafka_buffer *buffer, rd_kafka_t *rk,
                                      const struct kafka_lanes *lanes)
{
    rd_kafka_message_t *message = rd_kafka_consume_queue(buffer->records, 0);
    bool look = ++buffer->unseen >= KAFKA_BUFFER_LOOK || !message;
    if (CDC_UNLIKELY(look) && !buffer->sleepless)
        kafka_buffer_look(buffer, rk, lanes);
    return message;
}
