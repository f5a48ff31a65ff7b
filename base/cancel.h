/* SPDX-License-Identifier: MIT
 *
 * cancel - "return soon", said by any thread to one that waits for descriptors.
 */
#ifndef BASE_CANCEL_H
#define BASE_CANCEL_H

#include <stdatomic.h>
#include <stdbool.h>

#include "sdk/wf_plugin.h"

/* Zeroed memory is ready to be raised; the descriptor comes with cancel_open(). */
struct cancel {
    atomic_bool raised;
    _Atomic int event_fd; /* plus one; 0: none yet */
};

wf_status cancel_open(struct cancel *cancel, wf_error *err);
void cancel_close(struct cancel *cancel);

void cancel_raise(struct cancel *cancel); /* [any]; neither blocks nor allocates */
bool cancel_take(struct cancel *cancel);  /* was it raised?  Lowers it. */

/* Readable while it is raised. */
int cancel_fd(struct cancel *cancel);

#endif
