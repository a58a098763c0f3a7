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
#define LOOK_USEC  LULL_MSEC(50)

char *
lull_backup_xml(const LullVm *vm, const char *folder)
{
    GString *xml = g_string_new("<domainbackup mode='push'><disks>");

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        g_autofree char *path = g_strdup_printf("%s/%s.qcow2", folder, volume->name);
        g_autofree char *disk = g_markup_escape_text(volume->disk, -1);
        g_autofree char *file = g_markup_escape_text(path, -1);

        if (volume->excluded)
            g_string_append_printf(xml, "<disk name='%s' backup='no'/>", disk);
        else
            g_string_append_printf(xml,
                                   "<disk name='%s' backup='yes' type='file'><driver type='qcow2'/>"
                                   "<target file='%s'/></disk>",
                                   disk, file);
    }
    return g_string_free(g_string_append(xml, "</disks></domainbackup>"), FALSE);
}

static gboolean
has_target_below(const xmlNode *node, const char *folder)
{
    for (; node; node = node->next) {
        if (node->type != XML_ELEMENT_NODE)
            continue;
        if (g_str_equal((const char *)node->name, "target")) {
            xmlChar *file = xmlGetNoNsProp(node, (const xmlChar *)"file");
            const gboolean below = file && g_str_has_prefix((const char *)file, folder);
            xmlFree(file);
            if (below)
                return TRUE;
        }
        if (has_target_below(node->children, folder))
            return TRUE;
    }
    return FALSE;
}

gboolean
lull_backup_xml_is_below(const char *xml, const char *folder)
{
    xmlDoc *doc = xmlReadMemory(xml, (int)MIN(strlen(xml), G_MAXINT32), "backup.xml", NULL,
                                XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    gboolean below;

    if (!doc)
        return FALSE;
    below = !xmlGetIntSubset(doc) && has_target_below(xmlDocGetRootElement(doc), folder);
    xmlFreeDoc(doc);
    return below;
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

void
lull_backup_read_finished(LullDomain *domain, LullFinishedJob *ret_job)
{
    virTypedParameterPtr params = NULL;
    const char *problem = NULL;
    GString *text = g_string_new(NULL);
    int operation = 0;
    int success = 0;
    int n = 0;
    int type = 0;
    unsigned long long total = 0;

    if (virDomainGetJobStats(domain, &type, &params, &n,
                             VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED) < 0)
        n = 0;
    for (int i = 0; i < n; i++) {
        if (params[i].type == VIR_TYPED_PARAM_ULLONG)
            g_string_append_printf(text, "%s=%llu ", params[i].field, params[i].value.ul);
        else if (params[i].type == VIR_TYPED_PARAM_INT)
            g_string_append_printf(text, "%s=%d ", params[i].field, params[i].value.i);
    }
    (void)virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &operation);
    (void)virTypedParamsGetBoolean(params, n, VIR_DOMAIN_JOB_SUCCESS, &success);
    (void)virTypedParamsGetULLong(params, n, VIR_DOMAIN_JOB_DISK_TOTAL, &total);
    (void)virTypedParamsGetString(params, n, VIR_DOMAIN_JOB_ERRMSG, &problem);
    *ret_job = (LullFinishedJob){
        .fingerprint = g_string_free(text, FALSE),
        .backup = operation == VIR_DOMAIN_JOB_OPERATION_BACKUP,
        .success = success == 1,
        .total = total,
        .problem = g_strdup(problem),
    };
    virTypedParamsFree(params, n);
}

void
lull_finished_job_clear(LullFinishedJob *self)
{
    g_clear_pointer(&self->fingerprint, g_free);
    g_clear_pointer(&self->problem, g_free);
}

gboolean
lull_backup_is_running(LullDomain *domain, const char *folder, guint *ret_permille)
{
    char *xml = virDomainBackupGetXMLDesc(domain, 0);
    const gboolean ours = xml && lull_backup_xml_is_below(xml, folder);
    virTypedParameterPtr params = NULL;
    unsigned long long total = 0;
    unsigned long long done = 0;
    int type = 0;
    int n = 0;

    free(xml);
    if (!ours || !ret_permille)
        return ours;
    if (virDomainGetJobStats(domain, &type, &params, &n, 0) == 0) {
        (void)virTypedParamsGetULLong(params, n, VIR_DOMAIN_JOB_DISK_TOTAL, &total);
        (void)virTypedParamsGetULLong(params, n, VIR_DOMAIN_JOB_DISK_PROCESSED, &done);
        virTypedParamsFree(params, n);
    }
    *ret_permille = total ? (guint)MIN(1000.0 * (double)done / (double)total, 999.0) : 0;
    return TRUE;
}

gboolean
lull_backup_abort(LullDomain *domain, const char *folder, GError **error)
{
    const gint64 until = lull_clock_boottime() + ABORT_USEC;

    while (virDomainIsActive(domain) == 1 && lull_backup_is_running(domain, folder, NULL)) {
        (void)virDomainAbortJob(domain); /* again and again: it is refused while the job is just starting */
        if (lull_clock_boottime() >= until) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                        "the backup job into %s does not end: look at libvirt's log", folder);
            return FALSE;
        }
        g_usleep((gulong)LOOK_USEC);
    }
    return TRUE;
}
