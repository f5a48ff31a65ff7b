/* SPDX-License-Identifier: MIT
 *
 * crash - signal handlers around Go's.
 *
 * What happens in the Go program itself is left to Go: it turns a signal into a panic.  The
 * handler only calls what a signal handler may.
 */
#define _GNU_SOURCE
#include "crash.h"

#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

struct crash_range {
    const void *of; /* an address in it */
    uintptr_t base;
    uintptr_t begin;
    uintptr_t end;
};

static const struct {
    int number;
    const char *name;
} crash_signals[] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"},   {SIGILL, "SIGILL"},
    {SIGFPE, "SIGFPE"},   {SIGABRT, "SIGABRT"},
};
#define CRASH_SIGNALS (sizeof crash_signals / sizeof crash_signals[0])

static struct sigaction crash_before[CRASH_SIGNALS];
static struct crash_range crash_program, crash_library;
static char crash_program_name[64], crash_library_name[64];

/* ---- text ---------------------------------------------------------------------------- */

struct crash_line {
    char text[320];
    size_t len;
};

static void crash_put(struct crash_line *line, const char *text)
{
    while (*text && line->len < sizeof line->text)
        line->text[line->len++] = *text++;
}

static void crash_put_hex(struct crash_line *line, uintptr_t number)
{
    char digits[2 * sizeof number + 1];
    size_t at = sizeof digits - 1;
    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[number & 15];
        number >>= 4;
    } while (number);
    crash_put(line, "0x");
    crash_put(line, digits + at);
}

static uintptr_t crash_place(const void *context)
{
    const ucontext_t *at = context;
#if defined(__x86_64__)
    return (uintptr_t)at->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    return (uintptr_t)at->uc_mcontext.pc;
#else
    (void)at;
    return 0;
#endif
}

static int crash_is_in(const struct crash_range *range, uintptr_t place)
{
    return place >= range->begin && place < range->end;
}

static void crash_say(const char *name, const siginfo_t *info, uintptr_t place)
{
    struct crash_line line = {.len = 0};
    crash_put(&line, "[ERROR] ");
    crash_put(&line, crash_program_name);
    crash_put(&line, " has crashed: ");
    crash_put(&line, name);
    if (info->si_code > 0) {
        crash_put(&line, " at address ");
        crash_put_hex(&line, (uintptr_t)info->si_addr);
    }
    if (crash_is_in(&crash_library, place)) {
        crash_put(&line, ", in ");
        crash_put(&line, crash_library_name);
        crash_put(&line, "+");
        crash_put_hex(&line, place - crash_library.base);
    } else {
        crash_put(&line, ", in a library that ");
        crash_put(&line, crash_library_name);
        crash_put(&line, " uses");
    }
    crash_put(&line, "; the engine does not start it again, restart the engine\n");
    if (write(STDERR_FILENO, line.text, line.len) < 0)
        return;
}

/* ---- signals ------------------------------------------------------------------------- */

static void crash_on_signal(int number, siginfo_t *info, void *context)
{
    size_t i = 0;
    while (crash_signals[i].number != number)
        i++;
    uintptr_t place = crash_place(context);
    if (place && crash_is_in(&crash_program, place)) {
        crash_before[i].sa_sigaction(number, info, context);
        return;
    }
    crash_say(crash_signals[i].name, info, place);
    signal(number, SIG_DFL);
    if (info->si_code <= 0)
        raise(number); /* sent, as by abort(): nothing faults again */
}

static int crash_look(struct dl_phdr_info *info, size_t size, void *arg)
{
    (void)size;
    struct crash_range *range = arg;
    uintptr_t wanted = (uintptr_t)range->of;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + part->p_vaddr;
        if (part->p_type != PT_LOAD || wanted < begin || wanted >= begin + part->p_memsz)
            continue;
        range->base = info->dlpi_addr;
        range->begin = begin;
        range->end = begin + part->p_memsz;
        return 1;
    }
    return 0;
}

void crash_watch(const char *program, const char *library, const void *in_library)
{
    static bool watching; /* once: the handler must not be the one before itself */
    if (watching)
        return;
    watching = true;
    snprintf(crash_program_name, sizeof crash_program_name, "%s", program);
    snprintf(crash_library_name, sizeof crash_library_name, "%s", library);
    void (*own)(const char *, const char *, const void *) = crash_watch;
    memcpy(&crash_program.of, &own, sizeof own);
    crash_library.of = in_library;
    dl_iterate_phdr(crash_look, &crash_program);
    dl_iterate_phdr(crash_look, &crash_library);
    for (size_t i = 0; i < CRASH_SIGNALS; i++) {
        struct sigaction action;
        sigaction(crash_signals[i].number, NULL, &crash_before[i]);
        action = crash_before[i];
        action.sa_sigaction = crash_on_signal;
        action.sa_flags |= SA_SIGINFO | SA_ONSTACK;
        sigaction(crash_signals[i].number, &action, NULL);
    }
}
