/* SPDX-License-Identifier: MIT
 *
 * builtin - the lists of the host's own modules, steps and triggers.
 */
#include "host/builtin.h"

#include "host/builtin_types.h"

const struct module_type *const builtin_modules[] = {
    &http_server_type,
    &http_router_type,
    &storage_sqlite_type,
    &messaging_broker_type,
    NULL,
};

const struct step_type *const builtin_steps[] = {
    &step_set_type,
    &step_log_type,
    &step_conditional_type,
    &step_foreach_type,
    &step_http_call_type,
    &step_publish_type,
    &step_db_query_type,
    &step_db_exec_type,
    &step_json_response_type,
    &step_json_parse_type,
    NULL,
};

const struct trigger_type *const builtin_triggers[] = {
    &http_trigger_type,
    &event_trigger_type,
    NULL,
};
