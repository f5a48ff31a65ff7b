/* SPDX-License-Identifier: MIT
 *
 * kafka_ledger - the ring of runs.
 */
#include "providers/debezium/kafka_ledger.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "plugin/core/change.h"

#define KAFKA_LEDGER_FIRST 64

wf_status kafka_ledger_init(struct kafka_ledger *ledger, wf_error *err)
{
    struct kafka_run *runs = calloc(KAFKA_LEDGER_FIRST, sizeof(*runs));
    if (!runs)
        return error_no_memory(err);
    *ledger = (struct kafka_ledger){.runs = runs, .cap = KAFKA_LEDGER_FIRST};
    return WF_OK;
}

void kafka_ledger_release(struct kafka_ledger *ledger)
{
    free(ledger->runs);
    *ledger = (struct kafka_ledger){0};
}

static struct kafka_run *kafka_ledger_at(const struct kafka_ledger *ledger, size_t i)
{
    return &ledger->runs[(ledger->head + i) & (ledger->cap - 1)];
}

static bool kafka_ledger_grow(struct kafka_ledger *ledger)
{
    size_t cap = ledger->cap ? ledger->cap * 2 : KAFKA_LEDGER_FIRST;
    struct kafka_run *runs = calloc(cap, sizeof(*runs));
    if (!runs)
        return false;
    for (size_t i = 0; i < ledger->len; i++)
        runs[i] = *kafka_ledger_at(ledger, i);
    free(ledger->runs);
    ledger->runs = runs;
    ledger->cap = cap;
    ledger->head = 0;
    return true;
}

/* Of each lane the newest run stays, and every second one before it. */
static void kafka_ledger_thin(struct kafka_ledger *ledger)
{
    uint64_t seen[LIMIT_LANES / 64 + 1] = {0};
    size_t kept = 0;
    for (size_t i = ledger->len; i-- > 0;) {
        struct kafka_run run = *kafka_ledger_at(ledger, i);
        uint64_t bit = UINT64_C(1) << run.lane % 64;
        uint64_t *word = &seen[run.lane / 64 % (LIMIT_LANES / 64 + 1)];
        *word ^= bit;
        if (run.lane && *word & bit)
            *kafka_ledger_at(ledger, ledger->len - ++kept) = run;
    }
    ledger->head = (ledger->head + (ledger->len - kept)) & (ledger->cap - 1);
    ledger->len = kept;
}

static void kafka_ledger_make_room(struct kafka_ledger *ledger)
{
    if (ledger->cap < KAFKA_LEDGER_RUNS && kafka_ledger_grow(ledger))
        return;
    kafka_ledger_thin(ledger);
    /* Thinning that wins little would be repeated all the time. */
    if (ledger->len > ledger->cap / 4 * 3)
        (void)kafka_ledger_grow(ledger);
    if (ledger->len == ledger->cap) {
        ledger->head = (ledger->head + 1) & (ledger->cap - 1);
        ledger->len--;
    }
}

void kafka_ledger_add(struct kafka_ledger *ledger, uint64_t number, uint32_t lane,
                      int64_t offset)
{
    if (ledger->len) {
        struct kafka_run *last = kafka_ledger_at(ledger, ledger->len - 1);
        if (last->lane == lane && last->offset + last->count == offset &&
            last->number + last->count == number && last->count < UINT32_MAX) {
            last->count++;
            return;
        }
    }
    if (ledger->len == ledger->cap)
        kafka_ledger_make_room(ledger);
    *kafka_ledger_at(ledger, ledger->len++) =
        (struct kafka_run){.number = number, .offset = offset, .count = 1, .lane = lane};
}

bool kafka_ledger_confirm(struct kafka_ledger *ledger, uint64_t number,
                          struct kafka_confirmed *out)
{
    while (ledger->len) {
        struct kafka_run *run = kafka_ledger_at(ledger, 0);
        if (run->number > number)
            return false;
        uint64_t part = number - run->number + 1;
        uint32_t taken = part < run->count ? (uint32_t)part : run->count;
        uint32_t lane = run->lane;
        run->number += taken;
        run->offset += taken;
        run->count -= taken;
        struct kafka_confirmed confirmed = {lane, run->offset, run->number - 1};
        if (!run->count) {
            ledger->head = (ledger->head + 1) & (ledger->cap - 1);
            ledger->len--;
        }
        if (lane) {
            *out = confirmed;
            return true;
        }
    }
    return false;
}

void kafka_ledger_forget(struct kafka_ledger *ledger, uint32_t lane)
{
    for (size_t i = 0; i < ledger->len; i++)
        if (kafka_ledger_at(ledger, i)->lane == lane)
            kafka_ledger_at(ledger, i)->lane = 0;
}
