/* SPDX-License-Identifier: MIT
 *
 * connect_client - Kafka Connect's REST interface as an operator uses it: what is asked for
 * is true when the call returns WF_OK, or the error says why not.
 * (Kafka documentation, "Kafka Connect, REST API"; KIP-52, KIP-745, KIP-875.)
 *
 * Every call tries again, with growing pauses and over all the URLs it has, what a cluster
 * answers while it rebalances or is not reached (409 of a conflict, 5xx, time outs), until
 * its time is up: WF_UNAVAILABLE.  307 is followed.  No secret reaches an error.  One
 * thread at a time; the cancel of the plan interrupts it (WF_CANCELLED).
 */
#ifndef PROVIDERS_CONNECT_CLIENT_H
#define PROVIDERS_CONNECT_CLIENT_H

#include "base/buf.h"
#include "base/cancel.h"
#include "providers/debezium/connect_status.h"

struct connect_client;

struct connect_plan {
    wf_str urls; /* base URLs with commas between; user:password@ is basic authentication */
    wf_str token, ca_file, cert_file, key_file;
    int64_t timeout_ms;  /* of one request */
    int64_t patience_ms; /* of one call with all its attempts */
    struct cancel *cancel;
};

wf_status connect_open(const struct connect_plan *plan, struct connect_client **out,
                       wf_error *err);
void connect_close(struct connect_client *client);

/* PUT /connector-plugins/<class>/config/validate: WF_CONFIG with one line that names each
 * wrong field and what is wrong with it; WF_CONFIG too when the class is not installed,
 * with the classes of Debezium that are. */
wf_status connect_validate(struct connect_client *client, wf_str class_name, wf_str config,
                           wf_error *err);

/* PUT /connectors/<name>/config, which creates or updates; nothing when the connector has
 * this configuration already: it would be stopped and started for it. */
wf_status connect_put(struct connect_client *client, wf_str name, wf_str config,
                      bool *out_created, wf_error *err);
/* Appends the configuration that is there, with what it holds of secrets. */
wf_status connect_config(struct connect_client *client, wf_str name, bool *out_exists,
                         struct buf *out_json, wf_error *err);
/* 404 is done: *out_existed false. */
wf_status connect_delete(struct connect_client *client, wf_str name, bool *out_existed,
                         wf_error *err);

enum connect_wish { CONNECT_RUN, CONNECT_PAUSE, CONNECT_STOP };
/* PUT .../resume, pause, stop, then asks until the connector and its tasks are so.
 * A task that fails meanwhile is no error here.  WF_NOT_FOUND: there is no connector. */
wf_status connect_wish(struct connect_client *client, wf_str name, enum connect_wish wish,
                       wf_error *err);

/* POST .../restart?includeTasks=true&onlyFailed=true: asked for, not awaited.
 * WF_NOT_FOUND: there is no connector. */
wf_status connect_restart_failed(struct connect_client *client, wf_str name, wf_error *err);

/* GET .../status; 404 gives CONNECT_NOT_FOUND. */
wf_status connect_status_get(struct connect_client *client, wf_str name,
                             struct connect_status *out, wf_error *err);
/* GET .../offsets: the JSON list under "offsets" (Connect 3.5 and later).  WF_NOT_FOUND:
 * there is no connector. */
wf_status connect_offsets(struct connect_client *client, wf_str name, struct buf *out_json,
                          wf_error *err);
/* DELETE .../offsets of a connector that is stopped, so that one of the same name begins
 * anew (Connect 3.6 and later; WF_UNSUPPORTED before). */
wf_status connect_offsets_forget(struct connect_client *client, wf_str name, wf_error *err);

#endif
