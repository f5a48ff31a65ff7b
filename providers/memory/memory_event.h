/* SPDX-License-Identifier: MIT
 *
 * memory_event - an injected event: checked, and what filters look at found, in one pass.
 */
#ifndef MEMORY_EVENT_H
#define MEMORY_EVENT_H

#include "plugin/core/change.h"

struct memory_event {
    wf_str table;   /* the string "table", else the string "source"; escaped as it came */
    wf_str key;     /* the value of "key"; empty: none */
    enum cdc_op op; /* of "op", else of "action" */
};

/* WF_CONFIG when `text` is no JSON object.  The views point into `text`.  Of members that
 * are there twice the first counts. */
wf_status memory_event_scan(wf_str text, struct memory_event *out, wf_error *err);

#endif
