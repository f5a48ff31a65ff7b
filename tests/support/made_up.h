/* SPDX-License-Identifier: MIT
 *
 * made_up - a provider that does nothing and has an option of every type, for tests of the
 * configuration.
 */
#ifndef TESTS_SUPPORT_MADE_UP_H
#define TESTS_SUPPORT_MADE_UP_H

#include "providers/provider.h"

struct made_up_options {
    wf_str name;
    wf_str password;
    bool wet;
    int64_t legs;
    int64_t any;
    double ratio;
    int64_t pause_ms;
    int64_t size;
    int32_t colour;
    struct cdc_list friends;
    wf_str headers;
};

#define MADE_UP(member) offsetof(struct made_up_options, member)

static const struct cdc_option made_up_rows[] = {
    {.key = "name",
     .type = CDC_OPTION_STRING,
     .fallback = "nobody",
     .offset = MADE_UP(name)},
    {.key = "password",
     .type = CDC_OPTION_STRING,
     .offset = MADE_UP(password),
     .secret = true,
     .help = "A secret"},
    {.key = "wet", .type = CDC_OPTION_BOOL, .fallback = "true", .offset = MADE_UP(wet)},
    {.key = "legs",
     .type = CDC_OPTION_INT,
     .fallback = "4",
     .min = 0,
     .max = 8,
     .offset = MADE_UP(legs)},
    {.key = "any", .type = CDC_OPTION_INT, .offset = MADE_UP(any)},
    {.key = "ratio",
     .type = CDC_OPTION_NUMBER,
     .fallback = "0.5",
     .min = -1,
     .max = 1,
     .offset = MADE_UP(ratio)},
    {.key = "pause",
     .type = CDC_OPTION_DURATION,
     .fallback = "1s",
     .min = 0,
     .max = 60000,
     .offset = MADE_UP(pause_ms)},
    {.key = "size",
     .type = CDC_OPTION_BYTES,
     .fallback = "4KiB",
     .min = 1,
     .max = 1048576,
     .offset = MADE_UP(size)},
    {.key = "colour",
     .type = CDC_OPTION_CHOICE,
     .fallback = "green",
     .choices = "red|green|blue",
     .offset = MADE_UP(colour)},
    {.key = "friends",
     .type = CDC_OPTION_LIST,
     .fallback = "a, b",
     .offset = MADE_UP(friends)},
    {.key = "headers", .type = CDC_OPTION_MAP, .offset = MADE_UP(headers)},
    {.key = NULL},
};

static const struct cdc_provider made_up_provider = {
    .name = "made-up",
    .summary = "Nothing at all",
    .options = made_up_rows,
    .options_size = sizeof(struct made_up_options),
};

#endif
