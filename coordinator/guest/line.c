/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/line.h"

#include "coordinator/guest/host-private.h"

gboolean
lull_line_open(LullLine *self, LullHost *host, const char *uid, GError **error)
{
    LullHost *reached = lull_host_reach(host, uid, error);
    g_autoptr(LullLink) link = reached ? lull_link_borrow(reached, error) : NULL;
    LullDomain *domain = link ? lull_link_domain(link, uid, error) : NULL;

    if (!domain) {
        g_clear_pointer(&link, lull_link_return);
        lull_host_let_go(reached);
        return FALSE;
    }
    self->host = reached;
    g_strlcpy(self->uid, uid, sizeof self->uid);
    self->link = g_steal_pointer(&link);
    self->domain = domain;
    self->found = lull_host_times_found(reached);
    return TRUE;
}

void
lull_line_close(LullLine *self)
{
    g_clear_pointer(&self->domain, virDomainFree);
    g_clear_pointer(&self->link, lull_link_return);
    g_clear_pointer(&self->host, lull_host_let_go);
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
