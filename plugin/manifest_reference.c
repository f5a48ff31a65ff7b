/* SPDX-License-Identifier: MIT
 *
 * manifest_reference - docs/configuration.md: a table per type and per provider.
 */
#include "base/str.h"
#include "plugin/catalog.h"
#include "plugin/manifest.h"

/* Text in a table's cell: a bar would end it. */
static void manifest_reference_cell(struct buf *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '|')
            buf_byte(out, '\\');
        buf_byte(out, *text);
    }
}

static void manifest_reference_choices(struct buf *out, const char *choices)
{
    wf_str rest = str_from(choices);
    bool any = false;
    for (wf_str choice; str_next(&rest, '|', &choice); any = true)
        buf_printf(out, "%s`%.*s`", any ? ", " : "", STR_ARG(choice));
}

/* "64 KiB" where it comes out even. */
static void manifest_reference_bytes(struct buf *out, int64_t bytes)
{
    static const char *const units[] = {"", " KiB", " MiB", " GiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && bytes % 1024 == 0 && unit + 1 < CDC_COUNT(units); unit++)
        bytes /= 1024;
    buf_printf(out, "%lld%s", (long long)bytes, units[unit]);
}

static void manifest_reference_duration(struct buf *out, int64_t ms)
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{3600000, "h"}, {60000, "m"}, {1000, "s"}, {1, "ms"}};
    size_t i = 0;
    while (i + 1 < CDC_COUNT(units) && (ms < units[i].ms || ms % units[i].ms))
        i++;
    buf_printf(out, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
}

static void manifest_reference_bound(struct buf *out, const struct cdc_option *row,
                                     int64_t value)
{
    if (row->type == CDC_OPTION_BYTES)
        manifest_reference_bytes(out, value);
    else if (row->type == CDC_OPTION_DURATION)
        manifest_reference_duration(out, value);
    else
        buf_i64(out, value);
}

static bool manifest_reference_is_required(const struct cdc_description *about,
                                           const char *key)
{
    const char *const *required = about ? about->required : NULL;
    for (; required && *required; required++)
        if (str_is(str_from(key), *required))
            return true;
    return false;
}

static void manifest_reference_row(struct buf *out, const struct cdc_option *row,
                                   const char *prefix, bool required)
{
    buf_printf(out, "| `%s%s` | %s | ", prefix, row->key, option_type_text(row->type));
    if (row->fallback)
        buf_printf(out, "`%s`", row->fallback);
    else if (required || row->required)
        buf_lit(out, "required");
    buf_lit(out, " | ");
    if (row->choices)
        manifest_reference_choices(out, row->choices);
    if (row->min || row->max) {
        manifest_reference_bound(out, row, row->min);
        buf_lit(out, " to ");
        manifest_reference_bound(out, row, row->max);
    }
    buf_lit(out, " | ");
    manifest_reference_cell(out, row->help);
    buf_cstr(out, row->secret ? ". Secret: never shown" : "");
    buf_lit(out, " |\n");
}

static void manifest_reference_rows(struct buf *out, const struct cdc_option *rows,
                                    const char *prefix, const struct cdc_description *about)
{
    for (; rows && rows->key; rows++) {
        if (rows->key[0] == '_')
            continue;
        manifest_reference_row(out, rows, prefix,
                               manifest_reference_is_required(about, rows->key));
        const struct cdc_nested *nested = about ? about->nested : NULL;
        for (; nested && nested->key; nested++) {
            char inner[64];
            if (!str_is(str_from(rows->key), nested->key))
                continue;
            snprintf(inner, sizeof inner, "%s.", nested->key);
            manifest_reference_rows(out, nested->rows, inner, NULL);
        }
    }
}

static void manifest_reference_head(struct buf *out)
{
    buf_lit(out, "| key | type | default | range | |\n|---|---|---|---|---|\n");
}

static void manifest_reference_type(struct buf *out, const struct cdc_description *about)
{
    buf_printf(out, "\n## %s\n\n%s.\n\n", about->type, about->summary);
    manifest_reference_head(out);
    manifest_reference_rows(out, about->inputs, "", about);
    if (about->takes_options)
        buf_lit(out, "| `options` | map | | | Options [of every "
                     "source](#options-of-every-source) and "
                     "of the provider |\n");
    if (!about->outputs)
        return;
    buf_lit(out, "\nOutput:\n\n| key | type | |\n|---|---|---|\n");
    for (const struct cdc_output *o = about->outputs; o->name; o++) {
        buf_printf(out, "| `%s` | %s | ", o->name, o->type);
        manifest_reference_cell(out, o->help);
        buf_lit(out, " |\n");
    }
}

static void manifest_reference_provider(struct buf *out,
                                        const struct cdc_provider *provider)
{
    buf_printf(out, "\n### Provider `%s`\n\n%s.\n", provider->name, provider->summary);
    if (provider->connection_help)
        buf_printf(out, "\n`connection`: %s.\n", provider->connection_help);
    else
        buf_lit(out, "\n`connection` is not needed.\n");
    if (!provider->options || !provider->options->key)
        return;
    buf_byte(out, '\n');
    manifest_reference_head(out);
    manifest_reference_rows(out, provider->options, "options.", NULL);
}

static const char manifest_reference_intro[] =
    "# Configuration\n"
    "\n"
    "Every option of every type, written by `scripts/generate` from the tables that the "
    "plugin itself\n"
    "reads. Do not edit.\n"
    "\n"
    "| type | what may be written |\n"
    "|---|---|\n"
    "| string | text |\n"
    "| bool | `true`, `false`, also as text, `1`, `0` |\n"
    "| int, number | a number, also as text |\n"
    "| duration | `500ms`, `30s`, `1m30s`, `2h`; a bare number counts seconds |\n"
    "| bytes | `64KiB`, `16MiB`, `10MB`; a bare number counts bytes |\n"
    "| choice | one of the words under *range* |\n"
    "| list | a list of texts, or one text with commas: `\"a, b\"` |\n"
    "| map | a map |\n"
    "\n"
    "Keys that are not known are let pass, because engines add some of their own; only "
    "inside\n"
    "`options` and `retry` they are an error that names the nearest key. A value of the "
    "wrong type is\n"
    "an error that names its key, never silently the default. Tables are `schema.table`; "
    "`*` stands for\n"
    "any text and `?` for one character, and a name without a dot is meant in any "
    "schema.\n";

void manifest_write_configuration(struct buf *out)
{
    buf_cstr(out, manifest_reference_intro);
    manifest_reference_type(out, &module_source_about);
    buf_lit(out, "\n### Options of every source\n\n");
    manifest_reference_head(out);
    manifest_reference_rows(out, settings_core_options, "options.", NULL);
    for (size_t i = 0; catalog_providers[i]; i++)
        manifest_reference_provider(out, catalog_providers[i]);
    manifest_reference_type(out, &trigger_cdc_about);
    for (size_t i = 0; catalog_steps[i]; i++)
        manifest_reference_type(out, &catalog_steps[i]->about);
}
