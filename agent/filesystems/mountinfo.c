/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/filesystems/mountinfo.h"

#include <string.h>
#include <sys/sysmacros.h>

#include "protocol/error.h"

struct _LullMountTree {
    GHashTable *by_id;    /* id -> LullMount */
    GHashTable *children; /* "parent:mountpoint" -> LullMount, the uppermost */
    const LullMount *root;
};

static void
mount_free(LullMount *self)
{
    if (!self)
        return;
    g_free(self->root);
    g_free(self->mountpoint);
    g_free(self->type);
    g_free(self->source);
    g_free(self->options);
    g_free(self);
}

static gboolean
is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* The kernel writes space, tab, newline, backslash and others as \ooo. */
char *
lull_mount_unescape(const char *text)
{
    GString *out = g_string_new(NULL);

    for (const char *at = text; *at; at++) {
        if (at[0] == '\\' && is_octal(at[1]) && is_octal(at[2]) && is_octal(at[3])) {
            const int byte = (at[1] - '0') * 64 + (at[2] - '0') * 8 + (at[3] - '0');

            if (byte > 0 && byte < 256) {
                g_string_append_c(out, (char)byte);
                at += 3;
                continue;
            }
        }
        g_string_append_c(out, *at);
    }
    return g_string_free(out, FALSE);
}

static gboolean
read_number(const char *text, guint64 max, guint64 *ret_value)
{
    return g_ascii_string_to_unsigned(text, 10, 0, max, ret_value, NULL);
}

static gboolean
read_device(const char *text, dev_t *ret_device)
{
    g_auto(GStrv) parts = g_strsplit(text, ":", 3);
    guint64 major_number;
    guint64 minor_number;

    if (g_strv_length(parts) != 2 || !read_number(parts[0], G_MAXUINT32, &major_number) ||
        !read_number(parts[1], G_MAXUINT32, &minor_number))
        return FALSE;
    *ret_device = makedev((guint)major_number, (guint)minor_number);
    return TRUE;
}

static gboolean
has_option(const char *options, const char *wanted)
{
    g_auto(GStrv) list = g_strsplit(options, ",", -1);

    return g_strv_contains((const char *const *)list, wanted);
}

/* id parent major:minor root mountpoint options [optional...] - type source super-options */
static LullMount *
parse_line(const char *line)
{
    g_auto(GStrv) fields = g_strsplit(line, " ", -1);
    const guint n = g_strv_length(fields);
    guint dash = 6;
    guint64 id;
    guint64 parent;
    dev_t device;

    while (dash < n && !g_str_equal(fields[dash], "-"))
        dash++;
    if (dash + 3 >= n || fields[4][0] != '/' || !read_number(fields[0], G_MAXINT, &id) ||
        !read_number(fields[1], G_MAXINT, &parent) || !read_device(fields[2], &device))
        return NULL;

    LullMount *self = g_new0(LullMount, 1);

    self->id = (int)id;
    self->parent = (int)parent;
    self->device = device;
    self->root = lull_mount_unescape(fields[3]);
    self->mountpoint = lull_mount_unescape(fields[4]);
    self->type = lull_mount_unescape(fields[dash + 1]);
    self->source = lull_mount_unescape(fields[dash + 2]);
    self->options = g_strdup(fields[dash + 3]);
    self->read_only = has_option(fields[dash + 3], "ro");
    return self;
}

GPtrArray *
lull_mountinfo_parse(const char *text, GError **error)
{
    g_autoptr(GPtrArray) mounts = g_ptr_array_new_with_free_func((GDestroyNotify)mount_free);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i]; i++) {
        LullMount *mount = lines[i][0] ? parse_line(lines[i]) : NULL;

        if (mount) {
            g_ptr_array_add(mounts, mount);
        } else if (lines[i][0]) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "mount table: line %u is not understood",
                        i + 1);
            return NULL;
        }
    }
    return g_steal_pointer(&mounts);
}

char *
lull_mount_option(const LullMount *mount, const char *name)
{
    g_auto(GStrv) list = g_strsplit(mount->options, ",", -1);
    const gsize length = strlen(name);

    for (guint i = 0; list[i]; i++)
        if (strncmp(list[i], name, length) == 0 && list[i][length] == '=')
            return lull_mount_unescape(list[i] + length + 1);
    return NULL;
}

GPtrArray *
lull_mountinfo_read(const char *path, GError **error)
{
    g_autofree char *text = NULL;

    if (!g_file_get_contents(path, &text, NULL, error)) {
        g_prefix_error(error, "mount table: ");
        return NULL;
    }
    return lull_mountinfo_parse(text, error);
}

static char *
child_key(int parent, const char *mountpoint)
{
    return g_strdup_printf("%d:%s", parent, mountpoint);
}

LullMountTree *
lull_mount_tree_new(GPtrArray *mounts)
{
    LullMountTree *self = g_new0(LullMountTree, 1);

    self->by_id = g_hash_table_new(NULL, NULL);
    self->children = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    for (guint i = 0; i < mounts->len; i++) {
        LullMount *mount = g_ptr_array_index(mounts, i);

        g_hash_table_insert(self->by_id, GINT_TO_POINTER(mount->id), mount);
        if (mount->id != mount->parent)
            g_hash_table_insert(self->children, child_key(mount->parent, mount->mountpoint), mount);
    }
    for (guint i = 0; i < mounts->len && !self->root; i++) {
        const LullMount *mount = g_ptr_array_index(mounts, i);

        if (g_str_equal(mount->mountpoint, "/") && !lull_mount_tree_parent(self, mount))
            self->root = mount;
    }
    return self;
}

void
lull_mount_tree_free(LullMountTree *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->by_id);
    g_hash_table_unref(self->children);
    g_free(self);
}

const LullMount *
lull_mount_tree_parent(const LullMountTree *self, const LullMount *mount)
{
    return mount->id == mount->parent ? NULL
                                      : g_hash_table_lookup(self->by_id, GINT_TO_POINTER(mount->parent));
}

/* Climbs from @mount over whatever is mounted at @path on it, and on that, and so on. Bounded, since a
 * hostile table could have a ring. */
static const LullMount *
climb(const LullMountTree *self, const LullMount *mount, const char *path)
{
    for (guint i = 0; i <= g_hash_table_size(self->by_id); i++) {
        g_autofree char *key = child_key(mount->id, path);
        const LullMount *upper = g_hash_table_lookup(self->children, key);

        if (!upper)
            break;
        mount = upper;
    }
    return mount;
}

const LullMount *
lull_mount_tree_resolve(const LullMountTree *self, const char *path)
{
    g_autofree char *walked = NULL;
    const LullMount *mount;

    if (!self->root || path[0] != '/')
        return NULL;
    walked = lull_path_normalize(path);
    mount = climb(self, self->root, "/");
    for (char *slash = strchr(walked + 1, '/'); walked[1]; slash = strchr(slash + 1, '/')) {
        if (slash)
            *slash = '\0';
        mount = climb(self, mount, walked);
        if (!slash)
            break;
        *slash = '/';
    }
    return mount;
}

char *
lull_path_normalize(const char *path)
{
    GString *out = g_string_new(NULL);

    for (const char *at = path; *at; at++)
        if (*at != '/' || out->len == 0 || out->str[out->len - 1] != '/')
            g_string_append_c(out, *at);
    if (out->len > 1 && out->str[out->len - 1] == '/')
        g_string_truncate(out, out->len - 1);
    return g_string_free(out, FALSE);
}
