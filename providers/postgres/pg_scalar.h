/* SPDX-License-Identifier: MIT
 *
 * pg_scalar - the text of a type without parts becomes a value that borrows it.
 */
#ifndef PROVIDERS_PG_SCALAR_H
#define PROVIDERS_PG_SCALAR_H

#include "plugin/core/change.h"
#include "providers/postgres/pg_type.h"

/* INT FLOAT BOOL JSON TEXT; what does not read as its kind is CDC_VALUE_TEXT.  `depth`: how
 * deep JSON may be nested. */
void pg_scalar_read(enum pg_type_kind kind, wf_str text, unsigned depth,
                    struct cdc_value *out);

/* bytea's hex form, "\x" and two digits per byte; `out` has room for half of the text.
 * False: it is no such text. */
bool pg_scalar_bytes(wf_str text, char *out, size_t *out_len);

/* A canonical decimal, as integer types are written: no zeros in front, no "-0". */
bool pg_scalar_int(wf_str text, struct cdc_value *out);

#endif
