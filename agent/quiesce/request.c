/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "agent/quiesce/engine-private.h"

#include "protocol/clock.h"
#include "protocol/level.h"
#include "protocol/names.h"

#define OP_MAX 64

static gboolean
check_op(const char *op, GError **error)
{
    for (const char *at = op; *at; at++)
        if (!g_ascii_isgraph(*at) || at - op >= OP_MAX) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                        "op: at most %d printable characters without blanks", OP_MAX);
            return FALSE;
        }
    if (*op && !g_str_equal(op, LULL_OWNER_STANDARD))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "op: \"%s\" cannot name an operation", op);
    return FALSE;
}

static gboolean
check_lease(gint64 *lease_msec, GError **error)
{
    if (*lease_msec < LULL_LEASE_MIN_MS) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "lease-ms: must be at least %d",
                    LULL_LEASE_MIN_MS);
        return FALSE;
    }
    *lease_msec = MIN(*lease_msec, LULL_LEASE_MAX_MS);
    return TRUE;
}

/* Only writers could make a difference of it, but a word that nobody knows is a mistake already. */
static gboolean
check_level(const char *text, GError **error)
{
    LullLevel level;

    if (lull_level_parse(text, &level))
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "level: \"%s\" is none of app, fs, crash", text);
    return FALSE;
}

static char *
describe_other(const LullEngine *self)
{
    return g_strdup_printf("another operation is under way: %s (%s)", lull_engine_owner(self),
                           lull_phase_to_string(self->machine.phase));
}

static gboolean
make_operation(LullEngine *self, const char *op, gboolean standard, const LullPlanRequest *request,
               GError **error)
{
    g_autoptr(LullSurvey) survey = lull_survey_take(self->config.root, error);

    if (!survey)
        return FALSE;
    lull_operation_free(self->operation);
    self->operation = lull_operation_new(op, standard, lull_plan_make(survey, request));
    return TRUE;
}

LullJson *
lull_engine_prepare(LullEngine *self, LullJson *arguments, GError **error)
{
    const char *op = lull_json_string(arguments, "op", "");
    const LullPlanRequest request = {.mountpoints = lull_json_array(arguments, "mountpoints"),
                                     .disks = lull_json_array(arguments, "disks")};
    const gint64 budget = lull_json_int(arguments, "budget-ms", LULL_STANDARD_PREPARE_MS);
    LullJson *reply;
    LullAnswer told;

    if (!check_op(op, error) || !check_level(lull_json_string(arguments, "level", "fs"), error))
        return NULL;
    if (budget < 1 || (request.mountpoints && request.disks)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    budget < 1 ? "budget-ms: must be at least 1"
                               : "disks and mountpoints exclude each other");
        return NULL;
    }
    if (self->machine.phase == LULL_PHASE_IDLE && !make_operation(self, op, FALSE, &request, error))
        return NULL;
    told = lull_engine_apply(self, (LullEvent){.kind = LULL_EVENT_PREPARE,
                                               .is_owner = lull_engine_is_current(self, op),
                                               .duration = LULL_MSEC(MIN(budget, G_MAXINT))});
    reply = json_object_new_object();
    lull_json_set_int(reply, "protocol", LULL_QUIESCE_PROTOCOL);
    lull_json_set_bool(reply, "accepted", told == LULL_ANSWER_NOW);
    if (told != LULL_ANSWER_NOW)
        lull_json_set_string(reply, "owner", lull_engine_owner(self));
    lull_json_set_string(reply, "phase", lull_phase_to_string(self->machine.phase));
    return reply;
}

void
lull_engine_freeze(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data)
{
    const char *op = lull_json_string(arguments, "op", "");
    gint64 lease = lull_json_int(arguments, "lease-ms", 0);
    const gboolean mine = lull_engine_is_current(self, op);
    g_autoptr(GError) error = NULL;
    g_autofree char *text = NULL;

    if (!check_lease(&lease, &error)) {
        done(NULL, error, user_data);
        return;
    }
    switch (lull_engine_ask(
        self, LULL_WAIT_FREEZE,
        (LullEvent){.kind = LULL_EVENT_FREEZE, .is_owner = mine, .duration = LULL_MSEC(lease)}, done,
        user_data)) {
    case LULL_ANSWER_NOW:
        lull_engine_answer(self, lull_operation_freeze_answer(self->operation, self->boot_id), NULL);
        break;
    case LULL_ANSWER_PAST:
        text = g_strdup_printf("not prepared: %s",
                               mine && self->machine.reason ? self->machine.reason : "no such operation");
        lull_engine_answer_error(
            self, mine && self->machine.timed_out ? LULL_ERROR_TIMED_OUT : LULL_ERROR_NOT_FOUND, text);
        break;
    case LULL_ANSWER_OTHER:
        text = describe_other(self);
        lull_engine_answer_error(self, LULL_ERROR_BUSY, text);
        break;
    case LULL_ANSWER_NOT_YET:
        lull_engine_answer_error(self, LULL_ERROR_BUSY,
                                 "still preparing: ask for the status until it is prepared");
        break;
    case LULL_ANSWER_LATER:
    case LULL_ANSWER_NONE:
        break;
    }
}

void
lull_engine_standard_freeze(LullEngine *self, LullJson *mountpoints, LullDone done, gpointer user_data)
{
    const LullPlanRequest request = {.mountpoints = mountpoints, .standard = TRUE};
    g_autoptr(GError) error = NULL;
    g_autofree char *failure = NULL;

    if (self->machine.phase != LULL_PHASE_IDLE) {
        failure = describe_other(self);
        error = g_error_new_literal(LULL_ERROR, LULL_ERROR_BUSY, failure);
    } else if (make_operation(self, LULL_OWNER_STANDARD, TRUE, &request, &error)) {
        failure = lull_operation_first_failure(self->operation);
        if (failure) {
            error = g_error_new_literal(LULL_ERROR, LULL_ERROR_FAILED, failure);
            self->machine =
                (LullMachine){.standard = TRUE, .reason = lull_operation_keep(self->operation, failure)};
        }
    }
    if (error) {
        done(NULL, error, user_data);
        return;
    }
    (void)lull_engine_ask(self, LULL_WAIT_STANDARD_FREEZE,
                          (LullEvent){.kind = LULL_EVENT_STANDARD_FREEZE,
                                      .duration = LULL_MSEC(self->config.standard_lease_msec)},
                          done, user_data);
}

void
lull_engine_standard_thaw(LullEngine *self, LullDone done, gpointer user_data)
{
    const LullAnswer told = lull_engine_ask(self, LULL_WAIT_STANDARD_THAW,
                                            (LullEvent){.kind = LULL_EVENT_STANDARD_THAW}, done, user_data);

    if (told != LULL_ANSWER_LATER)
        lull_engine_answer(self, json_object_new_int64(0), NULL);
}

static LullJson *
unknown_operation(void)
{
    const LullMachine none = {.reason = "no such operation"};
    g_autoptr(LullOperation) empty = lull_operation_new("", FALSE, g_ptr_array_new());

    return lull_operation_thaw_answer(empty, &none);
}

static gboolean
is_other_epoch(const LullEngine *self, LullJson *arguments)
{
    return self->machine.phase == LULL_PHASE_FROZEN &&
           !g_str_equal(lull_json_string(arguments, "epoch", ""), self->operation->epoch);
}

void
lull_engine_thaw(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data)
{
    const gboolean mine = lull_engine_is_current(self, lull_json_string(arguments, "op", ""));
    const LullEvent event = {
        .kind = LULL_EVENT_THAW, .is_owner = mine, .other_epoch = mine && is_other_epoch(self, arguments)};
    g_autofree char *text = NULL;

    switch (lull_engine_ask(self, LULL_WAIT_THAW, event, done, user_data)) {
    case LULL_ANSWER_PAST:
        lull_engine_answer(
            self, mine ? lull_operation_thaw_answer(self->operation, &self->machine) : unknown_operation(),
            NULL);
        break;
    case LULL_ANSWER_OTHER:
        text = describe_other(self);
        lull_engine_answer_error(self, LULL_ERROR_BUSY, text);
        break;
    case LULL_ANSWER_LATER:
    case LULL_ANSWER_NOW:
    case LULL_ANSWER_NOT_YET:
    case LULL_ANSWER_NONE:
        break;
    }
}

void
lull_engine_abort(LullEngine *self, LullJson *arguments, LullDone done, gpointer user_data)
{
    const gboolean mine = lull_engine_is_current(self, lull_json_string(arguments, "op", ""));

    if (lull_engine_ask(self, LULL_WAIT_ABORT, (LullEvent){.kind = LULL_EVENT_ABORT, .is_owner = mine}, done,
                        user_data) != LULL_ANSWER_LATER)
        lull_engine_answer(self, lull_engine_undone(LULL_PHASE_IDLE), NULL);
}

LullJson *
lull_engine_renew(LullEngine *self, LullJson *arguments, GError **error)
{
    gint64 lease = lull_json_int(arguments, "lease-ms", 0);
    const gboolean mine = lull_engine_is_current(self, lull_json_string(arguments, "op", ""));
    const gboolean other_epoch = mine && is_other_epoch(self, arguments);
    gint64 remaining = 0;
    LullJson *reply;

    if (!check_lease(&lease, error))
        return NULL;
    if (lull_engine_apply(self, (LullEvent){.kind = LULL_EVENT_RENEW,
                                            .is_owner = mine,
                                            .other_epoch = other_epoch,
                                            .duration = LULL_MSEC(lease)}) == LULL_ANSWER_NOW &&
        self->freezer)
        remaining = lull_freezer_remaining_msec(self->freezer);
    reply = json_object_new_object();
    lull_json_set_int(reply, "remaining-ms", MAX(remaining, 0));
    if (remaining <= 0)
        lull_json_set_string(reply, "broken",
                             !mine                                      ? "no such operation"
                             : other_epoch                              ? "another epoch"
                             : self->machine.reason                     ? self->machine.reason
                             : self->machine.phase == LULL_PHASE_FROZEN ? LULL_BROKEN_LEASE
                                                                        : "not frozen");
    return reply;
}

static LullJson *
last_result(const LullEngine *self)
{
    LullJson *last = lull_operation_thaw_answer(self->operation, &self->machine);

    lull_json_set_string(last, "op", self->operation->op);
    lull_json_set_string(last, "result", lull_proof_to_string(self->machine.proof));
    lull_json_set_bool(last, "timed-out", self->machine.timed_out);
    return last;
}

LullJson *
lull_engine_status(LullEngine *self)
{
    const gboolean under_way = self->operation && self->machine.phase != LULL_PHASE_IDLE;
    const gboolean frozen = under_way && self->machine.phase == LULL_PHASE_FROZEN;
    LullJson *status = json_object_new_object();

    lull_json_set_string(status, "phase", lull_phase_to_string(self->machine.phase));
    lull_json_set_string(status, "op", under_way ? self->operation->op : "");
    lull_json_set_string(status, "owner", lull_engine_owner(self));
    lull_json_set_int(status, "epoch-age-ms",
                      frozen ? (lull_clock_boottime() - self->operation->frozen_at) / 1000 : 0);
    lull_json_set_int(status, "remaining-ms",
                      frozen && self->freezer ? MAX(lull_freezer_remaining_msec(self->freezer), 0) : 0);
    lull_json_set_string(status, "boot-id", self->boot_id);
    lull_json_set_int(status, "hold-budget-ms", LULL_LEASE_MAX_MS);
    lull_json_take(status, "filesystems",
                   under_way ? lull_operation_filesystems(self->operation) : json_object_new_array());
    lull_json_take(status, "writers", json_object_new_array());
    if (self->operation && !under_way)
        lull_json_take(status, "last", last_result(self));
    return status;
}
