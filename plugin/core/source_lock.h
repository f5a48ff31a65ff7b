/* SPDX-License-Identifier: MIT
 *
 * source_lock - one process per source: a lock file in the state_dir, held while the source
 * runs.
 *
 * The file is <state_dir>/<source_id, every byte but [A-Za-z0-9._-] as %XX>.lock; it holds
 * the owner's pid as text and is locked with flock(2), so that the kernel lets go of it
 * whatever becomes of the process.
 */
#ifndef CORE_SOURCE_LOCK_H
#define CORE_SOURCE_LOCK_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

/* Takes the lock without waiting.  WF_STATE: somebody else has it, and the text names the
 * pid and the file.  Makes the folder when it is not there. */
wf_status source_lock_take(const char *state_dir, wf_str source_id, int *out_fd,
                           wf_error *err);
/* Somebody has removed the file, and the next who comes will find another one. */
bool source_lock_is_gone(int fd);
void source_lock_release(int *fd); /* takes -1; leaves -1 */

#endif
