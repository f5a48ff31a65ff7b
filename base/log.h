/* SPDX-License-Identifier: MIT
 *
 * log - one line to whoever listens.
 *
 * Only plugin/core/source.c, plugin/entry.c and the host log above debug; everyone else
 * returns an error.  Form: what happened, then key=value pairs, the source id first.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/compiler.h"
#include "sdk/wf_plugin.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct logger {
    void *ctx;
    void (*write)(void *ctx, int32_t level, wf_str line); /* NULL drops every line */
};

/* At most 2 kB; longer lines are cut.  [any] */
void log_line(const struct logger *logger, enum log_level level, const char *format, ...)
    CDC_PRINTF(3, 4);

#endif
