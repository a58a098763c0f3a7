/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/host-private.h"
#include "coordinator/guest/host.h"
#include "protocol/names.h"

/* Sets the one element that a domain's metadata have of the namespace @uri, in its definition if it has one,
 * and @live; @xml NULL: removes it. */
static gboolean
set_element(LullDomain *domain, const char *uri, const char *xml, gboolean live, GError **error)
{
    guint flags = live ? VIR_DOMAIN_AFFECT_LIVE : 0;

    if (virDomainIsPersistent(domain) == 1)
        flags |= VIR_DOMAIN_AFFECT_CONFIG;
    return virDomainSetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, xml, xml ? "lull" : NULL, uri, flags) ==
               0 ||
           lull_link_error(error, "changing the virtual machine's metadata");
}

gboolean
lull_host_set_incremental(LullHost *self, const char *uid, gboolean on, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(self, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, uid, error) : NULL;

    return domain && set_element(domain, LULL_XML_NAMESPACE, on ? "<snapshots incremental='yes'/>" : NULL,
                                 virDomainIsActive(domain) == 1, error);
}

gboolean
lull_domain_mark_restored(LullDomain *domain, GError **error)
{
    return set_element(domain, LULL_XML_RESTORED, "<restored/>", virDomainIsActive(domain) == 1, error);
}

typedef struct {
    LullHost *host;
    char *uid;
} Unmark;

/* The change is asked for a domain that runs: libvirt refuses it of one that does not any more, whose disks
 * may be another restore's by then. */
static gboolean
take_off(virConnectPtr connection, const char *uid, GError **error)
{
    g_autoptr(LullDomain) domain = virDomainLookupByUUIDString(connection, uid);

    return domain ? set_element(domain, LULL_XML_RESTORED, NULL, TRUE, error)
                  : lull_link_error(error, "looking for it");
}

static gpointer
unmark(gpointer data)
{
    Unmark *self = data;
    g_autoptr(GError) error = NULL;
    virConnectPtr connection = lull_host_connect(self->host, &error);

    if (connection && take_off(connection, self->uid, &error))
        g_debug("%s: it runs, its disks are its own again", self->uid);
    else
        g_message("virtual machine %s: it keeps the mark of a restore: %s", self->uid, error->message);
    if (connection)
        virConnectClose(connection);
    lull_host_note_unmarked(self->host, self->uid);
    lull_host_unref(self->host);
    g_free(self->uid);
    g_free(self);
    return NULL;
}

void
lull_host_unmark(LullHost *self, const char *uid)
{
    Unmark *task = NULL;

    if (!lull_host_note_unmarking(self, uid))
        return;
    task = g_new0(Unmark, 1);
    task->host = lull_host_ref(self);
    task->uid = g_strdup(uid);
    g_thread_unref(g_thread_new("unmark", unmark, task));
}
