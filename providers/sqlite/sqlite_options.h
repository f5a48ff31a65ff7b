/* SPDX-License-Identifier: MIT
 *
 * sqlite_options - what `options` may hold for this provider.
 */
#ifndef PROVIDERS_SQLITE_OPTIONS_H
#define PROVIDERS_SQLITE_OPTIONS_H

#include <stdint.h>

enum sqlite_setup { SQLITE_SETUP_AUTO, SQLITE_SETUP_MANUAL };

struct sqlite_options {
    int32_t setup; /* enum sqlite_setup */
    int64_t busy_timeout_ms;
};

#endif
