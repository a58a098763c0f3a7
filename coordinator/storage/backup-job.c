/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/backup-job.h"

#include <libvirt/virterror.h>
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <string.h>

#include "coordinator/storage/backup-private.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define ALL        G_MAXUINT   /* volumes */
#define CLUSTER    (64 * 1024) /* of the targets */
#define ABORT_USEC LULL_SEC(10)
#define LOOK_USEC  LULL_MSEC(50)

static void
append_target(GString *xml, const char *disk, const char *file, const char *base)
{
    g_string_append_printf(xml, "<disk name='%s' backup='yes' type='file'", disk);
    if (base)
        g_string_append_printf(xml, " backupmode='incremental' incremental='%s'", base);
    g_string_append_printf(xml, "><driver type='qcow2'/><target file='%s'/></disk>", file);
}

static const char *
base_of(const LullChainPlan *plan, guint n)
{
    return plan && plan->kinds[n] == LULL_CHAIN_INCREMENTAL ? plan->base : NULL;
}

/* @only: the place in @plan of the one that is copied. */
static char *
describe(const LullVm *vm, const char *folder, const LullChainPlan *plan, guint only)
{
    GString *xml = g_string_new("<domainbackup mode='push'><disks>");
    guint n = 0;

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = g_ptr_array_index(vm->volumes, i);
        g_autofree char *path = g_strdup_printf("%s/%s.qcow2", folder, volume->name);
        g_autofree char *disk = g_markup_escape_text(volume->disk, -1);
        g_autofree char *file = g_markup_escape_text(path, -1);

        if (volume->excluded || (only != ALL && only != n))
            g_string_append_printf(xml, "<disk name='%s' backup='no'/>", disk);
        else if (only == ALL && plan && plan->ahead[n])
            append_target(xml, disk, file, plan->ahead_checkpoint);
        else
            append_target(xml, disk, file, base_of(plan, n));
        n += volume->excluded ? 0 : 1;
    }
    return g_string_free(g_string_append(xml, "</disks></domainbackup>"), FALSE);
}

char *
lull_backup_xml(const LullVm *vm, const char *folder, const LullChainPlan *plan)
{
    return describe(vm, folder, plan, ALL);
}

char *
lull_backup_xml_ahead(const LullVm *vm, const char *folder, const LullChainPlan *plan, guint index)
{
    return describe(vm, folder, plan, index);
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

gboolean
lull_backup_forget_finished(LullDomain *domain, GError **error)
{
    virTypedParameterPtr params = NULL;
    int type = 0;
    int n = 0;

    /* without VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED, who reads it takes it away */
    if (virDomainGetJobStats(domain, &type, &params, &n, VIR_DOMAIN_JOB_STATS_COMPLETED) < 0)
        return lull_link_error(error, "finished jobs of the virtual machine");
    virTypedParamsFree(params, n);
    return TRUE;
}

gboolean
lull_backup_read_finished(LullDomain *domain, LullFinishedJob *ret_job, GError **error)
{
    virTypedParameterPtr params = NULL;
    const char *problem = NULL;
    int operation = 0;
    int success = 0;
    int n = 0;
    int type = 0;
    unsigned long long total = 0;

    if (virDomainGetJobStats(domain, &type, &params, &n,
                             VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED) < 0)
        return lull_link_error(error, "finished jobs of the virtual machine");
    (void)virTypedParamsGetInt(params, n, VIR_DOMAIN_JOB_OPERATION, &operation);
    (void)virTypedParamsGetBoolean(params, n, VIR_DOMAIN_JOB_SUCCESS, &success);
    (void)virTypedParamsGetULLong(params, n, VIR_DOMAIN_JOB_DISK_TOTAL, &total);
    (void)virTypedParamsGetString(params, n, VIR_DOMAIN_JOB_ERRMSG, &problem);
    *ret_job = (LullFinishedJob){
        .backup = operation == VIR_DOMAIN_JOB_OPERATION_BACKUP,
        .success = success == 1,
        .total = total,
        .problem = g_strdup(problem),
    };
    virTypedParamsFree(params, n);
    return TRUE;
}

void
lull_finished_job_clear(LullFinishedJob *self)
{
    g_clear_pointer(&self->problem, g_free);
}

/* QEMU counts whole clusters. */
static gboolean
is_total_of(LullJson *attempt, guint64 total)
{
    LullJson *volumes = lull_json_array(attempt, "volumes");
    const guint64 n = volumes ? json_object_array_length(volumes) : 0;
    guint64 least;
    guint64 most;

    lull_attempt_total(attempt, &least, &most);
    return total >= least && total < most + n * CLUSTER;
}

gboolean
lull_backup_has_failed(const LullFinishedJob *remembered, int seen)
{
    return seen < 0 || (remembered->backup && !remembered->success);
}

LullCopyState
lull_backup_judge(LullJson *attempt, const LullFinishedJob *remembered, int seen, guint64 seen_total,
                  gboolean active, const char **ret_problem)
{
    const gboolean known = remembered->backup;

    *ret_problem = NULL;
    if (lull_backup_has_failed(remembered, seen)) {
        *ret_problem = known && !remembered->success && remembered->problem
                           ? remembered->problem
                           : "the backup job failed or was aborted";
        return LULL_COPY_FAILED;
    }
    if (known || seen > 0) {
        if (is_total_of(attempt, known ? remembered->total : seen_total))
            return LULL_COPY_DONE;
        *ret_problem = "another backup job ended last: whether ours did cannot be proven";
        return LULL_COPY_FAILED;
    }
    if (active) {
        *ret_problem = "there is no backup job, and none is known to have ended";
        return LULL_COPY_ABSENT;
    }
    *ret_problem = "the guest stopped before its disks were copied: take a new snapshot";
    return LULL_COPY_FAILED;
}

static guint
progress_of(LullDomain *domain)
{
    virTypedParameterPtr params = NULL;
    unsigned long long total = 0;
    unsigned long long done = 0;
    int type = 0;
    int n = 0;

    if (virDomainGetJobStats(domain, &type, &params, &n, 0) == 0) {
        (void)virTypedParamsGetULLong(params, n, VIR_DOMAIN_JOB_DISK_TOTAL, &total);
        (void)virTypedParamsGetULLong(params, n, VIR_DOMAIN_JOB_DISK_PROCESSED, &done);
        virTypedParamsFree(params, n);
    }
    return total ? (guint)MIN(1000.0 * (double)done / (double)total, 999.0) : 0;
}

gboolean
lull_backup_find(LullDomain *domain, const char *folder, gboolean *ret_running, guint *ret_permille,
                 GError **error)
{
    char *xml = virDomainBackupGetXMLDesc(domain, 0);
    const int code = xml ? VIR_ERR_OK : virGetLastErrorCode();

    /* no job; no running machine */
    if (!xml && code != VIR_ERR_NO_DOMAIN_BACKUP && code != VIR_ERR_OPERATION_INVALID)
        return lull_link_error(error, "backup job of the virtual machine");
    *ret_running = xml && lull_backup_xml_is_below(xml, folder);
    free(xml);
    if (*ret_running && ret_permille)
        *ret_permille = progress_of(domain);
    return TRUE;
}

gboolean
lull_backup_abort(LullDomain *domain, const char *folder, GError **error)
{
    const gint64 until = lull_clock_boottime() + ABORT_USEC;
    gboolean running = FALSE;

    for (;;) {
        if (!lull_backup_find(domain, folder, &running, NULL, error))
            return FALSE;
        if (!running)
            return TRUE;
        (void)virDomainAbortJob(domain); /* again and again: it is refused while the job is just starting */
        if (lull_clock_boottime() >= until) {
            g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT,
                        "the backup job into %s does not end: look at libvirt's log", folder);
            return FALSE;
        }
        g_usleep((gulong)LOOK_USEC);
    }
}
