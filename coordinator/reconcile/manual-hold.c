/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/manual-hold.h"

#include "coordinator/model/meta.h"
#include "coordinator/reconcile/attempt-volumes.h"
#include "coordinator/reconcile/manual-answer.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define DEFAULT_TIMEOUT LULL_SEC(300) /* the reference's */
#define PREPARE_BUDGET  LULL_SEC(10)
#define THAW_BUDGET     LULL_SEC(4)

/* Why a hold ended, in the last line of its stream. */
#define LULL_HOLD_END_UNFREEZE "unfreeze"
#define LULL_HOLD_END_TIMEOUT  "timeout"
#define LULL_HOLD_END_GONE     "holder gone"
#define LULL_HOLD_END_STOPPING "coordinator stops"

struct _LullManualHolds {
    LullHost *host;
    LullIntents *intents;
    LullClaims *claims;
    LullMetrics *metrics;
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
    char *op;
    gint64 timeout;
    LullFrozenPlace *place;      /* NULL: nobody counts */
    gboolean streams;            /* asked for by `hold`: @reply waits for the verdict too */
    LullServerReply *reply;      /* to who asked for it */
    LullServerReply *thaw_reply; /* with the mutex */
    const char *why;             /* with the mutex; set: let go */
} Held;

typedef struct {
    LullServerReply *reply;
    LullJson *body;
    GError *error;
    gboolean is_line;
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

void
lull_manual_holds_set_metrics(LullManualHolds *self, LullMetrics *metrics)
{
    self->metrics = metrics;
}

static gboolean
send_answer(gpointer data)
{
    Answer *answer = data;

    if (answer->error)
        lull_server_reply_error(answer->reply, answer->error);
    else if (answer->is_line)
        lull_server_reply_line(answer->reply, answer->body);
    else
        lull_server_reply(answer->reply, answer->body);
    g_clear_error(&answer->error);
    g_free(answer);
    return G_SOURCE_REMOVE;
}

static void
post(const LullManualHolds *self, const Answer *content)
{
    g_autoptr(GSource) source = g_idle_source_new();

    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, send_answer, g_memdup2(content, sizeof *content), NULL);
    g_source_attach(source, self->context);
}

/* From a hold's thread. Consumes @body and @error, one of which is set. */
static void
answer(const LullManualHolds *self, LullServerReply *reply, LullJson *body, GError *error)
{
    post(self, &(Answer){.reply = reply, .body = body, .error = error});
}

/* Until it is told to let go, or the time is over. Returns why. */
static const char *
keep(LullManualHolds *self, Held *held)
{
    const gint64 until = g_get_monotonic_time() + held->timeout;
    const char *why;

    g_mutex_lock(&self->mutex);
    while (!held->why && !self->closing && g_cond_wait_until(&self->changed, &self->mutex, until))
        ;
    why = held->why ? held->why : self->closing ? LULL_HOLD_END_STOPPING : LULL_HOLD_END_TIMEOUT;
    g_mutex_unlock(&self->mutex);
    return why;
}

/* Intent on disk before the guest is asked for anything, as for any attempt. */
static gboolean
freeze(LullManualHolds *self, Held *held, const LullVm *vm, LullGuestHold *hold, GError **error)
{
    const LullGuestHoldFacts *facts = lull_guest_hold_facts(hold);
    const gint64 lease =
        facts->agent == LULL_AGENT_LULL ? LULL_MSEC(LULL_LEASE_MS) : held->timeout + LULL_GUEST_HOLD_GRACE;

    if (facts->agent == LULL_AGENT_NONE) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_UNSUPPORTED, "cannot freeze %s: %s", vm->name,
                    facts->agent_problem ? facts->agent_problem : "no guest agent");
        return FALSE;
    }
    if (!lull_intents_write(self->intents, held->op, vm, facts->agent, LULL_INTENT_ENGAGED, error))
        return FALSE;
    if (!lull_guest_hold_prepare(hold, PREPARE_BUDGET)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_FAILED, "cannot freeze %s: %s", vm->name,
                    facts->problem ? facts->problem : "it could not be prepared");
        return FALSE;
    }
    if (facts->agent == LULL_AGENT_STOCK &&
        !lull_intents_write(self->intents, held->op, vm, facts->agent, LULL_INTENT_FREEZING, error))
        return FALSE;
    lull_frozen_begin(held->place, lull_clock_boottime());
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
answer_frozen(LullManualHolds *self, Held *held, LullGuestHold *hold)
{
    LullJson *frozen;

    lull_guest_hold_read_rows(hold);
    frozen = lull_manual_answer_frozen(lull_guest_hold_facts(hold));
    if (held->streams) {
        lull_json_set_string(frozen, "state", "held");
        lull_json_set_string(frozen, "op", held->op);
    }
    post(self, &(Answer){.reply = held->reply, .body = frozen, .is_line = held->streams});
}

/* Whoever held it, and whoever ended it, learn what it was worth. */
static void
answer_thawed(LullManualHolds *self, Held *held, const char *why, LullJson *take_verdict)
{
    g_autoptr(LullJson) verdict = take_verdict;
    LullServerReply *thaw_reply;

    g_mutex_lock(&self->mutex);
    thaw_reply = g_steal_pointer(&held->thaw_reply);
    g_mutex_unlock(&self->mutex);
    if (thaw_reply)
        answer(self, thaw_reply, lull_json_dup(verdict), NULL);
    if (!held->streams)
        return;
    lull_json_set_string(verdict, "state", "ended");
    lull_json_set_string(verdict, "why", why);
    answer(self, held->reply, g_steal_pointer(&verdict), NULL);
}

/* Thaws; the intent goes unless the guest did not confirm. */
static void
let_go(LullManualHolds *self, const Held *held, LullGuestHold *hold)
{
    g_autoptr(GError) problem = NULL;

    if (hold)
        lull_guest_hold_thaw(hold, THAW_BUDGET);
    lull_frozen_end(held->place);
    if (hold && lull_guest_hold_facts(hold)->unconfirmed)
        lull_intents_leave(self->intents, held->op);
    else if (!lull_intents_remove(self->intents, held->op, &problem))
        g_warning("%s", problem->message);
}

static void
hold_vm(LullManualHolds *self, Held *held, const LullVm *vm)
{
    GError *problem = NULL;
    g_autoptr(LullGuestHold) hold = lull_guest_hold_new(self->host, vm, held->op, &problem);
    g_autoptr(LullWitness) witness = hold ? open_witness(self, vm) : NULL;
    const char *why = NULL;

    if (hold && freeze(self, held, vm, hold, &problem)) {
        (void)(witness && lull_witness_read_first(witness, NULL));
        answer_frozen(self, held, hold);
        why = keep(self, held);
        (void)(witness && lull_witness_read_second(witness, NULL));
    }
    let_go(self, held, hold);
    if (problem) {
        answer(self, held->reply, NULL, problem);
        return;
    }
    g_message("%s: freeze by hand ended (%s): %s", vm->name, why,
              lull_json_to_line(lull_guest_hold_facts(hold)->filesystems));
    answer_thawed(self, held, why, thawed_answer(vm, hold, witness));
}

static void
held_free(Held *held)
{
    g_free(held->name);
    g_free(held->op);
    g_free(held);
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
    if (vm && !problem &&
        lull_claims_take(self->claims, vm->uid, held->streams ? "lull hold" : "lull freeze", &problem)) {
        held->place = lull_frozen_take(lull_metrics_frozen(self->metrics));
        hold_vm(self, held, vm);
        lull_frozen_give_back(held->place);
        lull_claims_release(self->claims, vm->uid);
    } else {
        answer(self, held->reply, NULL, problem);
    }
    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->held, held->name);
    if (held->thaw_reply)
        answer(self, held->thaw_reply, NULL,
               g_error_new(LULL_ERROR, LULL_ERROR_CONFLICT, "VM %s is not frozen any more", held->name));
    g_ptr_array_add(self->finished, g_thread_self());
    g_mutex_unlock(&self->mutex);
    held_free(held);
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

/* With the mutex. NULL: it is held already. */
static Held *
begin(LullManualHolds *self, const char *name, gint64 timeout, gboolean streams, LullServerReply *reply)
{
    Held *held;

    if (g_hash_table_contains(self->held, name))
        return NULL;
    held = g_new0(Held, 1);
    held->owner = self;
    held->name = g_strdup(name);
    held->op = g_uuid_string_random();
    held->timeout = timeout;
    held->streams = streams;
    held->reply = reply;
    g_hash_table_insert(self->held, held->name, held);
    g_ptr_array_add(self->threads, g_thread_new("lull-hold", hold_thread, held));
    return held;
}

/* Returns the new operation; NULL: refused, and answered. */
static char *
request(LullManualHolds *self, const char *name, LullJson *body, gboolean streams, LullServerReply *reply)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *op = NULL;
    gint64 timeout = 0;

    if (!parse_timeout(body, &timeout, &error)) {
        lull_server_reply_error(reply, error);
        return NULL;
    }
    g_mutex_lock(&self->mutex);
    reap(self);
    Held *held = begin(self, name, timeout, streams, reply);
    op = held ? g_strdup(held->op) : NULL;
    g_mutex_unlock(&self->mutex);
    if (!op) {
        g_set_error(&error, LULL_ERROR, LULL_ERROR_BUSY, "VM %s is frozen already: lull thaw %s ends it",
                    name, name);
        lull_server_reply_error(reply, error);
    }
    return g_steal_pointer(&op);
}

static void
on_freeze(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    g_autofree char *op = request(user_data, name, body, FALSE, reply);
}

/* Who holds, for the case that he goes: the hold itself may have ended by then. */
typedef struct {
    LullManualHolds *owner;
    char *name;
    char *op;
} Holder;

static void
holder_free(gpointer data)
{
    Holder *holder = data;

    g_free(holder->name);
    g_free(holder->op);
    g_free(holder);
}

/* With the mutex: the hold of @name, if it is operation @op. */
static Held *
find_held(LullManualHolds *self, const char *name, const char *op)
{
    Held *held = g_hash_table_lookup(self->held, name);

    return held && (!op || g_str_equal(held->op, op)) ? held : NULL;
}

static void
on_holder_gone(gpointer data)
{
    const Holder *holder = data;
    LullManualHolds *self = holder->owner;
    Held *held;

    g_mutex_lock(&self->mutex);
    held = find_held(self, holder->name, holder->op);
    if (held && !held->why) {
        held->why = LULL_HOLD_END_GONE;
        g_cond_broadcast(&self->changed);
    }
    g_mutex_unlock(&self->mutex);
}

/* The connection is the lease: whoever holds lets go by closing it, and learns the verdict by unfreezing. */
static void
on_hold(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullManualHolds *self = user_data;
    g_autofree char *op = request(self, name, body, TRUE, reply);
    Holder *holder;

    if (!op)
        return;
    holder = g_new0(Holder, 1);
    holder->owner = self;
    holder->name = g_strdup(name);
    holder->op = g_steal_pointer(&op);
    lull_server_reply_on_gone(reply, on_holder_gone, holder, holder_free);
}

/* With the mutex. */
static gboolean
begin_thaw(LullManualHolds *self, const char *name, const char *op, LullServerReply *reply, GError **error)
{
    Held *held = find_held(self, name, op);

    if (!held) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT, "VM %s is not frozen by hand%s%.40s", name,
                    op ? ", or not by operation " : "", op ? op : "");
        return FALSE;
    }
    if (held->thaw_reply) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "VM %s is being thawed already", name);
        return FALSE;
    }
    held->thaw_reply = reply;
    if (!held->why)
        held->why = LULL_HOLD_END_UNFREEZE;
    g_cond_broadcast(&self->changed);
    return TRUE;
}

static void
on_unfreeze(const char *ns, const char *name, LullJson *body, LullServerReply *reply, gpointer user_data)
{
    LullManualHolds *self = user_data;
    g_autoptr(GError) error = NULL;

    g_mutex_lock(&self->mutex);
    (void)begin_thaw(self, name, lull_json_string(body, "op", NULL), reply, &error);
    g_mutex_unlock(&self->mutex);
    if (error)
        lull_server_reply_error(reply, error);
}

void
lull_manual_holds_serve(LullManualHolds *self, LullServer *server, GMainContext *context)
{
    self->context = context;
    lull_server_add_subresource(server, "freeze", on_freeze, self);
    lull_server_add_subresource(server, "hold", on_hold, self);
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
