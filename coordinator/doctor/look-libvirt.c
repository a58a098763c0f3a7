/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <libvirt/virterror.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "coordinator/doctor/look.h"
#include "coordinator/guest/agent-call.h"
#include "coordinator/guest/link.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"
#include "protocol/names.h"

#define AGENT_TIMEOUT LULL_SEC(3)
#define THREADS       8

/* Of one look at all machines. */
typedef struct {
    LullHost *host;
    LullFacts *facts;
    const char *state_dir;
} Look;

static gboolean
is_busy(LullJson *objects, const char *uid)
{
    for (gsize i = 0; objects && i < json_object_array_length(objects); i++) {
        LullJson *object = json_object_array_get_idx(objects, i);
        LullJson *status = lull_json_object(object, "status");

        if (g_strcmp0(lull_meta_uid(object), uid) == 0)
            return lull_json_string(status, "snapshotInProgress", NULL) ||
                   lull_json_string(status, "restoreInProgress", NULL);
    }
    return FALSE;
}

static void
ask_agent(LullDomain *domain, LullVmFacts *vm)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullJson) info = lull_agent_call(domain, "guest-info", NULL, AGENT_TIMEOUT, &problem);
    g_autoptr(LullJson) status = NULL;

    if (lull_error_is(problem, LULL_ERROR_TIMED_OUT))
        vm->answer = LULL_ANSWER_NONE;
    if (lull_error_is(problem, LULL_ERROR_INVALID) || lull_error_is(problem, LULL_ERROR_FAILED))
        vm->answer = LULL_ANSWER_NONSENSE;
    if (!info)
        return;
    vm->answer = lull_reply_info(info, &vm->agent, NULL) ? LULL_ANSWER_GIVEN : LULL_ANSWER_NONSENSE;
    if (vm->answer != LULL_ANSWER_GIVEN || vm->agent.kind == LULL_AGENT_NONE)
        return;
    status = lull_agent_call(domain, "guest-fsfreeze-status", NULL, AGENT_TIMEOUT, NULL);
    (void)(status && lull_reply_is_frozen(status, &vm->frozen));
}

/* A backup job that does not write into our folder. */
static void
look_at_job(LullDomain *domain, LullVmFacts *vm, const char *state_dir)
{
    char *xml = virDomainBackupGetXMLDesc(domain, 0);

    vm->foreign_job = xml && !strstr(xml, state_dir);
    free(xml);
}

static void
look_at_checkpoints(LullDomain *domain, LullVmFacts *vm)
{
    virDomainCheckpointPtr *list = NULL;
    const int n = virDomainListAllCheckpoints(domain, &list, 0);

    for (int i = 0; i < n; i++) {
        const char *name = virDomainCheckpointGetName(list[i]);

        if (!vm->foreign_checkpoint && !g_str_has_prefix(name, "lull-"))
            vm->foreign_checkpoint = g_strdup(name);
        virDomainCheckpointFree(list[i]);
    }
    free(list);
}

/* What a full copy of all disks may take at most. */
static gint64
look_at_sizes(LullDomain *domain, const LullVm *vm)
{
    gint64 need = 0;

    for (guint i = 0; i < vm->volumes->len; i++) {
        const LullVmVolume *volume = vm->volumes->pdata[i];
        virDomainBlockInfo info;

        if (volume->excluded)
            continue;
        if (virDomainGetBlockInfo(domain, volume->disk, &info, 0) < 0)
            return -1;
        need += (gint64)(info.allocation ? MIN(info.allocation, info.capacity) : info.capacity);
    }
    return need;
}

static void
look_for_files(LullVmFacts *vm)
{
    for (guint i = 0; i < vm->vm->volumes->len && !vm->missing; i++) {
        const LullVmVolume *volume = vm->vm->volumes->pdata[i];

        if (!volume->excluded && access(volume->path, F_OK) != 0 && errno == ENOENT)
            vm->missing = g_strdup(volume->disk);
    }
}

static void
look_at_vm(gpointer data, gpointer user_data)
{
    LullVmFacts *vm = data;
    const Look *look = user_data;
    g_autoptr(LullLink) link = lull_link_borrow(look->host, NULL);
    g_autoptr(LullDomain) domain = link ? lull_link_domain(link, vm->vm->uid, NULL) : NULL;
    int state = 0, reason = 0;

    if (!domain)
        return;
    if (virDomainGetState(domain, &state, &reason, 0) == 0)
        vm->io_error = state == VIR_DOMAIN_PAUSED && reason == VIR_DOMAIN_PAUSED_IOERROR;
    look_at_checkpoints(domain, vm);
    vm->need = look_at_sizes(domain, vm->vm);
    if (look->facts->host.local)
        look_for_files(vm);
    if (vm->vm->state == LULL_VM_STOPPED || vm->busy)
        return;
    look_at_job(domain, vm, look->state_dir);
    if (vm->vm->state == LULL_VM_RUNNING && vm->vm->agent_connected)
        ask_agent(domain, vm);
}

static gint
by_name(gconstpointer a, gconstpointer b)
{
    return g_strcmp0((*(const LullVmFacts *const *)a)->vm->name, (*(const LullVmFacts *const *)b)->vm->name);
}

static void
list_vms(LullHost *host, LullFacts *facts, const LullDoctorPlaces *places, LullJson *objects)
{
    g_autoptr(LullLink) link = lull_link_borrow(host, NULL);
    virDomainPtr *domains = NULL;
    const int n = link ? virConnectListAllDomains(lull_link_connection(link), &domains, 0) : 0;

    for (int i = 0; i < n; i++) {
        g_autoptr(LullDomain) domain = domains[i];
        g_autoptr(LullVm) vm = lull_vm_from_domain(domain, NULL);

        if (vm && (!places->vms || g_strv_contains((const char *const *)places->vms, vm->name))) {
            LullVmFacts *added = lull_facts_add_vm(facts, g_steal_pointer(&vm));

            added->busy = is_busy(objects, added->vm->uid);
        }
    }
    free(domains);
    g_ptr_array_sort(facts->vms, by_name);
}

static void
look_at_connection(LullHost *host, LullHostFacts *facts)
{
    g_autoptr(LullLink) link = lull_link_borrow(host, NULL);
    char *capabilities = NULL;

    if (!link || virConnectGetLibVersion(lull_link_connection(link), &facts->libvirt_version) < 0)
        return;
    capabilities = virConnectGetDomainCapabilities(lull_link_connection(link), NULL, NULL, NULL, NULL, 0);
    facts->no_backups = capabilities && strstr(capabilities, "<backup supported='no'/>");
    free(capabilities);
}

static LullServiceState
state_of(const GError *problem)
{
    const virErrorPtr last = virGetLastError();

    if (lull_error_is(problem, LULL_ERROR_DENIED) || (last && last->int1 == EACCES) ||
        strstr(problem->message, g_strerror(EACCES)))
        return LULL_SERVICE_DENIED;
    return LULL_SERVICE_ABSENT;
}

void
lull_doctor_look_at_libvirt(LullFacts *facts, const LullDoctorPlaces *places, LullJson *objects)
{
    g_autoptr(GError) problem = NULL;
    g_autoptr(LullHost) host = lull_host_open(facts->host.uri, &problem);
    Look look = {host, facts, places->state_dir};
    GThreadPool *pool;

    facts->host.libvirt = host ? LULL_SERVICE_WORKS : state_of(problem);
    if (!host) {
        facts->host.libvirt_problem = g_strdup(problem->message);
        return;
    }
    look_at_connection(host, &facts->host);
    list_vms(host, facts, places, objects);
    /* a guest that is silent delays no other */
    pool = g_thread_pool_new(look_at_vm, &look, THREADS, FALSE, NULL);
    for (guint i = 0; i < facts->vms->len; i++)
        (void)g_thread_pool_push(pool, facts->vms->pdata[i], NULL);
    g_thread_pool_free(pool, FALSE, TRUE);
}
