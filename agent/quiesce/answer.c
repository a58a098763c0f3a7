/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/engine-private.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

void
lull_engine_answer(LullEngine *self, LullJson *value, const GError *error)
{
    LullDone done = self->done;

    if (self->wait == LULL_WAIT_NONE) {
        json_object_put(value);
        return;
    }
    self->wait = LULL_WAIT_NONE;
    done(value, error, self->done_data);
}

void
lull_engine_answer_error(LullEngine *self, LullError code, const char *text)
{
    g_autoptr(GError) error = g_error_new_literal(LULL_ERROR, (int)code, text);

    lull_engine_answer(self, NULL, error);
}

static void
answer_failed(LullEngine *self)
{
    const LullMachine *machine = &self->machine;
    g_autofree char *failure = lull_operation_first_failure(self->operation);
    const char *why = machine->reason ? machine->reason : failure ? failure : "freeze failed";
    g_autofree char *text = machine->timed_out && !strstr(why, "timed out")
                                ? g_strconcat("timed out: ", why, NULL)
                                : g_strdup(why);

    if (failure && why != failure && !machine->timed_out) {
        g_free(text);
        text = g_steal_pointer(&failure);
    }
    lull_engine_answer_error(self, machine->timed_out ? LULL_ERROR_TIMED_OUT : LULL_ERROR_FAILED, text);
}

static void
make_epoch(char *ret_epoch)
{
    guint8 bytes[LULL_EPOCH_LENGTH / 2];

    if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
        g_error("no random bytes: %s", g_strerror(errno));
    for (gsize i = 0; i < sizeof bytes; i++)
        g_snprintf(ret_epoch + 2 * i, 3, "%02x", bytes[i]);
}

static void
answer_freeze(LullEngine *self)
{
    const LullMachine *machine = &self->machine;
    LullJson *value;

    if (machine->phase != LULL_PHASE_FROZEN && (machine->phase != LULL_PHASE_IDLE || machine->reason)) {
        answer_failed(self);
        return;
    }
    if (machine->phase == LULL_PHASE_FROZEN)
        make_epoch(self->operation->epoch);
    value = self->wait == LULL_WAIT_FREEZE
                ? lull_operation_freeze_answer(self->operation, self->boot_id)
                : json_object_new_int64(machine->phase == LULL_PHASE_FROZEN
                                            ? (gint64)lull_operation_n_frozen(self->operation)
                                            : 0);
    lull_engine_answer(self, value, NULL);
}

LullJson *
lull_engine_undone(LullPhase from)
{
    LullJson *value = json_object_new_object();

    lull_json_set_string(value, "undone",
                         lull_phase_is_frozen(from)                        ? "freeze"
                         : from == LULL_PHASE_IDLE || from == LULL_PHASE_N ? "nothing"
                                                                           : "prepare");
    return value;
}

/* For whoever waits: the machine has reached an answer, or its deadline. */
void
lull_engine_answer_waiting(LullEngine *self)
{
    const gboolean over = self->machine.phase == LULL_PHASE_IDLE;

    switch (self->wait) {
    case LULL_WAIT_FREEZE:
    case LULL_WAIT_STANDARD_FREEZE:
        answer_freeze(self);
        return;
    case LULL_WAIT_ABORT:
        if (over || !lull_phase_is_frozen(self->machine.phase)) {
            lull_engine_answer(self, lull_engine_undone(self->wait_from), NULL);
            return;
        }
        break;
    case LULL_WAIT_THAW:
        if (over) {
            lull_engine_answer(self, lull_operation_thaw_answer(self->operation, &self->machine), NULL);
            return;
        }
        break;
    case LULL_WAIT_STANDARD_THAW:
        if (over) {
            lull_engine_answer(self, json_object_new_int64(lull_operation_n_thawed(self->operation)), NULL);
            return;
        }
        break;
    case LULL_WAIT_NONE:
        return;
    }
    lull_engine_answer_error(self, LULL_ERROR_TIMED_OUT,
                             "timed out: the thaw is not confirmed yet, and goes on");
}
