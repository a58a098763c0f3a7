/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/ask-ahead.h"
#include "coordinator/storage/csi/class-decide.h"
#include "coordinator/storage/csi/fitness.h"
#include "coordinator/storage/csi/kinds.h"
#include "coordinator/storage/csi/private.h"
#include "coordinator/store/kube/leader.h"
#include "protocol/error.h"

void
lull_csi_planned_clear(LullCsiPlanned *self)
{
    g_clear_pointer(&self->snapshot, g_free);
    g_clear_pointer(&self->driver, g_free);
    g_clear_pointer(&self->volume, g_free);
    g_clear_pointer(&self->object, lull_json_put);
}

typedef struct {
    LullStore *store; /* asked ahead */
    LullCsiContent *content;
    guint attempt;
    LullJson *classes; /* list */
} Reading;

/* CDI may not be there, or may not know this StorageClass. */
static gboolean
get_profile(Reading *self, const char *storage_class, LullJson **ret_profile, GError **error)
{
    g_autoptr(GError) problem = NULL;

    *ret_profile = NULL;
    if (!storage_class)
        return TRUE;
    *ret_profile = lull_store_get(self->store, &lull_csi_kind_profile, NULL, storage_class, &problem);
    if (*ret_profile || lull_error_is(problem, LULL_ERROR_NOT_FOUND))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static LullJson *
get_volume(Reading *self, LullJson *claim, const char *uid, GError **error)
{
    const char *name = lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
    g_autoptr(LullJson) volume = NULL;

    if (!lull_csi_claim_is_fit(claim, uid, error))
        return NULL;
    volume = lull_store_get(self->store, &lull_csi_kind_volume, NULL, name, error);
    if (!volume || !lull_csi_volume_is_fit(claim, volume, error))
        return NULL;
    return g_steal_pointer(&volume);
}

static gboolean
plan_volume(Reading *self, const LullCsiBackup *backup, LullCsiPlanned *planned, GError **error)
{
    g_autoptr(LullJson) claim =
        lull_store_get(self->store, &lull_csi_kind_claim, self->content->ns, backup->claim, error);
    g_autoptr(LullJson) volume = claim ? get_volume(self, claim, backup->uid, error) : NULL;
    g_autoptr(LullJson) profile = NULL;
    const char *storage_class = lull_json_string(lull_json_object(claim, "spec"), "storageClassName", NULL);
    LullCsiClassQuestion question = {.storage_class = storage_class,
                                     .volume = backup->volume,
                                     .classes = lull_json_array(self->classes, "items")};
    LullJson *class = NULL;

    if (!volume || !get_profile(self, storage_class, &profile, error))
        return FALSE;
    question.profile = profile;
    question.driver = lull_csi_volume_driver(volume);
    class = lull_csi_class_choose(&question, error);
    if (!class)
        return FALSE;
    planned->backup = backup;
    planned->driver = g_strdup(question.driver);
    planned->volume = g_strdup(lull_csi_volume_handle(volume));
    planned->snapshot = lull_csi_snapshot_name(backup, self->attempt);
    planned->object = lull_csi_snapshot_object(self->content, backup, self->attempt, lull_meta_name(class));
    return TRUE;
}

/* What one may not look at is not known, and stops nothing. */
static gboolean
list_if_allowed(Reading *self, const LullKind *kind, const char *ns, const char *field_selector,
                LullJson **ret_list, GError **error)
{
    const LullListOptions options = {.field_selector = field_selector};
    g_autoptr(GError) problem = NULL;

    *ret_list = lull_store_list(self->store, kind, ns, &options, &problem);
    if (*ret_list || lull_error_is(problem, LULL_ERROR_DENIED))
        return TRUE;
    g_propagate_error(error, g_steal_pointer(&problem));
    return FALSE;
}

static gboolean
check_quotas(Reading *self, guint n, GError **error)
{
    g_autoptr(LullJson) quotas = NULL;

    return list_if_allowed(self, &lull_csi_kind_quota, self->content->ns, NULL, &quotas, error) &&
           lull_csi_quotas_are_fit(lull_json_array(quotas, "items"), n, error);
}

static gboolean
check_leases(Reading *self, const GArray *plan, GError **error)
{
    g_autoptr(LullJson) leases = NULL;

    if (!list_if_allowed(self, &lull_kind_lease, NULL, NULL, &leases, error))
        return FALSE;
    for (guint i = 0; i < plan->len; i++) {
        const LullCsiPlanned *planned = &g_array_index(plan, LullCsiPlanned, i);

        if (!lull_csi_leases_are_fit(lull_json_array(leases, "items"), planned->driver,
                                     lull_store_now(self->store), error))
            return FALSE;
    }
    return TRUE;
}

static void
ask_ahead(const Reading *self)
{
    const GPtrArray *backups = self->content->backups;
    const char *ns = self->content->ns;
    const LullWant shared[] = {
        {&lull_csi_kind_class, NULL, NULL}, {&lull_csi_kind_quota, ns, NULL}, {&lull_kind_lease, NULL, NULL}};
    g_autoptr(GPtrArray) claims = g_ptr_array_new();

    for (guint i = 0; i < backups->len; i++)
        g_ptr_array_add(claims, ((const LullCsiBackup *)backups->pdata[i])->claim);
    lull_csi_ask_ahead(
        self->store,
        &(LullCsiAhead){.ns = ns, .claims = claims, .others = shared, .n_others = G_N_ELEMENTS(shared)});
}

static gboolean
read_all(Reading *self, GArray *plan, GError **error)
{
    const GPtrArray *backups = self->content->backups;

    self->classes = lull_store_list(self->store, &lull_csi_kind_class, NULL, NULL, error);
    if (!self->classes)
        return FALSE;
    for (guint i = 0; i < backups->len; i++) {
        const LullCsiBackup *backup = backups->pdata[i];
        LullCsiPlanned planned = {0};

        if (!plan_volume(self, backup, &planned, error)) {
            g_prefix_error(error, "volume %s: ", backup->volume);
            return FALSE;
        }
        g_array_append_val(plan, planned);
    }
    return check_quotas(self, plan->len, error) && check_leases(self, plan, error);
}

GArray *
lull_csi_plan(LullCsi *self, LullCsiContent *content, guint attempt, GError **error)
{
    g_autoptr(LullStore) ahead = lull_store_ahead_new(self->store);
    Reading reading = {.store = ahead, .content = content, .attempt = attempt};
    g_autoptr(GArray) plan = g_array_new(FALSE, FALSE, sizeof(LullCsiPlanned));
    gboolean good = FALSE;

    g_array_set_clear_func(plan, (GDestroyNotify)lull_csi_planned_clear);
    ask_ahead(&reading);
    good = read_all(&reading, plan, error);
    lull_json_put(reading.classes);
    return good ? g_steal_pointer(&plan) : NULL;
}
