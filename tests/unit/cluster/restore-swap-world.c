/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "tests/unit/cluster/restore-swap-world.h"

#include <glib/gstdio.h>

#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/cluster/restore-work.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/memory.h"
#include "tests/lib/objects.h"

LullJson *restore, *content;
static char *directory;
static const char *const volumes[] = {"root", "data"};

/* A machine with two volumes, and a snapshot of it. */

static char *
swap_claim_text(const char *volume)
{
    return g_strdup_printf("{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s-claim',"
                           "'namespace':'" NS "','labels':{'app':'x'},'annotations':{'written':"
                           "'by hand'}},'spec':{'storageClassName':'fast','accessModes':['ReadWriteOnce'],"
                           "'resources':{'requests':{'storage':'1Gi'}}}}",
                           volume);
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

    swap_put(&lull_csi_kind_snapshot, text);
    swap_put(&lull_csi_kind_content, behind);
}

static void
put_claim(const char *volume)
{
    g_autofree char *text = swap_claim_text(volume);
    g_autofree char *claim_name = g_strconcat(volume, "-claim", NULL);
    g_autofree char *name = g_strconcat("pv-", volume, NULL);
    g_autofree char *data = g_strconcat("old-", volume, NULL);
    g_autoptr(LullJson) claim = NULL;

    swap_put(&lull_csi_kind_claim, text);
    claim = swap_get(&lull_csi_kind_claim, claim_name);
    swap_put_volume(name, data, claim);
    swap_bind(claim, name);
}

#define MACHINE                                                                                          \
    "'runStrategy':'Manual','template':{'spec':{'domain':{'cpu':{'cores':%d}},'volumes':[{'name':'root'" \
    ",'persistentVolumeClaim':{'claimName':'root-claim'}},{'name':'data','persistentVolumeClaim':{"      \
    "'claimName':'data-claim'}}]}}"

static void
put_vm(void)
{
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'larry',"
                        "'namespace':'" NS "'},'spec':{" MACHINE
                        "},'status':{'restoreInProgress':'back','printableStatus':'Stopped'}}",
                        8);

    swap_put(&lull_kind_plain_machine, text);
}

static void
make_content(void)
{
    g_autofree char *root = swap_claim_text("root");
    g_autofree char *data = swap_claim_text("data");
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'c','namespace':'" NS
        "'},'spec':{'source':{'virtualMachine':{'metadata':{'name':"
        "'larry','uid':'u-larry'},'spec':{" MACHINE "}}},'volumeBackups':[{'volumeName':'root',"
        "'volumeSnapshotName':'vs-root','persistentVolumeClaim':%s},{'volumeName':'data',"
        "'volumeSnapshotName':'vs-data','persistentVolumeClaim':%s}]}}",
        4, root, data);

    content = json(text);
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        LullJson *backup =
            json_object_array_get_idx(lull_json_array(lull_json_object(content, "spec"), "volumeBackups"), i);
        g_autofree char *name = g_strconcat(volumes[i], "-claim", NULL);
        g_autoptr(LullJson) claim = swap_get(&lull_csi_kind_claim, name);

        lull_json_set_string(lull_json_at(backup, "persistentVolumeClaim", "metadata", NULL), "uid",
                             lull_meta_uid(claim));
    }
    restore = json("{'metadata':{'name':'back','namespace':'" NS
                   "','uid':'u-back'},'spec':{'target':{'name':'larry'},'volumeRestorePolicy':'InPlace'}}");
    lull_json_take(lull_json_ensure(restore, "status"), "restores", lull_restore_plan(restore, content));
}

void
swap_set_up(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    use_memory();
    directory = g_dir_make_tmp("lull-in-place-XXXXXX", NULL);
    path = g_build_filename(directory, "store.db", NULL);
    played = (Played){.base.ops = &played_ops};
    played.inner = lull_store_local_open(path, &error);
    ck_assert_no_error(error);
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        put_snapshot(volumes[i]);
        put_claim(volumes[i]);
    }
    put_vm();
    make_content();
}

void
swap_tear_down(void)
{
    g_autoptr(GDir) entries = g_dir_open(directory, 0, NULL);
    const char *name = NULL;

    lull_json_put(g_steal_pointer(&restore));
    lull_json_put(g_steal_pointer(&content));
    lull_store_free(played.inner);
    while ((name = g_dir_read_name(entries))) {
        g_autofree char *file = g_build_filename(directory, name, NULL);

        g_unlink(file);
    }
    g_rmdir(directory);
    g_free(directory);
}

void
swap_begin_anew(void)
{
    const gboolean late = played.late;

    swap_tear_down();
    swap_set_up();
    played.late = late;
}

void
swap_orphan(void)
{
    static const char none[] = "{'metadata':{'ownerReferences':null}}";

    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *name = g_strconcat(volumes[i], "-claim", NULL);
        g_autoptr(LullJson) claim = swap_get(&lull_csi_kind_claim, name);

        if (claim)
            swap_patch(&lull_csi_kind_claim, name, LULL_PATCH_OBJECT, none);
    }
    ck_assert(lull_store_remove(played.inner, &lull_kind_plain_machine, NS, "larry", NULL, NULL));
    swap_settle();
}

void
swap_own(void)
{
    g_autoptr(LullJson) vm = swap_get(&lull_kind_plain_machine, "larry");
    g_autofree char *owned =
        g_strdup_printf("{'metadata':{'ownerReferences':[{'apiVersion':'kubevirt.io/v1','kind':"
                        "'VirtualMachine','name':'larry','uid':'%s','controller':true}]}}",
                        lull_meta_uid(vm));

    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *name = g_strconcat(volumes[i], "-claim", NULL);

        swap_patch(&lull_csi_kind_claim, name, LULL_PATCH_OBJECT, owned);
    }
}

void
swap_lose_snapshots(void)
{
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *name = g_strconcat("vs-", volumes[i], NULL);

        ck_assert(lull_store_remove(played.inner, &lull_csi_kind_snapshot, NS, name, NULL, NULL));
    }
}

void
swap_use_data_volume(gboolean is_template)
{
    LullJson *spec = lull_json_at(content, "spec", "source", "virtualMachine", "spec", NULL);
    LullJson *rows = lull_json_array(lull_json_at(spec, "template", "spec", NULL), "volumes");
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    LullJson *claim = lull_json_object(json_object_array_get_idx(backups, 1), "persistentVolumeClaim");
    LullJson *volume = json_object_array_get_idx(rows, 1);
    g_autoptr(LullJson) made = NULL;
    g_autoptr(LullJson) owners = NULL;
    g_autofree char *owned = NULL;

    swap_put(&lull_kind_data_volume,
             "{'apiVersion':'cdi.kubevirt.io/v1beta1','kind':'DataVolume','metadata':{"
             "'name':'data-claim','namespace':'" NS "'},'spec':{},'status':{'phase':'Succeeded'}}");
    made = swap_get(&lull_kind_data_volume, "data-claim");
    owned = g_strdup_printf("{'metadata':{'ownerReferences':[{'apiVersion':'cdi.kubevirt.io/v1beta1',"
                            "'kind':'DataVolume','name':'data-claim','uid':'%s','controller':true}]}}",
                            lull_meta_uid(made));
    owners = json(owned);
    lull_json_copy(lull_json_ensure(claim, "metadata"), lull_json_object(owners, "metadata"),
                   "ownerReferences");
    swap_patch(&lull_csi_kind_claim, "data-claim", LULL_PATCH_OBJECT, owned);
    json_object_object_del(volume, "persistentVolumeClaim");
    lull_json_take(volume, "dataVolume", json("{'name':'data-claim'}"));
    if (is_template)
        lull_json_take(spec, "dataVolumeTemplates", json("[{'metadata':{'name':'data-claim'},'spec':{}}]"));
    lull_json_take(lull_json_ensure(restore, "status"), "restores", lull_restore_plan(restore, content));
}

gboolean
swap_run(GError **error)
{
    const LullRestoreTools tools = {
        .store = &played.base, .trial = &played.base, .try_create = played_try, .patience = G_USEC_PER_SEC};

    return lull_restore_work_run(&tools, restore, content, FALSE, NULL, NULL, NULL, error);
}

gboolean
swap_drop(GError **error)
{
    const LullRestoreTools tools = {.store = &played.base};

    return lull_restore_work_drop(&tools, restore, content, &played.between, error);
}

/* What there is. */

guint
swap_count(const LullKind *kind)
{
    g_autoptr(LullJson) all = swap_list(kind);

    return (guint)json_object_array_length(lull_json_array(all, "items"));
}

gboolean
swap_has_volume(const char *data)
{
    g_autoptr(LullJson) all = swap_list(&lull_csi_kind_volume);
    LullJson *rows = lull_json_array(all, "items");

    for (size_t i = 0; i < json_object_array_length(rows); i++)
        if (g_str_equal(
                lull_json_string(lull_json_at(json_object_array_get_idx(rows, i), "spec", "csi", NULL),
                                 "volumeHandle", ""),
                data))
            return TRUE;
    return FALSE;
}

gboolean
swap_is_written(void)
{
    g_autoptr(LullJson) vm = swap_get(&lull_kind_vm, "larry");

    return vm && lull_restore_made(restore, vm);
}

char *
swap_data_of(const char *volume)
{
    g_autofree char *name = g_strconcat(volume, "-claim", NULL);
    g_autoptr(LullJson) claim = swap_get(&lull_csi_kind_claim, name);
    g_autoptr(LullJson) bound = claim ? swap_get(&lull_csi_kind_volume, swap_volume_name(claim)) : NULL;

    return g_strdup(lull_json_string(lull_json_at(bound, "spec", "csi", NULL), "volumeHandle", NULL));
}

gboolean
swap_all_have(const char *prefix)
{
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *data = swap_data_of(volumes[i]);
        g_autofree char *wanted = g_strconcat(prefix, volumes[i], NULL);

        if (g_strcmp0(data, wanted) != 0)
            return FALSE;
    }
    return TRUE;
}

void
swap_check_whole(guint at)
{
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *old = g_strconcat("old-", volumes[i], NULL);
        g_autofree char *new = g_strconcat("vs-", volumes[i], NULL);
        g_autofree char *data = swap_data_of(volumes[i]);

        ck_assert_msg((swap_is_written() && !played.late) || swap_has_volume(old), "killed at %u: %s is gone",
                      at, old);
        ck_assert_msg(g_strcmp0(data, old) == 0 || played.late || swap_has_volume(new), "killed at %u: no %s",
                      at, new);
    }
}

void
swap_check_clean(guint at)
{
    const char *policy = played.late && swap_is_written() ? "Retain" : "Delete";
    g_autoptr(LullJson) all = swap_list(&lull_csi_kind_volume);
    g_autoptr(LullJson) claims = swap_list(&lull_csi_kind_claim);
    LullJson *rows = lull_json_array(all, "items"), *made = lull_json_array(claims, "items");

    ck_assert_msg(json_object_array_length(made) == 2, "killed at %u: %zu claims", at,
                  json_object_array_length(made));
    ck_assert_msg(json_object_array_length(rows) == 2, "killed at %u: %zu volumes", at,
                  json_object_array_length(rows));
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        LullJson *volume = json_object_array_get_idx(rows, i);

        ck_assert_str_eq(lull_json_string(lull_json_object(volume, "spec"), RECLAIM, ""), policy);
        ck_assert_ptr_null(lull_meta_annotation(volume, LULL_SWAP_RECORD));
        ck_assert_ptr_null(lull_json_at(volume, "metadata", "labels", LULL_SWAP_LABEL, NULL));
    }
    for (size_t i = 0; i < json_object_array_length(made); i++)
        ck_assert_ptr_null(lull_meta_annotation(json_object_array_get_idx(made, i), LULL_SWAP_REPLACED));
}

void
swap_check_restored(guint at)
{
    g_autoptr(LullJson) vm = swap_get(&lull_kind_vm, "larry");

    ck_assert_msg(swap_all_have("vs-"), "killed at %u", at);
    ck_assert(swap_is_written());
    ck_assert_int_eq(
        lull_json_int(lull_json_at(vm, "spec", "template", "spec", "domain", "cpu", NULL), "cores", 0), 4);
    swap_check_clean(at);
}

void
swap_give_up(guint at)
{
    g_autoptr(GError) error = NULL;
    gboolean dropped = FALSE;

    for (guint tries = 0; !dropped && tries < 20; tries++) {
        g_clear_error(&error);
        dropped = swap_drop(&error);
        ck_assert_msg(!played.between || !dropped, "killed at %u", at);
        ck_assert_msg(played.between || swap_is_written() || played.free || swap_all_have("old-"),
                      "killed at %u: of two times, and anybody may have it: %s", at,
                      error ? error->message : "");
        swap_end_lingering();
        swap_settle();
    }
    ck_assert_msg(dropped, "killed at %u: %s", at, error ? error->message : "");
}
