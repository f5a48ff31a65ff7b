/* SPDX-License-Identifier: MIT
 *
 * pg_fixture - PostgreSQL in the provider contract: a database per test on a real server.
 */
#include "base/json.h"
#include "tests/support/pg_rig.h"
#include "tests/support/provider_rig.h"

extern const struct cdc_provider cdc_provider_postgres;

static void pg_fixture_begin(void)
{
    pg_rig_begin(NULL);
}

static void pg_fixture_make(struct provider_rig *r, struct buf *out_config)
{
    (void)r;
    pg_rig_setup();
    pg_rig_exec("CREATE TABLE items (n bigint PRIMARY KEY, v text)");
    struct json_writer w = json_writer_of(out_config);
    json_open(&w, NULL, '{');
    json_cstr(&w, "provider", "postgres");
    json_cstr(&w, "source_id", "contract");
    json_cstr(&w, "connection", pg_rig_connection());
    json_close(&w, '}');
}

static void pg_fixture_unmake(struct provider_rig *r)
{
    (void)r;
    pg_rig_teardown();
}

static void pg_fixture_insert(struct provider_rig *r, int64_t n)
{
    (void)r;
    pg_rig_execf("INSERT INTO items VALUES (%lld, 'row %lld')", (long long)n, (long long)n);
}

const struct provider_fixture provider_fixture_postgres = {
    .provider = &cdc_provider_postgres,
    .durable = true,
    .idle_bytes = 1 << 20, /* checkpoints, autovacuum, running transactions */
    .is_possible = pg_rig_is_possible,
    .begin = pg_fixture_begin,
    .make = pg_fixture_make,
    .unmake = pg_fixture_unmake,
    .insert = pg_fixture_insert,
};
