/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/line.h"

#include "coordinator/guest/host-private.h"

gboolean
lull_line_open(LullLine *self, LullHost *host, const char *uid, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(host, error);
    LullDomain *domain = link ? lull_link_domain(link, uid, error) : NULL;

    if (!domain)
        return FALSE;
    self->host = host;
    g_strlcpy(self->uid, uid, sizeof self->uid);
    self->link = g_steal_pointer(&link);
    self->domain = domain;
    self->found = lull_host_times_found(host);
    return TRUE;
}

void
lull_line_close(LullLine *self)
{
    g_clear_pointer(&self->domain, virDomainFree);
    g_clear_pointer(&self->link, lull_link_return);
}

void
lull_line_mend(LullLine *self)
{
    LullLine other = {NULL};
    guint64 found;

    if (!self->domain || virConnectIsAlive(lull_link_connection(self->link)) == 1)
        return;
    found = lull_host_times_found(self->host);
    if (found == 0 || found == self->found || !lull_line_open(&other, self->host, self->uid, NULL))
        return;
    lull_line_close(self);
    *self = other;
}
