/* SPDX-License-Identifier: MIT
 *
 * builtin_types - the tables that host/builtin.c lists, each at the end of the file it
 * is named after.
 */
#ifndef HOST_BUILTIN_TYPES_H
#define HOST_BUILTIN_TYPES_H

#include "host/builtin.h"

extern const struct module_type http_router_type;
extern const struct module_type http_server_type;
extern const struct module_type messaging_broker_type;
extern const struct module_type storage_sqlite_type;

extern const struct step_type step_conditional_type;
extern const struct step_type step_db_exec_type;
extern const struct step_type step_db_query_type;
extern const struct step_type step_foreach_type;
extern const struct step_type step_http_call_type;
extern const struct step_type step_json_parse_type;
extern const struct step_type step_json_response_type;
extern const struct step_type step_log_type;
extern const struct step_type step_publish_type;
extern const struct step_type step_set_type;

extern const struct trigger_type event_trigger_type;
extern const struct trigger_type http_trigger_type;

#endif
