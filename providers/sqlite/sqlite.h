/* SPDX-License-Identifier: MIT
 *
 * sqlite - the provider for SQLite databases (docs/sqlite.md).
 */
#ifndef PROVIDERS_SQLITE_H
#define PROVIDERS_SQLITE_H

#include "providers/provider.h"

extern const struct cdc_provider cdc_provider_sqlite;

#endif
