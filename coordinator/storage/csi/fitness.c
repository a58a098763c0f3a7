/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/fitness.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "protocol/error.h"

#define COUNT_OF_SNAPSHOTS "count/volumesnapshots.snapshot.storage.k8s.io"
#define CONTROLLER_LEASE   "snapshot-controller-leader"
#define SIDECAR_LEASE      "external-snapshotter-leader-"
#define USUAL_LEASE_S      15
#define DEAD_AFTER         4 /* times the lease */
#define CLOCKS_APART       LULL_SEC(30)

gboolean
lull_csi_claim_is_fit(LullJson *claim, const char *uid, GError **error)
{
    const char *name = lull_meta_name(claim);
    const char *phase = lull_json_string(lull_json_object(claim, "status"), "phase", "Pending");

    if (uid && g_strcmp0(uid, lull_meta_uid(claim)) != 0) {
        g_set_error(
            error, LULL_ERROR, LULL_ERROR_INVALID,
            "claim %s was deleted, and another one has its name: what is on that is not what was asked "
            "for; delete the snapshot, and take another one",
            name);
        return FALSE;
    }
    if (lull_meta_is_deleting(claim)) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID,
                    "claim %s is being deleted, and cannot be cut any more", name);
        return FALSE;
    }
    if (g_str_equal(phase, "Bound") && *lull_json_string(lull_json_object(claim, "spec"), "volumeName", ""))
        return TRUE;
    if (g_str_equal(phase, "Lost"))
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "claim %s has lost its volume", name);
    else
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "claim %s is not bound to a volume yet (%s); one that waits for its first consumer is "
                    "once the machine has run",
                    name, phase);
    return FALSE;
}

const char *
lull_csi_volume_driver(LullJson *volume)
{
    return lull_json_string(lull_json_at(volume, "spec", "csi", NULL), "driver", "");
}

const char *
lull_csi_volume_handle(LullJson *volume)
{
    return lull_json_string(lull_json_at(volume, "spec", "csi", NULL), "volumeHandle", "");
}

gboolean
lull_csi_volume_is_fit(LullJson *claim, LullJson *volume, GError **error)
{
    const char *owner = lull_json_string(lull_json_at(volume, "spec", "claimRef", NULL), "uid", "");
    const char *wrong = NULL;

    if (!*lull_csi_volume_driver(volume))
        wrong = "is of no CSI driver, so nothing can cut it";
    else if (lull_meta_is_deleting(volume))
        wrong = "is being deleted";
    else if (g_strcmp0(owner, lull_meta_uid(claim)) != 0)
        wrong = "is another claim's";
    if (wrong)
        g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "claim %s: its volume %s %s",
                    lull_meta_name(claim), lull_meta_name(volume), wrong);
    return wrong == NULL;
}

/* A count as a quantity: "12", or with the suffixes that API servers write for large ones. FALSE: no such. */
static gboolean
parse_count(const char *text, gint64 *ret_count)
{
    static const char suffixes[] = "kMG";
    char *end = NULL;
    gint64 count = g_ascii_strtoll(text, &end, 10);
    const char *suffix = *end ? strchr(suffixes, *end) : NULL;

    if (end == text || (*end && (!suffix || end[1])))
        return FALSE;
    for (const char *one = suffixes; suffix && one <= suffix; one++)
        count *= 1000;
    *ret_count = count;
    return TRUE;
}

gboolean
lull_csi_quotas_are_fit(LullJson *quotas, guint n, GError **error)
{
    for (size_t i = 0; quotas && i < json_object_array_length(quotas); i++) {
        LullJson *quota = json_object_array_get_idx(quotas, i);
        LullJson *status = lull_json_object(quota, "status");
        const char *hard = lull_json_string(lull_json_object(status, "hard"), COUNT_OF_SNAPSHOTS, "");
        const char *used = lull_json_string(lull_json_object(status, "used"), COUNT_OF_SNAPSHOTS, "0");
        gint64 limit = 0;
        gint64 taken = 0;

        if (!parse_count(hard, &limit) || !parse_count(used, &taken) || taken + (gint64)n <= limit)
            continue;
        g_set_error(error, LULL_ERROR, LULL_ERROR_NO_SPACE,
                    "exceeded quota: %s allows %s VolumeSnapshots, %s are there, and %u more are needed: "
                    "delete snapshots, or raise the quota",
                    lull_meta_name(quota), hard, used, n);
        return FALSE;
    }
    return TRUE;
}

/* As the sidecar makes it of its driver's name. */
static char *
sidecar_lease(const char *driver)
{
    GString *name = g_string_new(SIDECAR_LEASE);

    for (const char *c = driver; *c; c++)
        g_string_append_c(name, (char)(g_ascii_isalnum(*c) ? *c : '-'));
    if (g_str_has_suffix(name->str, "-"))
        g_string_append_c(name, 'X');
    return g_string_free(name, FALSE);
}

static gboolean
is_alive(LullJson *lease, gint64 now, gint64 *ret_age)
{
    LullJson *spec = lull_json_object(lease, "spec");
    const gint64 seconds = CLAMP(lull_json_int(spec, "leaseDurationSeconds", USUAL_LEASE_S), 1, 3600);
    gint64 renewed = 0;

    if (!lull_clock_parse(lull_json_string(spec, "renewTime", ""), &renewed))
        return TRUE; /* it says nothing */
    *ret_age = now - renewed;
    return *lull_json_string(spec, "holderIdentity", "") &&
           *ret_age <= LULL_SEC(seconds) * DEAD_AFTER + CLOCKS_APART;
}

/* Several namespaces may have one: that of an installation that went, too. */
static gboolean
lease_is_fit(LullJson *leases, const char *name, const char *whose, gint64 now, GError **error)
{
    gboolean found = FALSE;
    gint64 youngest = G_MAXINT64;

    for (size_t i = 0; leases && i < json_object_array_length(leases); i++) {
        LullJson *lease = json_object_array_get_idx(leases, i);
        gint64 age = G_MAXINT64;

        if (g_strcmp0(lull_meta_name(lease), name) != 0)
            continue;
        if (is_alive(lease, now, &age))
            return TRUE;
        found = TRUE;
        youngest = MIN(youngest, age);
    }
    if (found)
        g_set_error(error, LULL_ERROR, LULL_ERROR_BUSY,
                    "%s does not run: its lease %s was renewed %" G_GINT64_FORMAT
                    " s ago; nobody would cut, so the guest is not frozen",
                    whose, name, youngest / LULL_SEC(1));
    return !found;
}

gboolean
lull_csi_leases_are_fit(LullJson *leases, const char *driver, gint64 now, GError **error)
{
    g_autofree char *sidecar = sidecar_lease(driver);
    g_autofree char *whose = g_strdup_printf("the snapshotter of driver %s", driver);

    return lease_is_fit(leases, CONTROLLER_LEASE, "snapshot-controller", now, error) &&
           lease_is_fit(leases, sidecar, whose, now, error);
}
