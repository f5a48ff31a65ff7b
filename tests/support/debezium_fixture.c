/* SPDX-License-Identifier: MIT
 *
 * debezium_fixture - Debezium in the provider contract: the parts of debezium_rig.
 */
#include "tests/support/debezium_rig.h"
#include "tests/support/provider_rig.h"

extern const struct cdc_provider cdc_provider_debezium;

static void debezium_fixture_make(struct provider_rig *r, struct buf *out_config)
{
    (void)r;
    debezium_rig_start();
    debezium_rig_config("postgres", NULL, out_config);
}

static void debezium_fixture_unmake(struct provider_rig *r)
{
    (void)r;
    debezium_rig_stop();
}

static void debezium_fixture_insert(struct provider_rig *r, int64_t n)
{
    (void)r;
    debezium_rig_insert(n);
}

static void debezium_fixture_answer(struct provider_rig *r)
{
    (void)r;
    debezium_rig_await_signal(0);
    debezium_rig_row("r", "incremental", "public.items", 1);
}

const struct provider_fixture provider_fixture_debezium = {
    .provider = &cdc_provider_debezium,
    .durable = true,
    .shared = true,
    .make = debezium_fixture_make,
    .unmake = debezium_fixture_unmake,
    .insert = debezium_fixture_insert,
    .answer = debezium_fixture_answer,
};
