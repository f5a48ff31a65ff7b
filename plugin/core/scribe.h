/* SPDX-License-Identifier: MIT
 *
 * scribe - a thread that does one piece of work for a source while the source goes on:
 * writing to the disk, which may take as long as it likes.
 *
 *     source   scribe_ask ........................ scribe_take -> how it went
 *     scribe              work(ctx), then wake(ctx)
 *
 * One piece at a time: what it works on belongs to the scribe from asking until its answer
 * is taken.  The thread is made when it is first asked and sleeps until it is asked again.
 * All calls [source] but the two that it makes itself.
 */
#ifndef CORE_SCRIBE_H
#define CORE_SCRIBE_H

#include <pthread.h>
#include <stdbool.h>

#include "sdk/wf_plugin.h"

enum scribe_state {
    SCRIBE_IDLE,
    SCRIBE_WORKING,
    SCRIBE_DONE, /* the answer is to be taken */
};

struct scribe {
    wf_status (*work)(void *ctx, wf_error *err); /* [scribe] */
    void (*wake)(void *ctx); /* there is an answer, and nobody waits for it.  [scribe] */
    void *ctx;
    pthread_mutex_t lock; /* guards all below; nothing is called while it is held */
    pthread_cond_t changed;
    pthread_t thread;
    bool has_thread;
    bool ending;
    bool awaited;
    enum scribe_state state;
    wf_status status;
    wf_error error;
};

void scribe_init(struct scribe *s, void *ctx, wf_status (*work)(void *ctx, wf_error *err),
                 void (*wake)(void *ctx));
/* Waits for what is being worked on, and ends the thread. */
void scribe_release(struct scribe *s);

/* Nothing is being worked on and no answer waits. */
bool scribe_is_idle(struct scribe *s);
/* Begins; it is idle.  Where no thread can be made the work is done before this returns. */
void scribe_ask(struct scribe *s);
/* Waits until nothing is being worked on. */
void scribe_wait(struct scribe *s);
/* False: there is no answer.  *out_status and `err` tell how it went. */
bool scribe_take(struct scribe *s, wf_status *out_status, wf_error *err);

#endif
