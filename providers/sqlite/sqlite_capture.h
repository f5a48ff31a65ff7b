/* SPDX-License-Identifier: MIT
 *
 * sqlite_capture - installing the capture, keeping it up to date, and taking it away.
 *
 * Also: the place in the stream (sqlite_place) and the checks that it still means what it
 * meant.  A place is the number of a change and the time stored with it, so that a database
 * put back from a backup, where the same number is another change, is noticed.
 */
#ifndef PROVIDERS_SQLITE_CAPTURE_H
#define PROVIDERS_SQLITE_CAPTURE_H

#include "providers/provider.h"
#include "providers/sqlite/sqlite_db.h"
#include "providers/sqlite/sqlite_plan.h"

struct sqlite_place {
    int64_t seq;
    uint64_t ts_bits; /* of the double in `ts` */
};

#define SQLITE_PLACE_TEXT 40
/* "1234:4142ae60b3d5e5a0"; gives its length. */
size_t sqlite_capture_place_write(struct sqlite_place place, char out[SQLITE_PLACE_TEXT]);
bool sqlite_capture_place_parse(wf_str token, struct sqlite_place *out);

struct sqlite_capture {
    struct sqlite_db *db;
    const struct cdc_settings *settings;
    const struct cdc_emitter *out;
    bool manual;
    char uuid[33];
    char session[33];      /* tells this run from another under the same source_id */
    int64_t schema_cookie; /* PRAGMA schema_version at the last look */
};

/* Sets up, claims the source's entry, and finds where to go on.  Fills out_identity. */
wf_status sqlite_capture_open(struct sqlite_capture *capture, const struct cdc_open *with,
                              struct sqlite_place *out_place, wf_error *err);

/* Renews triggers when the schema has changed since the last look; *out_renewed says so. */
wf_status sqlite_capture_renew(struct sqlite_capture *capture, bool *out_renewed,
                               wf_error *err);

/* Removes the source's part, and everything when it was the last source. */
wf_status sqlite_capture_remove(struct sqlite_capture *capture, struct buf *out_removed,
                                wf_error *err);

#endif
