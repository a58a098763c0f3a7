/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/content-effects.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/content-decide.h"
#include "coordinator/reconcile/content-records.h"
#include "coordinator/reconcile/content-tasks.h"
#include "coordinator/reconcile/effect.h"
#include "coordinator/reconcile/news.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

static gboolean
remove_finalizer(const LullContents *self, const LullContentView *view, GError **error)
{
    if (!lull_effect_finalizer(self->store, &lull_kind_content, view->content, LULL_FINALIZER_CONTENT, FALSE,
                               error))
        return FALSE;
    lull_content_drop_all(self, view);
    return TRUE;
}

/* As an error of this pass, so that the loop's back-off decides when to try again. */
static gboolean
forget_failure(const LullContents *self, const LullContentView *view, GError **error)
{
    if (view->discard == LULL_WORK_FAILED)
        lull_content_drop(self, view, LULL_JOB_DISCARD);
    if (view->follow == LULL_WORK_FAILED)
        lull_content_drop(self, view, LULL_JOB_FOLLOW);
    if (view->seal == LULL_WORK_FAILED)
        lull_content_drop(self, view, LULL_JOB_SEAL);
    if (view->removal == LULL_WORK_FAILED)
        lull_content_drop(self, view, LULL_JOB_REMOVE);
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "%s", view->work_error);
    return FALSE;
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
        return lull_content_begin_attempt(self, view, FALSE, error);
    case LULL_CONTENT_BEGIN_UNQUIESCED:
        return lull_content_begin_attempt(self, view, TRUE, error);
    case LULL_CONTENT_RECORD_REFUSAL:
        return lull_content_record_refusal(self, view, error);
    case LULL_CONTENT_RECORD_ATTEMPT:
        return lull_content_record_attempt(self, view, error);
    case LULL_CONTENT_RECORD_BARE:
        return lull_content_record_bare(self, view, error);
    case LULL_CONTENT_RECORD_DISCARD:
        return lull_content_record_discard(self, view, error);
    case LULL_CONTENT_RECORD_SEAL:
        return lull_content_record_seal(self, view, error);
    case LULL_CONTENT_RECORD_LOSS:
        return lull_content_record_loss(self, view, error);
    case LULL_CONTENT_REMOVE_FINALIZER:
        return remove_finalizer(self, view, error);
    case LULL_CONTENT_FORGET_FAILURE:
        return forget_failure(self, view, error);
    case LULL_CONTENT_START_ATTEMPT:
        if (!lull_content_start_attempt(self, view, error))
            return FALSE;
        break;
    case LULL_CONTENT_ABANDON:
        lull_content_abandon(self, view->uid);
        break;
    case LULL_CONTENT_CANCEL_ATTEMPT:
        lull_content_cancel(self, view, LULL_JOB_ATTEMPT);
        break;
    case LULL_CONTENT_START_DISCARD:
        lull_content_start_removal(self, view, LULL_JOB_DISCARD, view->state->number);
        break;
    case LULL_CONTENT_START_FOLLOW:
        lull_content_start_follow(self, view);
        break;
    case LULL_CONTENT_CANCEL_FOLLOW:
        lull_content_cancel(self, view, LULL_JOB_FOLLOW);
        break;
    case LULL_CONTENT_START_SEAL:
        lull_content_start_seal(self, view);
        break;
    case LULL_CONTENT_CANCEL_SEAL:
        lull_content_cancel(self, view, LULL_JOB_SEAL);
        break;
    case LULL_CONTENT_START_REMOVAL:
        lull_content_start_removal(self, view, LULL_JOB_REMOVE, 0);
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

    lull_content_abandon(self, uid); /* there is work left where somebody took its finalizer off */
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
