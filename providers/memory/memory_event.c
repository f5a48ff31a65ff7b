/* SPDX-License-Identifier: MIT
 *
 * memory_event - the members of the outermost object, one after the other.
 */
#include "providers/memory/memory_event.h"

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/str.h"

/* What filters look at; the order of MEMORY_EVENT_NAMES. */
enum memory_event_member {
    MEMORY_EVENT_TABLE,
    MEMORY_EVENT_SOURCE,
    MEMORY_EVENT_OP,
    MEMORY_EVENT_ACTION,
    MEMORY_EVENT_KEY,
    MEMORY_EVENT_OTHER,
};

static const wf_str memory_event_names[] = {
    [MEMORY_EVENT_TABLE] = STR("table"), [MEMORY_EVENT_SOURCE] = STR("source"),
    [MEMORY_EVENT_OP] = STR("op"),       [MEMORY_EVENT_ACTION] = STR("action"),
    [MEMORY_EVENT_KEY] = STR("key"),
};

static enum memory_event_member memory_event_member(const struct json_reader *r)
{
    wf_str key = r->text;
    if (CDC_UNLIKELY(r->escaped)) {
        for (int i = 0; i < MEMORY_EVENT_OTHER; i++)
            if (json_key_is(key, memory_event_names[i].ptr))
                return (enum memory_event_member)i;
        return MEMORY_EVENT_OTHER;
    }
    /* Most members are none of these; their length or first letter says so. */
    switch (key.len) {
    case 2:
        return str_eq(key, STR("op")) ? MEMORY_EVENT_OP : MEMORY_EVENT_OTHER;
    case 3:
        return str_eq(key, STR("key")) ? MEMORY_EVENT_KEY : MEMORY_EVENT_OTHER;
    case 5:
        return str_eq(key, STR("table")) ? MEMORY_EVENT_TABLE : MEMORY_EVENT_OTHER;
    case 6:
        if (str_eq(key, STR("source")))
            return MEMORY_EVENT_SOURCE;
        return str_eq(key, STR("action")) ? MEMORY_EVENT_ACTION : MEMORY_EVENT_OTHER;
    default:
        return MEMORY_EVENT_OTHER;
    }
}

/* What stands between the quotes; empty when the value is not a string. */
static wf_str memory_event_string(wf_str value)
{
    bool quoted = value.len && value.ptr[0] == '"';
    return quoted ? str_slice(value, 1, value.len - 1) : STR_EMPTY;
}

wf_status memory_event_scan(wf_str text, struct memory_event *out, wf_error *err)
{
    if (text.len > LIMIT_EVENT_BYTES)
        return error_set(err, WF_CONFIG, "event: it has %zu bytes, at most %u are possible",
                         text.len, LIMIT_EVENT_BYTES);
    wf_str found[MEMORY_EVENT_OTHER + 1] = {{NULL, 0}};
    struct json_reader r = json_reader_of(text);
    enum json_token token = json_read(&r);
    if (token != JSON_OBJECT && token != JSON_BAD)
        return error_set(err, WF_CONFIG, "event: it is no JSON object");
    while (token != JSON_BAD && (token = json_read(&r)) == JSON_KEY) {
        enum memory_event_member member = memory_event_member(&r);
        wf_str value;
        token = json_skip(&r, &value);
        if (token != JSON_BAD && !found[member].len)
            found[member] = value;
    }
    /* The object is closed; nothing may follow it. */
    if (token == JSON_BAD || json_read(&r) != JSON_END)
        return json_error(&r, "event", err);

    wf_str table = memory_event_string(found[MEMORY_EVENT_TABLE]);
    wf_str op = memory_event_string(found[MEMORY_EVENT_OP]);
    *out = (struct memory_event){
        .table = table.len ? table : memory_event_string(found[MEMORY_EVENT_SOURCE]),
        .key = str_eq(found[MEMORY_EVENT_KEY], STR("null")) ? STR_EMPTY
                                                            : found[MEMORY_EVENT_KEY],
        .op =
            change_op_parse(op.len ? op : memory_event_string(found[MEMORY_EVENT_ACTION])),
    };
    return WF_OK;
}
