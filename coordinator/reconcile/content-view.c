/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-view.h"

#include "coordinator/model/meta.h"
#include "coordinator/model/volumes.h"
#include "coordinator/reconcile/content-status.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/snapshot-view.h"
#include "coordinator/reconcile/status-patch.h"
#include "protocol/backoff.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define LONGEST_PAUSE 16 /* of the first one */

LullJson *
lull_content_stored_report(const LullContentView *view)
{
    const char *text = lull_meta_annotation(view->content, LULL_ANNOTATION_REPORT);

    return text ? lull_json_parse(text, -1, NULL) : NULL;
}

void
lull_content_view_free(LullContentView *self)
{
    if (!self)
        return;
    g_free(self->ns);
    g_free(self->name);
    g_free(self->uid);
    g_free(self->vm_uid);
    g_free(self->snapshot_name);
    g_free(self->problem);
    g_free(self->work_error);
    lull_json_put(self->content);
    lull_json_put(self->status);
    lull_json_put(self->sealed);
    g_free(self->progress);
    lull_content_state_free(self->state);
    lull_policy_free(self->policy);
    g_free(self);
}

char *
lull_content_job(const char *what, const char *uid)
{
    return g_strconcat(what, ":", uid, NULL);
}

/* An outcome with an error is one that failed; @ret_message (may be NULL) gets its text. */
static LullWork
look_at_job(LullJobs *jobs, const char *what, const char *uid, char **ret_message)
{
    g_autofree char *id = lull_content_job(what, uid);
    const GError *error = NULL;

    switch (lull_jobs_state(jobs, id, NULL, &error)) {
    case LULL_JOB_NONE:
        return LULL_WORK_NONE;
    case LULL_JOB_RUNNING:
        return LULL_WORK_RUNNING;
    case LULL_JOB_DONE:
        break;
    }
    if (!error)
        return LULL_WORK_DONE;
    if (ret_message) {
        g_free(*ret_message);
        *ret_message = g_strdup(error->message);
    }
    return LULL_WORK_FAILED;
}

static void
look_at_jobs(LullContentView *self, LullJobs *jobs)
{
    self->attempt = look_at_job(jobs, LULL_JOB_ATTEMPT, self->uid, NULL);
    if (self->attempt == LULL_WORK_FAILED)
        self->attempt = LULL_WORK_DONE;
    self->discard = look_at_job(jobs, LULL_JOB_DISCARD, self->uid, &self->work_error);
    self->seal = look_at_job(jobs, LULL_JOB_SEAL, self->uid, &self->work_error);
    self->follow = look_at_job(jobs, LULL_JOB_FOLLOW, self->uid, &self->work_error);
    self->removal = look_at_job(jobs, LULL_JOB_REMOVE, self->uid, &self->work_error);
    if (self->seal == LULL_WORK_FAILED)
        self->problem = g_strdup(self->work_error);
}

gboolean
lull_content_is_wanted(const char *name, LullJson *snapshot)
{
    const char *uid = lull_meta_uid(snapshot);

    return uid && g_str_has_suffix(name, uid) && !lull_meta_is_deleting(snapshot) &&
           !g_str_equal(lull_json_string(lull_json_object(snapshot, "status"), "phase", ""), "Failed");
}

static void
look_at_snapshot(LullContentView *self, LullJson *snapshot)
{
    self->wanted = lull_content_is_wanted(self->name, snapshot);
    self->deadline = snapshot ? lull_snapshot_deadline(snapshot) : 0;
}

static void
look_at_copy(LullContentView *self, LullJobs *jobs)
{
    g_autofree char *id = lull_content_job(LULL_JOB_FOLLOW, self->uid);
    g_autofree char *wait = lull_jobs_wait(jobs, id);
    gconstpointer result = NULL;
    const LullCopyProgress *progress = NULL;

    /* what is told stays where nobody can look just now: every word is a reason to look at once */
    if (self->follow == LULL_WORK_NONE || self->follow == LULL_WORK_FAILED || self->now < self->tell_at)
        self->progress = g_strdup(lull_meta_annotation(self->content, LULL_ANNOTATION_PROGRESS));
    if (!self->progress && self->follow != LULL_WORK_DONE && self->now >= self->tell_at)
        self->progress = lull_progress_text(wait ? "queued" : "copying", lull_jobs_told(jobs, id), 0);
    if (self->follow != LULL_WORK_DONE)
        return;
    lull_jobs_state(jobs, id, &result, NULL);
    progress = result;
    self->copy = progress->state;
    if (progress->state == LULL_COPY_DONE && progress->sealed)
        self->seal = LULL_WORK_DONE;
    if (progress->state != LULL_COPY_DONE)
        self->problem = g_strdup(progress->problem ? progress->problem : "the copy is gone");
}

char *
lull_content_snapshot_name(const LullContentView *self, LullJson *backup)
{
    return lull_volume_snapshot_name(lull_json_string(backup, "volumeSnapshotName", ""), self->named);
}

/* The names that the content's volumes have as snapshots: of those in @volumes, of all where there are none.
 */
static char *
snapshot_names(const LullContentView *self, const GPtrArray *volumes)
{
    LullJson *backups = lull_json_array(lull_json_object(self->content, "spec"), "volumeBackups");
    GString *names = g_string_new(NULL);

    for (size_t i = 0; backups && i < json_object_array_length(backups); i++) {
        LullJson *backup = json_object_array_get_idx(backups, i);
        const char *volume = lull_json_string(backup, "volumeName", "");
        g_autofree char *name = lull_content_snapshot_name(self, backup);

        if (!volumes->len ||
            g_ptr_array_find_with_equal_func((GPtrArray *)volumes, volume, g_str_equal, NULL))
            g_string_append_printf(names, "%s%s", names->len ? "," : "", name);
    }
    return g_string_free(names, FALSE);
}

/* The text is part of the API: what has gone is named, what is wrong is told. */
static char *
data_problem(const LullContentView *self, const GPtrArray *volumes, const GError *problem)
{
    g_autofree char *names = snapshot_names(self, volumes);

    if (lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return g_strdup_printf("VolumeSnapshots (%s) missing", names);
    if (!volumes->len)
        return g_strdup(problem->message);
    return g_strdup_printf("VolumeSnapshot %s error: %s", names, problem->message);
}

static void
look_at_data(LullContentView *self, LullStorage *storage, LullJobs *jobs)
{
    g_autoptr(GPtrArray) volumes = NULL;
    g_autoptr(GError) problem = NULL;

    if (self->stage == LULL_CONTENT_SEALED && !storage->ops->check(storage, self->uid, &volumes, &problem))
        self->problem = data_problem(self, volumes, problem);
    if (self->stage == LULL_CONTENT_CUT && self->seal == LULL_WORK_NONE)
        look_at_copy(self, jobs);
}

/* An attempt that waits for others is told of, with the reason, as long as it waits. */
static void
look_at_wait(LullContentView *self, LullJobs *jobs)
{
    g_autofree char *id = lull_content_job(LULL_JOB_ATTEMPT, self->uid);
    g_autofree char *what = self->attempt == LULL_WORK_RUNNING ? lull_jobs_wait(jobs, id) : NULL;

    if (what && !self->problem)
        self->problem = g_strdup_printf("attempt %u waits: %s", self->state->number, what);
}

gint64
lull_content_retry_at(const LullContentState *state, gint64 pause, gint64 now)
{
    const LullBackoff backoff = {pause, pause * LONGEST_PAUSE, 0};

    if (state->stage != LULL_CONTENT_FAILED || !state->error || state->time > now + LONGEST_PAUSE * pause)
        return 0;
    return state->time + lull_backoff_delay(&backoff, state->refused ? 1 : MAX(state->number, 1), 0);
}

/* Of attempts that are granted: is it our turn? */
static void
look_at_grant(LullContentView *self, const LullContentDuty *duty)
{
    const gint64 now = lull_clock_boottime();
    g_autoptr(LullGrant) grant = lull_grant_of(self->content);
    LullChargeFacts facts = {.number = self->state->number, .granted = grant ? grant->attempt : 0};

    lull_grant_book_see(duty->book, self->uid, grant, self->state->number, now);
    facts.named = grant && g_str_equal(grant->node, duty->node);
    facts.labeled = g_strcmp0(lull_grant_label(self->content), duty->node) == 0;
    facts.good = lull_grant_book_is_good(duty->book, self->uid, grant, now);
    self->charge = lull_charge_of(&facts);
    self->superseded = lull_charge_superseded(&facts);
    self->next = facts.granted;
}

static gboolean
promises_nothing(LullJson *content)
{
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");

    return !backups || json_object_array_length(backups) == 0;
}

static gboolean
look_at_content(LullContentView *self, const LullContentEyes *eyes, GError **error)
{
    LullJson *spec = lull_json_object(self->content, "spec");
    const char *snapshot = lull_json_string(spec, "virtualMachineSnapshotName", "");
    const char *vm = lull_meta_uid(lull_json_at(spec, "source", "virtualMachine", NULL));

    self->exists = TRUE;
    self->uid = g_strdup(lull_meta_uid(self->content));
    self->vm_uid = g_strdup(vm ? vm : "");
    self->snapshot_name = g_strdup(snapshot);
    self->deleting = lull_meta_is_deleting(self->content);
    self->has_finalizer = lull_meta_has_finalizer(self->content, LULL_FINALIZER_CONTENT);
    self->state = lull_content_state_of(self->content);
    self->stage = self->state->stage;
    self->ours = g_str_equal(self->state->life, eyes->life);
    self->next = self->state->number + 1;
    self->named = eyes->storage && eyes->storage->ops->named_by_attempt ? self->state->number : 0;
    self->bare = eyes->bare && promises_nothing(self->content);
    if (eyes->duty)
        look_at_grant(self, eyes->duty);
    self->retry_at = lull_content_retry_at(self->state, eyes->times.pause, self->now);
    self->check_at = self->bare ? 0 : self->now + eyes->times.check;
    self->sparing = eyes->sparing;
    if (self->sparing && self->stage == LULL_CONTENT_CUT)
        self->tell_at = lull_status_tell_at(self->state->time, self->now);
    self->quiesced = self->state->quiesced;
    self->unquiesced = self->state->unquiesced;
    self->queue = self->state->queue;
    self->policy = lull_policy_of_content(self->content, error);
    self->strict = self->policy && self->policy->require > LULL_LEVEL_CRASH;
    return self->policy != NULL;
}

/* The seal and its status in one write. */
static LullJson *
sealed_status(const LullContentView *self)
{
    LullContentView sealed = *self;

    sealed.stage = LULL_CONTENT_SEALED;
    return lull_content_status(&sealed);
}

/* Neither that nothing is ready yet is news, nor a cut whose data are whole a moment later: that it is cut
 * its state says. */
static gboolean
is_hushed(const LullContentView *self)
{
    if (!self->sparing || self->problem || self->state->error)
        return FALSE;
    if (self->stage == LULL_CONTENT_CUT)
        return self->now < self->tell_at;
    return self->stage <= LULL_CONTENT_BEGUN && !lull_json_object(self->content, "status");
}

LullContentView *
lull_content_view_gather(const LullContentEyes *eyes, const char *ns, const char *name, gint64 now,
                         GError **error)
{
    g_autoptr(LullContentView) self = g_new0(LullContentView, 1);
    g_autoptr(LullJson) snapshot = NULL;
    g_autoptr(LullJson) patch = NULL;

    self->now = now;
    self->ns = g_strdup(ns);
    self->name = g_strdup(name);
    if (!lull_effect_get(eyes->store, &lull_kind_content, ns, name, &self->content, error))
        return NULL;
    if (!self->content)
        return g_steal_pointer(&self);
    if (!look_at_content(self, eyes, error))
        return NULL;
    if (eyes->storage && eyes->storage->ops->introduce)
        eyes->storage->ops->introduce(eyes->storage, self->content, self->state->number, self->state->cuts);
    if (*self->snapshot_name && !lull_content_stage_is_final(self->stage) &&
        !lull_effect_get(eyes->store, &lull_kind_snapshot, ns, self->snapshot_name, &snapshot, error))
        return NULL;
    look_at_snapshot(self, snapshot);
    look_at_jobs(self, eyes->jobs);
    look_at_wait(self, eyes->jobs);
    if (!self->deleting && !self->bare)
        look_at_data(self, eyes->storage, eyes->jobs);
    self->status = lull_content_status(self);
    patch = lull_status_patch(self->content, self->status);
    self->status_stale = patch != NULL;
    self->status_hushed = patch && is_hushed(self);
    self->seal_unsaid = self->state->unwritten && self->problem;
    if (self->sparing && self->stage == LULL_CONTENT_CUT && self->seal == LULL_WORK_DONE)
        self->sealed = sealed_status(self);
    self->progress_stale = !self->deleting && lull_progress_differs(self->content, self->progress);
    return g_steal_pointer(&self);
}
