/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/filesystems/graph.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

struct _LullGraph {
    GHashTable *blocks; /* dev_t as pointer -> LullBlock */
};

static gpointer
key_of(dev_t number)
{
    return GSIZE_TO_POINTER((gsize)number);
}

static void
block_free(LullBlock *self)
{
    lull_device_free(self->device);
    g_ptr_array_unref(self->lower);
    g_free(self);
}

LullGraph *
lull_graph_new(void)
{
    LullGraph *self = g_new0(LullGraph, 1);

    self->blocks = g_hash_table_new_full(NULL, NULL, NULL, (GDestroyNotify)block_free);
    return self;
}

void
lull_graph_free(LullGraph *self)
{
    if (!self)
        return;
    g_hash_table_unref(self->blocks);
    g_free(self);
}

static LullBlock *
find(const LullGraph *self, dev_t number)
{
    return g_hash_table_lookup(self->blocks, key_of(number));
}

static LullBlock *
add(LullGraph *self, dev_t number)
{
    LullBlock *block;

    if (g_hash_table_size(self->blocks) >= LULL_GRAPH_MAX_BLOCKS)
        return NULL;
    block = g_new0(LullBlock, 1);
    block->number = number;
    block->lower = g_ptr_array_new();
    g_hash_table_insert(self->blocks, key_of(number), block);
    return block;
}

const LullBlock *
lull_graph_add(LullGraph *self, dev_t number, LullDevice *take)
{
    LullBlock *block = find(self, number);

    if (!block)
        block = add(self, number);
    if (block && !block->device)
        block->device = take;
    else
        lull_device_free(take);
    return block;
}

/* ------- sysfs */

/* The number in a file such as "252:1\n". */
static gboolean
read_number(const char *path, dev_t *ret_number)
{
    g_autofree char *text = NULL;
    guint major_number;
    guint minor_number;

    if (!g_file_get_contents(path, &text, NULL, NULL) ||
        sscanf(text, "%u:%u", &major_number, &minor_number) != 2)
        return FALSE;
    *ret_number = makedev(major_number, minor_number);
    return TRUE;
}

/* @block stands on the device whose number is in @path, and that is to be read if it is a new one. */
static void
link_to(LullGraph *self, LullBlock *block, const char *path, GQueue *unread)
{
    LullBlock *lower = NULL;
    dev_t number;

    if (block->lower->len < LULL_GRAPH_MAX_LOWER && read_number(path, &number)) {
        lower = find(self, number);
        if (!lower && (lower = add(self, number)))
            g_queue_push_tail(unread, lower);
    }
    if (lower)
        g_ptr_array_add(block->lower, lower);
    else
        block->incomplete = TRUE;
}

static int
compare_names(gconstpointer a, gconstpointer b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Names in a folder in a fixed order, one more than may be. */
static GPtrArray *
list_folder(const char *folder)
{
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GDir *dir = g_dir_open(folder, 0, NULL);
    const char *name;

    while (dir && names->len <= LULL_GRAPH_MAX_LOWER && (name = g_dir_read_name(dir)))
        g_ptr_array_add(names, g_strdup(name));
    if (dir)
        g_dir_close(dir);
    g_ptr_array_sort(names, compare_names);
    return names;
}

static void
read_block(LullGraph *self, const char *root, LullBlock *block, GQueue *unread)
{
    g_autofree char *folder =
        g_strdup_printf("%s/sys/dev/block/%u:%u", root, major(block->number), minor(block->number));
    g_autofree char *partition = g_build_filename(folder, "partition", NULL);
    g_autofree char *slaves = g_build_filename(folder, "slaves", NULL);
    g_autoptr(GPtrArray) names = NULL;

    block->device = lull_device_read(root, block->number);
    if (!block->device->is_virtual)
        return;
    if (g_file_test(partition, G_FILE_TEST_EXISTS)) {
        g_autofree char *whole = g_build_filename(folder, "..", "dev", NULL);

        link_to(self, block, whole, unread);
        return;
    }
    names = list_folder(slaves);
    for (guint i = 0; i < names->len; i++) {
        g_autofree char *lower = g_build_filename(slaves, g_ptr_array_index(names, i), "dev", NULL);

        link_to(self, block, lower, unread);
    }
}

const LullBlock *
lull_graph_read(LullGraph *self, const char *root, dev_t number)
{
    LullBlock *top = find(self, number);
    GQueue unread = G_QUEUE_INIT;
    LullBlock *block;

    if (top || !(top = add(self, number)))
        return top;
    g_queue_push_tail(&unread, top);
    while ((block = g_queue_pop_head(&unread)))
        read_block(self, root, block, &unread);
    return top;
}

/* A mapped device's other name. */
static gboolean
find_mapped(const char *root, const char *name, dev_t *ret_number)
{
    g_autofree char *folder = g_strconcat(root, "/sys/class/block", NULL);
    GDir *dir = g_dir_open(folder, 0, NULL);
    gboolean found = FALSE;
    const char *entry;

    while (dir && !found && (entry = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(folder, entry, "dm", "name", NULL);
        g_autofree char *number = g_build_filename(folder, entry, "dev", NULL);
        g_autofree char *text = NULL;

        found = g_str_has_prefix(entry, "dm-") && g_file_get_contents(path, &text, NULL, NULL) &&
                g_str_equal(g_strstrip(text), name) && read_number(number, ret_number);
    }
    if (dir)
        g_dir_close(dir);
    return found;
}

gboolean
lull_block_find(const char *root, const char *path, dev_t *ret_number)
{
    g_autofree char *name = NULL;
    g_autofree char *number = NULL;
    struct stat st;

    if (!g_str_has_prefix(path, "/dev/"))
        return FALSE;
    name = g_strdelimit(g_strdup(path + strlen("/dev/")), "/", '!');
    number = g_strconcat(root, "/sys/class/block/", name, "/dev", NULL);
    if (read_number(number, ret_number))
        return TRUE;
    if (g_str_has_prefix(path, "/dev/mapper/") &&
        find_mapped(root, path + strlen("/dev/mapper/"), ret_number))
        return TRUE;
    if (*root || stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
        return FALSE;
    *ret_number = st.st_rdev;
    return TRUE;
}

/* ------- reading the graph */

LullBlockKind
lull_block_kind(const LullBlock *self)
{
    const LullDevice *device = self->device;

    if (self->incomplete || !device)
        return LULL_BLOCK_UNKNOWN;
    if (self->lower->len > 0)
        return LULL_BLOCK_STACKED;
    if (!device->is_virtual)
        return LULL_BLOCK_DISK;
    if (device->backing_file)
        return LULL_BLOCK_LOOP;
    if (g_str_has_prefix(device->name, "ram") || g_str_has_prefix(device->name, "zram"))
        return LULL_BLOCK_MEMORY;
    return LULL_BLOCK_UNKNOWN;
}

GPtrArray *
lull_block_closure(const LullBlock *top)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(NULL, NULL);
    GPtrArray *closure = g_ptr_array_new();

    g_hash_table_add(seen, (gpointer)top);
    g_ptr_array_add(closure, (gpointer)top);
    for (guint i = 0; i < closure->len; i++) {
        const LullBlock *block = g_ptr_array_index(closure, i);

        for (guint k = 0; k < block->lower->len; k++)
            if (g_hash_table_add(seen, g_ptr_array_index(block->lower, k)))
                g_ptr_array_add(closure, g_ptr_array_index(block->lower, k));
    }
    return closure;
}
