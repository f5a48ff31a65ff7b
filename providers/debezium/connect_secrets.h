/* SPDX-License-Identifier: MIT
 *
 * connect_secrets - what must not be shown.  Kafka Connect's replies may repeat whatever a
 * configuration holds, passwords too.
 */
#ifndef PROVIDERS_CONNECT_SECRETS_H
#define PROVIDERS_CONNECT_SECRETS_H

#include "base/buf.h"

struct connect_secrets {
    struct buf texts; /* each with a NUL behind it */
};

void connect_secrets_init(struct connect_secrets *secrets);
void connect_secrets_release(struct connect_secrets *secrets);
wf_status connect_secrets_add(struct connect_secrets *secrets, wf_str secret,
                              wf_error *err);
/* The values of a connector's configuration whose names say that they are secret, and the
 * passwords inside of URLs; not references such as ${file:...}. */
wf_status connect_secrets_learn(struct connect_secrets *secrets, wf_str config,
                                wf_error *err);
/* Hides them in a NUL-terminated text. */
void connect_secrets_hide(const struct connect_secrets *secrets, char *text);

#endif
