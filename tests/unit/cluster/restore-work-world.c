/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/cluster/restore-work-world.h"

#include <glib/gstdio.h>

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/memory.h"
#include "tests/lib/objects.h"

Played played;
LullJson *restore, *content;
static char *directory;

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
    played = (Played){.base.ops = &work_store_ops};
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
