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
    GHashTable *live;      /* operations that this life works on */
    GHashTable *under_way; /* those of another that are being ended */
    gboolean left;         /* there is something to try again */
    gboolean stopping;
    GThread *retrier;
    LullHost *host;
    LullClaims *claims;
};

typedef struct {
    LullIntents *intents;
    LullIntent *intent;
    gint64 budget;
    gboolean again; /* what is in the way was told */
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
    self->under_way = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    return self;
}

void
lull_intents_free(LullIntents *self)
{
    if (!self)
        return;
    lull_intents_stop(self);
    g_hash_table_unref(self->live);
    g_hash_table_unref(self->under_way);
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

/* An intent that is gone by now was ended by who came before. */
static gboolean
thaw_one(const Recovery *recovery, GError **error)
{
    LullIntents *self = recovery->intents;
    const LullIntent *intent = recovery->intent;
    const LullGuestLeft left = {.op = intent->op,
                                .where = intent->place ? intent->place : intent->vm_uid,
                                .ns = intent->vm_ns,
                                .name = intent->vm_name,
                                .agent = intent->agent};
    g_autofree char *path = path_of(self, intent->op);
    gboolean thawed;

    if (!lull_claims_take(self->claims, intent->vm_uid, "a thaw that is due", error))
        return FALSE;
    thawed = !g_file_test(path, G_FILE_TEST_EXISTS) ||
             (lull_guest_hold_recover(self->host, &left, recovery->budget, error) &&
              lull_intents_remove(self, intent->op, error));
    lull_claims_release(self->claims, intent->vm_uid);
    return thawed;
}

static gboolean
recover_one(const Recovery *recovery)
{
    const LullIntent *intent = recovery->intent;
    g_autoptr(GError) error = NULL;

    if (!may_stand_frozen(recovery->intents, intent))
        return lull_intents_remove(recovery->intents, intent->op, NULL);
    if (thaw_one(recovery, &error)) {
        g_message("%s: thawed of what may have been left frozen (operation %s)", intent->vm_name, intent->op);
        return TRUE;
    }
    if (!recovery->again)
        g_warning("%s: operation %s: %s; the lease or the dead man thaws it, and it is tried again",
                  intent->vm_name, intent->op,
                  error ? error->message : "the guest does not say that it is thawed");
    return FALSE;
}

/* On a thread of its own: no thaw waits for a guest that does not answer, nor does the next look for others.
 */
static gpointer
recover_apart(gpointer data)
{
    Recovery *recovery = data;
    LullIntents *self = recovery->intents;
    const gboolean done = recover_one(recovery);

    g_mutex_lock(&self->mutex);
    g_hash_table_remove(self->under_way, recovery->intent->op);
    self->left = self->left || !done;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
    lull_intent_free(recovery->intent);
    g_free(recovery);
    return NULL;
}

/* FALSE: this life works on it, or ends it already. */
static gboolean
take_under_way(LullIntents *self, const char *op)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->mutex);

    return !g_hash_table_contains(self->live, op) && g_hash_table_add(self->under_way, g_strdup(op));
}

static void
recover_all(LullIntents *self, gint64 budget, gboolean again)
{
    g_autoptr(GPtrArray) list = lull_intents_list(self);

    g_ptr_array_set_free_func(list, NULL);
    for (guint i = 0; i < list->len; i++) {
        g_autoptr(LullIntent) intent = list->pdata[i];
        Recovery *recovery = NULL;

        if (!take_under_way(self, intent->op))
            continue;
        recovery = g_new0(Recovery, 1);
        *recovery = (Recovery){self, g_steal_pointer(&intent), budget, again};
        g_thread_unref(g_thread_new("lull-thaw", recover_apart, recovery));
    }
}

static guint
count_left(LullIntents *self)
{
    g_autoptr(GPtrArray) list = lull_intents_list(self);
    guint n = 0;

    for (guint i = 0; i < list->len; i++)
        n += !is_live(self, ((const LullIntent *)list->pdata[i])->op);
    return n;
}

guint
lull_intents_recover(LullIntents *self, LullHost *host, LullClaims *claims, gint64 patience_usec)
{
    const gint64 until = g_get_monotonic_time() + patience_usec;

    self->host = host;
    self->claims = claims;
    recover_all(self, RECOVER_BUDGET, FALSE);
    g_mutex_lock(&self->mutex);
    while (g_hash_table_size(self->under_way) > 0 && g_cond_wait_until(&self->changed, &self->mutex, until))
        ;
    g_mutex_unlock(&self->mutex);
    return count_left(self);
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
        recover_all(self, RETRY_BUDGET, TRUE);
        g_mutex_lock(&self->mutex);
    }
    g_mutex_unlock(&self->mutex);
    return NULL;
}

void
lull_intents_start_retrying(LullIntents *self)
{
    self->retrier = g_thread_new("lull-retry", retry, self);
}

void
lull_intents_stop(LullIntents *self)
{
    g_mutex_lock(&self->mutex);
    self->stopping = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->mutex);
    if (self->retrier)
        g_thread_join(g_steal_pointer(&self->retrier));
    g_mutex_lock(&self->mutex);
    while (g_hash_table_size(self->under_way) > 0)
        g_cond_wait(&self->changed, &self->mutex);
    g_mutex_unlock(&self->mutex);
}
