/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/operation.h"

#include <errno.h>
#include <string.h>

#include "protocol/clock.h"
#include "protocol/names.h"

LullOperation *
lull_operation_new(const char *op, gboolean standard, GPtrArray *plan)
{
    LullOperation *self = g_new0(LullOperation, 1);

    self->op = g_strdup(op);
    self->standard = standard;
    self->texts = g_string_chunk_new(256);
    self->plan = plan;
    self->n_freeze = lull_plan_n_freeze(plan);
    self->outcomes = g_new0(LullFreezerOutcome, self->n_freeze + 1);
    for (guint i = 0; i < self->n_freeze; i++)
        self->outcomes[i].writes_frozen = self->outcomes[i].writes_thaw = -1;
    self->begun = lull_clock_boottime();
    return self;
}

void
lull_operation_free(LullOperation *self)
{
    if (!self)
        return;
    g_free(self->op);
    g_string_chunk_free(self->texts);
    g_ptr_array_unref(self->plan);
    g_free(self->outcomes);
    g_free(self);
}

const char *
lull_operation_keep(LullOperation *self, const char *text)
{
    return text ? g_string_chunk_insert_const(self->texts, text) : NULL;
}

void
lull_operation_take_event(LullOperation *self, const LullFreezerEvent *event)
{
    if (event->outcomes && event->n_mounts == self->n_freeze)
        memcpy(self->outcomes, event->outcomes, event->n_mounts * sizeof *event->outcomes);
    self->freeze_usec = MAX(self->freeze_usec, event->freeze_usec);
    self->window_usec = MAX(self->window_usec, event->window_usec);
    self->thaw_usec = MAX(self->thaw_usec, event->thaw_usec);
}

guint
lull_operation_n_frozen(const LullOperation *self)
{
    guint n = 0;

    for (guint i = 0; i < self->n_freeze; i++)
        n += self->outcomes[i].result == LULL_FREEZER_RESULT_FROZEN;
    return n;
}

guint
lull_operation_n_thawed(const LullOperation *self)
{
    guint n = 0;

    for (guint i = 0; i < self->n_freeze; i++)
        n += self->outcomes[i].thawed != FALSE;
    return n;
}

/* Result and reason of one entry, as far as is known now. @ret_reason is lent. */
static const char *
judge(const LullOperation *self, guint i, const char **ret_reason)
{
    const LullPlanEntry *entry = g_ptr_array_index(self->plan, i);
    const LullFreezerOutcome *outcome = i < self->n_freeze ? &self->outcomes[i] : NULL;

    *ret_reason = entry->reason ? entry->reason : "";
    if (!outcome)
        return entry->result == LULL_PLAN_SKIPPED ? "skipped" : "failed";
    if (outcome->result == LULL_FREEZER_RESULT_FROZEN)
        return "frozen";
    if (outcome->foreign) {
        *ret_reason = "frozen by somebody else: left alone";
        return "failed";
    }
    if (outcome->result == LULL_FREEZER_RESULT_SKIPPED) {
        *ret_reason = "this file system cannot be frozen";
        return "skipped";
    }
    if (entry->may_hang && outcome->error == ETIMEDOUT) {
        *ret_reason = "the way to it leads through a file system that does not answer";
        return "failed";
    }
    if (outcome->result == LULL_FREEZER_RESULT_FAILED || outcome->error != 0) {
        *ret_reason = g_strerror(outcome->error);
        return "failed";
    }
    return "planned";
}

char *
lull_operation_first_failure(const LullOperation *self)
{
    for (guint i = 0; i < self->plan->len; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(self->plan, i);
        const char *reason;

        if (g_str_equal(judge(self, i, &reason), "failed") &&
            (i >= self->n_freeze || !self->outcomes[i].foreign))
            return g_strdup_printf("failed to freeze %s: %s", entry->mountpoint, reason);
    }
    return NULL;
}

static double
msec(gint64 usec)
{
    return (double)usec / 1000.0;
}

LullJson *
lull_operation_filesystems(const LullOperation *self)
{
    LullJson *array = json_object_new_array();

    for (guint i = 0; i < self->plan->len; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(self->plan, i);
        LullJson *object = json_object_new_object();
        const char *reason;

        lull_json_set_string(object, "mountpoint", entry->mountpoint);
        lull_json_set_string(object, "type", entry->type);
        lull_json_set_string(object, "device", entry->device);
        lull_json_take(object, "disks", json_object_get(entry->disks));
        lull_json_set_string(object, "result", judge(self, i, &reason));
        lull_json_set_string(object, "reason", reason);
        if (i < self->n_freeze && self->outcomes[i].result == LULL_FREEZER_RESULT_FROZEN)
            lull_json_set_double(object, "freeze-ms", msec(self->outcomes[i].freeze_usec));
        json_object_array_add(array, object);
    }
    return array;
}

static LullJson *
counters(const LullOperation *self, gboolean at_thaw)
{
    LullJson *array = json_object_new_array();

    for (guint i = 0; i < self->n_freeze; i++) {
        const LullPlanEntry *entry = g_ptr_array_index(self->plan, i);
        const LullFreezerOutcome *outcome = &self->outcomes[i];
        const gint64 writes = at_thaw ? outcome->writes_thaw : outcome->writes_frozen;
        LullJson *object;

        if (outcome->result != LULL_FREEZER_RESULT_FROZEN || writes < 0)
            continue;
        object = json_object_new_object();
        lull_json_set_string(object, "device", entry->device);
        lull_json_set_string(object, "serial", entry->serial);
        lull_json_set_int(object, "writes", writes);
        json_object_array_add(array, object);
    }
    return array;
}

LullJson *
lull_operation_freeze_answer(const LullOperation *self, const char *boot_id)
{
    LullJson *answer = json_object_new_object();

    lull_json_set_string(answer, "epoch", self->epoch);
    lull_json_set_string(answer, "boot-id", boot_id);
    lull_json_take(answer, "filesystems", lull_operation_filesystems(self));
    lull_json_take(answer, "holds", json_object_new_array());
    lull_json_take(answer, "counters", counters(self, FALSE));
    lull_json_set_double(answer, "freeze-ms", msec(self->freeze_usec));
    return answer;
}

static LullJson *
thawed_filesystems(const LullOperation *self)
{
    LullJson *array = lull_operation_filesystems(self);

    for (guint i = 0; i < self->plan->len; i++) {
        const LullFreezerOutcome *outcome = i < self->n_freeze ? &self->outcomes[i] : NULL;
        LullJson *row = json_object_array_get_idx(array, i);

        lull_json_set_bool(row, "thawed", outcome && outcome->thawed);
        if (outcome && outcome->stuck) {
            g_autofree char *why =
                g_strdup_printf("not " LULL_THAWED_YET ": %s; it is tried again all the time",
                                outcome->error ? g_strerror(outcome->error) : "the kernel does not answer");
            lull_json_set_string(row, "reason", why);
        }
    }
    return array;
}

LullJson *
lull_operation_thaw_answer(const LullOperation *self, const LullMachine *how)
{
    LullJson *answer = json_object_new_object();

    lull_json_set_string(answer, "proof", lull_proof_to_string(how->proof));
    lull_json_set_string(answer, "reason", how->reason ? how->reason : "");
    lull_json_set_string(answer, "epoch", self->epoch);
    lull_json_take(answer, "counters", counters(self, TRUE));
    lull_json_take(answer, "filesystems", thawed_filesystems(self));
    lull_json_take(answer, "writers", json_object_new_array());
    lull_json_set_double(answer, "window-ms", msec(self->window_usec));
    lull_json_set_double(answer, "freeze-ms", msec(self->freeze_usec));
    lull_json_set_double(answer, "thaw-ms", msec(self->thaw_usec));
    return answer;
}
