/* SPDX-License-Identifier: MIT
 *
 * pg_described - learning, in the order of arrival and out of it.
 */
#include "providers/postgres/pg_described.h"

#include <stdlib.h>

#include "base/error.h"
#include "providers/postgres/pg_assembly.h"
#include "providers/postgres/pg_emission.h"

/* A newer description than the one that a replay needs. */
struct pg_described_newer {
    struct pg_described_newer *next;
    uint32_t oid;
    uint64_t arrival;
    bool announced;
    size_t len;
    char text[];
};

void pg_described_drop(struct pg_described *described)
{
    while (described->newer) {
        struct pg_described_newer *newer = described->newer;
        described->newer = newer->next;
        free(newer);
    }
}

wf_status pg_described_learn(struct pg_described *described,
                             const struct pgoutput_message *message, uint64_t arrival,
                             struct pg_relation **out, wf_error *err)
{
    const struct pg_assembly_config *config = described->config;
    bool known = pg_relation_find(config->relations, message->relation) != NULL;
    bool changed;
    struct pg_relation *relation;
    wf_status status =
        pg_relation_learn(config->relations, message, &relation, &changed, err);
    if (status)
        return status;
    relation->arrival = arrival;
    const struct cdc_list *tables = &config->settings->tables;
    if (changed)
        relation->listed =
            table_is_listed(tables->items, tables->count, relation->table->name);
    if (changed && known) {
        pg_relation_doubt(config->relations);
        if (config->schema_changed)
            config->schema_changed(config->ctx);
    }
    *out = relation;
    return WF_OK;
}

static struct pg_described_newer *pg_described_find(const struct pg_described *described,
                                                    uint32_t oid)
{
    struct pg_described_newer *newer = described->newer;
    while (newer && newer->oid != oid)
        newer = newer->next;
    return newer;
}

static wf_status pg_described_keep(struct pg_described *described,
                                   const struct pg_relation *relation, wf_error *err)
{
    if (pg_described_find(described, relation->oid))
        return WF_OK;
    wf_str text = relation->description;
    struct pg_described_newer *newer = malloc(sizeof *newer + text.len);
    if (!newer)
        return error_no_memory(err);
    *newer = (struct pg_described_newer){described->newer, relation->oid, relation->arrival,
                                         relation->announced, text.len};
    memcpy(newer->text, text.ptr, text.len);
    described->newer = newer;
    return WF_OK;
}

wf_status pg_described_replay(struct pg_described *described,
                              const struct pgoutput_message *message, uint64_t arrival,
                              wf_error *err)
{
    struct pg_relation *relation =
        pg_relation_find(described->config->relations, message->relation);
    wf_status status = WF_OK;
    if (relation && relation->arrival == arrival)
        return WF_OK;
    if (relation && relation->arrival > arrival)
        status = pg_described_keep(described, relation, err);
    if (!status)
        status = pg_described_learn(described, message, arrival, &relation, err);
    if (status)
        return status;
    const struct pg_described_newer *newer =
        pg_described_find(described, message->relation);
    if (newer && newer->arrival > arrival)
        relation->announced = true; /* the history goes forward only */
    return WF_OK;
}

static wf_status pg_described_put_back_one(struct pg_described *described,
                                           const struct pg_described_newer *newer,
                                           wf_error *err)
{
    struct pg_relation *relation =
        pg_relation_find(described->config->relations, newer->oid);
    if (!relation || relation->arrival >= newer->arrival)
        return WF_OK; /* the replay brought one that is newer still */
    struct pgoutput_message message;
    wf_status status =
        pgoutput_parse((wf_str){newer->text, newer->len}, false, &message, err);
    if (!status)
        status = pg_described_learn(described, &message, newer->arrival, &relation, err);
    if (!status)
        relation->announced = newer->announced;
    return status;
}

wf_status pg_described_put_back(struct pg_described *described, wf_error *err)
{
    while (described->newer) {
        struct pg_described_newer *newer = described->newer;
        wf_status status = pg_described_put_back_one(described, newer, err);
        if (status)
            return status;
        described->newer = newer->next;
        free(newer);
    }
    return WF_OK;
}
