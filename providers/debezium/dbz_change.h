/* SPDX-License-Identifier: MIT
 *
 * dbz_change - records whose "op" is c, u, d, r, t or m.
 */
#ifndef PROVIDERS_DBZ_CHANGE_H
#define PROVIDERS_DBZ_CHANGE_H

#include "providers/debezium/dbz_decode.h"
#include "providers/debezium/dbz_envelope.h"
#include "providers/debezium/dbz_row.h"
#include "providers/debezium/dbz_topic.h"

#define DBZ_CHANGE_WHY_BYTES 400

/* What a decoder keeps from record to record. */
struct dbz_decoder {
    struct dbz_decoder_plan plan; /* its texts are copies */
    char *topic_prefix, *notify_topic;
    struct dbz_topics topics;
    struct dbz_envelope envelope;
    struct dbz_cells key;
    bool has_key;
    struct dbz_row before, after;
    struct buf place; /* id, position, txid */
    struct buf text;  /* of special records */
    struct buf sql;
    struct buf documents[3]; /* key, before, after */
    struct cdc_table *ddl_table;
    char why[DBZ_CHANGE_WHY_BYTES]; /* what makes the record poison */
};

/* The envelope and the record's topic are read; place: the schema's in the topic, -1: it has
 * none.  WF_PROTOCOL: decoder->why says what is wrong with the record. */
wf_status dbz_change_decode(struct dbz_decoder *decoder, const struct kafka_record *record,
                            struct dbz_topic *topic, int place, struct dbz_decoded *out,
                            wf_error *err);

/* Where and when, for any record with a "source". */
wf_status dbz_change_place(struct dbz_decoder *decoder, const struct kafka_record *record,
                           struct dbz_decoded *out, wf_error *err);

/* Sets decoder->why; gives WF_PROTOCOL. */
wf_status dbz_change_why(struct dbz_decoder *decoder, const char *format, ...)
    CDC_PRINTF(2, 3);
/* The same from a reading that failed; WF_NO_MEMORY stays what it is. */
wf_status dbz_change_unread(struct dbz_decoder *decoder, enum dbz_cells_result result,
                            const struct json_reader *reader, const char *what,
                            wf_error *err);

/* The registry's framing: a zero and four bytes of a schema's id. */
bool dbz_change_is_framed(wf_str bytes);

#endif
