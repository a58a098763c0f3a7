/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/store/kube/election-decide.h"

#include "coordinator/model/meta.h"
#include "protocol/clock.h"

#define MAX_DURATION_S 600 /* of another's lease: a slip of the pen is not to stop everybody for good */
#define MAX_TERM       G_MAXINT32
#define CLOCK_STEP     LULL_SEC(2)

const LullElectionTuning lull_election_usual = {
    .duration = LULL_SEC(15), .deadline = LULL_SEC(10), .retry = LULL_SEC(2)};

void
lull_election_state_init(LullElectionState *self)
{
    *self = (LullElectionState){.looked_at = G_MININT64, .renewed_at = G_MININT64};
}

void
lull_election_state_clear(LullElectionState *self)
{
    g_free(self->holder);
    g_free(self->version);
    g_free(self->record);
    lull_election_state_init(self);
}

static gint64
read_duration(LullJson *spec, const LullElectionTuning *tuning)
{
    const gint64 seconds = lull_json_int(spec, "leaseDurationSeconds", 0);

    return seconds > 0 ? LULL_SEC(MIN(seconds, MAX_DURATION_S)) : tuning->duration;
}

void
lull_election_state_see(LullElectionState *self, const LullElectionTuning *tuning, LullJson *lease,
                        gint64 now)
{
    LullJson *spec = lull_json_object(lease, "spec");
    const char *holder = lull_json_string(spec, "holderIdentity", "");
    g_autofree char *record = g_strdup_printf("%s %s %s", holder, lull_json_string(spec, "renewTime", ""),
                                              lull_json_string(spec, "acquireTime", ""));

    if (!self->record || !g_str_equal(self->record, record) || self->present != (lease != NULL)) {
        g_free(self->record);
        self->record = g_steal_pointer(&record);
        self->changed_at = now;
    }
    self->present = lease != NULL;
    g_free(self->holder);
    self->holder = *holder ? g_strdup(holder) : NULL;
    g_free(self->version);
    self->version = g_strdup(lull_meta_version(lease));
    self->duration = read_duration(spec, tuning);
    self->term = CLAMP(lull_json_int(spec, "leaseTransitions", 0), self->term, MAX_TERM);
    self->looked_at = now;
}

void
lull_election_state_won(LullElectionState *self, const LullElectionTuning *tuning, LullJson *lease,
                        gint64 sent, gint64 now)
{
    lull_election_state_see(self, tuning, lease, now);
    self->renewed_at = self->holder ? sent : G_MININT64;
}

gboolean
lull_election_leads(const LullElectionState *state, const LullElectionTuning *tuning, gint64 now)
{
    return state->renewed_at != G_MININT64 && now - state->renewed_at < tuning->deadline;
}

static LullElectionStep
step(LullElectionVerb verb)
{
    return (LullElectionStep){.verb = verb};
}

static LullElectionStep
wait_until(gint64 at)
{
    return (LullElectionStep){.verb = LULL_ELECTION_WAIT, .at = at};
}

static LullElectionStep
decide_leading(const LullElectionState *state, const LullElectionTuning *tuning, const char *identity,
               gboolean stopping, gint64 now)
{
    const gint64 last = MAX(state->renewed_at, state->looked_at);

    if (!lull_election_leads(state, tuning, now) || g_strcmp0(state->holder, identity) != 0)
        return step(LULL_ELECTION_STEP_DOWN);
    if (stopping)
        return step(LULL_ELECTION_RELEASE);
    if (now - last >= tuning->retry)
        return step(LULL_ELECTION_RENEW);
    return wait_until(MIN(last + tuning->retry, state->renewed_at + tuning->deadline));
}

LullElectionStep
lull_election_decide(const LullElectionState *state, const LullElectionTuning *tuning, const char *identity,
                     gboolean stopping, gint64 now)
{
    if (state->renewed_at != G_MININT64)
        return decide_leading(state, tuning, identity, stopping, now);
    if (stopping)
        return wait_until(G_MAXINT64);
    if (state->looked_at == G_MININT64 || now - state->looked_at >= tuning->retry)
        return step(LULL_ELECTION_LOOK);
    /* whoever was faster since the look makes these writes conflicts */
    if (!state->present)
        return step(LULL_ELECTION_CREATE);
    /* our own: from a write whose answer was lost */
    if (!state->holder || g_str_equal(state->holder, identity) || now - state->changed_at >= state->duration)
        return step(LULL_ELECTION_TAKE);
    return wait_until(state->looked_at + tuning->retry);
}

/* RFC 3339 with microseconds, as this kind has them. */
static char *
micro_time(gint64 wall)
{
    g_autofree char *seconds = lull_clock_format(wall);

    return g_strdup_printf("%.19s.%06dZ", seconds, (int)(wall % LULL_SEC(1)));
}

/* A lease that was deleted has taken its term along: one that is made begins with the clock, in steps that no
 * lease outruns whose leader changes less than once in each. They last until 2106. */
static gint64
next_term(const LullElectionState *state, LullElectionVerb verb, gint64 wall)
{
    const gint64 least = verb == LULL_ELECTION_CREATE ? wall / CLOCK_STEP : 0;

    return MIN(MAX(state->term + 1, least), MAX_TERM);
}

LullJson *
lull_election_spec(const LullElectionState *state, const LullElectionTuning *tuning, const char *identity,
                   LullElectionVerb verb, gint64 wall)
{
    LullJson *spec = json_object_new_object();
    g_autofree char *time = micro_time(wall);
    const gboolean change = verb == LULL_ELECTION_CREATE ||
                            (verb == LULL_ELECTION_TAKE && g_strcmp0(state->holder, identity) != 0);

    lull_json_set_string(spec, "holderIdentity", verb == LULL_ELECTION_RELEASE ? "" : identity);
    lull_json_set_int(spec, "leaseDurationSeconds",
                      verb == LULL_ELECTION_RELEASE ? 1 : tuning->duration / LULL_SEC(1));
    lull_json_set_string(spec, "renewTime", time);
    if (change) {
        lull_json_set_string(spec, "acquireTime", time);
        lull_json_set_int(spec, "leaseTransitions", next_term(state, verb, wall));
    }
    return spec;
}
