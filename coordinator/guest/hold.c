/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/hold.h"

#include <string.h>

#include "coordinator/guest/agent-call.h"
#include "coordinator/guest/hold-disks.h"
#include "coordinator/guest/hold-private.h"
#include "coordinator/guest/host-private.h"
#include "coordinator/guest/host-dead-man.h"
#include "coordinator/guest/pod-volumes.h"
#include "coordinator/model/volumes.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define PROBE_USEC  LULL_SEC(5)
#define LEAST_USEC  LULL_MSEC(500) /* that storage has for a sync, however long the guest took */
#define SETTLE_USEC (LULL_HOST_DEAD_MAN_SETTLE_USEC + LULL_MSEC(500))

void
lull_guest_hold_fail(LullGuestHold *self, const GError *error)
{
    if (self->facts.problem)
        return; /* nor was time the reason, if it was none of the first */
    self->facts.problem = g_strdup(error->message);
    /* our agent's errors carry no code; its word for time is agreed upon */
    if (lull_error_is(error, LULL_ERROR_TIMED_OUT) || strstr(error->message, "timed out"))
        self->facts.timed_out = TRUE;
}

void
lull_guest_hold_break(LullGuestHold *self, const char *reason, gboolean timed_out)
{
    self->facts.held = FALSE;
    if (self->facts.broken)
        return;
    self->facts.timed_out |= timed_out;
    self->facts.broken = g_strdup(reason);
}

void
lull_guest_hold_find_nothing(LullGuestHold *self, GError **error)
{
    self->facts.nothing = TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "the agent found nothing to freeze");
}

void
lull_guest_hold_set_rows(LullGuestHold *self, LullJson *rows)
{
    lull_json_put(self->facts.filesystems);
    self->facts.filesystems = lull_rows_for_report(rows, self->rows, self->volumes);
}

/* Which agent is there, if any. That none is is a fact; that nobody could be asked says nothing about it. */
static gboolean
probe(LullGuestHold *self, LullHost *host, const LullVm *vm, GError **ret_error)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) reply = NULL;
    LullAgentInfo info = {LULL_AGENT_NONE};
    LullGuestHoldFacts *facts = &self->facts;

    if (vm->state != LULL_VM_RUNNING) {
        facts->agent_problem = g_strdup_printf("the guest is %s: its agent cannot be asked",
                                               vm->state == LULL_VM_PAUSED ? "paused" : "stopped");
        return TRUE;
    }
    if (!vm->agent_channel) {
        facts->agent_problem = g_strdup("the virtual machine has no channel " LULL_PORT_NAME
                                        ": add one to the domain and install an agent in the guest");
        return TRUE;
    }
    self->host = lull_host_reach(host, lull_vm_where(vm), ret_error);
    if (!self->host || !lull_line_open(&self->line, self->host, self->uid, ret_error))
        return FALSE;
    reply = lull_agent_call(self->line.domain, "guest-info", NULL, PROBE_USEC, &error);
    if (!reply || !lull_reply_info(reply, &info, &error)) {
        facts->agent_problem = g_strdup_printf("no agent answers: %s", error->message);
        return TRUE;
    }
    facts->agent = info.kind;
    facts->agent_name = info.name;
    if (info.kind == LULL_AGENT_STOCK && !info.enabled) {
        /* switched off: either by its owner, or because the guest is frozen at this very moment */
        g_autoptr(LullJson) status =
            lull_agent_call(self->line.domain, "guest-fsfreeze-status", NULL, PROBE_USEC, NULL);
        gboolean frozen = FALSE;
        if (!status || !lull_reply_is_frozen(status, &frozen) || !frozen)
            facts->agent = LULL_AGENT_NONE;
    }
    if (facts->agent == LULL_AGENT_NONE)
        facts->agent_problem =
            g_strdup_printf("%s has no command to freeze file systems, or it is switched off", info.name);
    else
        self->ops = facts->agent == LULL_AGENT_LULL ? &lull_guest_hold_ops_lull : &lull_guest_hold_ops_stock;
    return TRUE;
}

static gboolean
keeps_tpm(const LullVm *vm)
{
    g_autofree char *name = lull_volume_of_tpm(vm->name);

    for (guint i = 0; i < vm->volumes->len; i++)
        if (g_str_equal(((const LullVmVolume *)vm->volumes->pdata[i])->name, name))
            return TRUE;
    return FALSE;
}

LullGuestHold *
lull_guest_hold_new(LullHost *host, const LullVm *vm, const char *op, GError **error)
{
    LullGuestHold *self;

    if (!g_uuid_string_is_valid(op)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "operation \"%s\" is not a UUID", op);
        return NULL;
    }
    self = g_new0(LullGuestHold, 1);
    self->op = g_strdup(op);
    self->uid = g_strdup(vm->uid);
    self->ns = g_strdup(vm->ns);
    self->name = g_strdup(vm->name);
    self->freeze_api = vm->ns ? lull_host_freeze_api(host) : NULL;
    self->over = g_cancellable_new();
    self->stay = lull_host_watch_stay(host, vm, self->over);
    self->pod_directory = keeps_tpm(vm) ? lull_host_pod_directory(host, vm) : NULL;
    self->volumes = lull_guest_hold_identities(vm);
    self->rows = json_object_new_array();
    self->facts.filesystems = json_object_new_array();
    self->facts.writers = json_object_new_array();
    if (probe(self, host, vm, error))
        return self;
    lull_guest_hold_free(self);
    return NULL;
}

GCancellable *
lull_guest_hold_over(LullGuestHold *self)
{
    return self->over;
}

const char *
lull_guest_hold_leaves(const LullGuestHold *self)
{
    return self->stay ? lull_stay_broken(self->stay) : NULL;
}

/* Nobody in the guest knows of it. */
static gboolean
sync_tpm(LullGuestHold *self, gint64 until)
{
    g_autoptr(GError) error = NULL;

    if (!self->pod_directory ||
        lull_pod_volumes_sync(self->pod_directory, MAX(until - lull_clock_boottime(), LEAST_USEC), &error))
        return TRUE;
    g_prefix_error(&error, "what its TPM keeps: ");
    lull_guest_hold_fail(self, error);
    return FALSE;
}

gboolean
lull_guest_hold_prepare(LullGuestHold *self, gint64 budget_usec)
{
    const gint64 start = lull_clock_boottime();
    gboolean ok;

    if (!self->ops || self->prepared) {
        if (!self->facts.problem)
            self->facts.problem = g_strdup(self->facts.agent_problem);
        return FALSE;
    }
    self->prepared = TRUE;
    ok = self->ops->prepare(self, budget_usec) && sync_tpm(self, start + budget_usec);
    self->facts.prepare_usec = lull_clock_boottime() - start;
    return ok;
}

gboolean
lull_guest_hold_freeze(LullGuestHold *self, gint64 lease_usec, gint64 total_usec)
{
    if (!self->prepared || self->ended || self->facts.attempted || self->facts.problem)
        return FALSE;
    self->facts.attempted = TRUE;
    self->facts.frozen = self->ops->freeze(self, lease_usec, total_usec);
    return self->facts.frozen;
}

void
lull_guest_hold_read_rows(LullGuestHold *self)
{
    g_autoptr(LullJson) reply = g_steal_pointer(&self->unread);
    g_autoptr(LullJson) rows = reply ? lull_reply_freeze_rows(reply) : NULL;

    if (rows && json_object_array_length(rows) > 0)
        lull_guest_hold_set_rows(self, rows);
}

void
lull_guest_hold_thaw(LullGuestHold *self, gint64 budget_usec)
{
    if (!self->prepared || self->ended)
        return;
    self->ended = TRUE;
    self->facts.unconfirmed = !self->ops->thaw(self, budget_usec);
    lull_guest_hold_read_rows(self);
    if (!self->facts.frozen)
        self->facts.held = FALSE;
    else if (!self->facts.held)
        lull_guest_hold_break(self, LULL_BROKEN_AGENT, FALSE);
}

const LullGuestHoldFacts *
lull_guest_hold_facts(const LullGuestHold *self)
{
    return &self->facts;
}

void
lull_guest_hold_free(LullGuestHold *self)
{
    if (!self)
        return;
    lull_guest_hold_thaw(self, LULL_SEC(2));
    if (self->state)
        self->ops->free(self);
    lull_line_close(&self->line);
    lull_host_let_go(self->host);
    lull_stay_end(self->stay);
    g_object_unref(self->over);
    g_free(self->pod_directory);
    g_free(self->facts.agent_name);
    g_free(self->facts.agent_problem);
    g_free(self->facts.problem);
    g_free(self->facts.broken);
    lull_json_put(self->facts.filesystems);
    lull_json_put(self->facts.writers);
    lull_json_put(self->volumes);
    lull_json_put(self->rows);
    lull_json_put(self->unread);
    g_free(self->op);
    g_free(self->uid);
    g_free(self->ns);
    g_free(self->name);
    g_free(self);
}

/* A freeze whose sender died while it waited in libvirt may land after a thaw: there is a second one. And the
 * dead man may still be there, who must not take the next freeze for the one that it waits for. */
static gboolean
recover_stock(LullLine *line, const LullGuestElsewhere *elsewhere, gint64 until, GError **error)
{
    gint64 undone = 0;

    if (!lull_stock_thaw_until(line, elsewhere, until, NULL, error))
        return FALSE;
    g_usleep((gulong)SETTLE_USEC);
    if (!lull_stock_thaw_until(line, elsewhere, until, &undone, error))
        return FALSE;
    if (undone > 0)
        g_usleep((gulong)SETTLE_USEC); /* for the dead man it began anew */
    return TRUE;
}

/* What is left of our agent's freeze its lease ends, wherever the guest is. */
static gboolean
recover(LullLine *line, const LullGuestLeft *left, const LullGuestElsewhere *elsewhere, gint64 until,
        GError **error)
{
    const char *reason = NULL;
    const LullGuestFate fate = lull_guest_fate(line, &reason);

    if (left->agent == LULL_AGENT_NONE || fate == LULL_GUEST_ENDED)
        return TRUE;
    if (left->agent == LULL_AGENT_STOCK)
        return recover_stock(line, elsewhere, until, error);
    return fate == LULL_GUEST_AWAY || lull_agent_end(line, left->op, until, error);
}

/* Nothing here leads to it, because of @problem. */
static gboolean
recover_unreached(const LullGuestLeft *left, const LullGuestElsewhere *elsewhere, const GError *problem,
                  GError **error)
{
    const gboolean gone = lull_error_is(problem, LULL_ERROR_NOT_FOUND);
    g_autoptr(GError) why = NULL;

    if (gone && (left->agent != LULL_AGENT_STOCK || !left->ns))
        return TRUE; /* and with it whatever was frozen */
    if (left->agent == LULL_AGENT_STOCK && lull_guest_thaw_elsewhere(elsewhere, &why))
        return TRUE;
    if (gone && lull_error_is(why, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_error_copy(gone ? why : problem));
    return FALSE;
}

gboolean
lull_guest_hold_recover(LullHost *host, const LullGuestLeft *left, gint64 budget_usec, GError **error)
{
    const gint64 until = lull_clock_boottime() + budget_usec;
    const LullGuestElsewhere elsewhere = {lull_host_freeze_api(host), left->ns, left->name};
    g_autoptr(GError) problem = NULL;
    LullLine line = {NULL};
    gboolean recovered;

    if (!lull_line_open(&line, host, left->where, &problem))
        return recover_unreached(left, &elsewhere, problem, error);
    recovered = recover(&line, left, &elsewhere, until, error);
    lull_line_close(&line);
    return recovered;
}
