/* SPDX-License-Identifier: MIT
 *
 * offered - how errors name the providers of this build, which lacks those whose libraries
 * were not there.
 */
#ifndef TESTS_SUPPORT_OFFERED_H
#define TESTS_SUPPORT_OFFERED_H

#include "cdc_providers.h"

#if !defined CDC_WITHOUT_LIBPQ && !defined CDC_WITHOUT_RDKAFKA
#define OFFERED "memory, sqlite, postgres, debezium"
#define OFFERED_OR "memory, sqlite, postgres, or debezium"
#elif !defined CDC_WITHOUT_LIBPQ
#define OFFERED "memory, sqlite, postgres"
#define OFFERED_OR "memory, sqlite, or postgres"
#elif !defined CDC_WITHOUT_RDKAFKA
#define OFFERED "memory, sqlite, debezium"
#define OFFERED_OR "memory, sqlite, or debezium"
#else
#define OFFERED "memory, sqlite"
#define OFFERED_OR "memory or sqlite"
#endif

/* The files that are generated and kept describe a build with all of them. */
#define OFFERED_MISSING(name, reason) +1
#define OFFERED_ALL (0 CDC_PROVIDERS_MISSING(OFFERED_MISSING) == 0)

#endif
