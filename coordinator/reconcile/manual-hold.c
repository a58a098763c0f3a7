/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/manual-hold.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/attempt-report.h"
#include "coordinator/reconcile/manual-answer.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define DEFAULT_TIMEOUT LULL_SEC(300) /* the reference's */
#define PREPARE_BUDGET  LULL_SEC(10)
#define THAW_BUDGET     LULL_SEC(4)

struct _LullManualHolds {
    LullHost *host;
    LullIntents *intents;
    LullClaims *claims;
    GMainContext *context;
    GMutex mutex;
    GCond changed;
    GHashTable *held;    /* VM name -> Held, from the request to the thaw */
    GPtrArray *threads;  /* all that were not joined yet */
    GPtrArray *finished; /* those among them that will end by themselves now */
    gboolean closing;
};

/* One guest; owned by its thread. Replies are answered on the context, each once. */
typedef struct {
    LullManualHolds *owner;
    char *name;
    gint64 timeout;
    LullServerReply *freeze_reply;
    LullServerReply *thaw_reply; /* with the mutex */
    gboolean let_go;             /* with the mutex */
} Held;

typedef struct {
    LullServerReply *reply;
    LullJson *body;
    GError *error;
} Answer;

LullManualHolds *
lull_manual_holds_new(LullHost *host, LullIntents *intents, LullClaims *claims)
{
    LullManualHolds *self = g_new0(LullManualHolds, 1);

    self->host = host;
    self->intents = intents;
    self->claims = claims;
    g_mutex_init(&self->mutex);
    g_cond_init(&self->changed);
    self->held = g_hash_table_new(g_str_hash, g_str_equal);
    self->threads = g_ptr_array_new();
    self->finished = g_ptr_array_new();
    return self;
}

static gboolean
send_answer(gpointer data)
{
    Answer *answer = data;

    if (answer->error)
        lull_server_reply_error(answer->reply, answer->error);
    else
        lull_server_reply(answer->reply, answer->body);
    g_clear_error(&answer->error);
    g_free(answer);
    return G_SOURCE_REMOVE;
}

/* From a hold's thread. Consumes @body and @error, one of which is set. */
static void
answer(const LullManualHolds *self, LullServerReply *reply, LullJson *body, GError *error)
{
    Answer *message = g_new0(Answer, 1);
    g_autoptr(GSource) source = g_idle_source_new();

    message->reply = reply;
    message->body = body;
    message->error = error;
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, send_answer, message, NULL);
    g_source_attach(source, self->context);
}

/* Until it is told to let go, or the time is over. */
static void
keep(LullManualHolds *self, Held *held)
{
    const gint64 until = g_get_monotonic_time() + held->timeout;

    g_mutex_lock(&self->mutex);
    while (!held->let_go && !self->closing && g_cond_wait_until(&self->changed, &self->mutex, until))
        ;
    g_mutex_unlock(&self->mutex);
}

/* Intent on disk before the guest is asked for anything, as for any attempt. */
static gboolean
freeze(LullManualHolds *self, Held *held, const LullVm *vm, LullGuestHold *hold, const char *op,
       GError **error)
{
    const LullGuestHoldFacts *facts = lull_guest_hold_facts(hold);
    const gint64 lease =
        facts->agent == LULL_AGENT_LULL ? LULL_MSEC(LULL_LEASE_MS) : held->timeout + LULL_GUEST_HOLD_GRACE;

    if (facts->agent == LULL_AGENT_NONE) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED, "cannot freeze %s: %s", vm->name,
                    facts->agent_problem ? facts->agent_problem : "no guest agent");
        return FALSE;
    }
    if (!lull_intents_write(self->intents, op, vm->uid, vm->name, facts->agent, LULL_INTENT_ENGAGED, error))
        return FALSE;
    if (!lull_guest_hold_prepare(hold, PREPARE_BUDGET)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "cannot freeze %s: %s", vm->name,
                    facts->problem ? facts->problem : "it could not be prepared");
        return FALSE;
    }
    if (facts->agent == LULL_AGENT_STOCK &&
        !lull_intents_write(self->intents, op, vm->uid, vm->name, facts->agent, LULL_INTENT_FREEZING, error))
        return FALSE;
    if (lull_guest_hold_freeze(hold, lease, held->timeout + LULL_GUEST_HOLD_GRACE))
        return TRUE;
    g_set_error(error, LULL_ERROR, facts->timed_out ? LULL_ERROR_TIMED_OUT : LULL_ERROR_FAILED,
                "cannot freeze %s: %s", vm->name, facts->problem ? facts->problem : "nothing was frozen");
    return FALSE;
}

/* One that cannot be made, or read, says nothing: what may be claimed without it is not decided here. */
static LullWitness *
open_witness(LullManualHolds *self, const LullVm *vm)
{
    g_autoptr(GError) problem = NULL;
    LullWitness *witness = lull_witness_new(self->host, vm, &problem);

    if (!witness)
        g_warning("%s: no witness: %s", vm->name, problem->message);
    return witness;
}

static LullJson *
thawed_answer(const LullVm *vm, const LullGuestHold *hold, const LullWitness *witness)
{
    g_autoptr(GPtrArray) disks = lull_attempt_cut_disks(vm);

    return lull_manual_answer_thawed(
        vm, lull_guest_hold_facts(hold),
        witness ? lull_witness_verdict(witness, (const char *const *)disks->pdata) : LULL_WITNESS_NONE);
}

static void
hold_vm(LullManualHolds *self, Held *held, const LullVm *vm)
{
    g_autofree char *op = g_uuid_string_random();
    GError *problem = NULL;
    g_autoptr(LullGuestHold) hold = lull_guest_hold_new(self->host, vm, op, &problem);
    g_autoptr(LullWitness) witness = hold ? open_witness(self, vm) : NULL;
    g_autoptr(GError) remove_problem = NULL;
    LullServerReply *thaw_reply = NULL;

    if (hold && freeze(self, held, vm, hold, op, &problem)) {
        (void)(witness && lull_witness_read_first(witness, NULL));
        answer(self, g_steal_pointer(&held->freeze_reply),
               lull_manual_answer_frozen(lull_guest_hold_facts(hold)), NULL);
        keep(self, held);
        (void)(witness && lull_witness_read_second(witness, NULL));
    }
    if (hold)
        lull_guest_hold_thaw(hold, THAW_BUDGET);
    if (hold && lull_guest_hold_facts(hold)->unconfirmed)
        lull_intents_leave(self->intents, op);
    else if (!lull_intents_remove(self->intents, op, &remove_problem))
        g_warning("%s", remove_problem->message);
    if (problem) {
        answer(self, g_steal_pointer(&held->freeze_reply), NULL, problem);
        return;
    }
    g_message("%s: freeze by hand ended: %s", vm->name,
              lull_json_to_line(lull_guest_hold_facts(hold)->filesystems));
    g_mutex_lock(&self->mutex);
    thaw_reply = g_steal_pointer(&held->thaw_reply);
    g_mutex_unlock(&self->mutex);
    if (thaw_reply)
        answer(self, thaw_reply, thawed_answer(vm, hold, witness), NULL);
}

static gpointer
hold_thread(gpointer data)
{
    Held *held = data;
    LullManualHolds *self = held->owner;
    GError *problem = NULL;
    g_autoptr(LullVm) vm = lull_host_find_vm(self->host, held->name, &problem);

    if (vm && vm->state != LULL_VM_RUNNING)
        g_set_error(&problem, LULL_ERROR, LULL_ERROR_CONFLICT, "VM %s is not running", held->name);
    if (vm && !problem && lull_claims_take(self->claims, vm->uid, "lull freeze", &problem)) {
        hold_vm(self, held, vm);
        lull_claims_release(self->claims, vm->uid);
    } else {
        answer(self, g_steal_pointer(&held->freeze_reply), NULL, problem);
    }
    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->held, held->name);
    if (held->thaw_reply)
        answer(self, held->thaw_reply, NULL,
               g_error_new(LULL_ERROR, LULL_ERROR_CONFLICT, "VM %s is not frozen any more", held->name));
    g_ptr_array_add(self->finished, g_thread_self());
    g_mutex_unlock(&self->mutex);
    g_free(held->name);
    g_free(held);
    return NULL;
}

static gboolean
parse_timeout(LullJson *body, gint64 *ret_timeout, GError **error)
{
    LullJson *value = lull_json_at(body, "unfreezeTimeout", NULL);
    gint64 timeout = DEFAULT_TIMEOUT;

    if (value && !lull_duration_from_json(value, &timeout, error)) {
        g_prefix_error(error, "unfreezeTimeout: ");
        return FALSE;
    }
    if (timeout <= 0 || timeout > LULL_GUEST_HOLD_MAX) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "unfreezeTimeout: not between 0 and 1 hour");
        return FALSE;
    }
    *ret_timeout = timeout;
    return TRUE;
}

/* With the mutex. Their last use of it is behind them, so this does not block for long. */
static void
reap(LullManualHolds *self)
{
    for (guint i = 0; i < self->finished->len; i++) {
        g_ptr_array_remove(self->threads, self->finished->pdata[i]);
        g_thread_join(self->finished->pdata[i]);
    }
    g_ptr_array_set_size(self->finished, 0);
}

static void
on_freeze(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullManualHolds *self = user_data;
    g_autoptr(GError) error = NULL;
    Held *held = NULL;
    gint64 timeout = 0;

    if (!parse_timeout(body, &timeout, &error)) {
        lull_server_reply_error(reply, error);
        return;
    }
    g_mutex_lock(&self->mutex);
    reap(self);
    if (!g_hash_table_contains(self->held, name)) {
        held = g_new0(Held, 1);
        held->owner = self;
        held->name = g_strdup(name);
        held->timeout = timeout;
        held->freeze_reply = reply;
        g_hash_table_insert(self->held, held->name, held);
        g_ptr_array_add(self->threads, g_thread_new("lull-hold", hold_thread, held));
    }
    g_mutex_unlock(&self->mutex);
    if (held)
        return;
    g_set_error(&error, LULL_ERROR, LULL_ERROR_BUSY, "VM %s is frozen already: lull thaw %s ends it", name,
                name);
    lull_server_reply_error(reply, error);
}

static void
on_unfreeze(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullManualHolds *self = user_data;
    g_autoptr(GError) error = NULL;
    Held *held = NULL;

    g_mutex_lock(&self->mutex);
    held = g_hash_table_lookup(self->held, name);
    if (!held) {
        g_set_error(&error, LULL_ERROR, LULL_ERROR_CONFLICT, "VM %s is not frozen by hand", name);
    } else if (held->thaw_reply) {
        g_set_error(&error, LULL_ERROR, LULL_ERROR_BUSY, "VM %s is being thawed already", name);
    } else {
        held->thaw_reply = reply;
        held->let_go = TRUE;
        g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->mutex);
    if (error)
        lull_server_reply_error(reply, error);
}

void
lull_manual_holds_serve(LullManualHolds *self, LullServer *server, GMainContext *context)
{
    self->context = context;
    lull_server_add_subresource(server, "freeze", on_freeze, self);
    lull_server_add_subresource(server, "unfreeze", on_unfreeze, self);
}

void
lull_manual_holds_free(LullManualHolds *self)
{
    if (!self)
        return;
    g_mutex_lock(&self->mutex);
    self->closing = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
    for (guint i = 0; i < self->threads->len; i++)
        g_thread_join(self->threads->pdata[i]);
    while (g_main_context_iteration(self->context, FALSE))
        ;
    g_ptr_array_unref(self->threads);
    g_ptr_array_unref(self->finished);
    g_hash_table_unref(self->held);
    g_cond_clear(&self->changed);
    g_mutex_clear(&self->mutex);
    g_free(self);
}
