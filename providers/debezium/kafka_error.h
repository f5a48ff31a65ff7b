/* SPDX-License-Identifier: MIT
 *
 * kafka_error - what an error of librdkafka's or a broker's means, and its cure.
 */
#ifndef PROVIDERS_KAFKA_ERROR_H
#define PROVIDERS_KAFKA_ERROR_H

#include <librdkafka/rdkafka.h>

#include "sdk/wf_plugin.h"

/* WF_UNAVAILABLE: librdkafka tries again by itself, or an open later may. */
wf_status kafka_error_status(rd_kafka_resp_err_t code);

/* "<what>: <librdkafka's words>; <cure>" with the code's status.  `words` may be NULL or
 * empty: those of the code itself. */
wf_status kafka_error_set(wf_error *err, rd_kafka_resp_err_t code, const char *what,
                          const char *words);

#endif
