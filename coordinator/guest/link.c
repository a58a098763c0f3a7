/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/link.h"

#include <libvirt/virterror.h>

#include "coordinator/guest/dial.h"
#include "coordinator/guest/host-private.h"
#include "coordinator/model/words.h"
#include "protocol/error.h"

#define MAX_IDLE  8
#define MAX_WORDS 2048 /* bytes; those of a program that would not start, which it quotes, fit in */

/* A daemon that does not answer for this long is as good as gone: 5 s, three times. */
#define KEEPALIVE_SECONDS 5
#define KEEPALIVE_COUNT   3

struct _LullLink {
    LullHost *host;
    virConnectPtr connection;
};

gboolean
lull_link_error(GError **error, const char *what)
{
    const virErrorPtr last = virGetLastError();
    /* a launcher's libvirt may say anything, at any length */
    g_autofree char *message = lull_words(last && last->message ? last->message : "unknown error", MAX_WORDS);
    LullError code = LULL_ERROR_FAILED;

    switch (last ? last->code : VIR_ERR_OK) {
    case VIR_ERR_NO_DOMAIN:
        code = LULL_ERROR_NOT_FOUND;
        break;
    case VIR_ERR_OPERATION_TIMEOUT:
        code = LULL_ERROR_BUSY; /* somebody else has a job on the domain */
        break;
    case VIR_ERR_AGENT_UNRESPONSIVE:
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_SYSTEM_ERROR:
    case VIR_ERR_INVALID_CONN:
        code = LULL_ERROR_LOST;
        break;
    case VIR_ERR_NO_SUPPORT:
    case VIR_ERR_ARGUMENT_UNSUPPORTED:
    case VIR_ERR_CONFIG_UNSUPPORTED:
    case VIR_ERR_OPERATION_UNSUPPORTED:
        code = LULL_ERROR_UNSUPPORTED;
        break;
    case VIR_ERR_OPERATION_DENIED:
    case VIR_ERR_AUTH_FAILED:
    case VIR_ERR_ACCESS_DENIED:
        code = LULL_ERROR_DENIED;
        break;
    default:
        break;
    }
    g_set_error(error, LULL_ERROR, code, "%s: %s", what, message);
    return FALSE;
}

/* Only while somebody waits for it. Not every driver has keep-alive (test:///); then there is no daemon that
 * could hang. */
static void
keep_alive(virConnectPtr connection, gboolean on)
{
    (void)virConnectSetKeepAlive(connection, on ? KEEPALIVE_SECONDS : 0, on ? KEEPALIVE_COUNT : 0);
}

virConnectPtr
lull_host_connect(LullHost *self, GError **error)
{
    virConnectPtr connection = lull_libvirt_dial(lull_host_uri(self), virConnectAuthPtrDefault, error);

    if (connection)
        keep_alive(connection, TRUE);
    return connection;
}

static gpointer
close_one(gpointer connection)
{
    keep_alive(connection, TRUE); /* to close it is a call too */
    virConnectClose(connection);
    return NULL;
}

/* At the same time: a daemon that answers late does so once. */
void
lull_host_close_idle(LullHost *self)
{
    g_autoptr(GPtrArray) threads = g_ptr_array_new();
    virConnectPtr idle;

    while ((idle = lull_host_take_idle(self)))
        g_ptr_array_add(threads, g_thread_new("libvirt-close", close_one, idle));
    g_ptr_array_foreach(threads, (GFunc)(void (*)(void))g_thread_join, NULL);
}

LullLink *
lull_link_borrow(LullHost *host, GError **error)
{
    virConnectPtr connection = NULL;
    LullLink *link;

    if (!lull_host_check_single(host, error))
        return NULL;
    while ((connection = lull_host_take_idle(host)) && virConnectIsAlive(connection) != 1)
        virConnectClose(connection);
    if (connection)
        keep_alive(connection, TRUE);
    else if (!(connection = lull_host_connect(host, error)))
        return NULL;
    link = g_new0(LullLink, 1);
    link->host = host;
    link->connection = connection;
    return link;
}

void
lull_link_return(LullLink *self)
{
    if (!self)
        return;
    keep_alive(self->connection, FALSE);
    if (virConnectIsAlive(self->connection) != 1 ||
        !lull_host_give_idle(self->host, self->connection, MAX_IDLE))
        virConnectClose(self->connection);
    g_free(self);
}

virConnectPtr
lull_link_connection(LullLink *self)
{
    return self->connection;
}

LullDomain *
lull_link_domain(LullLink *self, const char *uid, GError **error)
{
    LullDomain *domain =
        virDomainLookupByUUIDString(self->connection, lull_host_domain_uuid(self->host, uid));

    if (!domain) {
        g_autofree char *what = g_strdup_printf("virtual machine %s", uid);
        lull_link_error(error, what);
    }
    return domain;
}
