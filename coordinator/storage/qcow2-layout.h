/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Where everything is in a qcow2 (version 3, clusters of 64 KiB) whose data is known beforehand, so that it
 * can be written from its start to its end: header, refcount table and blocks, L1 table, L2 tables where
 * there is something, then the data in the order of the guest. Every cluster of the file is in use once.
 * Pure; for one thread at a time. Memory: 64 MiB at most, whatever the disk is like. */

#define LULL_QCOW2_CLUSTER      ((guint64)65536)
#define LULL_QCOW2_MAX_CAPACITY ((guint64)1 << 50) /* within what QEMU opens; and no sum here overflows */
#define LULL_QCOW2_MAX_BACKING  1023               /* bytes of a name */
#define LULL_QCOW2_MAX_RUNS     ((guint)1 << 22)

/* What a part of the disk is. Nothing: what is behind shows through, or zeroes. */
typedef enum {
    LULL_QCOW2_NOTHING = 0,
    LULL_QCOW2_ZERO = 1,
    LULL_QCOW2_DATA = 2,
} LullQcow2Kind;

typedef struct _LullQcow2Layout LullQcow2Layout;

/* Of a disk of @capacity bytes, to whole sectors. @backing: the name of another qcow2, or NULL.
 * INVALID: a limit above is exceeded. */
LullQcow2Layout *
lull_qcow2_layout_new(guint64 capacity, const char *backing, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The next @bytes of the disk, from its start on, whatever their alignment; what is never told of is nothing,
 * and what is told beyond the end is left out. A cluster that is zero in parts is data if something is behind
 * it, and one that is data in parts is data. Past LULL_QCOW2_MAX_RUNS more becomes data than has to. */
void lull_qcow2_layout_add(LullQcow2Layout *self, guint64 bytes, LullQcow2Kind kind);

/* Nothing can be added any more; all below needs it. */
void lull_qcow2_layout_close(LullQcow2Layout *self);

guint64 lull_qcow2_layout_metadata(const LullQcow2Layout *self); /* bytes before the data */
guint64
lull_qcow2_layout_data(const LullQcow2Layout *self); /* bytes of data; the last cluster counts as full */

/* The next cluster of what is before the data; FALSE after the last one. */
gboolean lull_qcow2_layout_next_metadata(LullQcow2Layout *self, guint8 cluster[LULL_QCOW2_CLUSTER]);

/* The next piece of the disk to follow in the file, whole clusters, @max bytes at most (a multiple of a
 * cluster); the end of the last one may be beyond the disk's. FALSE after the last one. */
gboolean
lull_qcow2_layout_next_data(LullQcow2Layout *self, guint64 max, guint64 *ret_offset, guint64 *ret_bytes);

void lull_qcow2_layout_free(LullQcow2Layout *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullQcow2Layout, lull_qcow2_layout_free)

G_END_DECLS
