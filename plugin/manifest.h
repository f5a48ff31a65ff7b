/* SPDX-License-Identifier: MIT
 *
 * manifest - what is generated from the type and option tables: plugin.manifest.json and
 * docs/configuration.md.  Both are committed; a test fails when they are stale.
 */
#ifndef PLUGIN_MANIFEST_H
#define PLUGIN_MANIFEST_H

#include "base/buf.h"

/* {"name","version","abi",...,"modules":[...],"steps":[...],"triggers":[...]}, each type
 * with its fields and, for steps, its outputs. */
void manifest_write(struct buf *out);

/* The reference of every option as Markdown. */
void manifest_write_configuration(struct buf *out);

#endif
