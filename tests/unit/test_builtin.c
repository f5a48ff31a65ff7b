/* SPDX-License-Identifier: MIT
 *
 * The lists of built-in types, and docs/steps.md, which must name every type and every key.
 */
#include <check.h>

#include "base/buf.h"
#include "base/str.h"
#include "host/builtin.h"
#include "tests/support/run.h"

static struct buf page;

static void read_page(void)
{
    char chunk[4096];
    size_t got;
    buf_init(&page, 1024 * 1024);
    FILE *file = fopen(SOURCE_DIR "/docs/steps.md", "r");
    ck_assert_ptr_nonnull(file);
    while ((got = fread(chunk, 1, sizeof chunk, file)) > 0)
        buf_append(&page, chunk, got);
    fclose(file);
    ck_assert(!page.broken);
}

static void forget_page(void)
{
    buf_release(&page);
}

/* The part of the page from the type's heading to the next heading of that level. */
static wf_str section(const char *type)
{
    struct buf heading;
    buf_init(&heading, 256);
    buf_printf(&heading, "\n### `%s`\n", type);
    ptrdiff_t at = str_find(buf_view(&page), buf_view(&heading));
    ck_assert_msg(at >= 0, "docs/steps.md has no heading ### `%s`", type);
    wf_str rest = str_slice(buf_view(&page), (size_t)at + heading.len, page.len);
    ptrdiff_t end = str_find(rest, STR("\n##"));
    buf_release(&heading);
    return end < 0 ? rest : str_slice(rest, 0, (size_t)end);
}

static void check_type(const char *type, const char *summary, const struct config_key *keys)
{
    wf_str text = section(type);
    ck_assert_msg(str_find(text, str_from(summary)) >= 0, "%s: \"%s\" is missing", type,
                  summary);
    for (size_t i = 0; keys[i].name; i++) {
        struct buf row;
        buf_init(&row, 256);
        buf_printf(&row, "\n| `%s` | %s%s%s |", keys[i].name, keys[i].type,
                   keys[i].required ? ", required" : "",
                   keys[i].templated ? ", templated" : "");
        ck_assert_msg(str_find(text, buf_view(&row)) >= 0, "%s: no row \"%s\"", type,
                      buf_c(&row) + 1);
        buf_release(&row);
        ck_assert_msg(str_trim(str_from(keys[i].help)).len > 0, "%s.%s: no help", type,
                      keys[i].name);
    }
}

START_TEST(the_page_describes_every_type_and_key)
{
    for (size_t i = 0; builtin_modules[i]; i++)
        check_type(builtin_modules[i]->type, builtin_modules[i]->summary,
                   builtin_modules[i]->keys);
    for (size_t i = 0; builtin_steps[i]; i++)
        check_type(builtin_steps[i]->type, builtin_steps[i]->summary,
                   builtin_steps[i]->keys);
    for (size_t i = 0; builtin_triggers[i]; i++)
        check_type(builtin_triggers[i]->type, builtin_triggers[i]->summary,
                   builtin_triggers[i]->keys);
}
END_TEST

START_TEST(every_table_is_complete)
{
    for (size_t i = 0; builtin_modules[i]; i++) {
        ck_assert(builtin_modules[i]->create && builtin_modules[i]->free);
        ck_assert_int_eq(!builtin_modules[i]->start, !builtin_modules[i]->stop);
    }
    for (size_t i = 0; builtin_steps[i]; i++) {
        ck_assert(builtin_steps[i]->create && builtin_steps[i]->run &&
                  builtin_steps[i]->free);
        ck_assert(str_starts(str_from(builtin_steps[i]->type), STR("step.")));
    }
    for (size_t i = 0; builtin_triggers[i]; i++)
        ck_assert(builtin_triggers[i]->create && builtin_triggers[i]->start &&
                  builtin_triggers[i]->stop && builtin_triggers[i]->free);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("builtin");
    TCase *t = tcase_create("lists");
    tcase_add_checked_fixture(t, read_page, forget_page);
    tcase_add_test(t, the_page_describes_every_type_and_key);
    tcase_add_test(t, every_table_is_complete);
    suite_add_tcase(suite, t);
    return suite;
}
