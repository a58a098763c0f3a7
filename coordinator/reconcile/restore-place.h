/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/reconcile/restore-view.h"

G_BEGIN_DECLS

/* What differs between the places where machines are restored: a plain host (restore-host.h), a cluster. */

/* One restore, for those who work on it. All is lent; the objects are nobody else's meanwhile. */
typedef struct {
    const char *ns, *name, *uid, *target;
    const char *content_uid;
    const char *vm_uid;          /* that the target is to have */
    const char *note;            /* that stands in LULL_ANNOTATION_START_TARGET; NULL: none */
    LullJson *restore, *content; /* once data are asked for: with what is planned */
    gboolean fresh;              /* that was recorded a moment ago, and nobody can have begun with it */
} LullRestoreOrder;

typedef void (*LullRestoreProgressFunc)(guint permille, gpointer user_data);

struct _LullRestoreRules {
    /* Pure, of a view whose objects are there. What is returned is the caller's. */

    /* Why it can never be, of facts that stand; NULL: it may. */
    char *(*refuse)(const LullRestoreView *view);
    /* Is what went wrong with the data wrong for good? */
    gboolean (*is_final)(const GError *error);
    /* Is the target off, and stays so? */
    gboolean (*is_off)(LullJson *vm);
    /* Is the target there as this restore wrote it, whether it runs or not? NULL: it cannot be. */
    gboolean (*is_written)(const LullRestoreView *view);
    /* The uid that a target is to have that is not there: @snapshot and @restore are looked at. NULL: there
     * is no such function, or the uid of the machine that the snapshot is of. Lent by @view. */
    const char *(*uid_to_be)(const LullRestoreView *view);
    /* May what is planned be gone on with, though its snapshot is not ready, or not as it was? Then what is
     * missing is seen when it is used. NULL: it may not. */
    gboolean (*resumes)(const LullRestoreView *view);
    /* Writes what is to be put in place where: status.restores and what goes with it. */
    void (*plan)(const LullRestoreView *view, LullJson *status);
    /* What the machine that was restored has otherwise than it had when it was cut; NULL: nothing. */
    char *(*differences)(const LullRestoreView *view);
    /* By what a target that runs is started again in the end, one of @notes; NULL: it is off soon without
     * being asked. */
    const char *(*note)(LullJson *vm);
    const char *const *notes; /* NULL ends */
    /* Its lock is taken before the target is stopped, and let go after it is started; else the other way
     * round: nobody may stop or start what is locked. */
    gboolean stops_locked;
    /* One whose target is written is not taken back: what is left to do is tried until it is done, and no
     * Failure says that all is as it was. */
    gboolean ends_written;
    /* A restore without an owner belongs to its target. */
    gboolean owned;
    /* Each write goes far: how far the data are is told only of what takes long. */
    gboolean sparing;
};

typedef struct _LullRestorePlace LullRestorePlace;
typedef struct {
    const LullRestoreRules *rules;

    /* These block, on threads of their own. Each may be done again, also by another coordinator after one
     * that died, and looks first at what there is. */

    /* Puts everything in place, of a target that is off or not there. A target that is switched on meanwhile
     * is left as it is. */
    gboolean (*run)(LullRestorePlace *self, const LullRestoreOrder *order, LullRestoreProgressFunc progress,
                    gpointer user_data, GCancellable *cancel, GError **error);
    gboolean (*shut_down)(LullRestorePlace *self, const LullRestoreOrder *order, GError **error);
    gboolean (*start)(LullRestorePlace *self, const LullRestoreOrder *order, GError **error);

    /* Takes away what a restore made that never came to its end, and that its target does not use. No @run of
     * it is under way. On the loop's thread. FALSE, *@ret_between: till that is done the target's data are of
     * two times: nobody else may have it. */
    gboolean (*drop)(LullRestorePlace *self, const LullRestoreOrder *order, gboolean *ret_between,
                     GError **error);

    /* How many bytes @run has to put in place; 0: nobody knows. NULL: nobody ever does. */
    guint64 (*size)(LullRestorePlace *self, const LullRestoreOrder *order);
} LullRestorePlaceOps;

struct _LullRestorePlace {
    const LullRestorePlaceOps *ops;
};

G_END_DECLS
