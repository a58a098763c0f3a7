/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-records.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/bare.h"
#include "coordinator/reconcile/content-tasks.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/grant-effects.h"
#include "coordinator/reconcile/rest.h"
#include "coordinator/reconcile/status-patch.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step.h"

/* Before a storage that refuses, and keeps nobody waiting, is believed. */
#define MAX_FAILED_CUTS 2

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

gboolean
lull_content_begin_attempt(const LullContents *self, const LullContentView *view, gboolean unquiesced,
                           GError **error)
{
    LullContentState state = next_state(view, LULL_CONTENT_BEGUN, view->state->error);

    /* of the one before, still there where it was recorded but the answer was lost */
    lull_content_drop(self, view, LULL_JOB_ATTEMPT);
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

gboolean
lull_content_record_refusal(const LullContents *self, const LullContentView *view, GError **error)
{
    g_autoptr(LullJson) report = lull_content_stored_report(view);
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
    if (!lull_rest_look(lull_contents_asking(self), view->content, &now, error))
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

gboolean
lull_content_record_attempt(const LullContents *self, const LullContentView *view, GError **error)
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
gboolean
lull_content_record_discard(const LullContents *self, const LullContentView *view, GError **error)
{
    char *why = *view->state->life ? NULL : view->state->error;
    const LullContentState state = next_state(view, LULL_CONTENT_FAILED, why);

    if (!write_state(self, view, &state, NULL, error))
        return FALSE;
    lull_content_drop(self, view, LULL_JOB_DISCARD);
    return TRUE;
}

/* The machine may have gone meanwhile: that is as good as off, nothing of it is cut. */
gboolean
lull_content_record_bare(const LullContents *self, const LullContentView *view, GError **error)
{
    const char *machine =
        lull_meta_name(lull_json_at(view->content, "spec", "source", "virtualMachine", NULL));
    LullContentState state = next_state(view, LULL_CONTENT_SEALED, NULL);
    g_autoptr(LullJson) vm = NULL;
    g_autoptr(LullJson) report = NULL;
    g_autofree char *op = g_uuid_string_random();
    g_autofree char *why = NULL;
    gboolean reached = FALSE;

    if (!lull_effect_get(lull_contents_asking(self), &lull_kind_vm, view->ns, machine ? machine : "", &vm,
                         error))
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

gboolean
lull_content_record_seal(const LullContents *self, const LullContentView *view, GError **error)
{
    const gboolean done =
        view->sealed ? lull_effect_status(self->store, &lull_kind_content, view->content, view->sealed, error)
                     : write_seal(self, view, error);

    if (!done)
        return FALSE;
    lull_content_drop(self, view, LULL_JOB_FOLLOW);
    lull_content_drop(self, view, LULL_JOB_SEAL);
    return TRUE;
}

gboolean
lull_content_record_loss(const LullContents *self, const LullContentView *view, GError **error)
{
    LullContentState state = next_state(view, LULL_CONTENT_BROKEN, view->problem);

    state.time = view->state->time;
    if (!write_state(self, view, &state, NULL, error))
        return FALSE;
    lull_content_drop(self, view, LULL_JOB_FOLLOW);
    return TRUE;
}
