/* SPDX-License-Identifier: MIT
 *
 * config_import - a configuration file with what it imports.
 *
 * `imports` is a list of paths relative to the file they stand in.  What the importing file
 * says wins: maps are united key by key, lists of named things (modules) name by name,
 * everything else is taken only where the importing file is silent.  A file may be imported
 * twice, but not by itself.
 */
#include "host/config_import.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "host/config_yaml.h"

/* The files from the main one to the one being read. */
struct config_import {
    const struct config_import *importer; /* NULL for the main file */
    const char *file;                     /* as named in messages */
    char *real;                           /* absolute, for telling rings */
};

struct config_imports {
    struct arena *arena;
    struct problems *problems;
    unsigned files;
};

static const struct node *config_import_file(struct config_imports *all,
                                             const struct config_import *importer,
                                             const char *file, const struct node *said_at);

static bool config_import_no_memory(struct config_imports *all, const char *file)
{
    problems_add_at(all->problems, file, 0, 0, "out of memory while reading it");
    return false;
}

static void config_import_unreadable(struct config_imports *all, const char *file,
                                     const struct node *said_at, int number)
{
    wf_error err;
    error_errno(&err, WF_CONFIG, number, "cannot read '%s'", file);
    if (said_at)
        problems_add(all->problems, said_at, NULL, "%s", err.text);
    else
        problems_add_at(all->problems, "", 0, 0, "%s", err.text);
}

/* errno on failure. */
static bool config_import_read(const char *file, struct buf *out)
{
    FILE *in = fopen(file, "rbe");
    if (!in)
        return false;
    char block[16384];
    size_t got;
    while ((got = fread(block, 1, sizeof(block), in)) > 0)
        buf_append(out, block, got);
    int number = ferror(in) ? (errno ? errno : EIO) : out->broken ? EFBIG : 0;
    fclose(in);
    errno = number;
    return !number;
}

/* "dir/of/importer" + path, kept in the arena. */
static const char *config_import_path(struct config_imports *all, const char *importer,
                                      wf_str path)
{
    CDC_CLEANUP(buf_release) struct buf joined;
    buf_init(&joined, PATH_MAX);
    const char *slash = strrchr(importer, '/');
    if (path.ptr[0] != '/' && slash)
        buf_append(&joined, importer, (size_t)(slash - importer) + 1);
    buf_str(&joined, path);
    buf_byte(&joined, '\0');
    if (joined.broken)
        return NULL;
    return arena_str(all->arena, buf_view(&joined)).ptr;
}

static struct node *config_import_map(struct config_imports *all, const struct node *place,
                                      size_t room)
{
    struct node *node = arena_alloc(all->arena, sizeof(*node));
    const struct node **children =
        arena_alloc(all->arena, (room + 1) * sizeof(const struct node *));
    if (!node || !children)
        return NULL;
    *node = *place;
    node->children = children;
    node->count = 0;
    return node;
}

/* All of `mine`, then the members of `other` that it has not; members both have go through
 * `join`, NULL: mine. */
static const struct node *config_import_unite(
    struct config_imports *all, const struct node *mine, const struct node *other,
    const struct node *(*join)(struct config_imports *, const struct node *,
                               const struct node *))
{
    struct node *out = config_import_map(all, mine, mine->count + other->count);
    struct value *map = value_map(all->arena, mine->count + other->count);
    if (!out || !map)
        return NULL;
    out->value = map;
    for (size_t i = 0; i < mine->count + other->count; i++) {
        bool own = i < mine->count;
        const struct node *from = own ? mine : other;
        size_t at = own ? i : i - mine->count;
        wf_str key = from->value->map.members[at].key;
        const struct node *theirs = own && join ? node_find(other, key) : NULL;
        const struct node *child = from->children[at];
        if (!own && node_find(mine, key))
            continue;
        if (theirs && !(child = join(all, child, theirs)))
            return NULL;
        if (!value_set(all->arena, map, key, child->value))
            return NULL;
        out->children[out->count++] = child;
    }
    return out;
}

static bool config_import_has_name(const struct node *list, wf_str name)
{
    for (size_t i = 0; i < list->count && name.len; i++)
        if (str_eq(node_text(node_get(list->children[i], "name")), name))
            return true;
    return false;
}

/* Lists: mine, then theirs without those whose `name` is mine. */
static const struct node *config_import_append(struct config_imports *all,
                                               const struct node *mine,
                                               const struct node *theirs)
{
    size_t room = mine->count + theirs->count;
    struct node *out = config_import_map(all, mine, room);
    const struct value **items = arena_alloc(all->arena, (room + 1) * sizeof(*items));
    if (!out || !items)
        return NULL;
    for (size_t i = 0; i < room; i++) {
        bool own = i < mine->count;
        const struct node *child =
            own ? mine->children[i] : theirs->children[i - mine->count];
        if (!own && config_import_has_name(mine, node_text(node_get(child, "name"))))
            continue;
        items[out->count] = child->value;
        out->children[out->count++] = child;
    }
    out->value = value_list(all->arena, items, out->count);
    return out->value ? out : NULL;
}

/* One top-level key that both files have. */
static const struct node *config_import_join(struct config_imports *all,
                                             const struct node *mine,
                                             const struct node *theirs)
{
    enum value_kind kind = mine->value->kind;
    if (kind == VALUE_MAP && theirs->value->kind == VALUE_MAP)
        return config_import_unite(all, mine, theirs, NULL);
    if (kind == VALUE_LIST && theirs->value->kind == VALUE_LIST &&
        !str_is(mine->key, "imports"))
        return config_import_append(all, mine, theirs);
    return mine;
}

/* The root with everything from its `imports` below it; NULL: out of memory. */
static const struct node *config_import_all(struct config_imports *all,
                                            const struct config_import *self,
                                            const struct node *root)
{
    const struct node *imports = node_get(root, "imports");
    if (!imports || imports->value->kind == VALUE_NULL)
        return root;
    if (imports->value->kind != VALUE_LIST) {
        problems_add(all->problems, imports, NULL, "must be a list of files, not %s",
                     node_kind_name(imports));
        return root;
    }
    for (size_t i = 0; i < imports->count; i++) {
        wf_str path = node_text(imports->children[i]);
        if (!path.len || memchr(path.ptr, '\0', path.len)) {
            problems_add(all->problems, imports->children[i], NULL,
                         "must be the name of a file");
            continue;
        }
        const char *file = config_import_path(all, self->file, path);
        const struct node *other =
            file ? config_import_file(all, self, file, imports->children[i]) : NULL;
        if (!other)
            continue;
        root = config_import_unite(all, root, other, config_import_join);
        if (!root) {
            config_import_no_memory(all, self->file);
            return NULL;
        }
    }
    return root;
}

static bool config_import_is_ring(struct config_imports *all,
                                  const struct config_import *self,
                                  const struct node *said_at)
{
    for (const struct config_import *up = self->importer; up; up = up->importer) {
        if (strcmp(up->real, self->real) != 0)
            continue;
        problems_add(all->problems, said_at, NULL, "'%s' imports itself, by way of '%s'",
                     up->file, self->importer->file);
        return true;
    }
    return false;
}

static const struct node *config_import_open(struct config_imports *all,
                                             const struct config_import *self,
                                             const struct node *said_at)
{
    CDC_CLEANUP(buf_release) struct buf text;
    buf_init(&text, CONFIG_FILE_BYTES);
    if (config_import_is_ring(all, self, said_at))
        return NULL;
    if (!config_import_read(self->file, &text)) {
        config_import_unreadable(all, self->file, said_at, errno);
        return NULL;
    }
    const struct node *root =
        config_yaml_read(all->arena, buf_view(&text), self->file, all->problems);
    return root ? config_import_all(all, self, root) : NULL;
}

static const struct node *config_import_file(struct config_imports *all,
                                             const struct config_import *importer,
                                             const char *file, const struct node *said_at)
{
    if (++all->files > CONFIG_IMPORTS) {
        problems_add(all->problems, said_at, NULL,
                     "more than %u files in one configuration", CONFIG_IMPORTS);
        return NULL;
    }
    struct config_import self = {.importer = importer, .file = file};
    self.real = realpath(file, NULL);
    if (!self.real) {
        config_import_unreadable(all, file, said_at, errno);
        return NULL;
    }
    const struct node *root = config_import_open(all, &self, said_at);
    free(self.real);
    return root;
}

const struct node *config_import_load(struct arena *a, const char *path,
                                      struct problems *problems)
{
    struct config_imports all = {.arena = a, .problems = problems};
    wf_str copy = arena_str(a, (wf_str){path, strlen(path) + 1});
    if (!copy.ptr) {
        config_import_no_memory(&all, path);
        return NULL;
    }
    return config_import_file(&all, NULL, copy.ptr, NULL);
}
