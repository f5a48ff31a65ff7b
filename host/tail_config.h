/* SPDX-License-Identifier: MIT
 *
 * tail_config - the configurations `wfhost tail` gives to its source, trigger and steps.
 */
#ifndef HOST_TAIL_CONFIG_H
#define HOST_TAIL_CONFIG_H

#include <limits.h>

#include "base/buf.h"
#include "host/cli.h"

struct tail_config {
    struct buf module, trigger; /* JSON */
    const char *source_id;      /* borrowed from the command line */
    char temporary[PATH_MAX];   /* the state_dir made for this one time; empty: none */
};

/* Every --option is KEY=VALUE; otherwise false, with the reason on stderr. */
bool tail_config_options_good(const struct cli *cli);
/* Makes the temporary folder, too, when there is no --option state_dir. */
wf_status tail_config_make(struct tail_config *config, const struct cli *cli,
                           wf_error *err);
/* {"source_id":"..." <more>} */
void tail_config_step(const struct tail_config *config, const char *more, struct buf *out);
/* Removes the temporary folder.  Takes what was never made. */
void tail_config_release(struct tail_config *config);

#endif
