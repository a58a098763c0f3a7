/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>

#include "agent/freezer/client.h"
#include "agent/quiesce/machine.h"
#include "agent/quiesce/plan.h"
#include "protocol/json.h"

G_BEGIN_DECLS

#define LULL_EPOCH_LENGTH 32 /* hex digits */

/* One prepare ... thaw or abort: what was asked, planned and found. The engine fills it, these functions
 * turn it into the wire's shapes (docs/wire.md). */
typedef struct {
    char *op;
    gboolean standard;
    char epoch[LULL_EPOCH_LENGTH + 1]; /* "" until frozen */
    GStringChunk *texts;               /* reasons that the machine lends */
    GPtrArray *plan;                   /* LullPlanEntry */
    guint n_freeze;                    /* the first so many of them are the freezer's */
    LullFreezerOutcome *outcomes;      /* n_freeze of them */
    gint64 begun;                      /* boot clock */
    gint64 frozen_at;                  /* boot clock, first FIFREEZE; 0: not yet */
    gint64 freeze_usec;
    gint64 window_usec;
    gint64 thaw_usec;
} LullOperation;

/* Consumes @plan. */
LullOperation *
lull_operation_new(const char *op, gboolean standard, GPtrArray *plan) G_GNUC_WARN_UNUSED_RESULT;
void lull_operation_free(LullOperation *self);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullOperation, lull_operation_free)

/* A copy of @text that lives as long as the operation; NULL for NULL. */
const char *lull_operation_keep(LullOperation *self, const char *text);

/* Copies what the freezer reports. */
void lull_operation_take_event(LullOperation *self, const LullFreezerEvent *event);

guint lull_operation_n_frozen(const LullOperation *self);
guint lull_operation_n_thawed(const LullOperation *self);

/* The first file system that should be frozen and is not: "failed to freeze /x: why"; NULL: none. */
char *lull_operation_first_failure(const LullOperation *self) G_GNUC_WARN_UNUSED_RESULT;

/* Parts and answers; all new. @how is the machine at the end of the operation. */
LullJson *lull_operation_filesystems(const LullOperation *self) G_GNUC_WARN_UNUSED_RESULT;
LullJson *
lull_operation_freeze_answer(const LullOperation *self, const char *boot_id) G_GNUC_WARN_UNUSED_RESULT;
LullJson *
lull_operation_thaw_answer(const LullOperation *self, const LullMachine *how) G_GNUC_WARN_UNUSED_RESULT;

G_END_DECLS
