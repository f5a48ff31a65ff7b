/* SPDX-License-Identifier: MIT
 *
 * debezium_place - see the header.
 */
#include "providers/debezium/debezium_place.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"
#include "base/str.h"

#define DEBEZIUM_PLACE_HEX 16 /* digits of a session */

static bool debezium_place_digit(char c, uint64_t *digit)
{
    if (c >= '0' && c <= '9')
        *digit = (uint64_t)(c - '0');
    else if (c >= 'a' && c <= 'f')
        *digit = (uint64_t)(c - 'a') + 10;
    else
        return false;
    return true;
}

bool debezium_place_parse(wf_str token, struct debezium_place *out)
{
    struct debezium_place place = {.session = 0};
    if (token.len <= DEBEZIUM_PLACE_HEX || token.ptr[DEBEZIUM_PLACE_HEX] != ':')
        return false;
    for (size_t i = 0; i < DEBEZIUM_PLACE_HEX; i++) {
        uint64_t digit;
        if (!debezium_place_digit(token.ptr[i], &digit))
            return false;
        place.session = place.session << 4 | digit;
    }
    wf_str rest = str_slice(token, DEBEZIUM_PLACE_HEX + 1, token.len);
    place.paused = str_ends(rest, STR(":paused"));
    if (place.paused)
        rest.len -= strlen(":paused");
    if (!str_to_u64(rest, &place.number))
        return false;
    *out = place;
    return true;
}

/* Once per record, so by hand. */
size_t debezium_place_write(const struct debezium_place *place,
                            char out[DEBEZIUM_PLACE_TEXT])
{
    char digits[20];
    size_t count = 0;
    size_t len = 0;
    for (int shift = 60; shift >= 0; shift -= 4)
        out[len++] = "0123456789abcdef"[place->session >> shift & 15];
    out[len++] = ':';
    uint64_t rest = place->number;
    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest);
    while (count)
        out[len++] = digits[--count];
    if (place->paused) {
        memcpy(out + len, ":paused", strlen(":paused"));
        len += strlen(":paused");
    }
    return len;
}

uint64_t debezium_place_session(void)
{
    uint64_t session;
    if (getrandom(&session, sizeof session, GRND_NONBLOCK) != (ssize_t)sizeof session)
        session = (uint64_t)clock_wall_us() ^ (uint64_t)clock_mono_ns() << 32;
    return session;
}
