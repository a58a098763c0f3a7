/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/doctor/cluster-checks.h"
#include "coordinator/model/meta.h"

/* Those added from @first on, where they do not say it themselves. */
static void
name_subject(GPtrArray *findings, guint first, const char *vm)
{
    for (guint i = first; i < findings->len; i++) {
        LullFinding *finding = findings->pdata[i];

        if (!finding->subject && vm)
            lull_finding_say(&finding->subject, "vm %s", vm);
        else if (!finding->subject)
            lull_finding_say(&finding->subject, "cluster");
    }
}

static void
examine_vm(const LullClusterFacts *facts, LullJson *vm, GPtrArray *findings)
{
    for (const LullClusterCheck *check = lull_checks_of_machine; check->name; check++) {
        const guint first = findings->len;

        check->of_vm(facts, vm, check->name, findings);
        name_subject(findings, first, lull_meta_name(vm));
    }
}

GPtrArray *
lull_cluster_examine(const LullClusterFacts *facts)
{
    GPtrArray *findings = g_ptr_array_new_with_free_func((GDestroyNotify)lull_finding_free);

    for (const LullClusterCheck *check = lull_checks_of_install; check->name; check++)
        check->of_cluster(facts, check->name, findings);
    name_subject(findings, 0, NULL);
    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_MACHINES); i++) {
        LullJson *vm = lull_cluster_item(facts, LULL_CLUSTER_MACHINES, i);

        if (lull_cluster_looks_at(facts, lull_meta_name(vm)))
            examine_vm(facts, vm, findings);
    }
    return findings;
}

guint
lull_cluster_machines(const LullClusterFacts *facts)
{
    guint n = 0;

    for (gsize i = 0; i < lull_cluster_count(facts, LULL_CLUSTER_MACHINES); i++)
        n += lull_cluster_looks_at(facts, lull_meta_name(lull_cluster_item(facts, LULL_CLUSTER_MACHINES, i)));
    return n;
}
