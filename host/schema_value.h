/* SPDX-License-Identifier: MIT
 *
 * schema_value - one value of a configuration against one field of a manifest: its type,
 * its range, its choices.
 *
 *     must be an integer, not 'few'
 *     must be between 64KiB and 1GiB, not '5MB'
 *     must be one of auto, manual, not 'never'
 */
#ifndef HOST_SCHEMA_VALUE_H
#define HOST_SCHEMA_VALUE_H

#include "base/buf.h"
#include "host/lang/value.h"

/* False when it is not what the field says; then `out` has got what it should be.  A type
 * that this host does not know is the plugin's own.  `written` is the value as the user
 * wrote it, before the environment was put in: that is what is shown, unless the field is
 * a secret. */
bool schema_value_check(const struct value *field, const struct value *v,
                        const struct value *written, struct buf *out);
/* The same for one element of a list. */
bool schema_value_check_item(const struct value *field, const struct value *item,
                             struct buf *out);

/* Members of a manifest's map; nothing when they are missing or of another kind. */
wf_str schema_value_text(const struct value *field, const char *key);
const struct value *schema_value_list(const struct value *field, const char *key);
bool schema_value_is(const struct value *field, const char *key);

#endif
