/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/cluster/restore-work-world.h"

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* Reads come side by side. */
G_LOCK_DEFINE_STATIC(calls);

static gboolean
answers(GError **error)
{
    gboolean alive = FALSE;

    G_LOCK(calls);
    played.calls++;
    alive = !played.dies_at || played.calls < played.dies_at;
    G_UNLOCK(calls);
    if (!alive)
        g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the API server is away");
    return alive;
}

static gboolean
answers_read(const LullKind *kind, GError **error)
{
    G_LOCK(calls);
    if (!played.asked)
        played.asked = g_hash_table_new(g_str_hash, g_str_equal);
    g_hash_table_insert(played.asked, (gpointer)kind->plural, GUINT_TO_POINTER(work_asked(kind) + 1));
    G_UNLOCK(calls);
    return answers(error);
}

guint
work_asked(const LullKind *kind)
{
    return played.asked ? GPOINTER_TO_UINT(g_hash_table_lookup(played.asked, kind->plural)) : 0;
}

/* Dead, but for what was on its way. */
static gboolean
writes(GError **error)
{
    if (answers(error)) {
        played.writes++;
        return TRUE;
    }
    if (!played.does_it || played.calls != played.dies_at)
        return FALSE;
    return TRUE;
}

static LullJson *
after_write(LullJson *take_result, GError **error)
{
    if (!played.dies_at || played.calls < played.dies_at)
        return take_result;
    lull_json_put(take_result);
    g_clear_error(error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the answer was lost");
    return NULL;
}

static const char *
place_of(const LullKind *kind, const char *ns)
{
    return kind->cluster_scoped ? "default" : ns;
}

static LullJson *
storage_class(void)
{
    return played.provision == CONSUMED
               ? json("{'metadata':{'name':'fast'},'volumeBindingMode':'WaitForFirstConsumer'}")
               : json("{'metadata':{'name':'fast'},'volumeBindingMode':'Immediate'}");
}

/* No answer comes before all of them are asked. */
static gboolean
waits_for_others(GError **error)
{
    static GMutex mutex;
    static GCond asked;
    const gint64 end = g_get_monotonic_time() + 10 * G_USEC_PER_SEC;
    gboolean all = FALSE;

    g_mutex_lock(&mutex);
    played.together_now++;
    g_cond_broadcast(&asked);
    while (played.together_now < played.together && g_cond_wait_until(&asked, &mutex, end))
        continue;
    all = played.together_now >= played.together;
    g_mutex_unlock(&mutex);
    if (!all)
        g_set_error(error, LULL_ERROR, LULL_ERROR_TIMED_OUT, "it was asked for one after the other");
    return all;
}

static LullJson *
played_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    LullJson *found = NULL;

    if (!answers_read(kind, error) ||
        (played.together && kind == &lull_csi_kind_snapshot && !waits_for_others(error)))
        return NULL;
    if (kind == &lull_kind_storage_class)
        return storage_class();
    found = lull_store_get(played.inner, kind, place_of(kind, ns), name, error);
    if (found && kind == &lull_kind_vm && played.runs)
        lull_json_set_string(lull_json_object(found, "status"), "printableStatus", "Running");
    return found;
}

static LullJson *
events(void)
{
    g_autofree char *text = g_strdup_printf(
        "{'items':[{'type':'Normal','message':'begun','lastTimestamp':'2026-01-01T00:00:09Z'},"
        "{'type':'Warning','message':'%s','lastTimestamp':'2026-01-01T00:00:05Z'},"
        "{'type':'Warning','message':'once','lastTimestamp':'2026-01-01T00:00:01Z'}]}",
        played.said);

    return played.said ? json(text) : json("{'items':[]}");
}

static LullJson *
played_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
            GError **error)
{
    if (!answers_read(kind, error))
        return NULL;
    if (kind == &lull_kind_instance && played.instance) {
        LullJson *list = json("{'items':[]}");

        json_object_array_add(lull_json_array(list, "items"), json(played.instance));
        return list;
    }
    return kind == &lull_kind_event ? events() : lull_store_list(played.inner, kind, ns, options, error);
}

/* What a provisioner and the controller of volumes do. */
static void
bind(LullJson *claim)
{
    g_autofree char *volume = g_strconcat("pv-", lull_meta_uid(claim), NULL);
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s','annotations':{"
                        "'pv.kubernetes.io/provisioned-by':'%s'}},'spec':{'csi':{'driver':'" DRIVER
                        "','volumeHandle':'h'},'claimRef':{'uid':'%s'}}}",
                        volume, played.provision == OLD_VOLUME ? "" : DRIVER, lull_meta_uid(claim));
    g_autofree char *named = g_strdup_printf("{'spec':{'volumeName':'%s'}}", volume);

    json_object_put(work_put(&lull_csi_kind_volume, text));
    work_patch(&lull_csi_kind_claim, NS, lull_meta_name(claim), LULL_PATCH_OBJECT, named);
    work_patch(&lull_csi_kind_claim, NS, lull_meta_name(claim), LULL_PATCH_STATUS,
               "{'status':{'phase':'Bound'}}");
}

static gboolean
bind_late(gpointer data)
{
    g_autoptr(LullJson) claim = data;

    bind(claim);
    return G_SOURCE_REMOVE;
}

/* Once it is watched. */
static void
bind_soon(LullJson *claim)
{
    g_autoptr(GSource) source = g_timeout_source_new(20);

    if (!played.watched)
        return;
    g_source_set_callback(source, bind_late, json_object_get(claim), NULL);
    (void)g_source_attach(source, played.watched);
}

static void
bind_all_soon(void)
{
    g_autoptr(LullJson) list = lull_store_list(played.inner, &lull_csi_kind_claim, NS, NULL, NULL);
    LullJson *items = lull_json_array(list, "items");

    for (size_t i = 0; i < json_object_array_length(items); i++) {
        LullJson *claim = json_object_array_get_idx(items, i);

        if (!lull_json_string(lull_json_object(claim, "spec"), "volumeName", NULL))
            bind_soon(claim);
    }
}

static LullJson *
played_create(LullStore *store, const LullKind *kind, LullJson *object, GError **error)
{
    g_autoptr(LullJson) copy = lull_json_dup(object);
    LullJson *made = NULL;

    if (!writes(error))
        return NULL;
    if (kind == &lull_kind_plain_machine && played.hides_vm) {
        ck_assert_uint_lt(played.writes, 10);
        g_set_error(error, LULL_ERROR, LULL_ERROR_EXISTS, "it is there");
        return NULL;
    }
    if (kind == &lull_csi_kind_claim && played.drops_source) {
        json_object_object_del(lull_json_object(copy, "spec"), "dataSource");
        json_object_object_del(lull_json_object(copy, "spec"), "dataSourceRef");
    }
    made = lull_store_create(played.inner, kind, copy, error);
    if (made && played.loses_snapshots && g_str_equal(lull_meta_name(made), "restore-u-back-root"))
        ck_assert(lull_store_remove(played.inner, &lull_csi_kind_snapshot, NS, "vs-root", NULL, NULL));
    played.runs = played.starts_it && work_count(&lull_csi_kind_claim) == 2;
    if (made && kind == &lull_csi_kind_claim) {
        if (played.provision == AT_ONCE || played.provision == OLD_VOLUME) {
            bind(made);
        } else if (played.provision == LATE) {
            bind_soon(made);
        }
    }
    if (made && kind == &lull_kind_data_volume)
        work_patch(kind, NS, lull_meta_name(made), LULL_PATCH_STATUS, "{'status':{'phase':'Succeeded'}}");
    return after_write(made, error);
}

static LullJson *
played_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
             LullJson *patch, GError **error)
{
    const LullKind *written = kind == &lull_kind_vm ? &lull_kind_plain_machine : kind;

    return writes(error) ? after_write(lull_store_patch(played.inner, written, place_of(kind, ns), name,
                                                        target, patch, error),
                                       error)
                         : NULL;
}

static gboolean
played_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
              GError **error)
{
    g_autoptr(LullJson) none = NULL;

    if (!writes(error) || !lull_store_remove(played.inner, kind, place_of(kind, ns), name, uid, error))
        return FALSE;
    none = after_write(json_object_new_object(), error);
    return none != NULL;
}

static LullWatch *
played_watch(LullStore *store, const LullKind *kind, const char *ns, const LullWatchOptions *options,
             GMainContext *context, LullWatchFunc func, gpointer user_data, GError **error)
{
    if (!answers(error))
        return NULL;
    if (played.deaf > 0) {
        played.deaf--;
        g_set_error(error, LULL_ERROR, LULL_ERROR_EXPIRED, "that is too long ago");
        return NULL;
    }
    if (kind == &lull_csi_kind_claim) {
        played.watched = context;
        if (played.provision == LATE)
            bind_all_soon();
    }
    return lull_store_watch_selected(played.inner, kind, ns, options, context, func, user_data, error);
}

static void
played_free(LullStore *store)
{
}

const LullStoreOps work_store_ops = {.get = played_get,
                                     .list = played_list,
                                     .create = played_create,
                                     .patch = played_patch,
                                     .remove = played_remove,
                                     .watch = played_watch,
                                     .free = played_free};
