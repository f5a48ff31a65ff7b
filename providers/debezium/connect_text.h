/* SPDX-License-Identifier: MIT
 *
 * connect_text - texts of Kafka Connect made fit for an error: one line, no secrets.
 */
#ifndef PROVIDERS_CONNECT_TEXT_H
#define PROVIDERS_CONNECT_TEXT_H

#include "base/buf.h"

struct cJSON;
struct connect_secrets;

/* Checks and parses; WF_PROTOCOL when it is not a JSON object or array. */
wf_status connect_text_parse(wf_str json, const char *what, struct cJSON **out,
                             wf_error *err);
void connect_text_free(struct cJSON **json); /* for CDC_CLEANUP */

/* Appends at most `most` bytes of `text`, whole characters: runs of white space and control
 * characters become one space, what is cut off three dots. */
void connect_text_put_line(struct buf *out, wf_str text, size_t most);

/* Appends what a reply that is no success says, as one line without secrets: the "message"
 * of an error of Connect's, else the body's beginning without markup. */
void connect_text_put_reply(struct buf *out, const struct connect_secrets *secrets,
                            wf_str body);

#endif
