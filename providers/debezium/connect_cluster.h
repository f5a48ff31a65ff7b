/* SPDX-License-Identifier: MIT
 *
 * connect_cluster - the REST servers of one Kafka Connect cluster, any of which will do:
 * a request is tried until one of them has answered it for good.
 */
#ifndef PROVIDERS_CONNECT_CLUSTER_H
#define PROVIDERS_CONNECT_CLUSTER_H

#include "base/http.h"
#include "providers/debezium/connect_answer.h"
#include "providers/debezium/connect_client.h"
#include "providers/debezium/connect_secrets.h"

#define CONNECT_BASES 16 /* base URLs of one cluster */

/* One server; `url` ends without '/'. */
struct connect_base {
    struct buf url;
    struct http *http;
};

struct connect_cluster {
    struct connect_base bases[CONNECT_BASES];
    size_t count, current;
    struct http *stranger; /* for a leader that is not in the list: without our login */
    struct connect_secrets secrets;
    int64_t timeout_ms, patience_ms;
    struct cancel *cancel;
    struct connect_tls {
        struct buf ca_file, cert_file, key_file;
    } tls;
};

/* Zeroed memory.  On failure to be closed too. */
wf_status connect_cluster_open(struct connect_cluster *cluster,
                               const struct connect_plan *plan, wf_error *err);
void connect_cluster_close(struct connect_cluster *cluster);

/* Success, or a status that trying again does not change: the caller's to judge.  401 and
 * 403 are WF_CONFIG already, as is a redirect that cannot be followed. */
wf_status connect_cluster_call(struct connect_cluster *cluster,
                               const struct connect_request *request,
                               struct connect_answer *out, wf_error *err);

/* Waits; WF_CANCELLED when it is interrupted. */
wf_status connect_cluster_wait(const struct connect_cluster *cluster, int64_t ms,
                               wf_error *err);

/* The URL of the server that is used now. */
const char *connect_cluster_url(struct connect_cluster *cluster);

#endif
