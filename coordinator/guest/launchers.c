/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/launchers.h"

#include <string.h>

#include "coordinator/guest/dial.h"
#include "coordinator/guest/pod-socket.h"
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
    LullInstances *instances; /* lent */
    char *pods_directory;
    GMutex lock; /* for the rest */
    GCond changed;
    GPtrArray *open; /* of Open */
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

LullLaunchers *
lull_launchers_new(LullInstances *instances, const char *pods_directory)
{
    LullLaunchers *self = g_new0(LullLaunchers, 1);

    self->instances = instances;
    self->pods_directory = g_strdup(pods_directory);
    g_mutex_init(&self->lock);
    g_cond_init(&self->changed);
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
    g_mutex_clear(&self->lock);
    g_cond_clear(&self->changed);
    g_free(self->pods_directory);
    g_free(self);
}

char *
lull_launchers_pod_directory(const LullLaunchers *self, const char *pod)
{
    return g_build_filename(self->pods_directory, pod, NULL);
}

/* POD/UUID; a uid has no slash. */
static gboolean
read_place(const char *text, LullWhere *ret_where)
{
    const char *slash = strchr(text, '/');
    g_autofree char *pod = slash ? g_strndup(text, (gsize)(slash - text)) : NULL;

    if (!pod || !lull_pod_uid_is_valid(pod) || !g_uuid_string_is_valid(slash + 1))
        return FALSE;
    ret_where->pod = g_steal_pointer(&pod);
    ret_where->uuid = g_strdup(slash + 1);
    return TRUE;
}

/* With the lock held. */
static LullHost *
take_open(const LullLaunchers *self, const LullWhere *where)
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
reach(LullLaunchers *self, const LullWhere *where, GError **error)
{
    g_autofree char *uri = lull_libvirt_launcher_uri(self->pods_directory, where->pod);
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
    g_auto(LullWhere) place = {NULL};
    g_autoptr(GError) problem = NULL;

    if (read_place(where, &place) || lull_instances_find(self->instances, where, &place, &problem))
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
    g_auto(LullWhere) where = {NULL};
    LullHost *host =
        lull_instances_find(self->instances, which, &where, error) ? reach(self, &where, error) : NULL;
    g_autoptr(LullVm) vm = host ? read_vm(host, which, error) : NULL;

    lull_host_let_go(host);
    if (!vm)
        return NULL;
    if (lull_instances_dress(self->instances, which, where.pod, vm))
        return g_steal_pointer(&vm);
    g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY, "virtual machine %s: it moved meanwhile: look again",
                which);
    return NULL;
}
