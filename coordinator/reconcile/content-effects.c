/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-effects.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/bare.h"
#include "coordinator/reconcile/content-decide.h"
#include "coordinator/reconcile/content-work.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/news.h"
#include "coordinator/reconcile/rest.h"
#include "coordinator/reconcile/status-patch.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step.h"

/* Before a storage that refuses, and keeps nobody waiting, is believed. */
#define MAX_FAILED_CUTS 2

/* For what has to be as it is now. */
static LullStore *
asking(const LullContents *self)
{
    return self->asking ? self->asking : self->store;
}

static LullContentTask *
task_new(const LullContents *self, const LullContentView *view, guint number)
{
    LullContentTask *task = g_new0(LullContentTask, 1);

    task->tools = self->tools;
    task->vm_uid = g_strdup(view->vm_uid);
    task->content_uid = g_strdup(view->uid);
    task->number = number;
    return task;
}

static void
start(const LullContents *self, const LullContentView *view, const char *what, LullJobFunc func,
      LullContentTask *take_task, GDestroyNotify free_result)
{
    g_autofree char *id = lull_content_job(what, view->uid);
    g_autofree char *key = g_strconcat(view->ns, "/", view->name, NULL);

    take_task->jobs = self->jobs;
    take_task->id = g_strdup(id);
    lull_jobs_start(self->jobs, id, (LullJob){func, take_task, lull_content_task_free, free_result}, key,
                    lull_loop_poke_key, self->loop);
}

static void
drop(const LullContents *self, const LullContentView *view, const char *what)
{
    g_autofree char *id = lull_content_job(what, view->uid);

    lull_jobs_drop(self->jobs, id);
}

static void
cancel(const LullContents *self, const LullContentView *view, const char *what)
{
    g_autofree char *id = lull_content_job(what, view->uid);

    lull_jobs_cancel(self->jobs, id);
}

static char **
promised_volumes(LullJson *content)
{
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    const size_t n = backups ? json_object_array_length(backups) : 0;
    char **names = g_new0(char *, n + 1);

    for (size_t i = 0; i < n; i++)
        names[i] = g_strdup(lull_json_string(json_object_array_get_idx(backups, i), "volumeName", ""));
    return names;
}

/* Of the last attempt that could tell anything; NULL: none. */
static LullJson *
stored_report(const LullContentView *view)
{
    const char *text = lull_meta_annotation(view->content, LULL_ANNOTATION_REPORT);

    return text ? lull_json_parse(text, -1, NULL) : NULL;
}

/* What attempts to quiesce the guest came to: where none could tell, why. */
static LullJson *
earlier_of(const LullContentView *view)
{
    LullJson *report = stored_report(view);

    if (report || !view->state->error)
        return report;
    report = json_object_new_object();
    lull_json_set_string(report, "proof", "none");
    lull_json_set_string(report, "proofReason", view->state->error);
    return report;
}

static LullAttemptOrder *
order_of(const LullContents *self, const LullContentView *view)
{
    LullAttemptOrder *order = g_new0(LullAttemptOrder, 1);

    order->vm_uid = g_strdup(view->vm_uid);
    order->content_uid = g_strdup(view->uid);
    order->owner = g_strconcat("snapshot ", view->snapshot_name, NULL);
    order->snapshot = g_strconcat(view->ns, "/", view->snapshot_name, NULL);
    order->number = view->state->number;
    order->unquiesced = view->unquiesced;
    order->earlier = view->unquiesced ? earlier_of(view) : NULL;
    order->require = view->policy->require;
    order->exclude = g_strdupv(view->policy->exclude);
    order->volumes = promised_volumes(view->content);
    if (view->deadline)
        order->deadline = lull_clock_boottime() + (view->deadline - view->now);
    order->skew = lull_store_now(self->store) - lull_clock_realtime();
    order->by_claim = self->duty != NULL;
    if (self->duty) {
        const gint64 end = lull_grant_book_begun_at(self->duty->book, view->uid, lull_clock_boottime()) +
                           (view->unquiesced ? LULL_GRANT_PATIENCE : LULL_GRANT_WORK);

        order->deadline = order->deadline ? MIN(order->deadline, end) : end;
    }
    return order;
}

/* Writes the state, and with it the report where there is one, in one patch. */
static gboolean
write_state(const LullContents *self, const LullContentView *view, const LullContentState *state,
            LullJson *report, GError **error)
{
    g_autofree char *text = lull_content_state_to_annotation(state);
    LullJson *patch = lull_annotation_patch(view->content, LULL_ANNOTATION_ATTEMPT, text);

    if (report)
        lull_json_set_string(lull_json_at(patch, "metadata", "annotations", NULL), LULL_ANNOTATION_REPORT,
                             lull_json_to_line(report));
    return lull_effect_patch(self->store, &lull_kind_content, view->content, LULL_PATCH_OBJECT, patch, error);
}

/* Where the content goes from here: what was counted stays. @error is lent. */
static LullContentState
next_state(const LullContentView *view, LullContentStage stage, char *error)
{
    LullContentState state = *view->state;

    state.stage = stage;
    state.time = view->now;
    state.error = error;
    if (stage == LULL_CONTENT_BEGUN || stage == LULL_CONTENT_FAILED)
        state.cuts = NULL; /* of the one before */
    return state;
}

/* Before it is written, so that nobody takes us for lost sooner than we do. */
static void
claim(const LullContents *self, const LullContentView *view)
{
    if (self->duty)
        lull_grant_book_claim(self->duty->book, view->uid, view->next, lull_clock_boottime());
}

static gboolean
begin_attempt(const LullContents *self, const LullContentView *view, gboolean unquiesced, GError **error)
{
    LullContentState state = next_state(view, LULL_CONTENT_BEGUN, view->state->error);

    /* of the one before, still there where it was recorded but the answer was lost */
    drop(self, view, LULL_JOB_ATTEMPT);
    claim(self, view);
    state.number = view->next;
    state.unquiesced = unquiesced;
    state.quiesced += unquiesced ? 0 : 1;
    state.refused = FALSE;
    state.queue = 0;
    state.life = self->life;
    state.content = view->uid;
    return write_state(self, view, &state, NULL, error);
}

/* @report: NULL where attempts were interrupted. */
static char *
not_reached(const LullContentView *view, LullJson *report)
{
    const char *error = view->state->error;
    const char *why =
        lull_json_string(report, "proofReason", error ? error : "the attempts were interrupted");

    return g_strdup_printf("required level not reached: %s is required, %s was reached%s%s",
                           lull_level_to_string(view->policy->require),
                           lull_json_string(report, "level", "nothing"), *why ? ": " : "", why);
}

static gboolean
record_refusal(const LullContents *self, const LullContentView *view, GError **error)
{
    g_autoptr(LullJson) report = stored_report(view);
    g_autofree char *text = not_reached(view, report);
    const LullContentState state = next_state(view, LULL_CONTENT_REFUSED, text);

    return write_state(self, view, &state, NULL, error);
}

/* Then it may be in time yet, as long as its snapshot is waited for. */
static gboolean
is_late(const GError *problem)
{
    return lull_error_is(problem, LULL_ERROR_TIMED_OUT) || lull_error_is(problem, LULL_ERROR_LOST) ||
           lull_error_is(problem, LULL_ERROR_BUSY);
}

/* Into @state, which says FAILED; returns what went wrong. */
static char *
judge(const LullContents *self, const LullContentView *view, const LullAttemptOutcome *outcome,
      const GError *problem, LullContentState *state)
{
    const gboolean refused = outcome && outcome->refused;

    if ((!outcome || refused) && !state->unquiesced && state->quiesced > 0)
        state->quiesced--; /* it did not get as far as the guest, or is not wanted any more */
    if (refused) {
        state->refused = TRUE;
        state->queue = outcome->queue;
        if (!self->duty)
            state->number--; /* there is nothing of it; but no number is granted twice */
        return g_strdup(problem->message);
    }
    if (!outcome || outcome->cut_failed || outcome->left) {
        state->failed_cuts += outcome && outcome->cut_failed ? 1 : 0;
        if (outcome && outcome->cut_failed && !outcome->held && !is_late(problem) &&
            state->failed_cuts >= MAX_FAILED_CUTS)
            state->stage = LULL_CONTENT_GIVEN_UP;
        return g_strdup(problem ? problem->message : "the attempt came to nothing");
    }
    if (outcome->again)
        return g_strdup_printf("attempt %u was not quiesced: %s", state->number,
                               lull_json_string(outcome->report, "proofReason", ""));
    if (!outcome->reached) {
        state->stage = LULL_CONTENT_REFUSED;
        return not_reached(view, outcome->report);
    }
    state->stage = LULL_CONTENT_CUT;
    state->time = outcome->cut_time;
    state->cuts = outcome->cuts;
    return NULL;
}

/* Whoever started a machine while it was cut as one that is off has written to what is called at rest: the
 * attempt counts as one of a life before, whose data goes. *@error_text says so, in the place of what was
 * there. */
static gboolean
check_still_off(const LullContents *self, const LullContentView *view, const LullAttemptOutcome *outcome,
                LullContentState *state, char **error_text, GError **error)
{
    g_auto(LullRest) now = {0};
    const char *broken = NULL;

    if (state->stage != LULL_CONTENT_CUT || !outcome->life)
        return TRUE;
    if (!lull_rest_look(asking(self), view->content, &now, error))
        return FALSE;
    broken = lull_rest_broken(outcome->life, &now);
    if (!broken)
        return TRUE;
    g_free(*error_text);
    *error_text = g_strdup(broken);
    state->stage = LULL_CONTENT_BEGUN;
    state->cuts = NULL;
    state->life = (char *)"";
    return TRUE;
}

static gboolean
record_attempt(const LullContents *self, const LullContentView *view, GError **error)
{
    g_autofree char *id = lull_content_job(LULL_JOB_ATTEMPT, view->uid);
    gconstpointer result = NULL;
    const GError *problem = NULL;
    const LullAttemptOutcome *outcome = NULL;
    g_autofree char *text = NULL;
    LullContentState state = next_state(view, LULL_CONTENT_FAILED, NULL);
    gboolean counts = FALSE;

    lull_jobs_state(self->jobs, id, &result, &problem);
    outcome = result;
    text = judge(self, view, outcome, problem, &state);
    if (!check_still_off(self, view, outcome, &state, &text, error))
        return FALSE;
    state.error = text;
    counts = outcome && state.stage != LULL_CONTENT_BEGUN;
    if (text)
        g_message("%s: attempt %u: %s", view->snapshot_name, state.number, text);
    if (!write_state(self, view, &state, counts ? outcome->report : NULL, error))
        return FALSE;
    lull_step(LULL_STEP_COORDINATOR_REPORTED);
    lull_jobs_drop(self->jobs, id);
    return TRUE;
}

/* What an earlier life began counts as an attempt, but nobody has to wait for the next one. What this life
 * gave up has its reason, and its pause. */
static gboolean
record_discard(const LullContents *self, const LullContentView *view, GError **error)
{
    char *why = *view->state->life ? NULL : view->state->error;
    const LullContentState state = next_state(view, LULL_CONTENT_FAILED, why);

    if (!write_state(self, view, &state, NULL, error))
        return FALSE;
    drop(self, view, LULL_JOB_DISCARD);
    return TRUE;
}

/* The machine may have gone meanwhile: that is as good as off, nothing of it is cut. */
static gboolean
record_bare(const LullContents *self, const LullContentView *view, GError **error)
{
    const char *machine =
        lull_meta_name(lull_json_at(view->content, "spec", "source", "virtualMachine", NULL));
    LullContentState state = next_state(view, LULL_CONTENT_SEALED, NULL);
    g_autoptr(LullJson) vm = NULL;
    g_autoptr(LullJson) report = NULL;
    g_autofree char *op = g_uuid_string_random();
    g_autofree char *why = NULL;
    gboolean reached = FALSE;

    if (!lull_effect_get(asking(self), &lull_kind_vm, view->ns, machine ? machine : "", &vm, error))
        return FALSE;
    report = lull_bare_report(vm, op, view->next, view->policy->require, &reached);
    claim(self, view);
    state.number = view->next;
    state.life = self->life;
    if (!reached) {
        why = not_reached(view, report);
        state.stage = LULL_CONTENT_REFUSED;
        state.error = why;
    }
    return write_state(self, view, &state, report, error);
}

static gboolean
write_seal(const LullContents *self, const LullContentView *view, GError **error)
{
    LullContentState state = next_state(view, LULL_CONTENT_SEALED, NULL);

    state.time = view->state->time;
    return write_state(self, view, &state, NULL, error);
}

static gboolean
record_seal(const LullContents *self, const LullContentView *view, GError **error)
{
    const gboolean done =
        view->sealed ? lull_effect_status(self->store, &lull_kind_content, view->content, view->sealed, error)
                     : write_seal(self, view, error);

    if (!done)
        return FALSE;
    drop(self, view, LULL_JOB_FOLLOW);
    drop(self, view, LULL_JOB_SEAL);
    return TRUE;
}

static gboolean
record_loss(const LullContents *self, const LullContentView *view, GError **error)
{
    LullContentState state = next_state(view, LULL_CONTENT_BROKEN, view->problem);

    state.time = view->state->time;
    if (!write_state(self, view, &state, NULL, error))
        return FALSE;
    drop(self, view, LULL_JOB_FOLLOW);
    return TRUE;
}

static const char *const all_jobs[] = {LULL_JOB_ATTEMPT, LULL_JOB_DISCARD, LULL_JOB_FOLLOW, LULL_JOB_SEAL,
                                       LULL_JOB_REMOVE};

static gboolean
remove_finalizer(const LullContents *self, const LullContentView *view, GError **error)
{
    if (!lull_effect_finalizer(self->store, &lull_kind_content, view->content, LULL_FINALIZER_CONTENT, FALSE,
                               error))
        return FALSE;
    for (guint i = 0; i < G_N_ELEMENTS(all_jobs); i++)
        drop(self, view, all_jobs[i]);
    return TRUE;
}

/* Whose end nobody waits for. */
static void
abandon(const LullContents *self, const char *uid)
{
    for (guint i = 0; i < G_N_ELEMENTS(all_jobs); i++) {
        g_autofree char *id = lull_content_job(all_jobs[i], uid);

        lull_jobs_cancel(self->jobs, id);
        lull_jobs_forget(self->jobs, id);
    }
}

/* As an error of this pass, so that the loop's back-off decides when to try again. */
static gboolean
forget_failure(const LullContents *self, const LullContentView *view, GError **error)
{
    if (view->discard == LULL_WORK_FAILED)
        drop(self, view, LULL_JOB_DISCARD);
    if (view->follow == LULL_WORK_FAILED)
        drop(self, view, LULL_JOB_FOLLOW);
    if (view->seal == LULL_WORK_FAILED)
        drop(self, view, LULL_JOB_SEAL);
    if (view->removal == LULL_WORK_FAILED)
        drop(self, view, LULL_JOB_REMOVE);
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s", view->work_error);
    return FALSE;
}

static void
start_follow(const LullContents *self, const LullContentView *view)
{
    LullContentTask *task = task_new(self, view, view->state->number);

    start(self, view, LULL_JOB_FOLLOW, lull_content_run_follow, task, lull_content_copy_free);
}

static void
start_seal(const LullContents *self, const LullContentView *view)
{
    LullContentTask *task = task_new(self, view, view->state->number);

    lull_step(LULL_STEP_COORDINATOR_DATA_COPIED);
    task->content = lull_json_dup(view->content);
    start(self, view, LULL_JOB_SEAL, lull_content_run_seal, task, NULL);
}

static gboolean
start_attempt(const LullContents *self, const LullContentView *view, GError **error)
{
    LullContentTask *task = NULL;
    g_auto(LullRest) rest = {0};

    if (self->duty && !lull_rest_look(asking(self), view->content, &rest, error))
        return FALSE;
    task = task_new(self, view, view->state->number);
    task->order = order_of(self, view);
    task->order->content = rest.off ? lull_json_dup(view->content) : NULL;
    task->order->end = rest.end;
    task->order->life = g_steal_pointer(&rest.life);
    task->order->problem = g_steal_pointer(&rest.problem);
    start(self, view, LULL_JOB_ATTEMPT, lull_content_run_attempt, task,
          (GDestroyNotify)lull_attempt_outcome_free);
    return TRUE;
}

/* Those that change an object: look again at once. A job started or cancelled tells when it ends. */
static gboolean
perform(const LullContents *self, const LullContentView *view, LullContentVerb verb, gboolean *ret_acted,
        GError **error)
{
    *ret_acted = TRUE;
    switch (verb) {
    case LULL_CONTENT_WRITE_STATUS:
        return lull_effect_status(self->store, &lull_kind_content, view->content, view->status, error);
    case LULL_CONTENT_WRITE_PROGRESS:
        return lull_effect_annotate(self->store, &lull_kind_content, view->content, LULL_ANNOTATION_PROGRESS,
                                    view->progress, error);
    case LULL_CONTENT_BEGIN_ATTEMPT:
        return begin_attempt(self, view, FALSE, error);
    case LULL_CONTENT_BEGIN_UNQUIESCED:
        return begin_attempt(self, view, TRUE, error);
    case LULL_CONTENT_RECORD_REFUSAL:
        return record_refusal(self, view, error);
    case LULL_CONTENT_RECORD_ATTEMPT:
        return record_attempt(self, view, error);
    case LULL_CONTENT_RECORD_BARE:
        return record_bare(self, view, error);
    case LULL_CONTENT_RECORD_DISCARD:
        return record_discard(self, view, error);
    case LULL_CONTENT_RECORD_SEAL:
        return record_seal(self, view, error);
    case LULL_CONTENT_RECORD_LOSS:
        return record_loss(self, view, error);
    case LULL_CONTENT_REMOVE_FINALIZER:
        return remove_finalizer(self, view, error);
    case LULL_CONTENT_FORGET_FAILURE:
        return forget_failure(self, view, error);
    case LULL_CONTENT_START_ATTEMPT:
        if (!start_attempt(self, view, error))
            return FALSE;
        break;
    case LULL_CONTENT_ABANDON:
        abandon(self, view->uid);
        break;
    case LULL_CONTENT_CANCEL_ATTEMPT:
        cancel(self, view, LULL_JOB_ATTEMPT);
        break;
    case LULL_CONTENT_START_DISCARD:
        start(self, view, LULL_JOB_DISCARD, lull_content_run_remove,
              task_new(self, view, view->state->number), NULL);
        break;
    case LULL_CONTENT_START_FOLLOW:
        start_follow(self, view);
        break;
    case LULL_CONTENT_CANCEL_FOLLOW:
        cancel(self, view, LULL_JOB_FOLLOW);
        break;
    case LULL_CONTENT_START_SEAL:
        start_seal(self, view);
        break;
    case LULL_CONTENT_CANCEL_SEAL:
        cancel(self, view, LULL_JOB_SEAL);
        break;
    case LULL_CONTENT_START_REMOVAL:
        start(self, view, LULL_JOB_REMOVE, lull_content_run_remove, task_new(self, view, 0), NULL);
        break;
    case LULL_CONTENT_WAIT:
    case LULL_CONTENT_N_VERBS:
        break;
    }
    *ret_acted = FALSE;
    return TRUE;
}

/* Work that was begun may go as badly as it did before. */
static gboolean
is_pending(const LullContentView *view, LullContentVerb verb)
{
    const LullWork works[] = {view->discard, view->follow, view->seal, view->removal};

    for (guint i = 0; i < G_N_ELEMENTS(works); i++)
        if (works[i] == LULL_WORK_RUNNING || works[i] == LULL_WORK_FAILED)
            return TRUE;
    return verb == LULL_CONTENT_START_DISCARD || verb == LULL_CONTENT_START_FOLLOW ||
           verb == LULL_CONTENT_START_SEAL || verb == LULL_CONTENT_START_REMOVAL;
}

void
lull_content_gone(gpointer contents, const char *uid)
{
    const LullContents *self = contents;

    abandon(self, uid); /* there is work left where somebody took its finalizer off */
    if (self->duty)
        lull_grant_book_forget(self->duty->book, uid);
    if (self->tools.storage && self->tools.storage->ops->forget)
        self->tools.storage->ops->forget(self->tools.storage, uid);
}

/* One that another node sees to is none of ours, once our work at it has ended. */
static void
note_seen(const LullContents *self, const LullContentView *view, LullContentVerb verb)
{
    const gboolean moved = view->charge == LULL_CHARGE_NONE && verb == LULL_CONTENT_WAIT;

    if (!self->seen)
        return;
    if (view->exists)
        lull_seen_note(self->seen, view->ns, view->name, view->uid);
    if (!view->exists || moved)
        lull_seen_note(self->seen, view->ns, view->name, NULL);
}

/* Around a guest, and where something goes that does not come again, it is decided by what is there now; all
 * else is written under a version that was read, or only looks. */
static gboolean
needs_asking(LullContentVerb verb)
{
    static const gboolean asks[LULL_CONTENT_N_VERBS] = {
        [LULL_CONTENT_START_ATTEMPT] = TRUE,  [LULL_CONTENT_CANCEL_ATTEMPT] = TRUE,
        [LULL_CONTENT_ABANDON] = TRUE,        [LULL_CONTENT_START_DISCARD] = TRUE,
        [LULL_CONTENT_RECORD_DISCARD] = TRUE, [LULL_CONTENT_RECORD_LOSS] = TRUE,
        [LULL_CONTENT_START_REMOVAL] = TRUE,  [LULL_CONTENT_REMOVE_FINALIZER] = TRUE,
    };

    return asks[verb];
}

static LullContentView *
look(const LullContents *self, const char *ns, const char *name, gint64 now, LullContentStep *ret_step,
     GError **error)
{
    LullStore *stores[] = {self->store, self->asking};
    LullContentView *view = NULL;

    for (gsize i = 0; i < G_N_ELEMENTS(stores) && stores[i]; i++) {
        const LullContentEyes eyes = {stores[i],  self->tools.storage, self->jobs, self->life,
                                      self->duty, self->times,         self->bare, self->sparing};

        g_clear_pointer(&view, lull_content_view_free);
        view = lull_content_view_gather(&eyes, ns, name, now, error);
        if (!view)
            return NULL;
        *ret_step = lull_content_decide(view);
        if (!needs_asking(ret_step->verb))
            break;
    }
    return view;
}

gboolean
lull_content_pass(gpointer contents, const char *ns, const char *name, LullPass *ret_pass, GError **error)
{
    const LullContents *self = contents;
    const gint64 now = lull_store_now(self->store);
    LullContentStep step = {0};
    g_autoptr(LullContentView) view = look(self, ns, name, now, &step, error);
    g_autoptr(GPtrArray) news = NULL;

    if (!view)
        return FALSE;
    if (!view->exists && self->recorder)
        lull_recorder_forget(self->recorder, &lull_kind_content, ns, name);
    note_seen(self, view, step.verb);
    if (step.again_at)
        ret_pass->again_usec = MAX(step.again_at - now, 0) + LULL_MSEC(1);
    if (step.verb != LULL_CONTENT_WAIT)
        g_debug("content %s: %s (%s)", name, lull_content_verb_to_string(step.verb), step.reason);
    ret_pass->pending = is_pending(view, step.verb);
    if (!perform(self, view, step.verb, &ret_pass->acted, error))
        return FALSE;
    news = lull_content_news(view, step.verb);
    lull_news_tell(news, self->recorder, now);
    return TRUE;
}

GStrv
lull_content_refs(LullJson *content)
{
    const char *snapshot =
        lull_json_string(lull_json_object(content, "spec"), "virtualMachineSnapshotName", "");
    GStrv refs = g_new0(char *, 2);

    refs[0] = lull_loop_ref(&lull_kind_snapshot, lull_meta_namespace(content), snapshot);
    return refs;
}
