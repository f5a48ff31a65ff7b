/* SPDX-License-Identifier: MIT
 *
 * log - one line to whoever listens.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

#define LOG_LINE_BYTES 2048

void log_line(const struct logger *logger, enum log_level level, const char *format, ...)
{
    if (!logger || !logger->write)
        return;
    char line[LOG_LINE_BYTES + 2]; /* the first byte that is too many, and the NUL */
    va_list args;
    va_start(args, format);
    int used = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (used < 0)
        return;
    size_t len = (size_t)used;
    if (len > LOG_LINE_BYTES)
        len = utf8_cut(line, LOG_LINE_BYTES + 1, LOG_LINE_BYTES);
    /* A line end inside, maybe from another system's message, would forge a second line. */
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7F)
            line[i] = ' ';
    logger->write(logger->ctx, (int32_t)level, (wf_str){line, len});
}
