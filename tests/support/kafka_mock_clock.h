/* SPDX-License-Identifier: MIT
 *
 * kafka_mock_clock - the mock cluster waits for members only as long as one is missing.
 *
 * librdkafka's mock lets a group wait for a fixed time before it answers a request to join:
 * three seconds when it was empty, its session time-out less a second otherwise, also when
 * every member it has is there already.  (In 2.0.2 that cannot be set; rdkafka_mock_cgrp.c,
 * rd_kafka_mock_cgrp_rebalance.)  Nothing that is tested happens in that time, and nearly
 * every test would spend it, often more than once.  So the clock of the mock's thread, and
 * of no other, goes faster while all members of the group that changes are there.  Nothing
 * comes in another order, and a member that is slow is waited for as before.
 *
 * What goes on in the mock is told by the lines of its log, in its own thread.  Where they
 * read differently, in another version, the clock goes as it always did.
 */
#ifndef TESTS_KAFKA_MOCK_CLOCK_H
#define TESTS_KAFKA_MOCK_CLOCK_H

/* [mock] A line that the mock logs with debug=mock, in the thread it comes in. */
void kafka_mock_clock_line(const char *line);

#endif
