/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/leader.h"

#include "protocol/clock.h"
#include "protocol/error.h"

const LullKind lull_kind_lease = {
    .group = "coordination.k8s.io",
    .version = "v1",
    .kind = "Lease",
    .plural = "leases",
    .singular = "lease",
    .doc = "Who of several does what only one may do.",
};

struct _LullLeader {
    LullStore *store;
    char *ns;
    char *name;
    char *identity;
    LullElectionTuning tuning;
    LullLeaderFunc func;
    gpointer user_data;
    GThread *thread;
    char *problem; /* that the log knows */
    GMutex lock;
    GCond changed;
    /* under it, and written by the thread alone: */
    LullElectionState state;
    gboolean stopping;
};

/* A problem that stays the same is told once. */
static void
note_problem(LullLeader *self, const char *what, const GError *problem)
{
    if (problem && g_strcmp0(problem->message, self->problem) != 0)
        g_warning("lease %s/%s: cannot be %s: %s", self->ns, self->name, what, problem->message);
    g_free(self->problem);
    self->problem = problem ? g_strdup(problem->message) : NULL;
}

/* FALSE: it is not known how the lease stands. */
static gboolean
look(LullLeader *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) lease = lull_store_get(self->store, &lull_kind_lease, self->ns, self->name, &error);

    if (!lease && !lull_error_is(error, LULL_ERROR_NOT_FOUND)) {
        note_problem(self, "read", error);
        return FALSE;
    }
    note_problem(self, NULL, NULL);
    g_mutex_lock(&self->lock);
    lull_election_state_see(&self->state, &self->tuning, lease, lull_clock_boottime());
    g_mutex_unlock(&self->lock);
    return TRUE;
}

static LullJson *
make_lease(LullLeader *self, LullElectionVerb verb)
{
    LullJson *lease = json_object_new_object();
    LullJson *metadata = lull_json_ensure(lease, "metadata");
    g_autofree char *api_version = lull_kind_api_version(&lull_kind_lease);

    lull_json_set_string(lease, "apiVersion", api_version);
    lull_json_set_string(lease, "kind", lull_kind_lease.kind);
    lull_json_set_string(metadata, "name", self->name);
    lull_json_set_string(metadata, "namespace", self->ns);
    if (verb != LULL_ELECTION_CREATE)
        lull_json_set_string(metadata, "resourceVersion", self->state.version);
    lull_json_take(
        lease, "spec",
        lull_election_spec(&self->state, &self->tuning, self->identity, verb, lull_clock_realtime()));
    return lease;
}

static void
step_down(LullLeader *self)
{
    const gint64 term = self->state.term;

    g_mutex_lock(&self->lock);
    self->state.renewed_at = G_MININT64;
    self->state.looked_at = G_MININT64;
    g_mutex_unlock(&self->lock);
    self->func(FALSE, term, self->user_data);
}

/* FALSE: the answer came so late that meanwhile we did not lead, or would not even now. */
static gboolean
note_written(LullLeader *self, LullElectionVerb verb, LullJson *written, gint64 sent)
{
    const gint64 now = lull_clock_boottime();
    gboolean timely;

    g_mutex_lock(&self->lock);
    timely = verb == LULL_ELECTION_RELEASE ||
             (verb == LULL_ELECTION_RENEW ? lull_election_leads(&self->state, &self->tuning, now)
                                          : now - sent < self->tuning.deadline);
    if (timely)
        lull_election_state_won(&self->state, &self->tuning, written, sent, now);
    else
        lull_election_state_see(&self->state, &self->tuning, written, now);
    g_mutex_unlock(&self->lock);
    if (!timely && verb == LULL_ELECTION_RENEW)
        step_down(self); /* who asked meanwhile was told so already */
    return timely;
}

/* FALSE: it is not ours for now. */
static gboolean
write_lease(LullLeader *self, LullElectionVerb verb)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) lease = make_lease(self, verb);
    const gint64 sent = lull_clock_boottime();
    g_autoptr(LullJson) written = verb == LULL_ELECTION_CREATE
                                      ? lull_store_create(self->store, &lull_kind_lease, lease, &error)
                                      : lull_store_patch(self->store, &lull_kind_lease, self->ns, self->name,
                                                         LULL_PATCH_OBJECT, lease, &error);

    if (written) {
        note_problem(self, NULL, NULL);
        return note_written(self, verb, written, sent);
    }
    /* somebody was faster, or an answer to us was lost: that is for the next look to tell */
    if (lull_error_is(error, LULL_ERROR_CONFLICT) || lull_error_is(error, LULL_ERROR_EXISTS) ||
        lull_error_is(error, LULL_ERROR_NOT_FOUND))
        return look(self) && FALSE;
    note_problem(self, "written", error);
    return FALSE;
}

static void
write_and_tell(LullLeader *self, LullElectionVerb verb)
{
    if (!write_lease(self, verb))
        return;
    if (verb == LULL_ELECTION_RELEASE)
        self->func(FALSE, self->state.term, self->user_data);
    else if (verb != LULL_ELECTION_RENEW)
        self->func(TRUE, self->state.term, self->user_data);
}

/* Naps until @at, but no longer than it takes to be stopped. */
static void
nap(LullLeader *self, gint64 at)
{
    const gint64 end = g_get_monotonic_time() + CLAMP(at - lull_clock_boottime(), 0, self->tuning.retry);

    g_mutex_lock(&self->lock);
    while (!self->stopping && g_cond_wait_until(&self->changed, &self->lock, end))
        ;
    g_mutex_unlock(&self->lock);
}

/* FALSE: it is over. */
static gboolean
take_step(LullLeader *self)
{
    LullElectionStep step;
    gboolean stopping;

    g_mutex_lock(&self->lock);
    stopping = self->stopping;
    step = lull_election_decide(&self->state, &self->tuning, self->identity, stopping, lull_clock_boottime());
    g_mutex_unlock(&self->lock);
    switch (step.verb) {
    case LULL_ELECTION_WAIT:
        nap(self, step.at);
        break;
    case LULL_ELECTION_LOOK:
        if (!look(self))
            nap(self, lull_clock_boottime() + self->tuning.retry);
        break;
    case LULL_ELECTION_STEP_DOWN:
        step_down(self);
        break;
    case LULL_ELECTION_RELEASE:
    case LULL_ELECTION_CREATE:
    case LULL_ELECTION_TAKE:
    case LULL_ELECTION_RENEW:
        write_and_tell(self, step.verb);
        if (!lull_leader_leads(self, NULL) || self->problem)
            nap(self, lull_clock_boottime() + self->tuning.retry / 4);
        break;
    }
    return !stopping;
}

static gpointer
run(gpointer user_data)
{
    LullLeader *self = user_data;

    while (take_step(self))
        ;
    return NULL;
}

LullLeader *
lull_leader_new(LullStore *store, const LullLeaderOptions *options, LullLeaderFunc func, gpointer user_data)
{
    LullLeader *self = g_new0(LullLeader, 1);

    self->store = store;
    self->ns = g_strdup(options->ns);
    self->name = g_strdup(options->name);
    self->identity = g_strdup(options->identity);
    self->tuning = *options->tuning;
    self->func = func;
    self->user_data = user_data;
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    lull_election_state_init(&self->state);
    lull_store_limit_patience(store, self->tuning.deadline / 3);
    self->thread = g_thread_new("leader", run, self);
    return self;
}

void
lull_leader_resign(LullLeader *self)
{
    g_mutex_lock(&self->lock);
    self->stopping = TRUE;
    g_cond_signal(&self->changed);
    g_mutex_unlock(&self->lock);
}

void
lull_leader_free(LullLeader *self)
{
    if (!self)
        return;
    lull_leader_resign(self);
    g_thread_join(self->thread);
    lull_election_state_clear(&self->state);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->ns);
    g_free(self->name);
    g_free(self->identity);
    g_free(self->problem);
    g_free(self);
}

gboolean
lull_leader_leads(LullLeader *self, gint64 *ret_term)
{
    gboolean leads;

    g_mutex_lock(&self->lock);
    leads = lull_election_leads(&self->state, &self->tuning, lull_clock_boottime());
    if (leads && ret_term)
        *ret_term = self->state.term;
    g_mutex_unlock(&self->lock);
    return leads;
}
