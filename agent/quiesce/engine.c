/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/engine-private.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "agent/log.h"
#include "agent/quiesce/record.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"
#include "protocol/step.h"

#define RETIRE_MSEC 100
#define LINGER_MSEC 500

/* ------- actions */

static void
post(LullEngine *self, LullEvent event)
{
    g_queue_push_tail(&self->events, g_memdup(&event, sizeof event));
}

static LullEvent
freezer_event(const LullFreezerEvent *event, LullOperation *operation)
{
    static const LullEventKind kinds[] = {
        [LULL_FREEZER_PREPARED] = LULL_EVENT_PREPARED,
        [LULL_FREEZER_FROZEN] = LULL_EVENT_FROZEN,
        [LULL_FREEZER_FREEZE_FAILED] = LULL_EVENT_FREEZE_FAILED,
        [LULL_FREEZER_THAWED] = LULL_EVENT_THAWED,
        [LULL_FREEZER_LOST] = LULL_EVENT_LOST,
    };

    return (LullEvent){
        .kind = kinds[event->kind],
        .n_frozen = lull_operation_n_frozen(operation),
        .timed_out = event->timed_out,
        .broken = lull_operation_keep(operation, event->broken),
    };
}

static void
on_freezer(LullFreezer *freezer, const LullFreezerEvent *event, gpointer user_data)
{
    LullEngine *self = user_data;

    if (freezer != self->freezer)
        return;
    lull_operation_take_event(self->operation, event);
    switch (event->kind) {
    case LULL_FREEZER_PREPARED:
        lull_step(LULL_STEP_AGENT_PREPARED);
        break;
    case LULL_FREEZER_FROZEN:
        self->operation->frozen_at = lull_clock_boottime() - event->freeze_usec;
        lull_step(LULL_STEP_AGENT_FROZEN);
        break;
    case LULL_FREEZER_THAWED:
        lull_step(LULL_STEP_AGENT_THAWED);
        break;
    case LULL_FREEZER_FREEZE_FAILED:
    case LULL_FREEZER_LOST:
        break;
    }
    (void)lull_engine_apply(self, freezer_event(event, self->operation));
}

static void
forget(LullEngine *self)
{
    if (!self->recorded)
        return;
    self->recorded = FALSE;
    lull_record_remove(self->config.state_dir);
    lull_log_hold(FALSE);
}

/* Lets an ended freezer go when nothing of it is frozen any more: a mount that the kernel did not give back
 * in time outlasts the operation, and with it the record, without which nobody would know of it. */
static gboolean
on_retiring(gpointer user_data)
{
    LullEngine *self = user_data;

    if (!lull_freezer_is_settled(self->retired))
        return G_SOURCE_CONTINUE;
    self->retiring = 0;
    forget(self);
    g_clear_pointer(&self->retired, lull_freezer_free);
    return G_SOURCE_REMOVE;
}

/* FALSE: the freezer of the operation before is not done. */
static gboolean
retire_now(LullEngine *self)
{
    if (!self->retired)
        return TRUE;
    if (!lull_freezer_is_settled(self->retired))
        return FALSE;
    g_source_remove(self->retiring);
    (void)on_retiring(self);
    return TRUE;
}

static void
post_unsettled(LullEngine *self)
{
    const char *mountpoint = lull_freezer_first_unsettled(self->retired);
    g_autofree char *text = g_strdup_printf("%s of the operation before is not " LULL_THAWED_YET
                                            ", which is tried again all the time",
                                            mountpoint ? mountpoint : "a file system");

    post(self, (LullEvent){.kind = LULL_EVENT_LOST, .broken = lull_operation_keep(self->operation, text)});
}

static void
do_start(LullEngine *self)
{
    LullOperation *operation = self->operation;
    g_autofree LullFreezerMount *mounts = g_new0(LullFreezerMount, operation->n_freeze + 1);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < operation->n_freeze; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(operation->plan, i);

        mounts[i] = (LullFreezerMount){entry->mountpoint, entry->opened_as, entry->counter, entry->level,
                                       entry->may_hang};
    }
    if (operation->n_freeze == 0) {
        post(self, (LullEvent){.kind = LULL_EVENT_PREPARED});
        return;
    }
    if (!retire_now(self)) {
        post_unsettled(self);
        return;
    }
    self->marker_fd = lull_record_open_marker(self->config.state_dir, &error);
    if (self->marker_fd >= 0)
        self->freezer = lull_freezer_start(self->config.freezer, mounts, operation->n_freeze, self->marker_fd,
                                           on_freezer, self, &error);
    if (!self->freezer)
        post(self, (LullEvent){.kind = LULL_EVENT_LOST,
                               .broken = lull_operation_keep(self->operation, error->message)});
    lull_step(LULL_STEP_AGENT_PREPARE_ACCEPTED);
}

/* From here until do_end() nothing may log, use a file name or run a program. */
static void
do_freeze(LullEngine *self)
{
    g_autoptr(GError) error = NULL;

    if (!self->freezer) {
        post(self, (LullEvent){.kind = LULL_EVENT_FROZEN, .n_frozen = 0});
        return;
    }
    if (!lull_record_write(self->config.state_dir, self->operation, self->boot_id, &error)) {
        post(self, (LullEvent){.kind = LULL_EVENT_FREEZE_FAILED,
                               .broken = lull_operation_keep(self->operation, error->message)});
        return;
    }
    lull_step(LULL_STEP_AGENT_STATE_WRITTEN);
    self->recorded = TRUE;
    lull_log_hold(TRUE);
    lull_freezer_freeze(self->freezer, self->machine.lease / 1000,
                        lull_machine_freeze_limit(self->machine.standard, self->machine.lease) / 1000,
                        self->operation->standard);
    lull_step(LULL_STEP_AGENT_FREEZE_SENT);
}

static void
do_thaw(LullEngine *self)
{
    if (!self->freezer) {
        post(self, (LullEvent){.kind = LULL_EVENT_THAWED});
        return;
    }
    lull_freezer_thaw(self->freezer, self->machine.reason);
    lull_step(LULL_STEP_AGENT_THAW_SENT);
}

static void
do_end(LullEngine *self)
{
    if (self->marker_fd >= 0)
        (void)close(self->marker_fd);
    self->marker_fd = -1;
    if (self->freezer) {
        gboolean settled;

        self->retired = g_steal_pointer(&self->freezer);
        settled = lull_freezer_is_settled(self->retired);
        if (settled)
            forget(self);
        /* A process that has locked its memory takes milliseconds of a CPU to end: those who waited for the
         * thaw come first. */
        self->retiring = g_timeout_add(settled ? LINGER_MSEC : RETIRE_MSEC, on_retiring, self);
    }
    g_message("operation %s: proof %s%s%s", self->operation->op, lull_proof_to_string(self->machine.proof),
              self->machine.reason ? ", " : "", self->machine.reason ? self->machine.reason : "");
    if (self->stopped)
        g_idle_add(self->stopped, self->stopped_data);
}

/* ------- the machine's shell */

static void
perform(LullEngine *self, guint actions)
{
    if (actions & LULL_DO_START)
        do_start(self);
    if (actions & LULL_DO_FREEZE)
        do_freeze(self);
    if (actions & LULL_DO_RENEW)
        (void)lull_freezer_renew(self->freezer, self->machine.lease / 1000);
    if (actions & LULL_DO_THAW)
        do_thaw(self);
    if (actions & LULL_DO_END)
        do_end(self);
    if (actions & LULL_DO_ANSWER)
        lull_engine_answer_waiting(self);
}

static gboolean
on_timer(gpointer user_data)
{
    LullEngine *self = user_data;

    self->timer = 0;
    (void)lull_engine_apply(self, (LullEvent){.kind = LULL_EVENT_TICK});
    return G_SOURCE_REMOVE;
}

static void
arm_timer(LullEngine *self)
{
    gint64 wait;

    if (self->timer > 0)
        g_source_remove(self->timer);
    self->timer = 0;
    if (self->machine.deadline == 0)
        return;
    wait = MAX(self->machine.deadline - lull_clock_boottime(), 0) / 1000 + 1;
    self->timer = g_timeout_add((guint)MIN(wait, G_MAXINT), on_timer, self);
}

LullAnswer
lull_engine_apply(LullEngine *self, LullEvent event)
{
    LullTransition out = lull_machine_step(self->machine, event, lull_clock_boottime());
    const LullAnswer first = out.answer;

    self->machine = out.next;
    if (self->working) {
        perform(self, out.actions);
        return first;
    }
    self->working = TRUE;
    perform(self, out.actions);
    while (!g_queue_is_empty(&self->events)) {
        g_autofree LullEvent *next = g_queue_pop_head(&self->events);

        out = lull_machine_step(self->machine, *next, lull_clock_boottime());
        self->machine = out.next;
        perform(self, out.actions);
    }
    self->working = FALSE;
    arm_timer(self);
    return first;
}

/* Who waits is set before the event, since the answer may come before lull_engine_apply() returns. */
LullAnswer
lull_engine_ask(LullEngine *self, LullWait wait, LullEvent event, LullDone done, gpointer user_data)
{
    self->wait = wait;
    self->wait_from = self->machine.phase;
    self->done = done;
    self->done_data = user_data;
    return lull_engine_apply(self, event);
}

/* ------- life */

static void
tell_of_recovered(LullEngine *self)
{
    const LullRecovery *recovery = self->config.recovery;

    if (!recovery || !lull_recovery_op(recovery))
        return;
    self->operation =
        lull_operation_new(lull_recovery_op(recovery), lull_recovery_standard(recovery), g_ptr_array_new());
    self->machine.proof = LULL_PROOF_BROKEN;
    self->machine.reason = LULL_BROKEN_AGENT;
}

LullEngine *
lull_engine_new(const LullEngineConfig *config, GError **error)
{
    LullEngine *self;

    if (g_mkdir_with_parents(config->state_dir, 0755) < 0) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "state folder %s: %s", config->state_dir,
                    g_strerror(errno));
        return NULL;
    }
    self = g_new0(LullEngine, 1);
    self->config = *config;
    self->marker_fd = -1;
    self->boot_id = lull_clock_boot_id();
    if (!self->boot_id)
        self->boot_id = g_strdup("");
    g_queue_init(&self->events);
    tell_of_recovered(self);
    return self;
}

void
lull_engine_free(LullEngine *self)
{
    if (!self)
        return;
    if (self->timer > 0)
        g_source_remove(self->timer);
    if (self->retiring > 0)
        g_source_remove(self->retiring);
    while (g_idle_remove_by_data(self))
        continue;
    lull_engine_answer_error(self, LULL_ERROR_LOST, "the agent stops");
    lull_freezer_free(self->retired);
    /* What is frozen now is thawed by the freezer; the record is for when it does not come to that. */
    lull_freezer_free(self->freezer);
    if (self->recorded)
        lull_log_hold(FALSE);
    if (self->marker_fd >= 0)
        (void)close(self->marker_fd);
    lull_operation_free(self->operation);
    g_free(self->boot_id);
    g_free(self);
}

/* ------- asking */

gboolean
lull_engine_is_current(const LullEngine *self, const char *op)
{
    return self->operation && !self->operation->standard && g_strcmp0(self->operation->op, op) == 0;
}

const char *
lull_engine_owner(const LullEngine *self)
{
    if (self->machine.phase == LULL_PHASE_IDLE || !self->operation)
        return "";
    return self->operation->standard ? LULL_OWNER_STANDARD : self->operation->op;
}

void
lull_engine_hurry(LullEngine *self, const char *op)
{
    if (self->wait != LULL_WAIT_FREEZE && self->wait != LULL_WAIT_STANDARD_FREEZE)
        return;
    if (!op)
        (void)lull_engine_apply(self, (LullEvent){.kind = LULL_EVENT_STANDARD_THAW});
    else if (lull_engine_is_current(self, op))
        (void)lull_engine_apply(self, (LullEvent){.kind = LULL_EVENT_THAW, .is_owner = TRUE});
}

void
lull_engine_stop(LullEngine *self, GSourceFunc stopped, gpointer user_data)
{
    self->stopped = stopped;
    self->stopped_data = user_data;
    if (lull_engine_apply(self, (LullEvent){.kind = LULL_EVENT_STOP}) == LULL_ANSWER_NOW)
        g_idle_add(stopped, user_data);
}

gboolean
lull_engine_is_frozen(const LullEngine *self)
{
    return lull_phase_is_frozen(self->machine.phase);
}

char *
lull_engine_describe_freeze(LullEngine *self)
{
    const gint64 now = lull_clock_boottime();
    const gint64 since = self->operation->frozen_at > 0 ? self->operation->frozen_at : now;
    const gint64 left = self->freezer ? MAX(lull_freezer_remaining_msec(self->freezer), 0) : 0;

    return g_strdup_printf("owner %s, since %.1f s, for at most %.1f s more", lull_engine_owner(self),
                           (double)(now - since) / G_USEC_PER_SEC, (double)left / 1000);
}
