/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/filesystems/survey.h"

G_BEGIN_DECLS

/* What a file system, or a swap space, stands on all the way down: through mapped devices, and through the
 * files of loop devices into the file systems that hold them. */
typedef struct {
    GPtrArray *disks;      /* LullDevice, lent, each once: hardware that its data ends up on */
    GHashTable *below;     /* set of dev_t of superblocks, as pointers, that hold something of it */
    gboolean unknown;      /* it may stand on more than that */
    gboolean is_in_memory; /* and nowhere else: nothing of it outlives the guest */
} LullStack;

/* Pure, from the survey, which must live longer. */
LullStack *lull_stack_of_mount(const LullSurvey *survey, const LullMount *mount) G_GNUC_WARN_UNUSED_RESULT;
LullStack *lull_stack_of_swap(const LullSurvey *survey, const LullSwap *swap) G_GNUC_WARN_UNUSED_RESULT;
void lull_stack_free(LullStack *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullStack, lull_stack_free)

/* The file system that a path is on: where an overlay is mounted there, the one that takes what is written to
 * it. NULL: not known. */
const LullMount *lull_stack_holder(const LullSurvey *survey, const char *path);

G_END_DECLS
