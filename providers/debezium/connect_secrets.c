/* SPDX-License-Identifier: MIT
 *
 * connect_secrets - see the header.
 */
#include "providers/debezium/connect_secrets.h"

#include <cjson/cJSON.h>
#include <stdio.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/redact.h"
#include "base/str.h"
#include "providers/debezium/connect_text.h"

void connect_secrets_init(struct connect_secrets *secrets)
{
    buf_init(&secrets->texts, LIMIT_CONFIG_BYTES);
}

void connect_secrets_release(struct connect_secrets *secrets)
{
    if (secrets->texts.data)
        explicit_bzero(secrets->texts.data, secrets->texts.cap);
    buf_release(&secrets->texts);
}

static bool connect_secrets_has(const struct connect_secrets *secrets, wf_str secret)
{
    wf_str rest = buf_view(&secrets->texts);
    for (wf_str known; str_next(&rest, '\0', &known);)
        if (str_eq(known, secret))
            return true;
    return false;
}

/* Where JSON is shown as it is, the secret stands there escaped. */
wf_status connect_secrets_add(struct connect_secrets *secrets, wf_str secret, wf_error *err)
{
    if (!secret.len || connect_secrets_has(secrets, secret))
        return WF_OK;
    CDC_CLEANUP(buf_release) struct buf escaped;
    buf_init(&escaped, LIMIT_CONFIG_BYTES);
    json_put_string(&escaped, secret);
    wf_status status = buf_status(&escaped, "a secret", err);
    if (status)
        return status;
    wf_str inner = str_slice(buf_view(&escaped), 1, escaped.len - 1);
    if (!str_eq(inner, secret)) {
        buf_str(&secrets->texts, inner);
        buf_byte(&secrets->texts, '\0');
    }
    buf_str(&secrets->texts, secret);
    buf_byte(&secrets->texts, '\0');
    explicit_bzero(escaped.data, escaped.len);
    return buf_status(&secrets->texts, "the list of secrets", err);
}

static bool connect_secrets_is_named(const char *name)
{
    static const char *const words[] = {
        "password",   "passwd",      "passphrase", "pwd",      "secret",
        "credential", "jaas",        "token",      "api.key",  "apikey",
        "access.key", "private.key", "ssl.key",    "user.info"};
    for (size_t i = 0; i < CDC_COUNT(words); i++)
        if (strcasestr(name, words[i]))
            return true;
    return false;
}

/* scheme://user:password@host: the whole part before the '@', and the password alone. */
static wf_status connect_secrets_learn_url(struct connect_secrets *secrets, wf_str value,
                                           wf_error *err)
{
    ptrdiff_t scheme = str_find(value, STR("://"));
    if (scheme < 0)
        return WF_OK;
    wf_str rest = str_slice(value, (size_t)scheme + 3, value.len);
    size_t at = rest.len;
    while (at > 0 && rest.ptr[at - 1] != '@')
        at--;
    ptrdiff_t colon = str_find(str_slice(rest, 0, at), STR(":"));
    if (at == 0 || colon < 0)
        return WF_OK;
    wf_str password = str_slice(rest, (size_t)colon + 1, at - 1);
    return connect_secrets_add(secrets, password, err);
}

/* What a login in JAAS says behind an '=', and its length with quotes. */
static wf_str connect_secrets_jaas_value(wf_str text, size_t *out_len)
{
    bool quoted = str_starts(text, STR("\""));
    const char *const ends = quoted ? "\"" : " \t\r\n;";
    size_t len = quoted;
    while (len < text.len && text.ptr[len] && !strchr(ends, text.ptr[len]))
        len++;
    *out_len = len + (quoted && len < text.len);
    return str_slice(text, quoted, len);
}

/* The last word: what stands before an '='. */
static bool connect_secrets_is_named_last(wf_str text)
{
    char name[64];
    size_t start = text.len;
    while (start && text.len - start < sizeof name - 1 &&
           !memchr(" \t\r\n;", text.ptr[start - 1], 5))
        start--;
    snprintf(name, sizeof name, "%.*s", STR_ARG(str_slice(text, start, text.len)));
    return connect_secrets_is_named(name);
}

/* A login in JAAS: the whole is a secret, and what stands behind password= or clientSecret=
 * alone; there may be blanks around the '='. */
static wf_status connect_secrets_learn_jaas(struct connect_secrets *secrets, wf_str value,
                                            wf_error *err)
{
    wf_status status = WF_OK;
    for (ptrdiff_t at; !status && (at = str_find(value, STR("="))) >= 0;) {
        size_t len;
        wf_str before = str_trim(str_slice(value, 0, (size_t)at));
        value = str_trim(str_slice(value, (size_t)at + 1, value.len));
        wf_str secret = connect_secrets_jaas_value(value, &len);
        if (connect_secrets_is_named_last(before))
            status = connect_secrets_add(secrets, secret, err);
        value = str_slice(value, len, value.len);
    }
    return status;
}

wf_status connect_secrets_learn(struct connect_secrets *secrets, wf_str config,
                                wf_error *err)
{
    CDC_CLEANUP(connect_text_free) cJSON *object = NULL;
    wf_status status = connect_text_parse(config, "the configuration", &object, err);
    const cJSON *item;
    cJSON_ArrayForEach(item, object)
    {
        if (status || !cJSON_IsString(item) || !item->string)
            continue;
        wf_str value = str_from(item->valuestring);
        bool reference = str_starts(value, STR("${")) && str_ends(value, STR("}"));
        if (connect_secrets_is_named(item->string) && !reference)
            status = connect_secrets_add(secrets, value, err);
        else if (!reference)
            status = connect_secrets_learn_url(secrets, value, err);
        if (!status && !reference && strcasestr(item->string, "jaas"))
            status = connect_secrets_learn_jaas(secrets, value, err);
    }
    return status;
}

/* The longest secret of less than `below` bytes; 0: there is none. */
static size_t connect_secrets_longest(const struct connect_secrets *secrets, size_t below)
{
    size_t longest = 0;
    wf_str rest = buf_view(&secrets->texts);
    for (wf_str secret; str_next(&rest, '\0', &secret);)
        if (secret.len < below && secret.len > longest)
            longest = secret.len;
    return longest;
}

/* The long ones first: one may be a part of another, whose rest would stay. */
void connect_secrets_hide(const struct connect_secrets *secrets, char *text)
{
    size_t len = connect_secrets_longest(secrets, SIZE_MAX);
    for (; len; len = connect_secrets_longest(secrets, len)) {
        wf_str rest = buf_view(&secrets->texts);
        for (wf_str secret; str_next(&rest, '\0', &secret);)
            if (secret.len == len)
                redact_secret(text, secret);
    }
}
