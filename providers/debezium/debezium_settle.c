/* SPDX-License-Identifier: MIT
 *
 * debezium_settle - see the header.
 */
#include "providers/debezium/debezium_settle.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

/* ---- the same configuration ---------------------------------------------------------- */

/* What Connect makes of a value: text.  Escapes stay, as both sides have them. */
static wf_str debezium_settle_text(wf_str value)
{
    return json_kind(value) == JSON_STRING ? str_slice(value, 1, value.len - 1) : value;
}

/* Strings may be escaped in more than one way. */
static bool debezium_settle_same_text(wf_str a, wf_str b)
{
    if (str_eq(a, b))
        return true;
    if (str_find(a, STR("\\")) < 0 && str_find(b, STR("\\")) < 0)
        return false;
    CDC_CLEANUP(buf_release) struct buf plain_a;
    CDC_CLEANUP(buf_release) struct buf plain_b;
    buf_init(&plain_a, LIMIT_CONFIG_BYTES);
    buf_init(&plain_b, LIMIT_CONFIG_BYTES);
    json_unescape(&plain_a, a);
    json_unescape(&plain_b, b);
    return !plain_a.broken && !plain_b.broken &&
           str_eq(buf_view(&plain_a), buf_view(&plain_b));
}

static bool debezium_settle_has(wf_str object, wf_str key, wf_str value)
{
    struct json_iter it = json_iter_of(object);
    for (wf_str other, text; json_next(&it, &other, &text);)
        if (str_eq(other, key))
            return debezium_settle_same_text(debezium_settle_text(text),
                                             debezium_settle_text(value));
    return false;
}

/* Members without `name`. */
static size_t debezium_settle_count(wf_str object)
{
    size_t count = 0;
    struct json_iter it = json_iter_of(object);
    for (wf_str key, value; json_next(&it, &key, &value);)
        count += !json_key_is(key, "name");
    return count;
}

bool debezium_settle_same(wf_str ours, wf_str theirs)
{
    struct json_iter it = json_iter_of(ours);
    for (wf_str key, value; json_next(&it, &key, &value);)
        if (!json_key_is(key, "name") && !debezium_settle_has(theirs, key, value))
            return false;
    return debezium_settle_count(ours) == debezium_settle_count(theirs);
}

/* ---- making it ----------------------------------------------------------------------- */

wf_status debezium_settle_is_there(struct connect_client *client,
                                   const struct dbz_connector *connector, bool *out,
                                   wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf there;
    bool exists = false;
    buf_init(&there, LIMIT_CONFIG_BYTES);
    wf_status status =
        connect_config(client, buf_view(&connector->name), &exists, &there, err);
    if (!status)
        status = buf_status(&there, "configuration of the connector", err);
    if (!status && exists)
        status = json_check(buf_view(&there), "configuration of the connector", err);
    if (!status)
        *out =
            exists && debezium_settle_same(buf_view(&connector->config), buf_view(&there));
    return status;
}

wf_status debezium_settle_config(struct connect_client *client,
                                 const struct dbz_connector *connector, bool *out_created,
                                 wf_error *err)
{
    wf_str config = buf_view(&connector->config);
    wf_status status =
        connect_validate(client, buf_view(&connector->class_name), config, err);
    return status
               ? status
               : connect_put(client, buf_view(&connector->name), config, out_created, err);
}

/* ---- the rows that are there --------------------------------------------------------- */

/* Modes in which a connector without offsets begins with the rows.  (Debezium 3.5
 * documentation, "snapshot.mode" of each connector.) */
static bool debezium_settle_is_reading(wf_str config)
{
    static const char *const modes[] = {"always", "initial", "initial_only", "when_needed"};
    wf_str mode;
    if (!json_member(config, "snapshot.mode", &mode))
        return true; /* "initial" */
    for (size_t i = 0; i < CDC_COUNT(modes); i++)
        if (str_is(debezium_settle_text(mode), modes[i]))
            return true;
    return false;
}

static bool debezium_settle_is(wf_str offset, const char *key, const char *text)
{
    wf_str value;
    return json_member(offset, key, &value) && str_is(debezium_settle_text(value), text);
}

/* While the rows are being read, offsets say so: "snapshot":"INITIAL", "snapshot":true; with
 * the last row that it was the last. */
static bool debezium_settle_is_done(wf_str offset)
{
    wf_str mark;
    return !json_member(offset, "snapshot", &mark) ||
           debezium_settle_is(offset, "snapshot", "false") ||
           debezium_settle_is(offset, "snapshot", "null") ||
           debezium_settle_is(offset, "snapshot_completed", "true") ||
           debezium_settle_is(offset, "last_snapshot_record", "true");
}

static bool debezium_settle_are_done(wf_str offsets)
{
    struct json_iter it = json_iter_of(offsets);
    for (wf_str entry, offset; json_next(&it, NULL, &entry);) {
        bool any =
            json_member(entry, "offset", &offset) && json_kind(offset) == JSON_OBJECT;
        if (any && debezium_settle_is_done(offset))
            return true;
    }
    return false;
}

wf_status debezium_settle_reads_rows(struct connect_client *client,
                                     const struct dbz_connector *connector, bool created,
                                     bool *out, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf offsets;
    buf_init(&offsets, LIMIT_CONFIG_BYTES);
    if (!debezium_settle_is_reading(buf_view(&connector->config))) {
        *out = false;
        return WF_OK;
    }
    wf_status status = connect_offsets(client, buf_view(&connector->name), &offsets, err);
    if (status == WF_UNAVAILABLE || status == WF_CANCELLED || status == WF_NO_MEMORY)
        return status;
    if (status) { /* this Connect does not tell */
        *out = created;
        return WF_OK;
    }
    status = buf_status(&offsets, "offsets of the connector", err);
    if (!status)
        status = json_check(buf_view(&offsets), "offsets of the connector", err);
    if (!status)
        *out = !debezium_settle_are_done(buf_view(&offsets));
    return status;
}

/* ---- taking it away ------------------------------------------------------------------ */

wf_status debezium_settle_remove(struct connect_client *client,
                                 const struct dbz_connector *connector,
                                 struct buf *out_removed, wf_error *err)
{
    CDC_CLEANUP(buf_release) struct buf there;
    bool existed = false;
    bool forgot = false;
    wf_str name = buf_view(&connector->name);
    buf_init(&there, LIMIT_CONFIG_BYTES);
    wf_status status = connect_config(client, name, &existed, &there, err);
    if (status || !existed)
        return status;
    /* Offsets outlive their connector, and one of the same name would go on from them.
     * Where they cannot be taken away, the connector goes all the same. */
    wf_error ignored;
    if (!connect_wish(client, name, CONNECT_STOP, &ignored))
        forgot = !connect_offsets_forget(client, name, &ignored);
    status = connect_delete(client, name, &existed, err);
    if (status || !existed)
        return status;
    buf_printf(out_removed, "connector %.*s\n", STR_ARG(name));
    if (forgot)
        buf_printf(out_removed, "offsets of connector %.*s in Kafka Connect\n",
                   STR_ARG(name));
    return WF_OK;
}
