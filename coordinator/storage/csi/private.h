/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "coordinator/storage/csi/csi.h"
#include "coordinator/storage/csi/names.h"

G_BEGIN_DECLS

/* What the files of this folder share. Watches run on one thread, whose context this is. */
typedef struct {
    LullStorage base;
    LullStore *store;
    GMainContext *context;
    GMainLoop *loop;
    GThread *thread;
    GMutex lock;
    /* under it: */
    GHashTable *known;   /* uid of a content to what is known of it */
    GHashTable *follows; /* "uid/attempt" to LullCsiFollow */
    GHashTable *lanes;   /* names to LullCsiLane (lane.h) */
} LullCsi;

/* NOT_FOUND: nobody has introduced it. @ret_attempt (may be NULL): the one that counts. */
LullCsiContent *lull_csi_find(LullCsi *self, const char *content_uid, guint *ret_attempt,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* What an attempt cut: volumes' names to identities (identity.h), for the caller; NULL: not known. It is
 * known from the cut on, and in later lives by who introduces the content. */
LullJson *lull_csi_cuts_of(LullCsi *self, const char *content_uid, guint attempt) G_GNUC_WARN_UNUSED_RESULT;
void lull_csi_note_cuts(LullCsi *self, const char *content_uid, guint attempt, LullJson *take_cuts);

/* On the thread of the watches, one after the other: soon; or waited for, not from there, and with no lock
 * held. */
void lull_csi_order(LullCsi *self, GSourceFunc func, gpointer data, GDestroyNotify free_data);
void lull_csi_run(LullCsi *self, void (*func)(gpointer data), gpointer data);

/* All VolumeSnapshots of an attempt, 0: of all of them, as a list with its version. */
LullJson *lull_csi_list(LullCsi *self, const LullCsiContent *content, guint attempt,
                        GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* One volume of a cut, and all that is needed for its POST. */
typedef struct {
    const LullCsiBackup *backup; /* lent by the content */
    char *snapshot;              /* name of its VolumeSnapshot */
    char *driver;
    char *volume;     /* that driver's name for what is on the claim */
    LullJson *object; /* to be posted */
} LullCsiPlanned;
void lull_csi_planned_clear(LullCsiPlanned *self);

/* Reads what there is, and says of each volume of @content how it is cut, in the content's order; or why it
 * cannot be: before anything is frozen. */
GArray *lull_csi_plan(LullCsi *self, LullCsiContent *content, guint attempt,
                      GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Is the content behind a VolumeSnapshot that cut? @snapshot: what has its name, where that is not known to
 * be the one that was cut; NULL: it is. NOT_FOUND: it is not, or is gone. */
gboolean lull_csi_look_behind(LullCsi *self, LullJson *identity, LullJson *snapshot, GError **error);

/* The operations of storage.h. */
LullCut *lull_csi_prepare(LullStorage *storage, const LullVm *vm, const char *content_uid, guint attempt,
                          GError **error);
void lull_csi_forecast(LullCut *cut, LullCutForecast *ret_forecast);
gboolean lull_csi_cut(LullCut *cut, const LullCutTerms *terms, GError **error);
LullJson *lull_csi_cut_volumes(LullCut *cut);
void lull_csi_cut_free(LullCut *cut);
gboolean lull_csi_poll(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
                       LullCopyProgress *ret_progress, GError **error);
gboolean lull_csi_seal(LullStorage *storage, const char *content_uid, guint attempt, LullJson *content,
                       GCancellable *cancel, GError **error);
gboolean lull_csi_remove(LullStorage *storage, const char *vm_uid, const char *content_uid, guint attempt,
                         GCancellable *cancel, GError **error);
gboolean
lull_csi_check(LullStorage *storage, const char *content_uid, GPtrArray **ret_volumes, GError **error);

G_END_DECLS
