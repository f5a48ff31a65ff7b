/* SPDX-License-Identifier: MIT
 *
 * kafka_config - what librdkafka is set to: what our promises need, and over it what
 * options.kafka says, but for the properties that would break them.  (librdkafka,
 * CONFIGURATION.md.)
 */
#ifndef PROVIDERS_KAFKA_CONFIG_H
#define PROVIDERS_KAFKA_CONFIG_H

#include <librdkafka/rdkafka.h>

#include "providers/debezium/kafka_group.h"

enum kafka_config_role { KAFKA_CONFIG_MEMBER, KAFKA_CONFIG_SENDER };

/* Gives (rd_kafka_conf_destroy).  WF_CONFIG names the property; its value is shown only when
 * it cannot be a secret. */
wf_status kafka_config_make(const struct kafka_plan *plan, enum kafka_config_role role,
                            rd_kafka_conf_t **out, wf_error *err);

/* Of a conf that was made: a number, or `otherwise`. */
int64_t kafka_config_number(const rd_kafka_conf_t *conf, const char *name,
                            int64_t otherwise);

/* Hides the values of secret properties in a text of librdkafka's. */
void kafka_config_redact(wf_str properties, char *text);

#endif
