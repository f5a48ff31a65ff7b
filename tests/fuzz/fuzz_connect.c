/* SPDX-License-Identifier: MIT
 *
 * fuzz_connect - any bytes as what Kafka Connect replies, and as options.database; the
 * first byte says which.
 *
 *   - what is refused has words, and what is read a text within its bounds, in UTF-8 where
 *     the reply was;
 *   - a secret that is known is in no text.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/str.h"
#include "providers/debezium/connect_secrets.h"
#include "providers/debezium/connect_status.h"
#include "providers/debezium/connect_text.h"
#include "providers/debezium/connect_validate.h"
#include "providers/debezium/dbz_connector.h"
#include "providers/debezium/dbz_database.h"

#define FUZZ_SECRET "hunter2"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_must(bool holds)
{
    if (!holds)
        abort();
}

static void fuzz_shown(wf_str text, bool utf8)
{
    fuzz_must(str_find(text, STR(FUZZ_SECRET)) < 0);
    fuzz_must(!utf8 || str_is_utf8(text));
}

static void fuzz_status(wf_str reply, const struct connect_secrets *secrets, wf_error *err)
{
    struct connect_status status;
    if (connect_status_read(reply, secrets, &status, err))
        return;
    fuzz_must(status.failed_tasks <= status.tasks);
    fuzz_must(status.state < CONNECT_STATES && status.connector < CONNECT_STATES);
    fuzz_must(strnlen(status.why, sizeof status.why) < sizeof status.why);
    fuzz_shown(str_from(status.why), true);
}

static void fuzz_validate(wf_str reply, const struct connect_secrets *secrets,
                          struct buf *out, wf_error *err)
{
    bool installed;
    if (connect_validate_read(reply, secrets, out, err) == WF_OK)
        fuzz_must(out->len < 2048);
    fuzz_shown(buf_view(out), true);
    buf_clear(out);
    (void)connect_validate_plugins(reply, STR("a.B"), &installed, out, err);
    fuzz_must(out->len < 2048);
    buf_clear(out);
    connect_text_put_reply(out, secrets, reply);
    fuzz_must(out->len <= 600);
    fuzz_shown(buf_view(out), str_is_utf8(reply));
}

static void fuzz_database(wf_str database, enum dbz_class_kind kind, wf_error *err)
{
    static const char *const types[] = {"postgres", "mysql", "mongodb", "oracle", "a.B"};
    struct dbz_config config;
    struct buf out;
    dbz_config_init(&config);
    buf_init(&out, LIMIT_CONFIG_BYTES);
    (void)dbz_database_class(database);
    const struct dbz_class *of =
        dbz_class_of_type(str_from(types[(unsigned)kind % CDC_COUNT(types)]));
    wf_status status = dbz_database_put(&config, of, database, err);
    if (!status) {
        dbz_config_write(&config, &out);
        struct dbz_config again;
        dbz_config_init(&again);
        fuzz_must(dbz_config_merge(&again, buf_view(&out), "x", err) == WF_OK);
        dbz_config_release(&again);
    }
    fuzz_must(!status || status == WF_CONFIG);
    buf_release(&out);
    dbz_config_release(&config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > 65536)
        return 0;
    wf_str reply = {(const char *)data + 1, size - 1};
    wf_error err = {0};
    struct connect_secrets secrets;
    struct buf out;
    connect_secrets_init(&secrets);
    buf_init(&out, LIMIT_TEXT_BYTES);
    fuzz_must(connect_secrets_add(&secrets, STR(FUZZ_SECRET), &err) == WF_OK);
    switch (data[0] % 4) {
    case 0:
        fuzz_status(reply, &secrets, &err);
        break;
    case 1:
        fuzz_validate(reply, &secrets, &out, &err);
        break;
    case 2:
        fuzz_database(reply, data[0] / 4, &err);
        break;
    default:
        (void)connect_secrets_learn(&secrets, reply, &err);
        fuzz_must(connect_secrets_add(&secrets, STR("x"), &err) == WF_OK);
        break;
    }
    fuzz_must(strnlen(err.text, sizeof err.text) < sizeof err.text);
    buf_release(&out);
    connect_secrets_release(&secrets);
    return 0;
}
