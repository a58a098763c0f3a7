/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/metrics/metrics.h"

#include <stdatomic.h>

#include "coordinator/metrics/objects.h"
#include "protocol/clock.h"

/* From a cut of a few milliseconds to the longest freeze that is allowed, and beyond. */
#define SPANS                                                                                      \
    {                                                                                              \
        LULL_MSEC(5), LULL_MSEC(10), LULL_MSEC(25), LULL_MSEC(50), LULL_MSEC(100), LULL_MSEC(250), \
            LULL_MSEC(500), LULL_SEC(1), LULL_MSEC(2500), LULL_SEC(5), LULL_SEC(10), LULL_SEC(30), \
            LULL_SEC(60)                                                                           \
    }
#define WORK_SPANS                                                                           \
    {                                                                                        \
        LULL_MSEC(1), LULL_MSEC(10), LULL_MSEC(100), LULL_SEC(1), LULL_SEC(10), LULL_SEC(60) \
    }
#define JOB_SPANS                                                                                       \
    {                                                                                                   \
        LULL_SEC(1), LULL_SEC(2), LULL_SEC(5), LULL_SEC(10), LULL_SEC(30), LULL_SEC(60), LULL_SEC(120), \
            LULL_SEC(300), LULL_SEC(600), LULL_SEC(1800), LULL_SEC(3600), LULL_SEC(14400)               \
    }

enum {
    BUILD,
    LEADER,
    STAMP,
    SNAPSHOTS,
    SNAPSHOTS_ENDED,
    SNAPSHOT_SPAN,
    RESTORES_ENDED,
    RESTORE_SPAN,
    ATTEMPTS,
    CUTS,
    UNQUIESCED,
    UNCONFIRMED,
    WINDOW,
    FREEZE,
    CUT,
    THAW,
    FROZEN,
    OLDEST_FROZEN,
    QUEUE_DEPTH,
    QUEUE_ADDS,
    QUEUE_RETRIES,
    QUEUE_WAIT,
    QUEUE_WORK,
    REQUESTS,
    REQUEST_SPAN,
    WATCH_RESTARTS,
    LEFT_OUT,
    N_FAMILIES
};

static const LullFamily families[N_FAMILIES] = {
    [BUILD] = {"lull_build_info", "Always 1; the version is in the label.", LULL_FAMILY_GAUGE,
               .labels = {"version"}},
    [LEADER] = {"lull_leader", "Whether this coordinator decides what is begun: 1 or 0.", LULL_FAMILY_GAUGE},
    [STAMP] = {"kubevirt_vmsnapshot_succeeded_timestamp_seconds",
               "When a snapshot that has succeeded, and is still there, was taken, as Unix time.",
               LULL_FAMILY_GAUGE, .labels = {"name", "snapshot_name", "namespace"}, .max_series = 10000},
    [SNAPSHOTS] = {"lull_snapshots", "VirtualMachineSnapshots that there are, by phase.", LULL_FAMILY_GAUGE,
                   .labels = {"phase"}},
    [SNAPSHOTS_ENDED] = {"lull_snapshots_ended_total", "Snapshots that became ready, or failed.",
                         LULL_FAMILY_COUNTER, .labels = {"result"}},
    [SNAPSHOT_SPAN] = {"lull_snapshot_ready_seconds",
                       "From a snapshot's creation until it was ready to use first.", LULL_FAMILY_HISTOGRAM,
                       .bounds = JOB_SPANS},
    [RESTORES_ENDED] = {"lull_restores_ended_total", "Restores that were completed, or failed.",
                        LULL_FAMILY_COUNTER, .labels = {"result"}},
    [RESTORE_SPAN] = {"lull_restore_seconds", "From a restore's creation until it was complete.",
                      LULL_FAMILY_HISTOGRAM, .bounds = JOB_SPANS},
    [ATTEMPTS] = {"lull_attempts_total", "Attempts to cut all volumes of a snapshot, by what they came to.",
                  LULL_FAMILY_COUNTER, .labels = {"result"}},
    [CUTS] = {"lull_cuts_total", "Attempts that cut, by what may be claimed of it.", LULL_FAMILY_COUNTER,
              .if_used = TRUE, .labels = {"level", "proof", "witness"}},
    [UNQUIESCED] = {"lull_quiesce_failures_total",
                    "Attempts whose guest was asked to hold still, and did not until after the last cut.",
                    LULL_FAMILY_COUNTER, .labels = {"reason"}},
    [UNCONFIRMED] = {"lull_thaws_unconfirmed_total",
                     "Attempts after which the guest did not say that it was thawed: its lease, or the "
                     "guarding process, has to end the freeze.",
                     LULL_FAMILY_COUNTER},
    [WINDOW] =
        {"lull_freeze_window_seconds",
         "How long guests stood still for a snapshot: by their own clock with agent lull, at most with "
         "agent stock.",
         LULL_FAMILY_HISTOGRAM, .labels = {"agent"}, .bounds = SPANS},
    [FREEZE] = {"lull_freeze_seconds", "How long freezing took.", LULL_FAMILY_HISTOGRAM, .labels = {"agent"},
                .bounds = SPANS},
    [CUT] = {"lull_cut_seconds", "From asking the storage for the cuts until the last was known.",
             LULL_FAMILY_HISTOGRAM, .bounds = SPANS},
    [THAW] = {"lull_thaw_seconds", "How long thawing took.", LULL_FAMILY_HISTOGRAM, .labels = {"agent"},
              .bounds = SPANS},
    [FROZEN] = {"lull_frozen_guests",
                "Guests that are frozen by this coordinator now, by hand or for a "
                "snapshot, from the request to the end of the thaw; 512 at most are counted.",
                LULL_FAMILY_GAUGE},
    [OLDEST_FROZEN] = {"lull_oldest_frozen_guest_age_seconds",
                       "For how long the one of these has been that was frozen first; 0 without any.",
                       LULL_FAMILY_GAUGE, .usec = TRUE},
    [QUEUE_DEPTH] = {"workqueue_depth", "Objects that wait for a reconciler to look at them.",
                     LULL_FAMILY_GAUGE, .labels = {"name"}, .max_series = 32},
    [QUEUE_ADDS] = {"workqueue_adds_total", "Times that an object began to wait.", LULL_FAMILY_COUNTER,
                    .labels = {"name"}, .max_series = 32},
    [QUEUE_RETRIES] = {"workqueue_retries_total", "Times that a pass over an object failed.",
                       LULL_FAMILY_COUNTER, .labels = {"name"}, .max_series = 32},
    [QUEUE_WAIT] = {"workqueue_queue_duration_seconds", "How long objects waited for their turn.",
                    LULL_FAMILY_HISTOGRAM, .labels = {"name"}, .bounds = WORK_SPANS, .max_series = 32},
    [QUEUE_WORK] = {"workqueue_work_duration_seconds", "How long a pass over an object took.",
                    LULL_FAMILY_HISTOGRAM, .labels = {"name"}, .bounds = WORK_SPANS, .max_series = 32},
    [REQUESTS] = {"rest_client_requests_total",
                  "Requests to the API server, each try, by method and by its answer's code.",
                  LULL_FAMILY_COUNTER, .if_used = TRUE, .labels = {"code", "method"}},
    [REQUEST_SPAN] = {"rest_client_request_duration_seconds", "How long they took.", LULL_FAMILY_HISTOGRAM,
                      .if_used = TRUE, .labels = {"method"}, .bounds = SPANS},
    [WATCH_RESTARTS] = {"lull_watch_restarts_total", "Times that a watch of the API server began once more.",
                        LULL_FAMILY_COUNTER, .if_used = TRUE},
    [LEFT_OUT] = {"lull_series_left_out_total",
                  "Times that something was not told here, since there was too much of its kind.",
                  LULL_FAMILY_COUNTER},
};

static const char *const agents[] = {"lull", "stock", NULL};

static const char *const methods[] = {"GET", "POST", "PUT", "PATCH", "DELETE", NULL};

/* Others are told as "other"; "<error>", as others call it: there was no answer. */
static const long codes[] = {200, 201, 202, 204, 400, 401, 403, 404, 409,
                             410, 413, 415, 422, 429, 500, 502, 503, 504};
#define N_CODES    (G_N_ELEMENTS(codes) + 2)
#define CODE_OTHER G_N_ELEMENTS(codes)
#define CODE_NONE  (G_N_ELEMENTS(codes) + 1)
#define N_METHODS  (G_N_ELEMENTS(methods) - 1)

typedef struct {
    LullSeries *window, *freeze, *thaw;
} AgentSeries;

struct _LullMetrics {
    LullRegistry *registry;
    LullFrozen *frozen;
    LullObjects *snapshots, *restores;
    LullSeries *leader, *unconfirmed, *cut, *watch_restarts;
    LullSeries *frozen_now, *oldest_frozen, *left_out;
    LullSeries *attempts[LULL_RESULT_N];
    AgentSeries agents[G_N_ELEMENTS(agents) - 1];
    LullSeries *requests[N_METHODS][N_CODES];
    LullSeries *request_spans[N_METHODS];
    atomic_bool server_away;
};

static LullSeries *
bare(LullMetrics *self, guint family)
{
    return lull_registry_series(self->registry, family, NULL);
}

static LullSeries *
one(LullMetrics *self, guint family, const char *value)
{
    return lull_registry_series(self->registry, family, &value);
}

static LullObjects *
snapshots_new(LullMetrics *self)
{
    LullObjectSeries series = {.registry = self->registry,
                               .stamps = STAMP,
                               .has_stamps = TRUE,
                               .done = one(self, SNAPSHOTS_ENDED, "ready"),
                               .failed = one(self, SNAPSHOTS_ENDED, "failed"),
                               .spans = bare(self, SNAPSHOT_SPAN)};

    for (guint i = 0; i < LULL_OBJECT_N_PHASES; i++)
        series.phases[i] = one(self, SNAPSHOTS, lull_object_phase_to_string(i));
    return lull_objects_new(&series);
}

static LullObjects *
restores_new(LullMetrics *self)
{
    const LullObjectSeries series = {.registry = self->registry,
                                     .done = one(self, RESTORES_ENDED, "complete"),
                                     .failed = one(self, RESTORES_ENDED, "failed"),
                                     .spans = bare(self, RESTORE_SPAN)};

    return lull_objects_new(&series);
}

/* All that may be counted while a guest is frozen is made here. */
static void
make_requests(LullMetrics *self)
{
    for (guint i = 0; i < N_METHODS; i++) {
        self->request_spans[i] = one(self, REQUEST_SPAN, methods[i]);
        for (guint j = 0; j < N_CODES; j++) {
            g_autofree char *code = j == CODE_OTHER  ? g_strdup("other")
                                    : j == CODE_NONE ? g_strdup("<error>")
                                                     : g_strdup_printf("%ld", codes[j]);
            const char *values[] = {code, methods[i]};

            self->requests[i][j] = lull_registry_series(self->registry, REQUESTS, values);
        }
    }
}

static void
look(gpointer user_data)
{
    LullMetrics *self = user_data;
    gint64 oldest = 0;

    lull_series_set(self->frozen_now, lull_frozen_count(self->frozen, lull_clock_boottime(), &oldest));
    lull_series_set(self->oldest_frozen, oldest);
    lull_series_set(self->left_out, (gint64)lull_registry_left_out(self->registry));
}

LullMetrics *
lull_metrics_new(void)
{
    LullMetrics *self = g_new0(LullMetrics, 1);
    const char *const *reasons = lull_attempt_reasons();

    self->registry = lull_registry_new(families, N_FAMILIES);
    self->frozen = lull_frozen_new();
    lull_series_set(one(self, BUILD, LULL_VERSION), 1);
    self->leader = bare(self, LEADER);
    self->snapshots = snapshots_new(self);
    self->restores = restores_new(self);
    for (guint i = 0; i < LULL_RESULT_N; i++)
        self->attempts[i] = one(self, ATTEMPTS, lull_result_to_string(i));
    for (guint i = 0; reasons[i]; i++)
        (void)one(self, UNQUIESCED, reasons[i]);
    self->unconfirmed = bare(self, UNCONFIRMED);
    for (guint i = 0; agents[i]; i++)
        self->agents[i] = (AgentSeries){one(self, WINDOW, agents[i]), one(self, FREEZE, agents[i]),
                                        one(self, THAW, agents[i])};
    self->cut = bare(self, CUT);
    self->frozen_now = bare(self, FROZEN);
    self->oldest_frozen = bare(self, OLDEST_FROZEN);
    make_requests(self);
    self->watch_restarts = bare(self, WATCH_RESTARTS);
    self->left_out = bare(self, LEFT_OUT);
    lull_registry_add_collector(self->registry, look, self);
    return self;
}

void
lull_metrics_free(LullMetrics *self)
{
    if (!self)
        return;
    lull_objects_free(self->snapshots);
    lull_objects_free(self->restores);
    lull_registry_free(self->registry);
    lull_frozen_free(self->frozen);
    g_free(self);
}

GString *
lull_metrics_text(LullMetrics *self)
{
    return lull_registry_text(self->registry);
}

const LullFamily *
lull_metrics_families(guint *ret_n)
{
    *ret_n = N_FAMILIES;
    return families;
}

LullFrozen *
lull_metrics_frozen(LullMetrics *self)
{
    return self ? self->frozen : NULL;
}

static void
observe_known(LullSeries *series, gint64 usec)
{
    if (usec >= 0)
        lull_series_observe(series, usec);
}

void
lull_metrics_attempt(LullMetrics *self, const LullAttemptFacts *facts)
{
    const char *reason = lull_attempt_reason(facts);
    const char *claim[] = {facts->level, facts->proof, facts->witness};

    if (!self)
        return;
    lull_series_add(self->attempts[facts->result], 1);
    if (reason)
        lull_series_add(one(self, UNQUIESCED, reason), 1);
    if (facts->cut_usec >= 0 && facts->level)
        lull_series_add(lull_registry_series(self->registry, CUTS, claim), 1);
    if (facts->unconfirmed)
        lull_series_add(self->unconfirmed, 1);
    observe_known(self->cut, facts->cut_usec);
    for (guint i = 0; agents[i]; i++) {
        if (g_strcmp0(facts->agent, agents[i]) != 0)
            continue;
        observe_known(self->agents[i].window, facts->window_usec);
        observe_known(self->agents[i].freeze, facts->freeze_usec);
        observe_known(self->agents[i].thaw, facts->thaw_usec);
    }
}

void
lull_metrics_set_leader(LullMetrics *self, gboolean leads)
{
    if (self)
        lull_series_set(self->leader, leads ? 1 : 0);
}

LullQueueSeries
lull_metrics_queue(LullMetrics *self, const char *name)
{
    if (!self)
        return (LullQueueSeries){NULL};
    return (LullQueueSeries){one(self, QUEUE_DEPTH, name), one(self, QUEUE_ADDS, name),
                             one(self, QUEUE_RETRIES, name), one(self, QUEUE_WAIT, name),
                             one(self, QUEUE_WORK, name)};
}

static guint
code_of(long http)
{
    if (http == 0)
        return CODE_NONE;
    for (guint i = 0; i < G_N_ELEMENTS(codes); i++)
        if (codes[i] == http)
            return i;
    return CODE_OTHER;
}

void
lull_metrics_request(LullMetrics *self, const char *method, long http, gint64 usec)
{
    if (self)
        atomic_store(&self->server_away, http == 0);
    for (guint i = 0; self && methods[i]; i++) {
        if (!g_str_equal(method, methods[i]))
            continue;
        lull_series_add(self->requests[i][code_of(http)], 1);
        lull_series_observe(self->request_spans[i], usec);
    }
}

gboolean
lull_metrics_server_is_away(LullMetrics *self)
{
    return self && atomic_load(&self->server_away);
}

void
lull_metrics_watch_restart(LullMetrics *self)
{
    if (self)
        lull_series_add(self->watch_restarts, 1);
}

void
lull_metrics_snapshot(LullMetrics *self, LullJson *snapshot, gboolean deleted)
{
    if (self)
        lull_objects_see_snapshot(self->snapshots, snapshot, deleted, lull_clock_realtime());
}

void
lull_metrics_restore(LullMetrics *self, LullJson *restore, gboolean deleted)
{
    if (self)
        lull_objects_see_restore(self->restores, restore, deleted, lull_clock_realtime());
}

void
lull_metrics_forget_objects(LullMetrics *self)
{
    if (!self)
        return;
    lull_objects_forget(self->snapshots);
    lull_objects_forget(self->restores);
}
