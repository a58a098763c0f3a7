/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/filesystems/stack.h"

#define VIEWS_MAX 16 /* of views upon views; the kernel allows two */

typedef struct {
    const LullSurvey *survey;
    LullStack *stack;
    GHashTable *seen;   /* LullBlock */
    GPtrArray *blocks;  /* LullBlock, to be walked down */
    gboolean in_memory; /* some of it is */
} Walk;

static gpointer
superblock_key(const LullMount *mount)
{
    return GSIZE_TO_POINTER((gsize)mount->device);
}

const LullMount *
lull_stack_holder(const LullSurvey *survey, const char *path)
{
    g_autofree char *at = g_strdup(path);

    for (guint i = 0; at && i < VIEWS_MAX; i++) {
        const LullMount *mount = lull_mount_tree_resolve(survey->tree, at);

        if (!mount || !lull_filesystem_is_view(mount->type))
            return mount;
        g_free(at);
        at = lull_mount_option(mount, "upperdir");
    }
    return NULL;
}

static void
add_block(Walk *walk, const LullBlock *block)
{
    if (g_hash_table_add(walk->seen, (gpointer)block))
        g_ptr_array_add(walk->blocks, (gpointer)block);
}

static void
add_mount(Walk *walk, const LullMount *mount)
{
    const GPtrArray *blocks = lull_survey_blocks(walk->survey, mount);

    if (g_hash_table_contains(walk->survey->lost, superblock_key(mount)))
        walk->stack->unknown = TRUE;
    for (guint i = 0; blocks && i < blocks->len; i++)
        add_block(walk, g_ptr_array_index(blocks, i));
    if (blocks)
        return;
    if (g_str_equal(mount->type, "tmpfs") || g_str_equal(mount->type, "ramfs"))
        walk->in_memory = TRUE;
    else
        walk->stack->unknown = TRUE;
}

static void
add_file(Walk *walk, const char *path)
{
    const LullMount *holder = lull_stack_holder(walk->survey, path);

    if (!holder)
        walk->stack->unknown = TRUE;
    else if (g_hash_table_add(walk->stack->below, superblock_key(holder)))
        add_mount(walk, holder);
}

static void
look_at(Walk *walk, const LullBlock *block)
{
    for (guint i = 0; i < block->lower->len; i++)
        add_block(walk, g_ptr_array_index(block->lower, i));
    switch (lull_block_kind(block)) {
    case LULL_BLOCK_UNKNOWN:
        walk->stack->unknown = TRUE;
        break;
    case LULL_BLOCK_DISK:
        g_ptr_array_add(walk->stack->disks, block->device);
        break;
    case LULL_BLOCK_LOOP:
        add_file(walk, block->device->backing_file);
        break;
    case LULL_BLOCK_MEMORY:
        walk->in_memory = TRUE;
        break;
    case LULL_BLOCK_STACKED:
        break;
    }
}

static void
walk_begin(Walk *walk, const LullSurvey *survey)
{
    *walk = (Walk){survey, g_new0(LullStack, 1), g_hash_table_new(NULL, NULL), g_ptr_array_new(), FALSE};
    walk->stack->disks = g_ptr_array_new();
    walk->stack->below = g_hash_table_new(NULL, NULL);
}

/* Everything is looked at once, so rings end and no depth matters. */
static LullStack *
walk_down(Walk *walk)
{
    LullStack *stack = walk->stack;

    for (guint i = 0; i < walk->blocks->len; i++)
        look_at(walk, g_ptr_array_index(walk->blocks, i));
    if (stack->disks->len == 0 && !walk->in_memory)
        stack->unknown = TRUE; /* a ring */
    stack->is_in_memory = stack->disks->len == 0 && !stack->unknown;
    g_ptr_array_unref(walk->blocks);
    g_hash_table_unref(walk->seen);
    return stack;
}

LullStack *
lull_stack_of_mount(const LullSurvey *survey, const LullMount *mount)
{
    Walk walk;

    walk_begin(&walk, survey);
    add_mount(&walk, mount);
    return walk_down(&walk);
}

LullStack *
lull_stack_of_swap(const LullSurvey *survey, const LullSwap *swap)
{
    Walk walk;

    walk_begin(&walk, survey);
    if (swap->is_file)
        add_file(&walk, swap->path);
    else if (swap->block)
        add_block(&walk, swap->block);
    else
        walk.stack->unknown = TRUE;
    return walk_down(&walk);
}

void
lull_stack_free(LullStack *self)
{
    if (!self)
        return;
    g_ptr_array_unref(self->disks);
    g_hash_table_unref(self->below);
    g_free(self);
}
