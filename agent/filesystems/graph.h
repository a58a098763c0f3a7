/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "agent/filesystems/device.h"

G_BEGIN_DECLS

/* Block devices and what each stands on, as sysfs tells it: mapped devices (LVM, crypt, multipath), md,
 * bcache and others by their `slaves`, partitions of such devices by the folder that they are in. A partition
 * of a disk is the disk's end of the line and has its identity; a loop device is an end too: which file
 * system holds its file, the table of mounts knows (stack.h). */

typedef enum {
    LULL_BLOCK_UNKNOWN =
        0,              /* the kernel's own making, and it does not say of what; or not all of it is known */
    LULL_BLOCK_DISK,    /* hardware */
    LULL_BLOCK_STACKED, /* it stands on others */
    LULL_BLOCK_LOOP,    /* on a file */
    LULL_BLOCK_MEMORY,  /* nothing of it outlives the guest */
} LullBlockKind;

typedef struct {
    dev_t number;
    LullDevice *device;
    GPtrArray *lower;    /* of LullBlock, lent: what it stands on */
    gboolean incomplete; /* it stands on more than that */
} LullBlock;

typedef struct _LullGraph LullGraph;

LullGraph *lull_graph_new(void) G_GNUC_WARN_UNUSED_RESULT;
void lull_graph_free(LullGraph *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullGraph, lull_graph_free)

/* As many as are read; whoever stands on one more is incomplete. */
#define LULL_GRAPH_MAX_BLOCKS 8192
#define LULL_GRAPH_MAX_LOWER  1024

/* Reads the block device and all below it from sysfs under @root ("": the live one). Lent; NULL only where
 * the graph is full. Touches no device. */
const LullBlock *lull_graph_read(LullGraph *self, const char *root, dev_t number);

/* The same by hand, from recorded parts: consumes @device. A number that is there already is kept as it is.
 */
const LullBlock *lull_graph_add(LullGraph *self, dev_t number, LullDevice *take);

LullBlockKind lull_block_kind(const LullBlock *self);

/* @top and everything below it, each once, nearest first; rings end. New array of lent LullBlock. */
GPtrArray *lull_block_closure(const LullBlock *top) G_GNUC_WARN_UNUSED_RESULT;

/* The block device that a path such as "/dev/vda1", "/dev/mapper/vg-lv" or "/dev/disk/by-id/..." names;
 * FALSE: there is none. Only on a live system (@root "") links are followed. */
gboolean lull_block_find(const char *root, const char *path, dev_t *ret_number);

G_END_DECLS
