/* SPDX-License-Identifier: MIT
 *
 * http_reply - the answer to one HTTP request, collected before anything is sent.
 *
 * The http trigger puts one into the run (run->reply); step.json_response fills it in;
 * the server sends it.  A status of 0 means that nobody has answered yet.  Belongs to
 * the thread that runs the pipeline.
 */
#ifndef HOST_HTTP_REPLY_H
#define HOST_HTTP_REPLY_H

#include <stdbool.h>

#include "base/buf.h"

#define HTTP_REPLY_HEADER_BYTES (64u * 1024u)

struct http_reply {
    unsigned status;
    struct buf headers; /* private: "name NUL value NUL" after one another */
    struct buf body;
};

void http_reply_init(struct http_reply *reply);
void http_reply_release(struct http_reply *reply);
/* Forgets everything, keeps the memory. */
void http_reply_clear(struct http_reply *reply);

/* Whether a number is one that a final answer may carry. */
bool http_reply_is_status(int64_t status);

/* Adds a header, or with `replace` lets it take the place of those of the same name.
 * WF_CONFIG for a name that is no token or a value with control characters.  What frames
 * the message (Content-Length, Transfer-Encoding, Connection) is the server's and is
 * left out. */
wf_status http_reply_header(struct http_reply *reply, wf_str name, wf_str value,
                            bool replace, wf_error *err);
/* Whether `name` may be a header's name at all (RFC 9110 section 5.1). */
bool http_reply_is_name(wf_str name);
/* Whether `value` can stand in a header: no CR, LF, NUL or other control character but a
 * tab. */
bool http_reply_is_value(wf_str value);

/* Walks over the headers: *at begins at 0.  The strings end with a NUL. */
bool http_reply_next(const struct http_reply *reply, size_t *at, const char **out_name,
                     const char **out_value);

/* Answers {"error": text} with that status; what stood there before is forgotten. */
void http_reply_error(struct http_reply *reply, unsigned status, const char *text);

#endif
