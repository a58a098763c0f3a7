/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/ahead.h"

#include "coordinator/storage/backup-job.h"
#include "coordinator/storage/checkpoint.h"
#include "coordinator/storage/folder.h"
#include "coordinator/storage/image.h"
#include "coordinator/storage/storage.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define LEAST (2 * 1024 * 1024) /* of a disk: less is copied and on disk in a few ms */
/* Of a machine: more takes long, and the snapshot's deadline runs until the cut. */
#define MOST       ((guint64)2 * 1024 * 1024 * 1024)
#define LOOK_FIRST LULL_MSEC(2)
#define LOOK_MAX   LULL_MSEC(5)
#define ASK_USEC   LULL_SEC(2) /* an event may have been lost */

typedef struct {
    LullHost *host;
    LullDomain *domain;
    const LullVm *vm;
    const char *folder;
    LullChainPlan *plan;
    gint64 until;
    GCancellable *cancel;
} Ahead;

/* Not so much that it takes long. And where the cut's job will take long all the same, and copies all disks
 * as a whole, the data tell its end if nobody else remembers it, which they do only if it alone wrote them.
 */
static gboolean
is_wise(const LullChainPlan *plan)
{
    const gboolean data_tell = !plan->parent;
    gboolean left = FALSE;
    guint64 sum = 0;

    for (guint n = 0; n < plan->n; n++) {
        sum += plan->recordable[n] ? plan->bytes[n] : 0;
        left |= !plan->recordable[n] && plan->bytes[n] >= LEAST;
    }
    return sum <= MOST && !(data_tell && left);
}

guint
lull_ahead_choose(LullChainPlan *plan, LullVmState state)
{
    const gboolean may = state == LULL_VM_RUNNING && is_wise(plan);
    guint chosen = 0;

    for (guint n = 0; n < plan->n; n++) {
        plan->ahead[n] = may && plan->recordable[n] && plan->bytes[n] >= LEAST;
        chosen += plan->ahead[n] ? 1 : 0;
    }
    return chosen;
}

/* The one that the cut will be based on for those disks. */
static char *
checkpoint_xml(const Ahead *self)
{
    g_autoptr(GPtrArray) disks = g_ptr_array_new();
    g_autoptr(GPtrArray) others = g_ptr_array_new();
    guint n = 0;

    for (guint i = 0; i < self->vm->volumes->len; i++) {
        const LullVmVolume *volume = self->vm->volumes->pdata[i];

        g_ptr_array_add(!volume->excluded && self->plan->ahead[n] ? disks : others, volume->disk);
        n += volume->excluded ? 0 : 1;
    }
    g_ptr_array_add(disks, NULL);
    g_ptr_array_add(others, NULL);
    return lull_checkpoint_xml(self->plan->ahead_checkpoint, (const char *const *)disks->pdata,
                               (const char *const *)others->pdata);
}

static gboolean
may_go_on(const Ahead *self, GError **error)
{
    if (self->until && lull_clock_boottime() >= self->until) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "copying before the freeze: it takes too long");
        return FALSE;
    }
    return !g_cancellable_set_error_if_cancelled(self->cancel, error);
}

/* Is the job over? An event tells, or time passed without one; it may have been another's. */
static gboolean
look(const Ahead *self, gint64 *ask_at, gboolean *ret_over, GError **error)
{
    const gint64 now = lull_clock_boottime();
    gboolean running = TRUE;
    guint64 total;

    if (lull_host_job_result(self->host, self->vm->uid, &total) || now >= *ask_at) {
        lull_host_forget_job(self->host, self->vm->uid);
        if (!lull_backup_find(self->domain, self->folder, &running, NULL, error))
            return FALSE;
        *ask_at = now + ASK_USEC;
    }
    *ret_over = !running;
    return TRUE;
}

/* FALSE without an error: it ended, and not well. */
static gboolean
wait_for_end(const Ahead *self, const char *target, GError **error)
{
    gint64 ask_at = lull_clock_boottime() + ASK_USEC;
    gint64 pause = LOOK_FIRST;
    gboolean over = FALSE;

    while (may_go_on(self, error)) {
        if (!over && !look(self, &ask_at, &over, error))
            return FALSE;
        if (over && !lull_image_is_open(target)) /* nobody waits for its last bytes any more */
            return TRUE;
        lull_folder_write_out(target);
        g_usleep((gulong)pause);
        pause = MIN(pause * 2, LOOK_MAX);
    }
    return FALSE;
}

static gboolean
has_ended_well(const Ahead *self, GError **error)
{
    g_auto(LullFinishedJob) job = {0};

    if (!lull_backup_read_finished(self->domain, &job, error))
        return FALSE;
    if (job.backup && job.success)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "copying before the freeze: %s",
                job.problem ? job.problem : "the backup job failed or was aborted");
    return FALSE;
}

static gboolean
copy_one(const Ahead *self, const LullVmVolume *volume, guint n, const char *checkpoint, GError **error)
{
    g_autofree char *xml = lull_backup_xml_ahead(self->vm, self->folder, self->plan, n);
    g_autofree char *target = g_strdup_printf("%s/%s.qcow2", self->folder, volume->name);

    lull_host_forget_job(self->host, self->vm->uid);
    if (!lull_backup_forget_finished(self->domain, error))
        return FALSE;
    if (virDomainBackupBegin(self->domain, xml, checkpoint, VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL) < 0)
        return lull_link_error(error, "copying before the freeze");
    return wait_for_end(self, target, error) && has_ended_well(self, error);
}

/* The first job makes the checkpoint for all: what changes in a disk before its turn is copied twice. */
static gboolean
copy(const Ahead *self, GError **error)
{
    g_autofree char *checkpoint = checkpoint_xml(self);
    gboolean made = FALSE;
    guint n = 0;

    for (guint i = 0; i < self->vm->volumes->len; i++) {
        const LullVmVolume *volume = self->vm->volumes->pdata[i];
        const gboolean ahead = !volume->excluded && self->plan->ahead[n];

        if (ahead && !copy_one(self, volume, n, made ? NULL : checkpoint, error))
            return FALSE;
        made |= ahead;
        n += volume->excluded ? 0 : 1;
    }
    /* what is remembered, here and by libvirt, is the cut's job then, or none */
    lull_host_forget_job(self->host, self->vm->uid);
    return lull_backup_forget_finished(self->domain, error);
}

/* The cut writes over all that was copied. The name of the checkpoint stays, as a sign that the targets are
 * not empty: of them the data tell nothing. */
static gboolean
undo(const Ahead *self, GError **error)
{
    for (guint n = 0; n < self->plan->n; n++)
        self->plan->ahead[n] = FALSE;
    return lull_backup_abort(self->domain, self->folder, error) &&
           lull_checkpoint_remove_one(self->domain, self->plan->ahead_checkpoint, error);
}

/* Such a copy is a help to the cut, and no condition for it. */
static gboolean
can_do_without(const Ahead *self, const GError *problem)
{
    return !lull_error_is(problem, LULL_ERROR_BUSY) && !g_cancellable_is_cancelled(self->cancel);
}

gboolean
lull_ahead_copy(LullHost *host, LullDomain *domain, const LullVm *vm, const char *folder, LullChainPlan *plan,
                const char *content_uid, guint attempt, gint64 until, GCancellable *cancel, GError **error)
{
    const Ahead self = {host, domain, vm, folder, plan, until, cancel};
    g_autoptr(GError) problem = NULL;
    g_autoptr(GError) left = NULL;

    if (until == LULL_STORAGE_NOT_AHEAD || !lull_ahead_choose(plan, vm->state))
        return TRUE;
    plan->ahead_checkpoint = lull_checkpoint_name_ahead(content_uid, attempt);
    if (copy(&self, &problem))
        return TRUE;
    if (undo(&self, &left) && can_do_without(&self, problem)) {
        g_message("%s: %s: all is left for the cut", vm->name, problem->message);
        return TRUE;
    }
    if (left)
        g_warning("%s: %s", vm->name, left->message);
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}
