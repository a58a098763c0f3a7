/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/reconcile/intents.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <glib/gstdio.h>

#include "protocol/clock.h"
#include "protocol/error.h"

#define MAX_FILE_BYTES 4096
#define RECOVER_BUDGET LULL_SEC(12) /* a guest; more than any lease of ours */
#define RETRY_BUDGET   LULL_SEC(3)
#define RETRY_USEC     LULL_SEC(5)

struct _LullIntents {
    char *directory;
    char *boot_id;
    GMutex mutex; /* for the rest */
    GCond changed;
    GHashTable *live; /* operations that this life works on */
    gboolean left;    /* there is something to try again */
    gboolean stopping;
    GThread *retrier;
    LullHost *host;
    LullClaims *claims;
};

typedef struct {
    LullIntents *intents;
    LullHost *host;
    LullClaims *claims; /* NULL: nobody else is there yet */
    gint64 budget;
    gint failed;
} Recovery;

void
lull_intent_free(LullIntent *self)
{
    if (!self)
        return;
    g_free(self->op);
    g_free(self->vm_uid);
    g_free(self->vm_ns);
    g_free(self->vm_name);
    g_free(self->place);
    g_free(self->boot_id);
    g_free(self);
}

static gboolean
fail(GError **error, const char *what, const char *path)
{
    const int code = errno;

    g_set_error(error, LULL_ERROR, code == ENOSPC ? LULL_ERROR_NO_SPACE : LULL_ERROR_FAILED,
                "cannot %s %s: %s", what, path, g_strerror(code));
    return FALSE;
}

LullIntents *
lull_intents_open(const char *directory, GError **error)
{
    LullIntents *self = NULL;

    if (g_mkdir_with_parents(directory, 0700) < 0) {
        fail(error, "make", directory);
        return NULL;
    }
    self = g_new0(LullIntents, 1);
    self->directory = g_strdup(directory);
    self->boot_id = lull_clock_boot_id();
    g_mutex_init(&self->mutex);
    g_cond_init(&self->changed);
    self->live = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return self;
}

void
lull_intents_free(LullIntents *self)
{
    if (!self)
        return;
    lull_intents_stop_retrying(self);
    g_hash_table_unref(self->live);
    g_mutex_clear(&self->mutex);
    g_cond_clear(&self->changed);
    g_free(self->directory);
    g_free(self->boot_id);
    g_free(self);
}

static char *
path_of(const LullIntents *self, const char *op)
{
    g_autofree char *name = g_strconcat(op, ".json", NULL);

    return g_build_filename(self->directory, name, NULL);
}

static gboolean
sync_directory(const LullIntents *self, GError **error)
{
    const int fd = open(self->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const gboolean synced = fd >= 0 && fsync(fd) == 0;

    if (!synced)
        fail(error, "sync", self->directory);
    if (fd >= 0)
        close(fd);
    return synced;
}

static const char *const agent_words[] = {
    [LULL_AGENT_NONE] = "none", [LULL_AGENT_STOCK] = "stock", [LULL_AGENT_LULL] = "lull"};

static const char *const stage_words[] = {
    [LULL_INTENT_ENGAGED] = "engaged", [LULL_INTENT_FREEZING] = "freezing"};

gboolean
lull_intents_write(LullIntents *self, const char *op, const LullVm *vm, LullAgentKind agent,
                   LullIntentStage stage, GError **error)
{
    g_autofree char *path = path_of(self, op);
    g_autoptr(LullJson) json = json_object_new_object();
    g_autoptr(GError) problem = NULL;

    g_mutex_lock(&self->mutex);
    g_hash_table_add(self->live, g_strdup(op));
    g_mutex_unlock(&self->mutex);
    lull_json_set_int(json, "version", 1);
    lull_json_set_string(json, "op", op);
    lull_json_set_string(json, "vm", vm->uid);
    lull_json_set_string(json, "vmNamespace", vm->ns);
    lull_json_set_string(json, "vmName", vm->name);
    lull_json_set_string(json, "place", vm->place);
    lull_json_set_string(json, "bootId", self->boot_id ? self->boot_id : "");
    lull_json_set_string(json, "agent", agent_words[agent]);
    lull_json_set_string(json, "stage", stage_words[stage]);
    if (!g_file_set_contents_full(path, lull_json_to_line(json), -1,
                                  G_FILE_SET_CONTENTS_CONSISTENT | G_FILE_SET_CONTENTS_DURABLE, 0600,
                                  &problem)) {
        g_set_error(error, LULL_ERROR,
                    g_error_matches(problem, G_FILE_ERROR, G_FILE_ERROR_NOSPC) ? LULL_ERROR_NO_SPACE
                                                                               : LULL_ERROR_FAILED,
                    "cannot note what is to be frozen, so nothing is frozen: %s", problem->message);
        return FALSE;
    }
    return sync_directory(self, error);
}

gboolean
lull_intents_remove(LullIntents *self, const char *op, GError **error)
{
    g_autofree char *path = path_of(self, op);

    if (g_unlink(path) < 0 && errno != ENOENT)
        return fail(error, "remove", path);
    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->live, op);
    g_mutex_unlock(&self->mutex);
    return TRUE;
}

void
lull_intents_leave(LullIntents *self, const char *op)
{
    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->live, op);
    self->left = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
}

static gboolean
is_live(LullIntents *self, const char *op)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->mutex);

    return g_hash_table_contains(self->live, op);
}

static gboolean
agent_from_word(const char *word, LullAgentKind *ret_agent)
{
    for (gsize i = 0; i < G_N_ELEMENTS(agent_words); i++) {
        if (!g_str_equal(word, agent_words[i]))
            continue;
        *ret_agent = (LullAgentKind)i;
        return TRUE;
    }
    return FALSE;
}

static LullIntent *
read_one(const char *path, const char *op, GError **error)
{
    g_autofree char *text = NULL;
    gsize length = 0;
    g_autoptr(LullJson) json = NULL;
    g_autoptr(LullIntent) intent = g_new0(LullIntent, 1);

    if (!g_file_get_contents(path, &text, &length, error))
        return NULL;
    if (length <= MAX_FILE_BYTES)
        json = lull_json_parse(text, (gssize)length, error);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "larger than any intent");
    if (!json)
        return NULL;
    intent->op = g_strdup(op);
    intent->vm_uid = g_strdup(lull_json_string(json, "vm", ""));
    intent->vm_ns = g_strdup(lull_json_string(json, "vmNamespace", NULL));
    intent->vm_name = g_strdup(lull_json_string(json, "vmName", ""));
    intent->place = g_strdup(lull_json_string(json, "place", NULL));
    intent->boot_id = g_strdup(lull_json_string(json, "bootId", ""));
    /* one that does not say is taken for the one that must be thawed */
    if (!g_str_equal(lull_json_string(json, "stage", ""), stage_words[LULL_INTENT_ENGAGED]))
        intent->stage = LULL_INTENT_FREEZING;
    if (!g_str_equal(lull_json_string(json, "op", ""), op) || !*intent->vm_uid ||
        !agent_from_word(lull_json_string(json, "agent", ""), &intent->agent)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "not an intent of this version");
        return NULL;
    }
    return g_steal_pointer(&intent);
}

GPtrArray *
lull_intents_list(LullIntents *self)
{
    GPtrArray *list = g_ptr_array_new_with_free_func((GDestroyNotify)lull_intent_free);
    g_autoptr(GDir) dir = g_dir_open(self->directory, 0, NULL);
    const char *name = NULL;

    while (dir && (name = g_dir_read_name(dir))) {
        g_autofree char *path = g_build_filename(self->directory, name, NULL);
        g_autofree char *op = g_str_has_suffix(name, ".json") ? g_strndup(name, strlen(name) - 5) : NULL;
        g_autoptr(GError) error = NULL;
        LullIntent *intent = op ? read_one(path, op, &error) : NULL;

        if (intent)
            g_ptr_array_add(list, intent);
        else if (op)
            g_warning("%s: not understood: %s; a guest may have been left frozen until its lease ends", path,
                      error->message);
    }
    return list;
}

static gboolean
may_stand_frozen(const LullIntents *self, const LullIntent *intent)
{
    if (!g_str_equal(intent->boot_id, self->boot_id ? self->boot_id : ""))
        return FALSE;
    return intent->agent != LULL_AGENT_STOCK || intent->stage == LULL_INTENT_FREEZING;
}

static gboolean
thaw_one(const Recovery *recovery, const LullIntent *intent, GError **error)
{
    const LullGuestLeft left = {.op = intent->op,
                                .where = intent->place ? intent->place : intent->vm_uid,
                                .ns = intent->vm_ns,
                                .name = intent->vm_name,
                                .agent = intent->agent};
    gboolean thawed;

    if (recovery->claims && !lull_claims_take(recovery->claims, intent->vm_uid, "a thaw that is due", error))
        return FALSE;
    thawed = lull_guest_hold_recover(recovery->host, &left, recovery->budget, error) &&
             lull_intents_remove(recovery->intents, intent->op, error);
    if (recovery->claims)
        lull_claims_release(recovery->claims, intent->vm_uid);
    return thawed;
}

static void
recover_one(gpointer data, gpointer user_data)
{
    const LullIntent *intent = data;
    Recovery *recovery = user_data;
    g_autoptr(GError) error = NULL;

    if (is_live(recovery->intents, intent->op))
        return;
    if (!may_stand_frozen(recovery->intents, intent)) {
        lull_intents_remove(recovery->intents, intent->op, NULL);
        return;
    }
    if (thaw_one(recovery, intent, &error)) {
        g_message("%s: thawed of what may have been left frozen (operation %s)", intent->vm_name, intent->op);
        return;
    }
    if (!recovery->claims) /* told once, not at every try */
        g_warning("%s: operation %s: %s; the lease or the dead man thaws it, and it is tried again",
                  intent->vm_name, intent->op,
                  error ? error->message : "the guest does not say that it is thawed");
    g_atomic_int_inc(&recovery->failed);
}

static guint
recover_all(Recovery *recovery)
{
    LullIntents *self = recovery->intents;
    g_autoptr(GPtrArray) list = lull_intents_list(self);
    /* a thread each: no thaw waits for a guest that does not answer */
    GThreadPool *pool = g_thread_pool_new(recover_one, recovery, MAX((gint)list->len, 1), FALSE, NULL);

    for (guint i = 0; i < list->len; i++)
        g_thread_pool_push(pool, list->pdata[i], NULL);
    g_thread_pool_free(pool, FALSE, TRUE); /* waits */
    g_mutex_lock(&self->mutex);
    self->left = self->left || recovery->failed > 0;
    g_mutex_unlock(&self->mutex);
    return (guint)recovery->failed;
}

guint
lull_intents_recover(LullIntents *self, LullHost *host)
{
    return recover_all(&(Recovery){.intents = self, .host = host, .budget = RECOVER_BUDGET});
}

static gpointer
retry(gpointer data)
{
    LullIntents *self = data;

    g_mutex_lock(&self->mutex);
    while (!self->stopping) {
        const gint64 until = g_get_monotonic_time() + RETRY_USEC;

        if (!self->left) {
            g_cond_wait(&self->changed, &self->mutex);
            continue;
        }
        while (!self->stopping && g_cond_wait_until(&self->changed, &self->mutex, until))
            ;
        if (self->stopping)
            break;
        self->left = FALSE;
        g_mutex_unlock(&self->mutex);
        recover_all(
            &(Recovery){.intents = self, .host = self->host, .claims = self->claims, .budget = RETRY_BUDGET});
        g_mutex_lock(&self->mutex);
    }
    g_mutex_unlock(&self->mutex);
    return NULL;
}

void
lull_intents_start_retrying(LullIntents *self, LullHost *host, LullClaims *claims)
{
    self->host = host;
    self->claims = claims;
    self->retrier = g_thread_new("lull-retry", retry, self);
}

void
lull_intents_stop_retrying(LullIntents *self)
{
    if (!self->retrier)
        return;
    g_mutex_lock(&self->mutex);
    self->stopping = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
    g_thread_join(g_steal_pointer(&self->retrier));
}
