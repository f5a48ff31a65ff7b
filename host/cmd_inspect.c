/* SPDX-License-Identifier: MIT
 *
 * cmd_inspect - `wfhost inspect`: what a plugin's manifest says, as a person reads it.
 */
#include "base/error.h"
#include "base/limits.h"
#include "base/str.h"
#include "host/builtin.h"
#include "host/commands.h"
#include "host/host_log.h"
#include "host/plugin.h"

#define CMD_INSPECT_DEPTH 8 /* of fields within fields */

static wf_str cmd_inspect_text(const struct value *map, const char *key)
{
    const struct value *v = value_get(map, str_from(key));
    return v && v->kind == VALUE_STRING ? v->text : STR_EMPTY;
}

static bool cmd_inspect_is(const struct value *map, const char *key)
{
    const struct value *v = value_get(map, str_from(key));
    return v && v->kind == VALUE_BOOL && v->boolean;
}

static void cmd_inspect_field(struct buf *out, const struct value *field, unsigned depth);

static void cmd_inspect_fields(struct buf *out, const struct value *fields, unsigned depth)
{
    for (size_t i = 0; fields && fields->kind == VALUE_LIST && i < fields->list.count; i++)
        cmd_inspect_field(out, fields->list.items[i], depth);
}

static void cmd_inspect_field(struct buf *out, const struct value *field, unsigned depth)
{
    const struct value *fallback = value_get(field, STR("default"));
    const struct value *choices = value_get(field, STR("choices"));
    wf_str name = cmd_inspect_text(field, "name");
    int indent = 6 + 2 * (int)depth;
    buf_printf(out, "%*s%-*.*s %-9.*s", indent, "", 26 - 2 * (int)depth, STR_ARG(name),
               STR_ARG(cmd_inspect_text(field, "type")));
    buf_byte(out, ' ');
    buf_str(out, cmd_inspect_text(field, "help"));
    if (cmd_inspect_is(field, "required"))
        buf_lit(out, " (required)");
    if (cmd_inspect_is(field, "secret"))
        buf_lit(out, " (secret)");
    if (choices && choices->kind == VALUE_LIST) {
        buf_lit(out, " ");
        value_print(out, choices);
    }
    if (fallback && fallback->kind != VALUE_NULL) {
        buf_lit(out, " (default: ");
        value_print(out, fallback);
        buf_byte(out, ')');
    }
    buf_byte(out, '\n');
    if (depth < CMD_INSPECT_DEPTH)
        cmd_inspect_fields(out, value_get(field, STR("fields")), depth + 1);
}

static wf_str cmd_inspect_summary(const struct value *entry)
{
    wf_str summary = cmd_inspect_text(entry, "summary");
    return summary.len ? summary : cmd_inspect_text(entry, "description");
}

/* host/plugin_schema.h says what they are. */
static void cmd_inspect_variants(struct buf *out, const struct value *rules)
{
    if (rules && rules->kind == VALUE_STRING)
        buf_printf(out, "    and as with %.*s\n", STR_ARG(rules->text));
    wf_str field = cmd_inspect_text(rules, "field");
    wf_str by = cmd_inspect_text(rules, "by");
    const struct value *values = value_get(rules, STR("values"));
    if (!values || values->kind != VALUE_MAP)
        return;
    buf_printf(out, "    %.*s with every %.*s\n", STR_ARG(field), STR_ARG(by));
    cmd_inspect_fields(out, value_get(rules, STR("common")), 0);
    for (size_t i = 0; i < values->map.count; i++) {
        const struct value *variant = values->map.members[i].value;
        wf_str missing = cmd_inspect_text(variant, "missing");
        wf_str summary = cmd_inspect_summary(variant);
        buf_printf(out, "    %.*s with %.*s %.*s: %.*s\n", STR_ARG(field), STR_ARG(by),
                   STR_ARG(values->map.members[i].key),
                   STR_ARG(missing.len ? missing : summary));
        cmd_inspect_fields(out, value_get(variant, STR("fields")), 0);
    }
}

static void cmd_inspect_outputs(struct buf *out, const struct value *entry)
{
    const struct value *outputs = value_get(entry, STR("outputs"));
    for (size_t i = 0; outputs && outputs->kind == VALUE_LIST && i < outputs->list.count;
         i++) {
        const struct value *output = outputs->list.items[i];
        wf_str name =
            output->kind == VALUE_STRING ? output->text : cmd_inspect_text(output, "name");
        buf_printf(out, "      > %-24.*s %-9.*s %.*s\n", STR_ARG(name),
                   STR_ARG(cmd_inspect_text(output, "type")),
                   STR_ARG(cmd_inspect_text(output, "help")));
    }
}

static void cmd_inspect_plugin(struct buf *out, const struct plugin *plugin)
{
    static const char *const words[] = {"module", "step", "trigger"};
    buf_printf(out, "%.*s %.*s\n", STR_ARG(plugin->name), STR_ARG(plugin->version));
    wf_str summary = cmd_inspect_summary(plugin->manifest);
    if (summary.len)
        buf_printf(out, "  %.*s\n", STR_ARG(summary));
    buf_printf(out, "  file: %s\n", plugin->path);
    for (size_t i = 0; i < plugin->type_count; i++) {
        const struct plugin_type *type = &plugin->types[i];
        summary = cmd_inspect_summary(type->schema);
        buf_printf(out, "\n  %s %.*s%s%.*s\n", words[type->kind], STR_ARG(type->name),
                   summary.len ? " - " : "", STR_ARG(summary));
        cmd_inspect_fields(out, value_get(type->schema, STR("fields")), 0);
        cmd_inspect_variants(out, value_get(type->schema, STR("variants")));
        cmd_inspect_outputs(out, type->schema);
    }
}

static void cmd_inspect_key(struct buf *out, const struct config_key *key)
{
    buf_printf(out, "      %-26s %-9s %s%s\n", key->name, key->type, key->help,
               key->required ? " (required)" : "");
}

static void cmd_inspect_builtin(struct buf *out, const char *kind, const char *type,
                                const char *summary, const struct config_key *keys)
{
    buf_printf(out, "\n  %s %s - %s\n", kind, type, summary ? summary : "");
    for (; keys && keys->name; keys++)
        cmd_inspect_key(out, keys);
}

static void cmd_inspect_host(struct buf *out)
{
    buf_lit(out, "built into the host\n");
    for (size_t i = 0; builtin_modules[i]; i++)
        cmd_inspect_builtin(out, "module", builtin_modules[i]->type,
                            builtin_modules[i]->summary, builtin_modules[i]->keys);
    for (size_t i = 0; builtin_steps[i]; i++)
        cmd_inspect_builtin(out, "step", builtin_steps[i]->type, builtin_steps[i]->summary,
                            builtin_steps[i]->keys);
    for (size_t i = 0; builtin_triggers[i]; i++)
        cmd_inspect_builtin(out, "trigger", builtin_triggers[i]->type,
                            builtin_triggers[i]->summary, builtin_triggers[i]->keys);
}

/* The text for one value of the field that the options hang on, e.g. a provider's name. */
static bool cmd_inspect_setup_of(struct buf *out, const struct plugin *plugin, wf_str name,
                                 wf_str what)
{
    for (size_t i = 0; i < plugin->type_count; i++) {
        const struct value *rules = value_get(plugin->types[i].schema, STR("variants"));
        const struct value *variant = value_get(value_get(rules, STR("values")), name);
        const struct value *text = value_get(value_get(variant, STR("setup")), what);
        if (!text || text->kind != VALUE_STRING)
            continue;
        buf_str(out, text->text);
        return true;
    }
    return false;
}

static int cmd_inspect_setup(const struct cli *cli, const struct plugins *plugins)
{
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_OUTPUT_BYTES);
    wf_str name = str_from(cli_value(cli, "setup", NULL));
    wf_str what = cli_has(cli, "remove") ? STR("remove") : STR("make");
    bool found = false;
    for (size_t i = 0; i < plugins_count(plugins) && !found; i++)
        found = cmd_inspect_setup_of(&out, plugins_at(plugins, i), name, what);
    if (!found)
        fprintf(stderr,
                "wfhost inspect: there is nothing to be set up by hand for '%.*s'\n",
                STR_ARG(name));
    else if (!out.broken && fputs(buf_c(&out), stdout) >= 0 && !fflush(stdout))
        return CLI_DONE;
    else
        fprintf(stderr, "wfhost inspect: the output could not be written\n");
    return CLI_FAILED;
}

static int cmd_inspect_print(const struct cli *cli, const struct plugins *plugins)
{
    CDC_CLEANUP(buf_release) struct buf out;
    buf_init(&out, LIMIT_OUTPUT_BYTES);
    bool json = cli_has(cli, "json");
    for (size_t i = 0; i < plugins_count(plugins); i++) {
        const struct plugin *plugin = plugins_at(plugins, i);
        if (json)
            buf_str(&out, plugin->manifest_text);
        else
            cmd_inspect_plugin(&out, plugin);
        if (!out.len || out.data[out.len - 1] != '\n' || !json)
            buf_byte(&out, '\n');
    }
    if (!json && !cli->word_count)
        cmd_inspect_host(&out);
    if (!out.broken && fputs(buf_c(&out), stdout) >= 0 && !fflush(stdout))
        return CLI_DONE;
    fprintf(stderr, "wfhost inspect: the output could not be written\n");
    return CLI_FAILED;
}

static int cmd_inspect_main(const struct cli *cli)
{
    wf_error err;
    if (cli_has(cli, "remove") && !cli_has(cli, "setup"))
        return cli_wrong(cli, "'--remove' needs '--setup NAME'");
    struct plugins *plugins = plugins_new();
    struct host_log *log = host_log_open(STDERR_FILENO, false, LOG_WARN, &err);
    wf_status status = WF_OK;
    if (!plugins || !log)
        status = error_no_memory(&err);
    else if (cli->word_count)
        status = plugins_add(plugins, cli->words[0], &err);
    else
        status = plugins_search(plugins, host_log_logger(log), &err);
    int code = CLI_CONFIG;
    if (status)
        fprintf(stderr, "wfhost inspect: %s\n", err.text);
    else
        code = cli_value(cli, "setup", NULL) ? cmd_inspect_setup(cli, plugins)
                                             : cmd_inspect_print(cli, plugins);
    plugins_free(plugins);
    host_log_close(log);
    return code;
}

static const struct cli_option cmd_inspect_switches[] = {
    {"json", NULL, "the manifest as it is"},
    {"setup", "NAME",
     "what may be run at the far side beforehand, e.g. SQL for provider NAME"},
    {"remove", NULL, "with --setup: what takes it away again"},
    {NULL, NULL, NULL},
};

const struct cli_command cmd_inspect = {
    .name = "inspect",
    .arguments = "[FILE.so]",
    .least = 0,
    .most = 1,
    .summary = "Show what a plugin offers: its types and their configuration.",
    .help = "Without a file: all plugins that are found, and what is built into the host.",
    .options = cmd_inspect_switches,
    .run = cmd_inspect_main,
};
