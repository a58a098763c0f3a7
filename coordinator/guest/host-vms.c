/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libvirt/virterror.h>

#include "coordinator/guest/host-inside.h"
#include "coordinator/guest/launchers.h"
#include "protocol/error.h"

/* With what its events have told. */
static LullVm *
vm_of(LullHost *self, LullDomain *domain, GError **error)
{
    LullVm *vm = lull_vm_from_domain(domain, error);

    if (vm && vm->end == LULL_VM_END_SHUTDOWN && lull_host_was_terminated(self, vm->uid))
        vm->end = LULL_VM_END_TERMINATED;
    return vm;
}

LullVm *
lull_host_find_vm_by_uid(LullHost *self, const char *uid, GError **error)
{
    g_autoptr(LullLink) link = NULL;
    g_autoptr(LullDomain) domain = NULL;

    if (self->launchers)
        return lull_launchers_find(self->launchers, uid, error);
    link = lull_link_borrow(self, error);
    domain = link ? lull_link_domain(link, uid, error) : NULL;
    return domain ? vm_of(self, domain, error) : NULL;
}

static gboolean
domain_is_called(virDomainPtr domain, const char *name)
{
    char uid[VIR_UUID_STRING_BUFLEN];
    g_autofree char *called = NULL;

    if (virDomainGetUUIDString(domain, uid) < 0)
        return FALSE;
    called = lull_vm_api_name(virDomainGetName(domain), uid);
    return g_str_equal(called, name);
}

LullVm *
lull_host_find_vm(LullHost *self, const char *name, GError **error)
{
    g_autoptr(LullLink) link = NULL;
    virDomainPtr *domains = NULL;
    virDomainPtr found = NULL;
    LullVm *vm = NULL;

    if (self->launchers)
        return lull_launchers_find(self->launchers, name, error);
    link = lull_link_borrow(self, error);
    if (!link)
        return NULL;
    if (virConnectListAllDomains(lull_link_connection(link), &domains, 0) < 0) {
        lull_link_error(error, "libvirt's domains");
        return NULL;
    }
    for (guint i = 0; domains[i]; i++)
        if (domain_is_called(domains[i], name) &&
            (!found || g_str_equal(virDomainGetName(domains[i]), name))) /* its own name comes first */
            found = domains[i];
    if (found)
        vm = vm_of(self, found, error);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND,
                    "virtual machine %s: libvirt at %s knows none of that name; `lull vms` lists them", name,
                    self->uri);
    lull_domains_free(domains);
    return vm;
}

gboolean
lull_host_shutdown_vm(LullHost *self, const char *uid, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(self, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, uid, error) : NULL;

    if (!domain)
        return FALSE;
    if (virDomainIsActive(domain) == 0)
        return TRUE;
    if (virDomainIsPersistent(domain) == 0) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_UNSUPPORTED,
            "virtual machine %s: it is transient, and would be gone with its definition: virsh define "
            "it first",
            virDomainGetName(domain));
        return FALSE;
    }
    return virDomainShutdownFlags(domain, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN) == 0 ||
           lull_link_error(error, "asking the guest to shut down");
}

gboolean
lull_host_start_vm(LullHost *self, const char *uid, GError **error)
{
    g_autoptr(LullLink) link = lull_link_borrow(self, error);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, uid, error) : NULL;

    if (!domain)
        return FALSE;
    return virDomainIsActive(domain) == 1 || virDomainCreate(domain) == 0 ||
           lull_link_error(error, "starting the virtual machine");
}

void
lull_domains_free(virDomainPtr *domains)
{
    for (guint i = 0; domains && domains[i]; i++)
        virDomainFree(domains[i]);
    free(domains);
}
