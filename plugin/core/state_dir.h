/* SPDX-License-Identifier: MIT
 *
 * state_dir - the folder that holds a source's state and lock files (docs/state.md).
 */
#ifndef CORE_STATE_DIR_H
#define CORE_STATE_DIR_H

#include "sdk/wf_plugin.h"

/* Makes the folder, for its owner alone whatever the umask, when it is not there; its
 * parent has to be.  An existing folder is left as it is. */
wf_status state_dir_make(const char *state_dir, wf_error *err);

/* "<state_dir>/<name>", gives (free()). */
wf_status state_dir_path(const char *state_dir, const char *name, char **out,
                         wf_error *err);

/* The code for a failed system call on a file of the folder: WF_CONFIG when somebody has to
 * change something (a missing right, a wrong path), WF_UNAVAILABLE when waiting may heal
 * it. */
wf_status state_dir_code(int number);

#endif
