/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/occupied.h"

#include <libvirt/virterror.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "coordinator/guest/vm-files.h"
#include "protocol/error.h"

/* Where links lead, as far as it is there. */
static char *
resolve(const char *path)
{
    char *real = realpath(path, NULL);
    g_autofree char *parent = NULL;
    g_autofree char *name = NULL;
    char *resolved;

    if (real) {
        resolved = g_strdup(real);
        free(real);
        return resolved;
    }
    parent = g_path_get_dirname(path);
    name = g_path_get_basename(path);
    real = realpath(parent, NULL);
    resolved = g_build_filename(real ? real : parent, name, NULL);
    free(real);
    return resolved;
}

gboolean
lull_occupied_is_same(const char *a, const char *b)
{
    g_autofree char *left = resolve(a);
    g_autofree char *right = resolve(b);
    struct stat one;
    struct stat other;

    if (g_str_equal(left, right))
        return TRUE;
    if (stat(left, &one) < 0 || stat(right, &other) < 0)
        return FALSE;
    if (S_ISBLK(one.st_mode) && S_ISBLK(other.st_mode))
        return one.st_rdev == other.st_rdev;
    return one.st_dev == other.st_dev && one.st_ino == other.st_ino;
}

static gboolean
set_in_use(LullDomain *domain, const char *path, GError **error)
{
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                "image %s: virtual machine %s has it by now: give that one another disk, or undefine it",
                path, virDomainGetName(domain));
    return FALSE;
}

/* The path of what @pool calls @volume; NULL without an error: there is no such thing just now. */
static char *
volume_path(virConnectPtr connection, const char *pool, const char *volume, GError **error)
{
    virStoragePoolPtr from = virStoragePoolLookupByName(connection, pool);
    virStorageVolPtr found = from ? virStorageVolLookupByName(from, volume) : NULL;
    char *path = found ? virStorageVolGetPath(found) : NULL;
    const int code = path ? VIR_ERR_OK : virGetLastErrorCode();
    char *copy = g_strdup(path);

    if (!path && code != VIR_ERR_NO_STORAGE_POOL && code != VIR_ERR_NO_STORAGE_VOL &&
        code != VIR_ERR_OPERATION_INVALID && code != VIR_ERR_NO_SUPPORT)
        lull_link_error(error, "what other virtual machines have");
    free(path);
    if (found)
        virStorageVolFree(found);
    if (from)
        virStoragePoolFree(from);
    return copy;
}

/* Where its pool does not tell, a volume may be any file that is called like it. */
static gboolean
check_volume(LullDomain *domain, const char *pool, const char *volume, GPtrArray *paths, GError **error)
{
    g_autoptr(GError) problem = NULL;
    g_autofree char *path = volume_path(virDomainGetConnect(domain), pool, volume, &problem);

    if (problem) {
        g_propagate_error(error, g_steal_pointer(&problem));
        return FALSE;
    }
    for (guint i = 0; i < paths->len; i++) {
        g_autofree char *name = g_path_get_basename(paths->pdata[i]);

        if (path ? lull_occupied_is_same(path, paths->pdata[i]) : g_str_equal(name, volume))
            return set_in_use(domain, paths->pdata[i], error);
    }
    return TRUE;
}

static gboolean
check_volumes(LullDomain *domain, const char *xml, GPtrArray *paths, GError **error)
{
    g_autoptr(GPtrArray) volumes = lull_vm_volumes(xml, error);

    for (guint i = 0; volumes && i + 1 < volumes->len; i += 2)
        if (!check_volume(domain, volumes->pdata[i], volumes->pdata[i + 1], paths, error))
            return FALSE;
    return volumes != NULL;
}

static gboolean
check_xml(LullDomain *domain, guint flags, GPtrArray *paths, GError **error)
{
    char *xml = virDomainGetXMLDesc(domain, flags);
    g_autoptr(GPtrArray) files = NULL;
    gboolean ok;

    if (!xml) {
        if (virGetLastErrorCode() == VIR_ERR_NO_DOMAIN)
            return TRUE; /* it went meanwhile */
        return lull_link_error(error, "what other virtual machines have");
    }
    files = lull_vm_files(xml, error);
    ok = files && check_volumes(domain, xml, paths, error);
    free(xml);
    if (!ok)
        return FALSE;
    for (guint i = 0; files && i < files->len; i++)
        for (guint k = 0; k < paths->len; k++)
            if (lull_occupied_is_same(files->pdata[i], paths->pdata[k]))
                return set_in_use(domain, paths->pdata[k], error);
    return TRUE;
}

/* One that runs may have other disks than its definition, which are its own as well. */
static gboolean
check_domain(LullDomain *domain, const char *uid, const char *name, GPtrArray *paths, GError **error)
{
    char own[VIR_UUID_STRING_BUFLEN];

    if (virDomainGetUUIDString(domain, own) < 0)
        return lull_link_error(error, "what other virtual machines have");
    if (g_str_equal(own, uid))
        return TRUE; /* it came back just now, which the next look tells */
    if (g_str_equal(virDomainGetName(domain), name)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "virtual machine %s: another one has its name, with the uuid %s instead of %s: rename "
                    "that one (virsh domrename), or undefine it",
                    name, own, uid);
        return FALSE;
    }
    return check_xml(domain, 0, paths, error) &&
           (virDomainIsActive(domain) != 1 || check_xml(domain, VIR_DOMAIN_XML_INACTIVE, paths, error));
}

gboolean
lull_occupied_check(LullLink *link, const char *uid, const char *name, GPtrArray *paths, GError **error)
{
    virDomainPtr *domains = NULL;
    gboolean ok = TRUE;

    if (virConnectListAllDomains(lull_link_connection(link), &domains, 0) < 0)
        return lull_link_error(error, "what other virtual machines have");
    for (guint i = 0; domains[i]; i++) {
        ok = ok && check_domain(domains[i], uid, name, paths, error);
        virDomainFree(domains[i]);
    }
    free(domains);
    return ok;
}
