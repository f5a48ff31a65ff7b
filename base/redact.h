/* SPDX-License-Identifier: MIT
 *
 * redact - connection strings without their secrets.
 */
#ifndef BASE_REDACT_H
#define BASE_REDACT_H

#include "base/buf.h"

/* Appends `connection` with every secret replaced by "***":
 *
 *   - the password of a URI or DSN: scheme://user:secret@host, user:secret@tcp(host)/db,
 *     also when it holds '/', '?' or '@' that should have been percent-encoded;
 *   - the value of name=value parameters, in a query, between semicolons or between spaces,
 *     quoted or not, whose name contains pass, pwd, secret, token, key or credential in any
 *     case.
 *
 * Whatever is not understood is kept, unless it holds '@' after ':' and could be a secret:
 * then it is hidden.  When in doubt too much is hidden rather than too little. */
void redact_connection(struct buf *out, wf_str connection);

/* Replaces every occurrence of `secret` (when at least 3 bytes) in the NUL-terminated
 * `text`. */
void redact_secret(char *text, wf_str secret);

#endif
