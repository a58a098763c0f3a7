/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <gio/gio.h>

#include "coordinator/guest/vm.h"
#include "protocol/json.h"

G_BEGIN_DECLS

/* Where copies of disks are made and kept: one contract for libvirt's backup jobs and CSI.
 * Calls block and may come from any thread; everything after the cut works from names alone, so that
 * it goes on after a restart. Idempotent: "there already" and "gone already" are success.
 *
 * A content is stored under its uid. An attempt works in a place of its own; sealing it makes it the
 * content in one step, so that a half one is never taken for a whole one. */
typedef struct _LullStorage LullStorage;
typedef struct _LullCut LullCut;

typedef enum { LULL_COPY_RUNNING = 0, LULL_COPY_DONE, LULL_COPY_FAILED, LULL_COPY_ABSENT } LullCopyState;

typedef struct {
    LullCopyState state;
    guint permille;  /* RUNNING */
    char *problem;   /* FAILED, ABSENT: what happened and what to do; RUNNING: what holds it up, or NULL */
    gboolean waits;  /* RUNNING: for others, which are copied first */
    gboolean sealed; /* DONE: and there is nothing left for seal() to do */
} LullCopyProgress;
static inline void
lull_copy_progress_clear(LullCopyProgress *self)
{
    g_clear_pointer(&self->problem, g_free);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullCopyProgress, lull_copy_progress_clear)

/* How long a cut is waited for. */
typedef struct {
    gint64 until;  /* boot clock; 0: as long as it takes */
    gboolean held; /* a guest stands still meanwhile: whatever goes wrong, or does not begin, ends it */
    GCancellable *cancel; /* may be NULL */
} LullCutTerms;

/* How long a cut will take at least, by what those before it took; of one that is prepared. */
typedef struct {
    gint64 alone;          /* usec, with nothing else under way; 0: not known */
    gint64 behind;         /* and beside what the storage cuts for others just now; never less */
    guint others;          /* volumes of others, there */
    const char *by;        /* what takes `alone`; lent by the storage, as is the next; NULL: not known */
    const char *behind_by; /* what takes `behind` */
    gint64 asking; /* usec that asking for it takes, where nobody may stand still for that; 0: one may */
} LullCutForecast;

/* A machine that is to be made of a content. All is lent. */
typedef struct {
    const char *name;
    LullJson *files;   /* {"vda": "name"}: of each volume, without its folder and its suffix */
    LullJson *patches; /* coordinator/model/host-patch.h; NULL: none */
} LullNewMachine;

typedef struct {
    /* One request cuts all volumes at the same instant, or none. */
    gboolean atomic;
    /* Attempts have names of their own for their snapshots (lull_volume_snapshot_name()): those of an earlier
     * one may take their time to go. */
    gboolean named_by_attempt;
    /* What was cut is copied whether or not somebody polls. */
    gboolean copies_by_itself;
    /* Which object has a uid that other calls name, and the number of its attempt that counts, 0: none yet.
     * @cuts: what is kept of what cut_volumes() told of that attempt, volumes' names to identities; NULL:
     * nothing yet. Told before these, in each life; again does no harm. NULL: a storage that need not know.
     */
    void (*introduce)(LullStorage *self, LullJson *content, guint attempt, LullJson *cuts);
    /* It is not there any more, or is another node's to see to: until it is introduced again; to
     * all calls it is NOT_FOUND. May be NULL. */
    void (*forget)(LullStorage *self, const char *content_uid);
    /* Everything before the freeze for the volumes of @vm that are not excluded: place, targets, preflight of
     * space (NO_SPACE) and of running jobs (BUSY), job description, domain XML and NVRAM kept. */
    LullCut *(*prepare)(LullStorage *self, const LullVm *vm, const char *content_uid, guint attempt,
                        GError **error);
    /* Into what is all 0. Waits for nobody. NULL: nothing is known of any cut. Whoever tells it leaves
     * nothing behind of a cut that was prepared and not begun. */
    void (*forecast)(LullCut *cut, LullCutForecast *ret_forecast);
    /* Cuts all volumes; returns when the last cut is known: this is inside the freeze window. Of a machine
     * that is off the cut is that nobody can write to them until they are copied. FALSE: no cut of this
     * attempt counts, whatever the storage may do yet: one that is known too late, after the guest was let
     * go, is told to nobody, and goes with the attempt's data. */
    gboolean (*cut)(LullCut *cut, const LullCutTerms *terms, GError **error);
    /* What the storage tells of each volume, for reports: rows {name, copy?: "full|incremental", copyReason?,
     * storageTime?, receivedAt?: boot clock, usec, identity?: an object by which the storage knows again what
     * was cut, whatever has its name later}. Lent by the cut. May be NULL, and may give NULL. */
    LullJson *(*cut_volumes)(LullCut *cut);
    void (*cut_free)(LullCut *cut);
    /* How far the copying after the cut is. Not only looks: where it does not go on, as after a restart, it
     * is begun, and a job that is over, or lost, is ended, and that noted. So it is for what was cut, and
     * reached. ABSENT: no such job and no whole data. */
    gboolean (*poll)(LullStorage *self, const char *vm_uid, const char *content_uid, guint attempt,
                     LullCopyProgress *ret_progress, GError **error);
    /* Data durable, checksums, manifest with @report; then it is the content. @content: the API object, kept
     * in the manifest. */
    gboolean (*seal)(LullStorage *self, const char *content_uid, guint attempt, LullJson *content,
                     GCancellable *cancel, GError **error);
    /* Stops the copying and the job of that attempt and removes its data. Attempt 0: the whole content with
     * all attempts; what is based on it takes over what it needs first, which may take long: cancelled, the
     * same call goes on later, and what restores that died left beside images goes too. BUSY where that is
     * not possible yet. */
    gboolean (*remove)(LullStorage *self, const char *vm_uid, const char *content_uid, guint attempt,
                       GCancellable *cancel, GError **error);
    /* Puts content onto the stopped VM, in place: data first, definition last; one that is gone is defined
     * again. INVALID: somebody else has what it had, or there is no place for its disks. Resumable: the same
     * @restore_uid again goes on where it was. Progress in permille through @progress (may be NULL; called on
     * any thread, once at a time). From the first of it that is in place on the content stays, whoever wants
     * it to go, until all is, or drop_restore(). */
    gboolean (*restore)(LullStorage *self, const char *content_uid, const char *vm_uid,
                        const char *restore_uid, void (*progress)(guint permille, gpointer user_data),
                        gpointer user_data, GCancellable *cancel, GError **error);
    /* Makes another machine of content, off, whose uuid is @restore_uid, with files of its own beside those
     * that the volumes were. No file that is there is touched. UNSUPPORTED: it has what cannot be had twice.
     * Resumable as above; what can never be, or finds no room, leaves nothing; else what is finished stays
     * for the next try, until drop_restore(). NULL: there is no such thing. */
    gboolean (*restore_new)(LullStorage *self, const char *content_uid, const LullNewMachine *wanted,
                            const char *restore_uid, void (*progress)(guint permille, gpointer user_data),
                            gpointer user_data, GCancellable *cancel, GError **error);
    /* A restore is given up, and does not run: what it left beside the images is removed, as far as that
     * goes, and its content may go. A machine that it has made stays as it is. */
    gboolean (*drop_restore)(LullStorage *self, const char *content_uid, const char *restore_uid,
                             GError **error);
    /* How much a restore has to read, in bytes; 0: that cannot be told. May be NULL. */
    guint64 (*stored_bytes)(LullStorage *self, const char *content_uid);
    /* Are all stored volumes of the content there, and all that they are based on? (names and sizes only)
     * NOT_FOUND: some are not. *@ret_volumes (char *; may be NULL) where not: the names of those that the
     * error is about, none where it is the content as a whole. */
    gboolean (*check)(LullStorage *self, const char *content_uid, GPtrArray **ret_volumes, GError **error);
    /* Reads all that the content and what it is based on have stored: {"files", "bytes", "findings":
     * [{"file", "problem"}], "omitted"}, none where all is as it was written; "omitted" more have no room. An
     * error: it could not be looked at. */
    gboolean (*verify)(LullStorage *self, const char *content_uid, GCancellable *cancel,
                       LullJson **ret_result, GError **error);
    void (*free)(LullStorage *self);
} LullStorageOps;

struct _LullStorage {
    const LullStorageOps *ops;
};
struct _LullCut {
    LullStorage *storage;
};

static inline void
lull_storage_free(LullStorage *self)
{
    if (self)
        self->ops->free(self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullStorage, lull_storage_free)

static inline void
lull_cut_free(LullCut *self)
{
    if (self)
        self->storage->ops->cut_free(self);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(LullCut, lull_cut_free)

G_END_DECLS
