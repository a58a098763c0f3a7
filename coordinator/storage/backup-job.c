/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/backup-job.h"

#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "protocol/clock.h"
#include "protocol/error.h"

#define ABORT_USEC LULL_SEC(10)
#define LOOK_FIRST LULL_MSEC(2)
#define LOOK_MAX   LULL_MSEC(50)

static void
append_disk(GString *xml, const LullVmVolume *volume, const char *folder, const char *base)
{
    g_autofree char *path = lull_backup_scratch(folder, volume->name);
    g_autofree char *disk = g_markup_escape_text(volume->disk, -1);
    g_autofree char *file = g_markup_escape_text(path, -1);

    g_string_append_printf(xml, "<disk name='%s' backup='yes' type='file' exportname='%s'", disk, disk);
    if (base) {
        g_autofree char *bitmap = lull_backup_bitmap(disk);

        g_string_append_printf(xml, " backupmode='incremental' incremental='%s' exportbitmap='%s'", base,
                               bitmap);
    }
    g_string_append_printf(xml, "><driver type='qcow2'/><scratch file='%s'/></disk>", file);
}

char *
lull_backup_scratch(const char *folder, const char *volume)
{
    return g_strdup_printf("%s/%s.scratch", folder, volume);
}

char *
lull_backup_bitmap(const char *disk)
{
    return g_strconcat("backup-", disk, NULL);
}

char *
lull_backup_xml(const LullVm *vm, const char *folder, const char *socket, const LullChainPlan *plan)
{
    g_autofree char *path = g_markup_escape_text(socket, -1);
    GString *xml = g_string_new(NULL);
    guint n = 0;

    g_string_append_printf(xml, "<domainbackup mode='pull'><server transport='unix' socket='%s'/><disks>",
                           path);
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        g_autofree char *disk = g_markup_escape_text(volume->disk, -1);

        if (volume->excluded)
            g_string_append_printf(xml, "<disk name='%s' backup='no'/>", disk);
        else
            append_disk(xml, volume, folder, plan->kinds[n++] == LULL_CHAIN_INCREMENTAL ? plan->base : NULL);
    }
    return g_string_free(g_string_append(xml, "</disks></domainbackup>"), FALSE);
}

/* The rest of the path of the first one whose path starts with @start. */
static char *
find_scratch(const xmlNode *node, const char *start)
{
    char *found = NULL;

    for (; node && !found; node = node->next) {
        xmlChar *file = NULL;

        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (g_str_equal((const char *)node->name, "scratch"))
            file = xmlGetNoNsProp(node, (const xmlChar *)"file");
        if (file && g_str_has_prefix((const char *)file, start))
            found = g_strdup((const char *)file + strlen(start));
        else
            found = find_scratch(node->children, start);
        xmlFree(file);
    }
    return found;
}

static char *
parse_scratch(const char *xml, const char *start)
{
    xmlDoc *doc = xmlReadMemory(xml, (int)MIN(strlen(xml), G_MAXINT32), "backup.xml", NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    char *found = NULL;

    if (!doc)
        return NULL;
    if (!xmlGetIntSubset(doc))
        found = find_scratch(xmlDocGetRootElement(doc), start);
    xmlFreeDoc(doc);
    return found;
}

gboolean
lull_backup_xml_is_below(const char *xml, const char *start)
{
    g_autofree char *rest = parse_scratch(xml, start);

    return rest != NULL;
}

char *
lull_backup_xml_place(const char *xml, const char *directory)
{
    g_autofree char *start = g_strconcat(directory, "/", NULL);
    g_autofree char *rest = parse_scratch(xml, start);
    const char *end = rest ? strchr(rest, '/') : NULL;

    return end ? g_strndup(rest, (gsize)(end - rest)) : NULL;
}

gboolean
lull_backup_check_idle(LullDomain *domain, const LullVm *vm, GError **error)
{
    virDomainJobInfo job = {0};

    if (virDomainGetJobInfo(domain, &job) < 0)
        return lull_link_error(error, "jobs of the virtual machine");
    if (job.type != VIR_DOMAIN_JOB_NONE) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "virtual machine %s: another job runs (a backup, a migration, ...), only one fits: try "
                    "again when it is over",
                    vm->name);
        return FALSE;
    }
    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        virDomainBlockJobInfo block = {0};

        if (volume->excluded || virDomainGetBlockJobInfo(domain, volume->disk, &block, 0) != 1)
            continue;
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "virtual machine %s: disk %s has a block job: try again "
                    "when it is over",
                    vm->name, volume->disk);
        return FALSE;
    }
    return TRUE;
}

/* NULL in *@ret_xml: no job; no running machine. */
static gboolean
describe(LullDomain *domain, char **ret_xml, GError **error)
{
    char *xml = virDomainBackupGetXMLDesc(domain, 0);
    const int code = xml ? VIR_ERR_OK : virGetLastErrorCode();

    if (!xml && code != VIR_ERR_NO_DOMAIN_BACKUP && code != VIR_ERR_OPERATION_INVALID)
        return lull_link_error(error, "backup job of the virtual machine");
    *ret_xml = xml;
    return TRUE;
}

static gboolean
find(LullDomain *domain, const char *start, gboolean *ret_running, GError **error)
{
    char *xml = NULL;

    if (!describe(domain, &xml, error))
        return FALSE;
    *ret_running = xml && lull_backup_xml_is_below(xml, start);
    free(xml);
    return TRUE;
}

gboolean
lull_backup_find(LullDomain *domain, const char *folder, gboolean *ret_running, GError **error)
{
    g_autofree char *start = g_strconcat(folder, "/", NULL);

    return find(domain, start, ret_running, error);
}

gboolean
lull_backup_find_place(LullDomain *domain, const char *directory, char **ret_name, GError **error)
{
    char *xml = NULL;

    if (!describe(domain, &xml, error))
        return FALSE;
    *ret_name = xml ? lull_backup_xml_place(xml, directory) : NULL;
    free(xml);
    return TRUE;
}

static gboolean
abort_job(LullDomain *domain, const char *start, GError **error)
{
    const gint64 until = lull_clock_boottime() + ABORT_USEC;
    gint64 pause = LOOK_FIRST;
    gboolean running = FALSE;

    for (;;) {
        if (!find(domain, start, &running, error))
            return FALSE;
        if (!running)
            return TRUE;
        (void)virDomainAbortJob(domain); /* again and again: it is refused while the job is just starting */
        if (lull_clock_boottime() >= until) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                        "the backup job into %s does not end: look at libvirt's log", start);
            return FALSE;
        }
        g_usleep((gulong)pause);
        pause = MIN(pause * 2, LOOK_MAX);
    }
}

gboolean
lull_backup_abort(LullDomain *domain, const char *folder, GError **error)
{
    g_autofree char *start = g_strconcat(folder, "/", NULL);

    return abort_job(domain, start, error);
}

gboolean
lull_backup_abort_attempts(LullDomain *domain, const char *folder, GError **error)
{
    g_autofree char *start = g_strconcat(folder, ".", NULL);

    return abort_job(domain, start, error);
}
