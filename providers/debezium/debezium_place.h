/* SPDX-License-Identifier: MIT
 *
 * debezium_place - the position token of this provider.
 *
 *     1f0c93a2b4d5e6f7:42          record 42 of that session of a consumer group
 *     1f0c93a2b4d5e6f7:42:paused   the same, and the source has paused its connector
 *
 * Where the stream goes on is what the group has committed at the broker, for all who share
 * it.  A token only says, within the session that made it, up to which record everything is
 * delivered.
 */
#ifndef PROVIDERS_DEBEZIUM_PLACE_H
#define PROVIDERS_DEBEZIUM_PLACE_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

#define DEBEZIUM_PLACE_TEXT 48

struct debezium_place {
    uint64_t session;
    uint64_t number; /* of the last record that is covered; 0: none */
    bool paused;
};

bool debezium_place_parse(wf_str token, struct debezium_place *out);
/* Gives the length; no NUL. */
size_t debezium_place_write(const struct debezium_place *place,
                            char out[DEBEZIUM_PLACE_TEXT]);

/* A number that no other session has. */
uint64_t debezium_place_session(void);

#endif
