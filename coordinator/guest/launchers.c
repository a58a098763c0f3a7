/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/launchers.h"

#include <string.h>

#include "coordinator/guest/dial.h"
#include "coordinator/guest/instance.h"
#include "coordinator/guest/pod-socket.h"
#include "coordinator/model/meta.h"
#include "protocol/error.h"

/* So that what is done to a machine, one after the other, does not open its libvirt each time. */
#define LINGER_USEC (5 * G_USEC_PER_SEC)

typedef struct {
    char *pod;
    LullHost *host;
    guint users;
    gint64 idle_since; /* without users; monotonic */
} Open;

struct _LullLaunchers {
    char *node;
    char *pods_directory;
    GMutex lock; /* for the rest */
    GCond changed;
    GHashTable *instances; /* their uid -> LullInstance */
    GPtrArray *open;       /* of Open */
    GThread *closer;
    guint closing; /* how many are */
    gboolean stopping;
};

typedef struct {
    LullLaunchers *launchers;
    Open *open;
} Closing;

static gpointer
close_one(gpointer data)
{
    g_autofree Closing *closing = data;
    LullLaunchers *self = closing->launchers;

    lull_host_free(closing->open->host);
    g_free(closing->open->pod);
    g_free(closing->open);
    g_mutex_lock(&self->lock);
    self->closing--;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
    return NULL;
}

/* With the lock held. Closing may have to wait for a launcher: nobody else does. */
static void
close_apart(LullLaunchers *self, Open *open)
{
    const Closing closing = {self, open};

    (void)g_ptr_array_remove_fast(self->open, open);
    self->closing++;
    g_thread_unref(g_thread_new("launcher-close", close_one, g_memdup2(&closing, sizeof closing)));
}

/* With the lock held. The next to be closed; NULL: none is idle. */
static Open *
find_idle(const LullLaunchers *self)
{
    Open *first = NULL;

    for (guint i = 0; i < self->open->len; i++) {
        Open *each = g_ptr_array_index(self->open, i);

        if (each->users == 0 && (!first || each->idle_since < first->idle_since))
            first = each;
    }
    return first;
}

static gpointer
close_idle(gpointer data)
{
    LullLaunchers *self = data;

    g_mutex_lock(&self->lock);
    while (!self->stopping) {
        Open *idle = find_idle(self);

        if (!idle) {
            g_cond_wait(&self->changed, &self->lock);
        } else if (g_get_monotonic_time() < idle->idle_since + LINGER_USEC) {
            (void)g_cond_wait_until(&self->changed, &self->lock, idle->idle_since + LINGER_USEC);
        } else {
            close_apart(self, idle);
        }
    }
    g_mutex_unlock(&self->lock);
    return NULL;
}

static GHashTable *
make_instances(void)
{
    return g_hash_table_new_full(g_str_hash, g_str_equal, g_free, (GDestroyNotify)lull_instance_free);
}

LullLaunchers *
lull_launchers_new(const char *node, const char *pods_directory)
{
    LullLaunchers *self = g_new0(LullLaunchers, 1);

    self->node = g_strdup(node);
    self->pods_directory = g_strdup(pods_directory);
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
    self->instances = make_instances();
    self->open = g_ptr_array_new();
    self->closer = g_thread_new("launchers", close_idle, self);
    return self;
}

void
lull_launchers_free(LullLaunchers *self)
{
    g_mutex_lock(&self->lock);
    self->stopping = TRUE;
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
    g_thread_join(self->closer);
    g_mutex_lock(&self->lock);
    while (self->open->len)
        close_apart(self, g_ptr_array_index(self->open, 0));
    while (self->closing)
        g_cond_wait(&self->changed, &self->lock);
    g_mutex_unlock(&self->lock);
    g_ptr_array_unref(self->open);
    g_hash_table_unref(self->instances);
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->node);
    g_free(self->pods_directory);
    g_free(self);
}

/* NULL: it cannot be understood. */
static LullInstance *
read_instance(LullJson *instance)
{
    g_autoptr(GError) error = NULL;
    LullInstance *heard = lull_instance_from_json(instance, NULL, &error);

    if (error)
        g_warning("%s", error->message);
    return heard;
}

void
lull_launchers_hear(LullLaunchers *self, LullWatchType type, LullJson *instance)
{
    const char *uid = lull_meta_uid(instance);
    LullInstance *heard = NULL;

    if (type == LULL_WATCH_BOOKMARK || type == LULL_WATCH_ERROR || !uid)
        return;
    if (type != LULL_WATCH_DELETED)
        heard = read_instance(instance);
    g_mutex_lock(&self->lock);
    if (heard)
        g_hash_table_replace(self->instances, g_strdup(uid), heard);
    else
        g_hash_table_remove(self->instances, uid);
    g_mutex_unlock(&self->lock);
}

void
lull_launchers_hear_all(LullLaunchers *self, LullJson *instances)
{
    GHashTable *all = make_instances();

    for (size_t i = 0; instances && i < json_object_array_length(instances); i++) {
        LullJson *instance = json_object_array_get_idx(instances, i);
        LullInstance *heard = lull_meta_uid(instance) ? read_instance(instance) : NULL;

        if (heard)
            g_hash_table_replace(all, g_strdup(lull_meta_uid(instance)), heard);
    }
    g_mutex_lock(&self->lock);
    g_hash_table_unref(self->instances);
    self->instances = all;
    g_mutex_unlock(&self->lock);
}

static gboolean
is_called(const LullInstance *instance, const char *which)
{
    const char *slash = strchr(which, '/');

    if (!slash)
        return g_str_equal(instance->uid, which) || g_str_equal(instance->instance_uid, which);
    return strlen(instance->ns) == (gsize)(slash - which) &&
           strncmp(instance->ns, which, (gsize)(slash - which)) == 0 &&
           g_str_equal(instance->name, slash + 1);
}

/* With the lock held. One that has ended may still be there beside the one that came after it. */
static const LullInstance *
find_instance(const LullLaunchers *self, const char *which)
{
    const LullInstance *found = NULL;
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, self->instances);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const LullInstance *instance = value;

        if (is_called(instance, which) && (!found || found->state == LULL_INSTANCE_ENDED))
            found = instance;
    }
    return found;
}

/* Where a machine is, now. */
typedef struct {
    char *pod;
    char *domain; /* NULL: any name */
    char *uuid;   /* NULL: any */
} Where;

static void
where_clear(Where *self)
{
    g_free(self->pod);
    g_free(self->domain);
    g_free(self->uuid);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Where, where_clear)

/* POD/UUID; a uid has no slash. */
static gboolean
read_place(const char *text, Where *ret_where)
{
    const char *slash = strchr(text, '/');
    g_autofree char *pod = slash ? g_strndup(text, (gsize)(slash - text)) : NULL;

    if (!pod || !lull_pod_uid_is_valid(pod) || !g_uuid_string_is_valid(slash + 1))
        return FALSE;
    ret_where->pod = g_steal_pointer(&pod);
    ret_where->uuid = g_strdup(slash + 1);
    return TRUE;
}

static gboolean
look_up(LullLaunchers *self, const char *which, Where *ret_where, GError **error)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    const LullInstance *instance = find_instance(self, which);

    if (!instance) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "virtual machine %s: node %s knows none that runs here", which, self->node);
        return FALSE;
    }
    if (!lull_instance_check_here(instance, self->node, error))
        return FALSE;
    ret_where->pod = g_strdup(instance->pod);
    ret_where->domain = g_strdup(instance->domain);
    ret_where->uuid = g_strdup(instance->domain_uuid);
    return TRUE;
}

/* With the lock held. */
static LullHost *
take_open(const LullLaunchers *self, const Where *where)
{
    for (guint i = 0; i < self->open->len; i++) {
        Open *each = g_ptr_array_index(self->open, i);

        if (!g_str_equal(each->pod, where->pod) ||
            (where->uuid && g_ascii_strcasecmp(lull_host_domain_uuid(each->host, ""), where->uuid) != 0))
            continue;
        each->users++;
        return each->host;
    }
    return NULL;
}

/* Opened without the lock: another may come first, and then there are two for a while. */
static LullHost *
reach(LullLaunchers *self, const Where *where, GError **error)
{
    g_autofree char *uri = lull_dial_launcher_uri(self->pods_directory, where->pod);
    LullHost *host = NULL;
    Open *made = NULL;

    g_mutex_lock(&self->lock);
    host = take_open(self, where);
    g_mutex_unlock(&self->lock);
    if (host)
        return host;
    host = lull_host_open_launcher(uri, where->domain, where->uuid, self, error);
    if (!host)
        return NULL;
    made = g_new0(Open, 1);
    made->pod = g_strdup(where->pod);
    made->host = host;
    made->users = 1;
    g_mutex_lock(&self->lock);
    g_ptr_array_add(self->open, made);
    g_mutex_unlock(&self->lock);
    return host;
}

LullHost *
lull_launchers_reach(LullLaunchers *self, const char *where, GError **error)
{
    g_auto(Where) place = {NULL};
    g_autoptr(GError) problem = NULL;

    if (read_place(where, &place) || look_up(self, where, &place, &problem))
        return reach(self, &place, error);
    /* who is not known here may be elsewhere, and frozen */
    g_set_error(error, LULL_ERROR,
                lull_error_is(problem, LULL_ERROR_NOT_FOUND) ? LULL_ERROR_LOST : problem->code, "%s",
                problem->message);
    return NULL;
}

static void
count(LullLaunchers *self, const LullHost *host, gboolean more)
{
    g_mutex_lock(&self->lock);
    for (guint i = 0; i < self->open->len; i++) {
        Open *each = g_ptr_array_index(self->open, i);

        if (each->host != host)
            continue;
        each->users += more ? 1 : -1U;
        each->idle_since = g_get_monotonic_time();
    }
    g_cond_broadcast(&self->changed);
    g_mutex_unlock(&self->lock);
}

void
lull_launchers_keep(LullLaunchers *self, LullHost *host)
{
    count(self, host, TRUE);
}

void
lull_launchers_let_go(LullLaunchers *self, LullHost *host)
{
    count(self, host, FALSE);
}

/* FALSE: it is no more where it was. */
static gboolean
dress(LullLaunchers *self, const char *which, const Where *where, LullVm *vm)
{
    g_autoptr(GMutexLocker) locker = g_mutex_locker_new(&self->lock);
    const LullInstance *instance = find_instance(self, which);

    if (!instance || g_strcmp0(instance->pod, where->pod) != 0)
        return FALSE;
    lull_instance_dress(instance, vm);
    return TRUE;
}

static LullVm *
read_vm(LullHost *host, const char *which, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(host, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, which, error) : NULL;

    return domain ? lull_vm_from_launcher(domain, error) : NULL;
}

LullVm *
lull_launchers_find(LullLaunchers *self, const char *which, GError **error)
{
    g_auto(Where) where = {NULL};
    LullHost *host = look_up(self, which, &where, error) ? reach(self, &where, error) : NULL;
    g_autoptr(LullVm) vm = host ? read_vm(host, which, error) : NULL;

    lull_host_let_go(host);
    if (!vm)
        return NULL;
    if (dress(self, which, &where, vm))
        return g_steal_pointer(&vm);
    g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "virtual machine %s: it moved meanwhile: look again",
                which);
    return NULL;
}
