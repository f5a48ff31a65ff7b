/* SPDX-License-Identifier: MIT
 *
 * plugin_ask - a plugin's object from its configuration, or every mistake in it.
 *
 * What the manifest says is checked first, by the host.  A factory tells one mistake at a
 * time: so it is asked again, without what is known to be wrong, until it has nothing new
 * to say.  An object that comes of such a question is ended at once.
 */
#ifndef HOST_PLUGIN_ASK_H
#define HOST_PLUGIN_ASK_H

#include "host/builtin.h"

/* How one kind of object is made. */
struct plugin_ask {
    const struct definition *def;
    void *ctx;
    bool templated; /* strings with templates stand for any type, and must compile */
    wf_status (*make)(const struct plugin_ask *ask, wf_str config, const void **out,
                      wf_error *err);
    /* For an object that is only asked: what making it did not check.  May be NULL. */
    wf_status (*check)(const void *made, wf_error *err);
    void (*unmake)(const void *made);
};

/* The object, made of `config` (to be released by the caller in any case); NULL when
 * something is wrong, which is in def->problems then. */
const void *plugin_ask(const struct plugin_ask *ask, struct buf *config);

/* Adds what a plugin's object says is wrong, at the first key that the text names.  False
 * when it names one of which a mistake is known already, as it may only come of that (then
 * nothing is added), or none. */
bool plugin_ask_refused(const struct definition *def, const wf_error *err);

#endif
