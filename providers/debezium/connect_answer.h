/* SPDX-License-Identifier: MIT
 *
 * connect_answer - what one of Kafka Connect's servers said, and what that means.
 */
#ifndef PROVIDERS_CONNECT_ANSWER_H
#define PROVIDERS_CONNECT_ANSWER_H

#include "base/http.h"

struct connect_cluster;

struct connect_request {
    const char *method;
    wf_str path; /* begins with '/', escaped */
    wf_str body;
    const char *what; /* for errors: "connector 'workflow-shop'" */
};

struct connect_answer {
    struct http_response reply;
    unsigned attempts; /* more than one: an earlier one may have been carried out */
};

void connect_answer_init(struct connect_answer *answer);
void connect_answer_release(struct connect_answer *answer);

bool connect_answer_is_good(const struct connect_answer *answer);
/* 404 in Kafka Connect's words: there is no such connector.  Another 404 is from a proxy,
 * or of a path that this version does not know. */
bool connect_answer_is_missing(const struct connect_answer *answer);
/* The cluster rebalances, is overloaded or starts. */
bool connect_answer_is_for_later(const struct connect_answer *answer);

/* Why it is for later, into `last`. */
void connect_answer_later(struct connect_cluster *cluster,
                          const struct connect_answer *answer, wf_error *last);
/* WF_CONFIG for a login that is not accepted and a redirect that cannot be followed. */
wf_status connect_answer_check(struct connect_cluster *cluster,
                               const struct connect_request *request,
                               const struct connect_answer *answer, wf_error *err);
/* The error for an answer that is no success. */
wf_status connect_answer_refused(struct connect_cluster *cluster,
                                 const struct connect_request *request,
                                 const struct connect_answer *answer, wf_error *err);

#endif
