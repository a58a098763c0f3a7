/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/cluster/restore-swap-store.h"

#include <string.h>

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

Played played;

/* Reads come side by side. */
G_LOCK_DEFINE_STATIC(calls);

static gboolean
is_alive(gboolean is_write, GError **error)
{
    gboolean alive = FALSE;

    G_LOCK(calls);
    played.calls += is_write || !played.by_write ? 1 : 0;
    alive = !played.dies_at || played.calls < played.dies_at;
    G_UNLOCK(calls);
    if (!alive)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the API server is away");
    return alive;
}

static gboolean
answers(GError **error)
{
    return is_alive(FALSE, error);
}

static gboolean
writes(GError **error)
{
    if (is_alive(TRUE, error)) {
        played.writes++;
        return TRUE;
    }
    if (!played.does_it || played.calls != played.dies_at)
        return FALSE;
    g_clear_error(error);
    return TRUE;
}

static const char *
place_of(const LullKind *kind, const char *ns)
{
    return kind->cluster_scoped ? "default" : ns;
}

LullJson *
swap_get(const LullKind *kind, const char *name)
{
    return lull_store_get(played.inner, kind, place_of(kind, NS), name, NULL);
}

LullJson *
swap_list(const LullKind *kind)
{
    return lull_store_list(played.inner, kind, NULL, NULL, NULL);
}

void
swap_patch(const LullKind *kind, const char *name, LullPatchTarget target, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) patch = json(text);
    g_autoptr(LullJson) after =
        lull_store_patch(played.inner, kind, place_of(kind, NS), name, target, patch, &error);

    ck_assert_no_error(error);
}

void
swap_put(const LullKind *kind, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = json(text);
    g_autoptr(LullJson) made = lull_store_create(played.inner, kind, object, &error);
    LullJson *status = lull_json_object(object, "status");
    g_autofree char *patch = status ? g_strdup_printf("{\"status\":%s}", lull_json_to_line(status)) : NULL;

    ck_assert_no_error(error);
    if (patch)
        swap_patch(kind, lull_meta_name(made), LULL_PATCH_STATUS, patch);
}

/* What the controller of volumes and a provisioner do. */

void
swap_put_volume(const char *name, const char *data, LullJson *claim)
{
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s','annotations':{"
                        "'pv.kubernetes.io/provisioned-by':'" DRIVER "'}},'spec':{'csi':{'driver':'" DRIVER
                        "','volumeHandle':'%s'},'" RECLAIM "':'Delete','claimRef':{'namespace':'" NS
                        "','name':'%s','uid':'%s'}}}",
                        name, data, lull_meta_name(claim), lull_meta_uid(claim));

    swap_put(&lull_csi_kind_volume, text);
}

void
swap_bind(LullJson *claim, const char *volume)
{
    g_autofree char *named = g_strdup_printf("{'spec':{'volumeName':'%s'}}", volume);
    g_autofree char *bound = g_strdup_printf("{'spec':{'claimRef':{'uid':'%s'}}}", lull_meta_uid(claim));

    swap_patch(&lull_csi_kind_volume, volume, LULL_PATCH_OBJECT, bound);
    swap_patch(&lull_csi_kind_claim, lull_meta_name(claim), LULL_PATCH_OBJECT, named);
    swap_patch(&lull_csi_kind_claim, lull_meta_name(claim), LULL_PATCH_STATUS,
               "{'status':{'phase':'Bound'}}");
}

static LullJson *
claim_ref(LullJson *volume)
{
    return lull_json_at(volume, "spec", "claimRef", NULL);
}

const char *
swap_volume_name(LullJson *claim)
{
    return lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
}

/* It waits for a claim of that name, and nobody else has asked for another one. */
static gboolean
waits_for(LullJson *volume, LullJson *claim)
{
    return !*lull_json_string(claim_ref(volume), "uid", "") &&
           g_strcmp0(lull_json_string(claim_ref(volume), "name", ""), lull_meta_name(claim)) == 0 &&
           (!*swap_volume_name(claim) || g_strcmp0(swap_volume_name(claim), lull_meta_name(volume)) == 0);
}

static void
settle_claim(LullJson *claim, LullJson *all)
{
    const char *source = lull_json_string(lull_json_at(claim, "spec", "dataSource", NULL), "name", "empty");
    g_autofree char *name = g_strconcat("pv-", lull_meta_uid(claim), NULL);

    if (g_str_equal(lull_json_string(lull_json_object(claim, "status"), "phase", ""), "Bound"))
        return;
    for (size_t i = 0; i < json_object_array_length(all); i++) {
        LullJson *volume = json_object_array_get_idx(all, i);

        if (waits_for(volume, claim)) {
            swap_bind(claim, lull_meta_name(volume));
            return;
        }
    }
    if (played.late || *swap_volume_name(claim))
        return;
    swap_put_volume(name, source, claim);
    swap_bind(claim, name);
}

static gboolean
is_there(LullJson *claims, const char *uid)
{
    for (size_t i = 0; i < json_object_array_length(claims); i++)
        if (g_strcmp0(lull_meta_uid(json_object_array_get_idx(claims, i)), uid) == 0)
            return TRUE;
    return FALSE;
}

static void
settle_volumes(void)
{
    g_autoptr(LullJson) all = swap_list(&lull_csi_kind_volume);
    g_autoptr(LullJson) claims = swap_list(&lull_csi_kind_claim);
    LullJson *rows = lull_json_array(all, "items"), *made = lull_json_array(claims, "items");

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        LullJson *volume = json_object_array_get_idx(rows, i);
        const char *uid = lull_json_string(claim_ref(volume), "uid", "");
        const char *policy = lull_json_string(lull_json_object(volume, "spec"), RECLAIM, "");

        if (*uid && !is_there(made, uid) && g_str_equal(policy, "Delete"))
            ck_assert(lull_store_remove(played.inner, &lull_csi_kind_volume, "default",
                                        lull_meta_name(volume), NULL, NULL));
    }
    for (size_t i = 0; i < json_object_array_length(made); i++)
        settle_claim(json_object_array_get_idx(made, i), rows);
}

/* Those whose owners have all gone. */
static void
collect(const LullKind *kind)
{
    g_autoptr(LullJson) all = swap_list(kind);
    g_autoptr(LullJson) machines = swap_list(&lull_kind_plain_machine);
    g_autoptr(LullJson) data_volumes = swap_list(&lull_kind_data_volume);
    LullJson *rows = lull_json_array(all, "items");

    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        LullJson *object = json_object_array_get_idx(rows, i);
        LullJson *owners = lull_json_array(lull_json_object(object, "metadata"), "ownerReferences");
        gboolean owned = !owners || json_object_array_length(owners) == 0;

        for (size_t k = 0; owners && k < json_object_array_length(owners); k++) {
            const char *uid = lull_json_string(json_object_array_get_idx(owners, k), "uid", "");

            owned |= is_there(lull_json_array(machines, "items"), uid) ||
                     is_there(lull_json_array(data_volumes, "items"), uid) || g_str_has_prefix(uid, "u-");
        }
        if (!owned)
            ck_assert(lull_store_remove(played.inner, kind, NS, lull_meta_name(object), NULL, NULL));
    }
}

#define PROTECTION "kubernetes.io/pvc-protection"

void
swap_end_lingering(void)
{
    g_autoptr(LullJson) all = swap_list(&lull_csi_kind_claim);
    LullJson *rows = lull_json_array(all, "items");

    for (size_t n = 0; n < json_object_array_length(rows); n++) {
        LullJson *claim = json_object_array_get_idx(rows, n);

        if (lull_meta_is_deleting(claim) && lull_meta_has_finalizer(claim, PROTECTION))
            swap_patch(&lull_csi_kind_claim, lull_meta_name(claim), LULL_PATCH_OBJECT,
                       "{'metadata':{'finalizers':null}}");
    }
}

void
swap_settle(void)
{
    collect(&lull_kind_data_volume);
    collect(&lull_csi_kind_claim);
    settle_volumes();
}

static LullJson *
after_write(LullJson *take_result, GError **error)
{
    swap_settle();
    if (!played.dies_at || played.calls < played.dies_at)
        return take_result;
    lull_json_put(take_result);
    g_clear_error(error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the answer was lost");
    return NULL;
}

gboolean
swap_do_late(void)
{
    g_autofree char *name = g_steal_pointer(&played.late_name);
    g_autofree char *uid = g_steal_pointer(&played.late_uid);
    const gboolean done = lull_store_remove(played.inner, &lull_csi_kind_claim, NS, name, uid, NULL);

    swap_settle();
    return done;
}

static gboolean
is_put_off(const char *name, const char *uid, GError **error)
{
    if (!played.puts_off || played.late_name)
        return FALSE;
    played.late_name = g_strdup(name);
    played.late_uid = g_strdup(uid);
    g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "the answer is late");
    return TRUE;
}

static LullJson *
played_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    if (!answers(error))
        return NULL;
    if (kind == &lull_kind_storage_class)
        return played.late ? json("{'volumeBindingMode':'WaitForFirstConsumer'}")
                           : json("{'volumeBindingMode':'Immediate'}");
    return lull_store_get(played.inner, kind, place_of(kind, ns), name, error);
}

static LullJson *
played_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
            GError **error)
{
    return answers(error) ? lull_store_list(played.inner, kind, ns, options, error) : NULL;
}

static gboolean
is_refused(const LullKind *kind, LullJson *object, GError **error)
{
    if (!played.refused || kind != &lull_csi_kind_claim ||
        !g_str_has_suffix(lull_meta_name(object), played.refused))
        return FALSE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_INVALID, "nobody may have claim %s", lull_meta_name(object));
    return TRUE;
}

LullJson *
played_try(LullStore *trial, const LullKind *kind, LullJson *object, GError **error)
{
    g_autoptr(LullJson) found = NULL;

    if (!answers(error))
        return NULL;
    played.tried++;
    if (!played.refused_late && is_refused(kind, object, error))
        return NULL;
    found = lull_store_get(played.inner, kind, place_of(kind, NS), lull_meta_name(object), NULL);
    if (!found)
        return json_object_get(object);
    g_set_error(error, LULL_ERROR, LULL_ERROR_EXISTS, "%s is there", lull_meta_name(object));
    return NULL;
}

static LullJson *
played_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    LullJson *made = NULL;

    if (!writes(error))
        return NULL;
    if (played.terminating) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_DENIED,
                    "unable to create new content in namespace " NS " because it is being terminated");
        return NULL;
    }
    if (is_refused(kind, object, error))
        return NULL;
    made = lull_store_create(played.inner, kind, object, error);
    if (made && kind == &lull_kind_data_volume)
        swap_patch(kind, lull_meta_name(made), LULL_PATCH_STATUS, "{'status':{'phase':'Succeeded'}}");
    return after_write(made, error);
}

static LullJson *
played_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
             LullJson *patch, GError **error)
{
    LullJson *made = NULL;

    if (!writes(error))
        return NULL;
    made = lull_store_patch(played.inner, kind, place_of(kind, ns), name, target, patch, error);
    if (played.starts && kind == &lull_csi_kind_volume)
        swap_patch(&lull_kind_plain_machine, "larry", LULL_PATCH_STATUS,
                   "{'status':{'printableStatus':'Running'}}");
    return after_write(made, error);
}

static gboolean
played_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
              GError **error)
{
    g_autoptr(LullJson) none = NULL;
    const gboolean of_machine = g_str_has_suffix(name, "-claim");

    if (!writes(error) || (of_machine && is_put_off(name, uid, error)))
        return FALSE;
    if (played.lingers && kind == &lull_csi_kind_claim) {
        g_autofree char *other = uid ? g_strndup(uid, strcspn(uid, "@")) : NULL;

        swap_patch(kind, name, LULL_PATCH_OBJECT, "{'metadata':{'finalizers':['" PROTECTION "']}}");
        if (!lull_store_remove(played.inner, kind, place_of(kind, ns), name, other, error))
            return FALSE;
    } else if (!lull_store_remove(played.inner, kind, place_of(kind, ns), name, uid, error)) {
        return FALSE;
    }
    played.removed += of_machine ? 1 : 0;
    if (of_machine && played.makes_again) {
        g_autofree char *text = g_strdup_printf(
            "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s','namespace':'" NS
            "'},'spec':{'storageClassName':'fast'}}",
            name);

        swap_put(&lull_csi_kind_claim, text);
    }
    none = after_write(json_object_new_object(), error);
    return none != NULL;
}

static LullWatch *
played_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
             GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    return answers(error)
               ? lull_store_watch_selected(played.inner, kind, ns, options, context, func, user_data, error)
               : NULL;
}

const LullStoreOps played_ops = {.get = played_get,
                                 .list = played_list,
                                 .create = played_create,
                                 .patch = played_patch,
                                 .remove = played_remove,
                                 .watch = played_watch};
