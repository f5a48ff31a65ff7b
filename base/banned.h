/* SPDX-License-Identifier: MIT
 *
 * banned - functions that have no bound, no error, or hidden state.  The build includes
 * this file before every other (-include), after the system headers that declare them.
 */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H
#ifndef __cplusplus

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>
/* A macro of libpq's names strtoul. */
#if __has_include(<postgres_ext.h>)
#include <postgres_ext.h>
#endif

#undef strcpy
#undef strcat
#undef strncpy
#undef strncat
#undef sprintf
#undef vsprintf
#undef strtok
#undef atoi
#undef atol
#undef atoll
#undef atof
#undef strtol
#undef strtoul
#undef strtoll
#undef strtoull
#undef localtime
#undef gmtime
#undef ctime
#undef asctime
#undef strerror
#undef usleep
#pragma GCC poison strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol atoll   \
    atof
#pragma GCC poison strtol strtoul strtoll strtoull localtime gmtime ctime asctime strerror \
    usleep

#endif
#endif
