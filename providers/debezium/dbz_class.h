/* SPDX-License-Identifier: MIT
 *
 * dbz_class - Debezium's connectors: what each is called, and which settings are its own.
 * (Debezium 3.5 documentation, "Connector properties" of each connector.)
 */
#ifndef PROVIDERS_DBZ_CLASS_H
#define PROVIDERS_DBZ_CLASS_H

#include <stdbool.h>

#include "sdk/wf_plugin.h"

enum dbz_class_kind {
    DBZ_CLASS_POSTGRES,
    DBZ_CLASS_MYSQL,
    DBZ_CLASS_MARIADB,
    DBZ_CLASS_MONGODB,
    DBZ_CLASS_SQLSERVER,
    DBZ_CLASS_ORACLE,
    DBZ_CLASS_DB2,
    DBZ_CLASS_OTHER, /* any class by name */
};

struct dbz_class {
    enum dbz_class_kind kind;
    const char *source_type; /* as in the configuration */
    const char *class_name;  /* NULL: OTHER */
    const char *schemes;     /* of a URI, with '|' between; NULL: any */
    const char *port;        /* where the URI has none; NULL: has to be said */
    const char *name_key;    /* takes the database's name; NULL: none does */
    const char *tables_key;
    const char *time_mode; /* under which no time loses a digit; NULL: its default */
    bool history;          /* keeps the schemas it has seen in a topic, and tells changes */
    bool server_id;        /* is a replica with a number */
    bool read_only;        /* can take a snapshot while it streams without a table */
    bool database_first;   /* names its signal table database.schema.table */
};

/* By source_type, also "postgresql"; a name with a dot is a class.  NULL: not known. */
const struct dbz_class *dbz_class_of_type(wf_str source_type);
/* OTHER when it is not one of those above. */
const struct dbz_class *dbz_class_of_name(wf_str class_name);
/* By the scheme of a URI; NULL: of none. */
const struct dbz_class *dbz_class_of_scheme(wf_str scheme);
bool dbz_class_takes_scheme(const struct dbz_class *of, wf_str scheme);

/* The name of a signal table as its rows and the list of tables have it. */
wf_str dbz_class_table(const struct dbz_class *of, wf_str signal_table);

/* "postgres, mysql ...", for errors. */
extern const char dbz_class_types[];

#endif
