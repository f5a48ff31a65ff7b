/* SPDX-License-Identifier: MIT
 *
 * tail_config - from the command line to JSON.
 */
#include "host/tail_config.h"

#include <errno.h>
#include <ftw.h>

#include "base/error.h"
#include "base/json.h"
#include "base/limits.h"

bool tail_config_options_good(const struct cli *cli)
{
    size_t at = 0;
    for (const char *option; (option = cli_each(cli, "option", &at));) {
        if (option[0] && option[0] != '=' && strchr(option, '='))
            continue;
        cli_wrong(cli, "'--option' is KEY=VALUE, not '%s'", option);
        return false;
    }
    return true;
}

/* Those that are keys of the source itself, not of its options. */
static bool tail_config_is_own(wf_str key)
{
    return str_is(key, "source_id") || str_is(key, "source_type");
}

/* The value of --option <key>=; NULL when it is not given. */
static const char *tail_config_option(const struct cli *cli, const char *key)
{
    size_t at = 0, len = strlen(key);
    const char *found = NULL;
    for (const char *option; (option = cli_each(cli, "option", &at));)
        if (!strncmp(option, key, len) && option[len] == '=')
            found = option + len + 1;
    return found;
}

static void tail_config_tables(struct json_writer *json, const struct cli *cli)
{
    size_t at = 0;
    const char *table = cli_each(cli, "table", &at);
    if (!table)
        return;
    json_open(json, "tables", '[');
    for (; table; table = cli_each(cli, "table", &at))
        json_cstr(json, NULL, table);
    json_close(json, ']');
}

static void tail_config_options(struct json_writer *json, const struct tail_config *config,
                                const struct cli *cli)
{
    json_open(json, "options", '{');
    size_t at = 0;
    for (const char *option; (option = cli_each(cli, "option", &at));) {
        wf_str value = str_from(option), key = STR_EMPTY;
        str_next(&value, '=', &key);
        const char *text = strchr(option, '=') + 1;
        if (tail_config_is_own(key))
            continue;
        json_member_name(json, key);
        json_cstr(json, NULL, text);
    }
    if (config->temporary[0])
        json_cstr(json, "state_dir", config->temporary);
    if (cli_has(cli, "snapshot") && !tail_config_option(cli, "snapshot"))
        json_cstr(json, "snapshot", "initial");
    json_close(json, '}');
}

static wf_status tail_config_module(struct tail_config *config, const struct cli *cli,
                                    wf_error *err)
{
    char folder[PATH_MAX];
    if (!getcwd(folder, sizeof(folder)))
        return error_errno(err, WF_FAILED, errno, "cannot tell the working directory");
    struct json_writer json = json_writer_of(&config->module);
    json_open(&json, NULL, '{');
    json_cstr(&json, "provider", cli->words[0]);
    json_cstr(&json, "connection", cli->words[1]);
    json_cstr(&json, "source_id", config->source_id);
    const char *source_type = tail_config_option(cli, "source_type");
    if (source_type)
        json_cstr(&json, "source_type", source_type);
    tail_config_tables(&json, cli);
    tail_config_options(&json, config, cli);
    json_cstr(&json, "_config_dir", folder);
    json_close(&json, '}');
    return buf_status(&config->module, "the configuration", err);
}

static wf_status tail_config_trigger(struct tail_config *config, const struct cli *cli,
                                     wf_error *err)
{
    struct json_writer json = json_writer_of(&config->trigger);
    json_open(&json, NULL, '{');
    json_cstr(&json, "source_id", config->source_id);
    tail_config_tables(&json, cli);
    json_cstr(&json, "workflowType", "pipeline:tail");
    json_close(&json, '}');
    return buf_status(&config->trigger, "the configuration", err);
}

static wf_status tail_config_folder(struct tail_config *config, wf_error *err)
{
    const char *base = getenv("TMPDIR");
    int len = snprintf(config->temporary, sizeof(config->temporary),
                       "%s/wfhost-tail-XXXXXX", base && base[0] ? base : "/tmp");
    if (len > 0 && (size_t)len < sizeof(config->temporary) && mkdtemp(config->temporary))
        return WF_OK;
    config->temporary[0] = '\0';
    return error_errno(err, WF_FAILED, errno, "cannot make a temporary folder");
}

wf_status tail_config_make(struct tail_config *config, const struct cli *cli, wf_error *err)
{
    buf_init(&config->module, LIMIT_CONFIG_BYTES);
    buf_init(&config->trigger, LIMIT_CONFIG_BYTES);
    config->source_id = tail_config_option(cli, "source_id");
    if (!config->source_id)
        config->source_id = "tail";
    wf_status status = WF_OK;
    if (!tail_config_option(cli, "state_dir"))
        status = tail_config_folder(config, err);
    if (!status)
        status = tail_config_module(config, cli, err);
    if (!status)
        status = tail_config_trigger(config, cli, err);
    return status;
}

void tail_config_step(const struct tail_config *config, const char *more, struct buf *out)
{
    buf_lit(out, "{\"source_id\":");
    json_put_string(out, str_from(config->source_id));
    buf_cstr(out, more);
    buf_byte(out, '}');
}

static int tail_config_remove(const char *path, const struct stat *info, int type,
                              struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

void tail_config_release(struct tail_config *config)
{
    buf_release(&config->module);
    buf_release(&config->trigger);
    if (config->temporary[0])
        nftw(config->temporary, tail_config_remove, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    config->temporary[0] = '\0';
}
