/* SPDX-License-Identifier: MIT
 *
 * dbz_topic - topics by name, chained in slots.  Records of one topic come in runs.
 */
#include "providers/debezium/dbz_topic.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"

#define DBZ_TOPICS_FIRST 64

static void dbz_topic_free(struct dbz_topic *topic)
{
    dbz_tables_release(&topic->tables);
    for (size_t i = 0; i < DBZ_ENVELOPE_KNOWN; i++)
        dbz_schema_release(&topic->schemas[i]);
    buf_release(&topic->key_schema);
    table_free(topic->named);
    free((void *)(uintptr_t)topic->name.ptr);
    free(topic);
}

void dbz_topics_release(struct dbz_topics *topics)
{
    for (size_t i = 0; i < topics->room; i++) {
        while (topics->slots[i]) {
            struct dbz_topic *topic = topics->slots[i];
            topics->slots[i] = topic->next;
            dbz_topic_free(topic);
        }
    }
    free(topics->slots);
    *topics = (struct dbz_topics){.last = NULL};
}

static bool dbz_topics_grow(struct dbz_topics *topics)
{
    size_t room = topics->room ? topics->room * 2 : DBZ_TOPICS_FIRST;
    struct dbz_topic **slots = calloc(room, sizeof(struct dbz_topic *));
    if (!slots)
        return false;
    for (size_t i = 0; i < topics->room; i++) {
        while (topics->slots[i]) {
            struct dbz_topic *topic = topics->slots[i];
            topics->slots[i] = topic->next;
            struct dbz_topic **slot = &slots[topic->hash & (room - 1)];
            topic->next = *slot;
            *slot = topic;
        }
    }
    free(topics->slots);
    topics->slots = slots;
    topics->room = room;
    return true;
}

static wf_status dbz_topics_add(struct dbz_topics *topics, wf_str name, uint64_t hash,
                                struct dbz_topic **out, wf_error *err)
{
    if (topics->count == topics->room && !dbz_topics_grow(topics))
        return error_no_memory(err);
    struct dbz_topic *topic = calloc(1, sizeof *topic);
    char *copy = str_dup(name);
    if (!topic || !copy) {
        free(topic);
        free(copy);
        return error_no_memory(err);
    }
    topic->name = (wf_str){copy, name.len};
    topic->hash = hash;
    buf_init(&topic->key_schema, DBZ_TOPIC_SCHEMA_BYTES);
    struct dbz_topic **slot = &topics->slots[hash & (topics->room - 1)];
    topic->next = *slot;
    *slot = topic;
    topics->count++;
    *out = topic;
    return WF_OK;
}

wf_status dbz_topics_get(struct dbz_topics *topics, wf_str name, struct dbz_topic **out,
                         wf_error *err)
{
    if (CDC_LIKELY(topics->last && str_eq(topics->last->name, name))) {
        *out = topics->last;
        return WF_OK;
    }
    uint64_t hash = str_hash(name);
    struct dbz_topic *topic =
        topics->room ? topics->slots[hash & (topics->room - 1)] : NULL;
    while (topic && (topic->hash != hash || !str_eq(topic->name, name)))
        topic = topic->next;
    if (!topic) {
        wf_status status = dbz_topics_add(topics, name, hash, &topic, err);
        if (status)
            return status;
    }
    topics->last = topic;
    *out = topic;
    return WF_OK;
}

wf_status dbz_topic_learn(struct dbz_topics *topics, struct dbz_topic *topic, wf_str text,
                          int *out_place, wf_error *err)
{
    unsigned place = topic->oldest;
    struct dbz_schema schema;
    wf_status status = dbz_schema_parse(text, &schema, err);
    if (status)
        return status;
    dbz_schema_release(&topic->schemas[place]);
    topic->schemas[place] = schema;
    topic->known[place] = text.len <= DBZ_TOPIC_SCHEMA_BYTES ? schema.text : STR_EMPTY;
    topic->numbers[place] = ++topics->numbers;
    topic->oldest = (place + 1) % DBZ_ENVELOPE_KNOWN;
    *out_place = (int)place;
    return WF_OK;
}

wf_status dbz_topic_table(struct dbz_topic *topic, wf_str prefix, struct cdc_table **out,
                          wf_error *err)
{
    if (!topic->named) {
        wf_str name = topic->name;
        *out = NULL;
        if (!prefix.len || name.len <= prefix.len + 1 || !str_starts(name, prefix) ||
            name.ptr[prefix.len] != '.')
            return WF_OK;
        name = str_slice(name, prefix.len + 1, name.len);
        size_t dots = 0;
        size_t from = name.len;
        while (from > 0 && (dots += name.ptr[from - 1] == '.') < 2)
            from--;
        if (!dots)
            return WF_OK;
        wf_status status = table_new(str_slice(name, from, name.len), NULL, 0, NULL, 0,
                                     &topic->named, err);
        if (status)
            return status;
    }
    *out = topic->named;
    return WF_OK;
}
