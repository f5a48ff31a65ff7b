/* SPDX-License-Identifier: MIT
 *
 * fake_connect - Kafka Connect's REST interface for what a real one does only now and then:
 * rebalances, redirects, replies that never come or come half.
 *
 * It keeps connectors as a real one does, in memory, and is strict: a request that a real
 * one would not like (an unescaped path, no Accept, a body that is no JSON object or comes
 * without its Content-Type) is answered 400 and remembered for fake_connect_check().
 * All functions are for the test's thread; what is wrong ends the test.
 */
#ifndef TESTS_SUPPORT_FAKE_CONNECT_H
#define TESTS_SUPPORT_FAKE_CONNECT_H

#include <stdbool.h>

#include "base/buf.h"

struct fake_connect;

struct fake_connect *fake_connect_start(void);
void fake_connect_stop(struct fake_connect *fake);

/* The same over TLS (NULL: without), https://localhost:PORT.  Files of PEM; who does not
 * show a certificate of that authority is answered 403. */
struct fake_tls {
    const char *key, *certificate, *authority;
};
struct fake_connect *fake_connect_start_tls(const struct fake_tls *tls);

/* One class more is there; the text has to stay. */
void fake_connect_install(struct fake_connect *fake, const char *class_name);
const char *fake_connect_url(const struct fake_connect *fake); /* http://127.0.0.1:PORT */

/* From now on only who gives this Authorization header is let in; NULL: everybody. */
void fake_connect_let_in(struct fake_connect *fake, const char *authorization);

enum fake_fault_kind {
    FAKE_ANSWER,    /* `status`, `text` as the body; with a Location when there is one */
    FAKE_REBALANCE, /* 409 in Kafka Connect's words */
    FAKE_EXISTS,    /* 409 in Kafka Connect's words */
    FAKE_TIMED_OUT, /* 500 "Request timed out", and yet it is done */
    FAKE_SILENCE,   /* no reply at all */
    FAKE_CUT,       /* the reply ends in its middle */
    FAKE_HUGE,      /* a reply of `status` with 32 MiB */
};

/* What happens to the next `times` requests whose "METHOD /path" holds `request` (""; all),
 * instead of what would.  `times` 0: no fault goes on. */
struct fake_fault {
    const char *request;
    unsigned times;
    enum fake_fault_kind kind;
    int status;
    const char *text;
    const char *location;
};
void fake_connect_fault(struct fake_connect *fake, struct fake_fault fault);

/* A pause, resume, stop or new connector shows in the status only after so many requests
 * for it. */
void fake_connect_lag(struct fake_connect *fake, unsigned requests);

/* What the status shows from now on; NULL: as it is.  `trace` is the task's. */
void fake_connect_show(struct fake_connect *fake, const char *connector_state,
                       const char *task_state, const char *trace);

/* What validate says of the two classes that are installed; JSON, NULL: that all is good. */
void fake_connect_validate_says(struct fake_connect *fake, const char *json);

/* What GET .../offsets answers for a connector that is there; JSON, NULL: some offset. */
void fake_connect_offsets_are(struct fake_connect *fake, const char *json);

/* All requests, "METHOD /path\n" each, since the last call. */
const char *fake_connect_heard(struct fake_connect *fake);
/* How many connections were made. */
unsigned fake_connect_connections(struct fake_connect *fake);
/* The configuration that is stored, JSON; "" when there is no such connector. */
const char *fake_connect_config(struct fake_connect *fake, const char *name);
/* "RUNNING", "PAUSED", "STOPPED"; "" when there is no such connector. */
const char *fake_connect_state(struct fake_connect *fake, const char *name);

/* Nothing that a real one would not like was sent. */
void fake_connect_check(struct fake_connect *fake);

#endif
