/* SPDX-License-Identifier: MIT
 *
 * manifest - plugin.manifest.json: one field per line, so that a change is one line of a
 * diff.
 */
#include "plugin/manifest.h"

#include "base/json.h"
#include "base/str.h"
#include "plugin/catalog.h"

/* A list whose elements stand on lines of their own. */
struct manifest_list {
    struct buf *out;
    int indent;
    bool any;
};

static void manifest_line(struct buf *out, int indent)
{
    buf_byte(out, '\n');
    for (int i = 0; i < indent; i++)
        buf_lit(out, "  ");
}

static void manifest_key(struct buf *out, int indent, const char *key)
{
    buf_byte(out, ',');
    manifest_line(out, indent);
    json_put_string(out, str_from(key));
    buf_lit(out, ": ");
}

static struct manifest_list manifest_open(struct buf *out, int indent, char bracket)
{
    buf_byte(out, bracket);
    return (struct manifest_list){out, indent, false};
}

static void manifest_next(struct manifest_list *list)
{
    if (list->any)
        buf_byte(list->out, ',');
    list->any = true;
    manifest_line(list->out, list->indent + 1);
}

static void manifest_close(struct manifest_list *list, char bracket)
{
    if (list->any)
        manifest_line(list->out, list->indent);
    buf_byte(list->out, bracket);
}

/* ---- fields -------------------------------------------------------------------------- */

static void manifest_default(struct json_writer *w, const struct cdc_option *row)
{
    if (!row->fallback)
        return;
    bool plain = row->type == CDC_OPTION_INT || row->type == CDC_OPTION_BOOL ||
                 row->type == CDC_OPTION_NUMBER;
    if (plain)
        json_raw(w, "default", str_from(row->fallback));
    else
        json_cstr(w, "default", row->fallback);
}

static void manifest_choices(struct json_writer *w, const struct cdc_option *row)
{
    if (!row->choices)
        return;
    json_open(w, "choices", '[');
    wf_str rest = str_from(row->choices);
    for (wf_str choice; str_next(&rest, '|', &choice);)
        json_str(w, NULL, choice);
    json_close(w, ']');
    if (row->any_case)
        json_bool(w, "any_case", true);
}

static const struct cdc_option *manifest_nested(const struct cdc_nested *nested,
                                                const char *key)
{
    for (; nested && nested->key; nested++)
        if (str_is(str_from(key), nested->key))
            return nested->rows;
    return NULL;
}

static bool manifest_is_required(const struct cdc_option *row, const char *const *required)
{
    for (; required && *required; required++)
        if (str_is(str_from(row->key), *required))
            return true;
    return row->required;
}

static void manifest_field(struct json_writer *w, const struct cdc_option *row,
                           const struct cdc_description *about)
{
    json_open(w, NULL, '{');
    json_cstr(w, "name", row->key);
    json_cstr(w, "type", option_type_text(row->type));
    if (row->type == CDC_OPTION_LIST)
        json_cstr(w, "items", "string");
    manifest_default(w, row);
    if (manifest_is_required(row, about ? about->required : NULL))
        json_bool(w, "required", true);
    if (row->secret)
        json_bool(w, "secret", true);
    json_cstr(w, "help", row->help);
    manifest_choices(w, row);
    if (row->min || row->max) {
        json_i64(w, "min", row->min);
        json_i64(w, "max", row->max);
    }
    const struct cdc_option *rows = about ? manifest_nested(about->nested, row->key) : NULL;
    if (rows) {
        json_open(w, "fields", '[');
        for (; rows->key; rows++)
            manifest_field(w, rows, NULL);
        json_close(w, ']');
    }
    json_close(w, '}');
}

/* Rows that hosts add by themselves are not for the user. */
static bool manifest_is_for_users(const struct cdc_option *row)
{
    return row->key[0] != '_';
}

static void manifest_fields(struct buf *out, int indent, const struct cdc_option *rows,
                            const struct cdc_description *about)
{
    static const struct cdc_option options = {
        .key = "options",
        .type = CDC_OPTION_MAP,
        .help = "Options of every source and of the chosen provider",
    };
    struct manifest_list list = manifest_open(out, indent, '[');
    for (; rows && rows->key; rows++) {
        if (!manifest_is_for_users(rows))
            continue;
        struct json_writer w = json_writer_of(out);
        manifest_next(&list);
        manifest_field(&w, rows, about);
    }
    if (about && about->takes_options) {
        struct json_writer w = json_writer_of(out);
        manifest_next(&list);
        manifest_field(&w, &options, NULL);
    }
    manifest_close(&list, ']');
}

static void manifest_outputs(struct buf *out, int indent, const struct cdc_output *outputs)
{
    struct manifest_list list = manifest_open(out, indent, '[');
    for (; outputs->name; outputs++) {
        struct json_writer w = json_writer_of(out);
        manifest_next(&list);
        json_open(&w, NULL, '{');
        json_cstr(&w, "name", outputs->name);
        json_cstr(&w, "type", outputs->type);
        json_cstr(&w, "help", outputs->help);
        json_close(&w, '}');
    }
    manifest_close(&list, ']');
}

/* ---- types --------------------------------------------------------------------------- */

static void manifest_member(struct manifest_list *list, const char *key, const char *value)
{
    manifest_next(list);
    json_put_string(list->out, str_from(key));
    buf_lit(list->out, ": ");
    json_put_string(list->out, str_from(value));
}

/* What the provider wants of the fields beside "options". */
static void manifest_wants(struct buf *out, const struct cdc_provider *provider)
{
    if (provider->connection_help)
        buf_lit(out, "[\"connection\"]");
    else
        buf_lit(out, "[]");
}

/* Texts to be run by hand. */
static void manifest_setup(struct buf *out, int indent, const struct cdc_provider *provider)
{
    if (!provider->setup)
        return;
    manifest_key(out, indent, "setup");
    struct manifest_list object = manifest_open(out, indent, '{');
    for (int remove = 0; remove < 2; remove++) {
        CDC_CLEANUP(buf_release) struct buf text;
        buf_init(&text, LIMIT_TEXT_BYTES);
        provider->setup(&text, remove);
        manifest_next(&object);
        json_put_string(out, remove ? STR("remove") : STR("make"));
        buf_lit(out, ": ");
        json_put_string(out, buf_view(&text));
    }
    manifest_close(&object, '}');
}

static void manifest_provider(struct buf *out, int indent,
                              const struct cdc_provider *provider)
{
    struct manifest_list object = manifest_open(out, indent, '{');
    manifest_member(&object, "summary", provider->summary);
    manifest_key(out, indent + 1, "connection");
    if (provider->connection_help)
        json_put_string(out, str_from(provider->connection_help));
    else
        buf_lit(out, "null");
    manifest_key(out, indent + 1, "required");
    manifest_wants(out, provider);
    manifest_key(out, indent + 1, "fields");
    manifest_fields(out, indent + 1, provider->options, NULL);
    manifest_setup(out, indent + 1, provider);
    manifest_close(&object, '}');
}

static void manifest_missing(struct buf *out, int indent, const struct cdc_missing *missing)
{
    struct manifest_list object = manifest_open(out, indent, '{');
    manifest_member(&object, "missing", missing->reason);
    manifest_close(&object, '}');
}

static void manifest_providers(struct buf *out, int indent)
{
    struct manifest_list list = manifest_open(out, indent, '{');
    for (size_t i = 0; catalog_providers[i]; i++) {
        manifest_next(&list);
        json_put_string(out, str_from(catalog_providers[i]->name));
        buf_lit(out, ": ");
        manifest_provider(out, indent + 1, catalog_providers[i]);
    }
    for (size_t i = 0; catalog_missing[i].name; i++) {
        manifest_next(&list);
        json_put_string(out, str_from(catalog_missing[i].name));
        buf_lit(out, ": ");
        manifest_missing(out, indent + 1, &catalog_missing[i]);
    }
    manifest_close(&list, '}');
}

/* What may stand in "options": common to all sources, and by provider. */
static void manifest_variants(struct buf *out, int indent)
{
    struct manifest_list object = manifest_open(out, indent, '{');
    manifest_member(&object, "field", "options");
    manifest_member(&object, "by", "provider");
    manifest_key(out, indent + 1, "common");
    manifest_fields(out, indent + 1, settings_core_options, NULL);
    manifest_key(out, indent + 1, "values");
    manifest_providers(out, indent + 1);
    manifest_close(&object, '}');
}

static void manifest_type(struct buf *out, int indent, const struct cdc_description *about)
{
    struct manifest_list object = manifest_open(out, indent, '{');
    manifest_member(&object, "type", about->type);
    manifest_member(&object, "label", about->label);
    manifest_member(&object, "category", "Data Engineering");
    manifest_member(&object, "summary", about->summary);
    manifest_key(out, indent + 1, "fields");
    manifest_fields(out, indent + 1, about->inputs, about);
    if (about->outputs) {
        manifest_key(out, indent + 1, "outputs");
        manifest_outputs(out, indent + 1, about->outputs);
    }
    if (about->takes_options) {
        manifest_key(out, indent + 1, "variants");
        /* Written once, at the module; other types refer to it. */
        if (about == &module_source_about)
            manifest_variants(out, indent + 1);
        else
            json_put_string(out, str_from(module_source_about.type));
    }
    manifest_close(&object, '}');
}

static void manifest_steps(struct buf *out, int indent)
{
    struct manifest_list list = manifest_open(out, indent, '[');
    for (size_t i = 0; catalog_steps[i]; i++) {
        manifest_next(&list);
        manifest_type(out, indent + 1, &catalog_steps[i]->about);
    }
    manifest_close(&list, ']');
}

static void manifest_one(struct buf *out, int indent, const struct cdc_description *about)
{
    struct manifest_list list = manifest_open(out, indent, '[');
    manifest_next(&list);
    manifest_type(out, indent + 1, about);
    manifest_close(&list, ']');
}

void manifest_write(struct buf *out)
{
    struct manifest_list object = manifest_open(out, 0, '{');
    manifest_member(&object, "name", "workflow-plugin-cdc");
    manifest_member(&object, "version", CDC_VERSION);
    manifest_key(out, 1, "abi");
    buf_i64(out, WF_ABI_VERSION);
    manifest_member(&object, "description",
                    "Change data capture: a row changes in a database, a workflow runs");
    manifest_member(&object, "author", "workflow-plugin-cdc contributors");
    manifest_member(&object, "license", "MIT");
    manifest_key(out, 1, "modules");
    manifest_one(out, 1, &module_source_about);
    manifest_key(out, 1, "steps");
    manifest_steps(out, 1);
    manifest_key(out, 1, "triggers");
    manifest_one(out, 1, &trigger_cdc_about);
    manifest_close(&object, '}');
    buf_byte(out, '\n');
}
