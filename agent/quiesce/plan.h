/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "agent/filesystems/survey.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* What would be frozen, in which order, and what not and why. Pure: from a survey and a request. */

typedef enum {
    LULL_PLAN_SKIPPED = 0, /* nothing is lost by leaving it out, or nobody asked for it */
    LULL_PLAN_FREEZE,
    LULL_PLAN_FAILED, /* it should be frozen and cannot be */
} LullPlanResult;

typedef struct {
    char *mountpoint;
    char *type;
    char *device;      /* "vda1" */
    char *serial;      /* of its disk, or NULL */
    char *counter;     /* stat file of the device, or NULL */
    guint level;       /* of freezing: 0 for one on which nothing stands, then what that stands on, ... */
    dev_t opened_as;   /* st_dev that opening the mount point must show */
    gboolean may_hang; /* the way to the mount point leads through one that may not answer */
    LullJson *disks;   /* array of {serial?, pci?, scsi?}; an empty one stands for others, not known */
    LullPlanResult result;
    char *reason; /* NULL for LULL_PLAN_FREEZE */
} LullPlanEntry;

/* NULL members: everything. */
typedef struct {
    LullJson *mountpoints; /* array of strings: any mount point of a file system names it */
    LullJson *disks;       /* array of {serial?, pci?, scsi?}; what may be on one of them counts as on it */
    gboolean standard;     /* for the standard commands, where what the peer passes over in silence is no
                              failure: a mount point that is none, a file system whose device is not known */
} LullPlanRequest;

/* Array of LullPlanEntry: first those to freeze, in the order in which to do it, level by level (thaw is the
 * mirror), then the others, then swap spaces. An upper file system (on a loop device) goes before the one
 * that its data ends up on, since its last writes still have to get there; where it is not known on what one
 * stands, each has a level of its own, latest mounted first. The kernel's own file systems are left out. */
GPtrArray *lull_plan_make(const LullSurvey *survey, const LullPlanRequest *request) G_GNUC_WARN_UNUSED_RESULT;

/* How many are to be frozen: the first so many entries. */
guint lull_plan_n_freeze(const GPtrArray *plan);

G_END_DECLS
