/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Whether a volume is copied as a whole or as what changed since the content before. Pure.
 *
 * A chain begins with a full content; each after it holds what changed since its parent, by a bitmap that
 * QEMU keeps in the image and libvirt calls a checkpoint. Anything in doubt begins a new chain: a full copy
 * is slower, a wrong one is no snapshot. */

#define LULL_CHAIN_MAX 7 /* contents of one chain: the full one and those that hold changes */

typedef enum {
    LULL_CHAIN_OFF = 0,     /* whole: nobody asked for more */
    LULL_CHAIN_INCREMENTAL, /* what changed */
    /* whole, though changes alone were asked for */
    LULL_CHAIN_RAW,
    LULL_CHAIN_OLD_FORMAT,
    LULL_CHAIN_STOPPED,
    LULL_CHAIN_DISTRUSTED,
    LULL_CHAIN_FIRST,
    LULL_CHAIN_UNSEALED,
    LULL_CHAIN_NO_PARENT,
    LULL_CHAIN_NO_CHECKPOINT,
    LULL_CHAIN_LENGTH,
    LULL_CHAIN_NEW_VOLUME,
    LULL_CHAIN_RESIZED,
    LULL_CHAIN_NO_BITMAP,
    LULL_CHAIN_N
} LullChainKind;

/* Of the machine and its contents. */
typedef struct {
    gboolean wanted;         /* incremental is on for it */
    gboolean stopped;        /* it is off */
    gboolean distrusted;     /* its last incremental cut was refused */
    gboolean has_parent;     /* a whole content whose checkpoint is there, and which has no child yet */
    gboolean had_parent;     /* a whole content that made a checkpoint, there or not */
    gboolean has_checkpoint; /* a checkpoint of ours, whatever it belongs to */
    guint length;            /* contents in the parent's chain */
    gboolean being_made;     /* another content of it is cut, and not stored yet */
} LullChainFacts;

/* Of one volume. */
typedef struct {
    gboolean qcow2;
    gboolean old_format; /* qcow2 of the first version, which has no room for bitmaps */
    gboolean in_parent;
    gboolean same_size;
    gboolean has_bitmap; /* of the parent's checkpoint, whole */
} LullChainVolume;

LullChainKind lull_chain_decide(const LullChainFacts *facts, const LullChainVolume *volume) G_GNUC_PURE;

/* Whether changes are recorded from now on. */
gboolean lull_chain_records(LullChainKind kind) G_GNUC_CONST;

/* Why it is whole though incremental is on, for people; NULL for the two that need no reason. */
const char *lull_chain_why(LullChainKind kind) G_GNUC_CONST;

G_END_DECLS
