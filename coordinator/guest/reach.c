/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/reach.h"

#include <libvirt/virterror.h>
#include <signal.h>
#include <unistd.h>

#include "coordinator/guest/dial.h"
#include "protocol/error.h"

static void
dial(LullReach *self)
{
    g_autoptr(GError) error = NULL;

    self->connection = lull_libvirt_dial(self->uri, NULL, &error);
    self->gone = lull_error_is(error, LULL_ERROR_NOT_FOUND);
}

gboolean
lull_reach_open(LullReach *self)
{
    if (self->connection && virConnectIsAlive(self->connection) != 1)
        lull_reach_close(self);
    if (!self->connection)
        dial(self);
    if (self->connection && !self->domain)
        self->domain = virDomainLookupByUUIDString(self->connection, self->uid);
    return self->domain != NULL;
}

gboolean
lull_reach_is_gone(const LullReach *self)
{
    return self->connection ? virGetLastErrorCode() == VIR_ERR_NO_DOMAIN : self->gone;
}

void
lull_reach_close(LullReach *self)
{
    g_clear_pointer(&self->domain, virDomainFree);
    g_clear_pointer(&self->connection, virConnectClose);
}

static void
swallow(void *user_data, virErrorPtr error)
{
}

void
lull_reach_stand_alone(void)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGPIPE, SIGQUIT};

    for (guint i = 0; i < G_N_ELEMENTS(ignored); i++)
        (void)signal(ignored[i], SIG_IGN);
    (void)setsid();
    virSetErrorFunc(NULL, swallow);
}
