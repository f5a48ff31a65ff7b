/* SPDX-License-Identifier: MIT
 *
 * dbz_pattern - our patterns of tables as the regular expressions of Debezium, which are
 * Java's and cover a whole name.
 */
#ifndef PROVIDERS_DBZ_PATTERN_H
#define PROVIDERS_DBZ_PATTERN_H

#include "base/buf.h"

/* `*` and `?` as in table_matches(): without a dot the pattern is for any schema. */
void dbz_pattern_put(struct buf *out, wf_str pattern);
/* Every character is itself. */
void dbz_pattern_put_name(struct buf *out, wf_str name);

#endif
