/* SPDX-License-Identifier: MIT
 *
 * terminal - one pseudo terminal at a time.
 */
#include "tests/support/terminal.h"

#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int terminal_near = -1;
static int terminal_far = -1;
static char terminal_text[16384];

int terminal_open(unsigned columns)
{
    ck_assert_int_eq(setenv("TERM", "xterm", 1), 0);
    terminal_near = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[128];
    if (terminal_near < 0 || grantpt(terminal_near) || unlockpt(terminal_near) ||
        ptsname_r(terminal_near, name, sizeof(name)))
        ck_abort_msg("no pseudo terminal can be had");
    terminal_far = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    ck_assert_int_ge(terminal_far, 0);
    struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
    ck_assert_int_eq(ioctl(terminal_far, TIOCSWINSZ, &size), 0);
    return terminal_far;
}

const char *terminal_read(void)
{
    size_t len = 0;
    struct pollfd fd = {.fd = terminal_near, .events = POLLIN};
    /* What a terminal gets it hands on by itself, but not at once. */
    while (len < sizeof(terminal_text) - 1 && poll(&fd, 1, 100) > 0) {
        ssize_t got =
            read(terminal_near, terminal_text + len, sizeof(terminal_text) - 1 - len);
        if (got <= 0)
            break;
        len += (size_t)got;
    }
    terminal_text[len] = '\0';
    return terminal_text;
}

void terminal_close(void)
{
    close(terminal_far);
    close(terminal_near);
}
