/* SPDX-License-Identifier: MIT
 *
 * host_log - the host's log: one line per message on a file descriptor, as text or JSON.
 *
 *     2026-11-22T10:00:00.123456Z INFO  1 pipeline, 1 trigger
 *     {"time":"2026-11-22T10:00:00.123456Z","level":"info","message":"1 pipeline, 1 trigger"}
 *
 * Lines are collected and written together: at once for warnings and errors, when the
 * buffer is half full, and otherwise at most HOST_LOG_DELAY_MS later, by a thread that
 * sleeps when there is nothing to write.  On a terminal every line is written at once.
 * host_log_close() writes the rest.
 *
 * On a terminal, text may also have a status line: it stays below the log's lines, which
 * never tear it, and goes with host_log_close().
 */
#ifndef HOST_HOST_LOG_H
#define HOST_HOST_LOG_H

#include <stdbool.h>

#include "base/log.h"

#define HOST_LOG_DELAY_MS 50

struct host_log;

/* gives; NULL on failure.  Lines below `level` are dropped. */
struct host_log *host_log_open(int fd, bool json, enum log_level level, wf_error *err);
void host_log_close(struct host_log *log);
/* Writes what is collected.  [any] */
void host_log_flush(struct host_log *log);
/* Whether there is somebody to show a status line to. */
bool host_log_has_status(const struct host_log *log);
/* Replaces the status line; empty: there is none any more.  What is wider than the terminal
 * is cut; while the terminal takes nothing, the line stays as it is.  [any] */
void host_log_status(struct host_log *log, wf_str line);
/* For base/log.h and wf_host.  Lives as long as the log. */
const struct logger *host_log_logger(const struct host_log *log);
/* "debug" "info" "warn" "error"; false for other words. */
bool host_log_level(wf_str word, enum log_level *out);

#endif
