/* SPDX-License-Identifier: MIT
 *
 * pg_notice - see the header.
 */
#include "providers/postgres/pg_notice.h"

#include <stdarg.h>

#include "providers/provider.h"

#define PG_NOTICE_NAMED 5
#define PG_NOTICE_BYTES 4096

void pg_notice_list_init(struct pg_notice_list *list)
{
    buf_init(&list->text, PG_NOTICE_BYTES);
    list->count = 0;
}

void pg_notice_list_release(struct pg_notice_list *list)
{
    buf_release(&list->text);
}

void pg_notice_list_put(struct pg_notice_list *list, wf_str name, char quote)
{
    if (list->count++ >= PG_NOTICE_NAMED)
        return;
    if (list->count > 1)
        buf_lit(&list->text, ", ");
    if (quote)
        buf_byte(&list->text, quote);
    buf_str(&list->text, name);
    if (quote)
        buf_byte(&list->text, quote);
}

const char *pg_notice_list_text(struct pg_notice_list *list)
{
    if (list->count > PG_NOTICE_NAMED) {
        size_t len = list->text.len;
        buf_printf(&list->text, ", ... (%zu in all)", list->count);
        const char *text = buf_c(&list->text);
        list->text.len = len;
        return text;
    }
    return buf_c(&list->text);
}

void pg_notice_tell(const struct cdc_emitter *out, enum log_level level, const char *format,
                    ...)
{
    char text[PG_NOTICE_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    out->notice(out->ctx, level, text);
}
