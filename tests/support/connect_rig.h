/* SPDX-License-Identifier: MIT
 *
 * connect_rig - a client of Kafka Connect's REST interface, against fake_connect.
 */
#ifndef TESTS_SUPPORT_CONNECT_RIG_H
#define TESTS_SUPPORT_CONNECT_RIG_H

#include "base/buf.h"
#include "base/cancel.h"
#include "base/str.h"
#include "providers/debezium/connect_client.h"
#include "tests/support/fake_connect.h"

#define CONNECT_RIG_NAME STR("workflow-shop")
#define CONNECT_RIG_CONFIG STR("{\"a\":\"1\",\"database.password\":\"hunter2\"}")

struct connect_rig {
    struct fake_connect *fake;
    struct connect_client *client; /* of the fake alone */
    struct buf out;
    struct cancel cancel;
    wf_error err;
};

void connect_rig_open(struct connect_rig *rig);
/* What the plan leaves out is filled in. */
void connect_rig_open_plan(struct connect_rig *rig, struct connect_plan plan);
/* The last error must not hold the password, nor may the fake have found a fault with us. */
void connect_rig_close(struct connect_rig *rig);

void connect_rig_put(struct connect_rig *rig, wf_str name, wf_str config);
/* The last error holds these words. */
void connect_rig_says(const struct connect_rig *rig, const char *words);

#endif
