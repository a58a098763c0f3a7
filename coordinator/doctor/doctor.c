/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/doctor.h"

#include "coordinator/doctor/checks.h"

/* Those added from @first on are about this. */
static void
name_subject(GPtrArray *findings, guint first, const LullVmFacts *vm, const LullVmVolume *disk)
{
    for (guint i = first; i < findings->len; i++) {
        LullFinding *finding = findings->pdata[i];

        if (disk)
            lull_finding_say(&finding->subject, "vm %s, disk %s", vm->vm->name, disk->disk);
        else if (vm)
            lull_finding_say(&finding->subject, "vm %s", vm->vm->name);
        else
            lull_finding_say(&finding->subject, "host");
    }
}

static void
examine(const LullCheck *check, const LullFacts *facts, const LullVmFacts *vm, const LullVmVolume *disk,
        GPtrArray *findings)
{
    const guint first = findings->len;

    if (disk && check->of_disk)
        check->of_disk(facts, vm, disk, check->name, findings);
    else if (!disk && vm && check->of_vm)
        check->of_vm(facts, vm, check->name, findings);
    else if (!vm && check->of_host)
        check->of_host(facts, check->name, findings);
    name_subject(findings, first, vm, disk);
}

static void
examine_vm(const LullFacts *facts, const LullVmFacts *vm, GPtrArray *findings)
{
    for (const LullCheck *check = lull_checks_of_guest; check->name; check++)
        examine(check, facts, vm, NULL, findings);
    for (guint i = 0; i < vm->vm->volumes->len; i++)
        for (const LullCheck *check = lull_checks_of_disk; check->name; check++)
            examine(check, facts, vm, vm->vm->volumes->pdata[i], findings);
}

GPtrArray *
lull_doctor_examine(const LullFacts *facts)
{
    GPtrArray *findings = g_ptr_array_new_with_free_func((GDestroyNotify)lull_finding_free);

    for (const LullCheck *check = lull_checks_of_host; check->name; check++)
        examine(check, facts, NULL, NULL, findings);
    for (guint i = 0; i < facts->vms->len; i++)
        examine_vm(facts, facts->vms->pdata[i], findings);
    return findings;
}

gboolean
lull_doctor_matters(const GPtrArray *findings)
{
    for (guint i = 0; i < findings->len; i++)
        if (((const LullFinding *)findings->pdata[i])->severity > LULL_SEVERITY_NOTE)
            return TRUE;
    return FALSE;
}
