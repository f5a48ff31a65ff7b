/* SPDX-License-Identifier: MIT
 *
 * error - filling in a wf_error.
 *
 * Functions that can fail return wf_status and take `wf_error *err` last.  The caller owns
 * it, it needs no free, and out of memory reports like anything else.  err may be NULL: the
 * text is then dropped.  Texts: what failed first, names in single quotes, no full stop, no
 * secrets.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include "base/compiler.h"
#include "sdk/wf_plugin.h"

/* Writes the text and gives `code` back, so that `return error_set(...)` is the idiom. */
wf_status error_set(wf_error *err, wf_status code, const char *format, ...)
    CDC_PRINTF(3, 4);

/* Puts "<prefix>: " before the text that is there.  Gives err->code back (WF_FAILED if
 * NULL). */
wf_status error_prefix(wf_error *err, const char *format, ...) CDC_PRINTF(2, 3);

/* As error_set(), followed by ": " and the system's words for `number` (an errno). */
wf_status error_errno(wf_error *err, wf_status code, int number, const char *format, ...)
    CDC_PRINTF(4, 5);

wf_status error_no_memory(wf_error *err);

/* The words of WF_STATUS_MAP; "unknown status" for other numbers. */
const char *error_status_text(wf_status code);

/* "CONFIG", "NOT_FOUND" ...; "UNKNOWN" for other numbers. */
const char *error_status_name(wf_status code);

#endif
