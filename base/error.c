/* SPDX-License-Identifier: MIT
 *
 * error - filling in a wf_error; texts that do not fit are cut, never overrun.
 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

wf_status error_set(wf_error *err, wf_status code, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    err->code = code;
    return code;
}

wf_status error_prefix(wf_error *err, const char *format, ...)
{
    if (!err)
        return WF_FAILED;
    wf_error inner = *err;
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    /* Cut when it does not fit; the comparison tells the compiler that this is meant. */
    if (used >= 0 && (size_t)used < sizeof err->text &&
        snprintf(err->text + used, sizeof err->text - (size_t)used, ": %s", inner.text) < 0)
        err->text[used] = '\0';
    return err->code;
}

wf_status error_errno(wf_error *err, wf_status code, int number, const char *format, ...)
{
    if (!err)
        return code;
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    char words[128];
    /* The GNU strerror_r may answer with a static text instead of filling the buffer. */
    const char *text = strerror_r(number, words, sizeof words);
    if (used >= 0 && (size_t)used < sizeof err->text)
        snprintf(err->text + used, sizeof err->text - (size_t)used, ": %s", text);
    err->code = code;
    return code;
}

wf_status error_no_memory(wf_error *err)
{
    return error_set(err, WF_NO_MEMORY, "out of memory");
}

const char *error_status_text(wf_status code)
{
    switch (code) {
#define X(name, number, text)                                                              \
    case number:                                                                           \
        return text;
        WF_STATUS_MAP(X)
#undef X
    default:
        return "unknown status";
    }
}

const char *error_status_name(wf_status code)
{
    switch (code) {
#define X(name, number, text)                                                              \
    case number:                                                                           \
        return #name;
        WF_STATUS_MAP(X)
#undef X
    default:
        return "UNKNOWN";
    }
}
