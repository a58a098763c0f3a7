/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/cluster/restore-work-world.h"

#include <glib/gstdio.h>

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/memory.h"
#include "tests/lib/objects.h"

Played played;
LullJson *restore, *content;
static char *directory;

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

void
work_patch(const LullKind *kind, const char *ns, const char *name, LullPatchTarget target, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) patch = json(text);
    g_autoptr(LullJson) after = lull_store_patch(played.inner, kind, ns, name, target, patch, &error);

    ck_assert_no_error(error);
}

LullJson *
work_put(const LullKind *kind, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = json(text);
    g_autoptr(LullJson) made = lull_store_create(played.inner, kind, object, &error);
    LullJson *status = lull_json_object(object, "status");
    g_autoptr(LullJson) patch = json_object_new_object();

    ck_assert_no_error(error);
    if (!status)
        return g_steal_pointer(&made);
    lull_json_take(patch, "status", json_object_get(status));
    return lull_store_patch(played.inner, kind, lull_meta_namespace(made), lull_meta_name(made),
                            LULL_PATCH_STATUS, patch, NULL);
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

static GMainContext *watched;

/* Once it is watched. */
static void
bind_soon(LullJson *claim)
{
    g_autoptr(GSource) source = g_timeout_source_new(20);

    if (!watched)
        return;
    g_source_set_callback(source, bind_late, json_object_get(claim), NULL);
    (void)g_source_attach(source, watched);
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
        watched = context;
        if (played.provision == LATE)
            bind_all_soon();
    }
    return lull_store_watch_selected(played.inner, kind, ns, options, context, func, user_data, error);
}

static void
played_free(LullStore *store)
{
}

static const LullStoreOps played_ops = {.get = played_get,
                                        .list = played_list,
                                        .create = played_create,
                                        .patch = played_patch,
                                        .remove = played_remove,
                                        .watch = played_watch,
                                        .free = played_free};

static void
put_snapshot(const char *volume)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'snapshot.storage.k8s.io/v1','kind':'VolumeSnapshot','metadata':{'name':'vs-%s',"
        "'namespace':'" NS "'},'status':{'readyToUse':true,'restoreSize':'2Gi',"
        "'boundVolumeSnapshotContentName':'vsc-%s'}}",
        volume, volume);
    g_autofree char *behind = g_strdup_printf(
        "{'apiVersion':'snapshot.storage.k8s.io/v1','kind':'VolumeSnapshotContent','metadata':{'name':"
        "'vsc-%s'},'spec':{'driver':'" DRIVER "'}}",
        volume);

    json_object_put(work_put(&lull_csi_kind_snapshot, text));
    json_object_put(work_put(&lull_csi_kind_content, behind));
}

#define BACKUP_OF(name)                                                                      \
    "{'volumeName':'" name "','volumeSnapshotName':'vs-" name                                \
    "','persistentVolumeClaim':{'metadata':{'name':'" name                                   \
    "-claim','ownerReferences':[{'kind':'VirtualMachine','name':'larry','uid':'u-larry'}]}," \
    "'spec':{'storageClassName':'fast','resources':{'requests':{'storage':'1Gi'}}}}}"

void
work_put_vm(const char *volumes)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'larry','namespace':'" NS
        "','labels':{'live':'yes'}},'spec':{'runStrategy':'Manual','template':{'spec':{'domain':{'cpu':{"
        "'cores':8}},'volumes':[%s]}}},'status':{'restoreInProgress':'back','printableStatus':'Stopped'}}",
        volumes);

    json_object_put(work_put(&lull_kind_plain_machine, text));
}

void
work_make_objects(const char *target, const char *more)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'back','namespace':'" NS
                                            "','uid':'u-back'},'spec':{'target':{'name':'%s'}%s}}",
                                            target, more);

    restore = json(text);
    content = json("{'metadata':{'name':'c','namespace':'" NS "','uid':'u-c'},'spec':{'source':{"
                   "'virtualMachine':{'metadata':{'name':'larry','uid':'u-larry','labels':{'app':'x'}},'spec'"
                   ":{"
                   "'runStrategy':'Always','template':{'spec':{'domain':{'cpu':{'cores':4}},'volumes':"
                   "[" VOLUME_OF("root") "," VOLUME_OF("data") "]}}}}},'volumeBackups':[" BACKUP_OF(
                       "root") "," BACKUP_OF("data") "]}}");
    lull_json_take(lull_json_ensure(restore, "status"), "restores", lull_restore_plan(restore, content));
}

void
work_set_up(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    use_memory();
    directory = g_dir_make_tmp("lull-restore-XXXXXX", NULL);
    path = g_build_filename(directory, "store.db", NULL);
    played = (Played){.base.ops = &played_ops};
    played.inner = lull_store_local_open(path, &error);
    ck_assert_no_error(error);
    put_snapshot("root");
    put_snapshot("data");
}

void
work_tear_down(void)
{
    g_autoptr(GDir) entries = g_dir_open(directory, 0, NULL);
    const char *name = NULL;

    lull_json_put(g_steal_pointer(&restore));
    lull_json_put(g_steal_pointer(&content));
    lull_store_free(played.inner);
    g_clear_pointer(&played.asked, g_hash_table_unref);
    while ((name = g_dir_read_name(entries))) {
        g_autofree char *file = g_build_filename(directory, name, NULL);

        g_unlink(file);
    }
    g_rmdir(directory);
    g_free(directory);
    watched = NULL;
}

gboolean
work_run(GError **error)
{
    const LullRestoreTools tools = {.store = &played.base,
                                    .recent = played.inner, /* nobody is asked */
                                    .patience = played.provision == NEVER ? 1 : G_USEC_PER_SEC * 20};

    return lull_restore_work_run(&tools, restore, content, played.fresh, NULL, NULL, NULL, error);
}

LullJson *
work_get(const LullKind *kind, const char *name)
{
    return lull_store_get(played.inner, kind, NS, name, NULL);
}

guint
work_count(const LullKind *kind)
{
    g_autoptr(LullJson) list = lull_store_list(played.inner, kind, NULL, NULL, NULL);

    return (guint)json_object_array_length(lull_json_array(list, "items"));
}

const char *
work_claim_of(LullJson *vm, guint volume)
{
    LullJson *volumes = lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");

    return lull_json_string(
        lull_json_object(json_object_array_get_idx(volumes, volume), "persistentVolumeClaim"), "claimName",
        "");
}

void
work_check_restored(const char *target)
{
    g_autoptr(LullJson) vm = work_get(&lull_kind_vm, target);
    const char *const volumes[] = {"root", "data"};

    ck_assert_ptr_nonnull(vm);
    ck_assert(lull_restore_made(restore, vm));
    ck_assert_int_eq(
        lull_json_int(lull_json_at(vm, "spec", "template", "spec", "domain", "cpu", NULL), "cores", 0), 4);
    for (guint i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *name = g_strconcat("restore-u-back-", volumes[i], NULL);
        g_autoptr(LullJson) claim = work_get(&lull_csi_kind_claim, name);
        g_autofree char *snapshot = g_strconcat("vs-", volumes[i], NULL);

        ck_assert_str_eq(work_claim_of(vm, i), name);
        ck_assert_ptr_nonnull(claim);
        ck_assert_str_eq(lull_json_string(lull_json_at(claim, "spec", "dataSource", NULL), "name", ""),
                         snapshot);
        ck_assert_str_eq(
            lull_json_string(lull_json_at(claim, "spec", "resources", "requests", NULL), "storage", ""),
            "2Gi");
        ck_assert_str_eq(lull_meta_controller(claim), lull_meta_uid(vm));
        ck_assert_ptr_null(lull_meta_annotation(claim, LULL_RESTORE_OWNED_BY_VM));
    }
    ck_assert_uint_eq(work_count(&lull_csi_kind_claim), 2);
}

void
work_use_template(void)
{
    LullJson *spec = lull_json_at(content, "spec", "source", "virtualMachine", "spec", NULL);
    LullJson *volumes = lull_json_array(lull_json_at(spec, "template", "spec", NULL), "volumes");
    LullJson *data = json_object_array_get_idx(volumes, 1);

    json_object_object_del(data, "persistentVolumeClaim");
    lull_json_take(data, "dataVolume", json("{'name':'data-claim'}"));
    lull_json_take(spec, "dataVolumeTemplates",
                   json("[{'metadata':{'name':'data-claim','labels':{'of':'it'}},'spec':{'pvc':{},"
                        "'source':{'http':{'url':'http://x'}}}}]"));
    lull_json_take(lull_json_ensure(restore, "status"), "restores", lull_restore_plan(restore, content));
}
