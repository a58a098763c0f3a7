/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/host.h"
#include "coordinator/guest/link.h"
#include "protocol/names.h"

/* Sets the one element that a domain's metadata have of the namespace @uri, live and in the definition as far
 * as it has both; @xml NULL: removes it. */
static gboolean
set_element(LullDomain *domain, const char *uri, const char *xml, GError **error)
{
    guint flags = 0;

    if (virDomainIsActive(domain) == 1)
        flags |= VIR_DOMAIN_AFFECT_LIVE;
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

    return domain &&
           set_element(domain, LULL_XML_NAMESPACE, on ? "<snapshots incremental='yes'/>" : NULL, error);
}

gboolean
lull_domain_mark_restored(LullDomain *domain, gboolean restored, GError **error)
{
    return set_element(domain, LULL_XML_RESTORED, restored ? "<restored/>" : NULL, error);
}
