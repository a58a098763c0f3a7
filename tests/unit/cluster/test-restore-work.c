/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-work.h"

#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/cluster/machine-source.h"
#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/guest/instance.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* Restores on a store whose storage does what a test says; cases are those of docs/compatibility.md. */

#define NS     "shop"
#define DRIVER "csi.example"

/* What claims are given. */
typedef enum { AT_ONCE = 0, LATE, NEVER, OLD_VOLUME, CONSUMED } Provision;

typedef struct {
    LullStore base;
    LullStore *inner;
    Provision provision;
    gboolean drops_source;    /* of what claims are to be made */
    const char *said;         /* what the provisioner says; NULL: nothing */
    const char *instance;     /* that runs; NULL: none */
    guint calls, dies_at;     /* from that call on nothing is answered; 0: never */
    gboolean does_it;         /* the call that it dies at is still done */
    gboolean loses_snapshots; /* when the claim of them is made */
    gboolean hides_vm;        /* that it has a machine of the name, and nobody finds it */
    guint writes;
} Played;

static char *directory;
static Played played;
static LullJson *restore, *content;

static gboolean
answers(GError **error)
{
    played.calls++;
    if (!played.dies_at || played.calls < played.dies_at)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the API server is away");
    return FALSE;
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

static LullJson *
played_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    if (!answers(error))
        return NULL;
    if (kind == &lull_kind_storage_class)
        return storage_class();
    return lull_store_get(played.inner, kind, place_of(kind, ns), name, error);
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
    if (!answers(error))
        return NULL;
    if (kind == &lull_kind_instance && played.instance) {
        LullJson *list = json("{'items':[]}");

        json_object_array_add(lull_json_array(list, "items"), json(played.instance));
        return list;
    }
    return kind == &lull_kind_event ? events() : lull_store_list(played.inner, kind, ns, options, error);
}

static void
do_patch(const LullKind *kind, const char *ns, const char *name, LullPatchTarget target, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) patch = json(text);
    g_autoptr(LullJson) after = lull_store_patch(played.inner, kind, ns, name, target, patch, &error);

    ck_assert_no_error(error);
}

static LullJson *
put(const LullKind *kind, const char *text)
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

    json_object_put(put(&lull_csi_kind_volume, text));
    do_patch(&lull_csi_kind_claim, NS, lull_meta_name(claim), LULL_PATCH_OBJECT, named);
    do_patch(&lull_csi_kind_claim, NS, lull_meta_name(claim), LULL_PATCH_STATUS,
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
    if (made && kind == &lull_csi_kind_claim) {
        if (played.provision == AT_ONCE || played.provision == OLD_VOLUME) {
            bind(made);
        } else if (played.provision == LATE && watched) {
            g_autoptr(GSource) source = g_timeout_source_new(20);

            g_source_set_callback(source, bind_late, json_object_get(made), NULL);
            (void)g_source_attach(source, watched);
        }
    }
    if (made && kind == &lull_kind_data_volume)
        do_patch(kind, NS, lull_meta_name(made), LULL_PATCH_STATUS, "{'status':{'phase':'Succeeded'}}");
    return after_write(made, error);
}

static LullJson *
played_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
             LullJson *patch, GError **error)
{
    return writes(error) ? after_write(lull_store_patch(played.inner, kind, place_of(kind, ns), name, target,
                                                        patch, error),
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
    watched = context;
    return lull_store_watch_selected(played.inner, kind, ns, options, context, func, user_data, error);
}

static const LullStoreOps played_ops = {.get = played_get,
                                        .list = played_list,
                                        .create = played_create,
                                        .patch = played_patch,
                                        .remove = played_remove,
                                        .watch = played_watch};

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

    json_object_put(put(&lull_csi_kind_snapshot, text));
    json_object_put(put(&lull_csi_kind_content, behind));
}

#define VOLUME_OF(name) "{'name':'" name "','persistentVolumeClaim':{'claimName':'" name "-claim'}}"
#define BACKUP_OF(name)                                                                      \
    "{'volumeName':'" name "','volumeSnapshotName':'vs-" name                                \
    "','persistentVolumeClaim':{'metadata':{'name':'" name                                   \
    "-claim','ownerReferences':[{'kind':'VirtualMachine','name':'larry','uid':'u-larry'}]}," \
    "'spec':{'storageClassName':'fast','resources':{'requests':{'storage':'1Gi'}}}}}"

static void
put_vm(const char *volumes)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'larry','namespace':'" NS
        "','labels':{'live':'yes'}},'spec':{'runStrategy':'Manual','template':{'spec':{'domain':{'cpu':{"
        "'cores':8}},'volumes':[%s]}}},'status':{'restoreInProgress':'back','printableStatus':'Stopped'}}",
        volumes);

    json_object_put(put(&lull_kind_plain_machine, text));
}

static void
make_objects(const char *target, const char *more)
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

static void
set_up(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

    directory = g_dir_make_tmp("lull-restore-XXXXXX", NULL);
    path = g_build_filename(directory, "store.db", NULL);
    played = (Played){.base.ops = &played_ops};
    played.inner = lull_store_local_open(path, &error);
    ck_assert_no_error(error);
    put_snapshot("root");
    put_snapshot("data");
}

static void
tear_down(void)
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
    watched = NULL;
}

static gboolean
run(GError **error)
{
    const LullRestoreTools tools = {.store = &played.base,
                                    .patience = played.provision == NEVER ? 1 : G_USEC_PER_SEC * 20};

    return lull_restore_work_run(&tools, restore, content, NULL, NULL, NULL, error);
}

static LullJson *
get(const LullKind *kind, const char *name)
{
    return lull_store_get(played.inner, kind, NS, name, NULL);
}

static guint
count(const LullKind *kind)
{
    g_autoptr(LullJson) list = lull_store_list(played.inner, kind, NULL, NULL, NULL);

    return (guint)json_object_array_length(lull_json_array(list, "items"));
}

static const char *
claim_of(LullJson *vm, guint volume)
{
    LullJson *volumes = lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");

    return lull_json_string(
        lull_json_object(json_object_array_get_idx(volumes, volume), "persistentVolumeClaim"), "claimName",
        "");
}

/* The machine of the cut, on claims that belong to it, and nothing of it twice. */
static void
check_restored(const char *target)
{
    g_autoptr(LullJson) vm = get(&lull_kind_vm, target);
    const char *const volumes[] = {"root", "data"};

    ck_assert_ptr_nonnull(vm);
    ck_assert(lull_restore_made(restore, vm));
    ck_assert_int_eq(
        lull_json_int(lull_json_at(vm, "spec", "template", "spec", "domain", "cpu", NULL), "cores", 0), 4);
    for (guint i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *name = g_strconcat("restore-u-back-", volumes[i], NULL);
        g_autoptr(LullJson) claim = get(&lull_csi_kind_claim, name);
        g_autofree char *snapshot = g_strconcat("vs-", volumes[i], NULL);

        ck_assert_str_eq(claim_of(vm, i), name);
        ck_assert_ptr_nonnull(claim);
        ck_assert_str_eq(lull_json_string(lull_json_at(claim, "spec", "dataSource", NULL), "name", ""),
                         snapshot);
        ck_assert_str_eq(
            lull_json_string(lull_json_at(claim, "spec", "resources", "requests", NULL), "storage", ""),
            "2Gi");
        ck_assert_str_eq(lull_meta_controller(claim), lull_meta_uid(vm));
        ck_assert_ptr_null(lull_meta_annotation(claim, LULL_RESTORE_OWNED_BY_VM));
    }
    ck_assert_uint_eq(count(&lull_csi_kind_claim), 2);
}

/* R11, R12, R36 */
START_TEST(a_machine_comes_back_as_it_was_on_claims_that_are_its_own)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = _i ? LATE : AT_ONCE;
    put_vm(VOLUME_OF("root"));
    make_objects("larry", "");
    ck_assert(run(&error));
    check_restored("larry");
    vm = get(&lull_kind_vm, "larry");
    ck_assert_str_eq(lull_json_string(lull_json_object(vm, "spec"), "runStrategy", ""), "Manual");
    ck_assert_str_eq(lull_json_string(lull_json_at(vm, "metadata", "labels", NULL), "live", ""), "yes");
    ck_assert_uint_eq(played.writes, 3);
}
END_TEST

/* R24 */
START_TEST(a_machine_that_is_not_there_is_made_and_does_not_run)
{
    static const char *const targets[] = {"larry", "harry"};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    make_objects(targets[_i], "");
    ck_assert(run(&error));
    check_restored(targets[_i]);
    vm = get(&lull_kind_vm, targets[_i]);
    ck_assert_str_eq(lull_json_string(lull_json_object(vm, "spec"), "runStrategy", ""), "Halted");
    ck_assert_str_eq(lull_json_string(lull_json_at(vm, "metadata", "labels", NULL), "app", ""), "x");
}
END_TEST

static void
put_revision(const char *name, const char *owner, const char *data)
{
    g_autofree char *text = g_strdup_printf(
        "{'apiVersion':'apps/v1','kind':'ControllerRevision','metadata':{'name':'%s','namespace':'" NS
        "','labels':{'of':'it'}%s%s%s},'data':{'spec':%s},'revision':7}",
        name,
        owner ? ",'ownerReferences':[{'apiVersion':'x/v1','kind':'X','name':'x','controller':true,'uid':'"
              : "",
        owner ? owner : "", owner ? "'}]" : "", data);

    json_object_put(put(&lull_kind_revision, text));
}

static void
ask_for_instance_type(void)
{
    LullJson *spec = lull_json_at(content, "spec", "source", "virtualMachine", "spec", NULL);
    LullJson *restored = lull_json_object(restore, "spec");

    lull_json_set_string(restored, "virtualMachineSnapshotName", "snap");
    lull_json_take(spec, "instancetype", json("{'name':'small','revisionName':'snap-small-1'}"));
}

/* Wherever it dies, before a write or after it: whoever comes next goes on. */
START_TEST(a_restore_that_was_killed_goes_on_where_it_was)
{
    static const char *const targets[] = {"larry", "harry"};
    const char *target = targets[_i % 2];
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;

        if (_i % 2 == 0)
            put_vm(VOLUME_OF("root"));
        make_objects(target, "");
        put_revision("snap-small-1", "u-snap", "1");
        ask_for_instance_type();
        played.dies_at = at;
        played.does_it = _i / 2;
        alive = run(&error);
        ck_assert(alive || lull_error_is(error, LULL_ERROR_LOST));
        g_clear_error(&error);
        played.dies_at = 0;
        ck_assert_msg(run(&error), "killed at %u: %s", at, error ? error->message : "");
        check_restored(target);
        ck_assert_uint_lt(at, 100);
        tear_down();
        set_up();
    }
}
END_TEST

/* Of a configuration, or where all that there is are dumps of memory. */
START_TEST(a_snapshot_without_volumes_brings_the_machine_back)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    if (_i)
        put_vm(VOLUME_OF("root"));
    make_objects("larry", "");
    lull_json_take(lull_json_object(content, "spec"), "volumeBackups", json_object_new_array());
    lull_json_take(lull_json_object(restore, "status"), "restores", lull_restore_plan(restore, content));
    ck_assert_msg(run(&error), "%s", error ? error->message : "no error");
    vm = get(&lull_kind_vm, "larry");
    ck_assert(lull_restore_made(restore, vm));
    ck_assert_int_eq(
        lull_json_int(lull_json_at(vm, "spec", "template", "spec", "domain", "cpu", NULL), "cores", 0), 4);
}
END_TEST

START_TEST(a_restore_that_is_done_writes_nothing_again)
{
    g_autoptr(GError) error = NULL;

    put_vm("");
    make_objects("larry", "");
    ck_assert(run(&error));
    played.writes = 0;
    ck_assert(run(&error));
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* The machine is as it was, and the claim that would have been empty is gone. */
START_TEST(a_server_that_drops_where_the_data_come_from_is_found_out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.drops_source = TRUE;
    put_vm("");
    make_objects("larry", "");
    ck_assert(!run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_msg(strstr(error->message, "would be empty") != NULL, "%s", error->message);
    ck_assert_uint_eq(count(&lull_csi_kind_claim), 0);
    vm = get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

START_TEST(a_volume_that_was_there_before_is_not_taken_for_the_data)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = OLD_VOLUME;
    put_vm("");
    make_objects("larry", "");
    ck_assert(!run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    vm = get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
    g_clear_error(&error);
    /* with the claim it would be deleted */
    ck_assert(lull_restore_work_drop(&tools, restore, content, &error));
    ck_assert_uint_eq(count(&lull_csi_kind_claim), 2);
}
END_TEST

/* R10 */
START_TEST(what_holds_a_claim_up_is_told_in_the_provisioners_words)
{
    const LullRestoreTools tools = {.store = &played.base, .patience = G_USEC_PER_SEC * 60};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = NEVER;
    put_vm("");
    make_objects("larry", "");
    ck_assert(!run(&error));
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_msg(strstr(error->message, "is not bound yet") != NULL, "%s", error->message);
    g_clear_error(&error);
    played.said = "the storage is full";
    ck_assert(!lull_restore_work_run(&tools, restore, content, NULL, NULL, NULL, &error));
    ck_assert_msg(g_str_has_suffix(error->message, ": the storage is full"), "%s", error->message);
    vm = get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

START_TEST(a_claim_that_waits_for_its_first_consumer_is_not_waited_for)
{
    g_autoptr(GError) error = NULL;

    played.provision = CONSUMED;
    put_vm("");
    make_objects("larry", "");
    ck_assert(run(&error));
    check_restored("larry");
}
END_TEST

/* PrefixTargetName: the name may be somebody's. */
START_TEST(a_claim_that_somebody_has_is_neither_taken_nor_touched)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) before =
        put(&lull_csi_kind_claim,
            "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'larry-data',"
            "'namespace':'" NS "'},'status':{'phase':'Bound'}}");
    g_autoptr(LullJson) after = NULL;

    put_vm("");
    make_objects("larry", ",'volumeRestorePolicy':'PrefixTargetName'");
    ck_assert(!run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    g_clear_error(&error);
    ck_assert(lull_restore_work_drop(&tools, restore, content, &error));
    after = get(&lull_csi_kind_claim, "larry-data");
    ck_assert(lull_json_equal(before, after));
    ck_assert_uint_eq(count(&lull_csi_kind_claim), 1);
}
END_TEST

/* R25 */
START_TEST(a_patch_that_does_not_apply_fails_before_anything_is_made)
{
    g_autoptr(GError) error = NULL;

    make_objects("harry",
                 ",'patches':['{\\'op\\':\\'replace\\',\\'path\\':\\'/spec/none/such\\',\\'value\\':1}']");
    ck_assert(!run(&error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_uint_eq(count(&lull_csi_kind_claim), 0);
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

START_TEST(a_machine_that_is_there_and_is_not_is_not_made_for_ever)
{
    g_autoptr(GError) error = NULL;

    played.hides_vm = TRUE;
    make_objects("harry", "");
    ck_assert(!run(&error));
    ck_assert_error(error, LULL_ERROR_BUSY);
}
END_TEST

/* R22: at every point; one whose machine is written has what it needs. */
START_TEST(a_restore_that_is_given_up_leaves_nothing_that_nobody_uses)
{
    const LullRestoreTools tools = {.store = &played.base};
    gboolean done = FALSE;

    for (guint at = 1; !done; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) vm = NULL;

        make_objects("harry", "");
        played.dies_at = at;
        done = run(NULL);
        played.dies_at = 0;
        ck_assert(lull_restore_work_drop(&tools, restore, content, &error));
        vm = get(&lull_kind_vm, "harry");
        ck_assert_uint_eq(count(&lull_csi_kind_claim), vm ? 2 : 0);
        tear_down();
        set_up();
    }
}
END_TEST

/* The second volume is of a DataVolume of a template, as the machine was, and is. */
static void
use_template(void)
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

#define OWNER(volumes) \
    "'metadata':{'name':'someone','namespace':'" NS "'},'spec':{'runStrategy':'Halted'," volumes "}}"
#define ON(source) "'volumes':[{'name':'x'," source "}]"
#define ROOT       "'persistentVolumeClaim':{'claimName':'restore-u-back-root'}"

static const struct {
    const LullKind *kind;
    const char *object;
} users[] = {
    {&lull_kind_plain_machine,
     "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine'," OWNER("'template':{'spec':{" ON(ROOT) "}}")},
    {&lull_kind_plain_machine,
     "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine'," OWNER(
         "'template':{'spec':{" ON("'dataVolume':{'name':'restore-u-back-root'}") "}}")},
    {&lull_kind_instance, "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachineInstance'," OWNER(ON(ROOT))},
    {&lull_kind_pod, "{'apiVersion':'v1','kind':'Pod'," OWNER(ON(ROOT))},
};

/* Its target is gone, or another restore's, or somebody took them. */
START_TEST(a_restore_that_is_given_up_leaves_what_somebody_uses)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) claim = NULL;

    make_objects("harry", "");
    ck_assert(run(&error));
    ck_assert(lull_store_remove(played.inner, &lull_kind_plain_machine, NS, "harry", NULL, &error));
    if (users[_i].kind == &lull_kind_instance)
        played.instance = users[_i].object;
    else
        json_object_put(put(users[_i].kind, users[_i].object));
    ck_assert_msg(lull_restore_work_drop(&tools, restore, content, &error), "%s",
                  error ? error->message : "");
    claim = get(&lull_csi_kind_claim, "restore-u-back-root");
    ck_assert_ptr_nonnull(claim);
    ck_assert_uint_eq(count(&lull_csi_kind_claim), 1);
}
END_TEST

START_TEST(a_data_volume_that_somebody_uses_stays_with_its_claim)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GError) error = NULL;

    make_objects("harry", "");
    use_template();
    ck_assert(run(&error));
    ck_assert(lull_store_remove(played.inner, &lull_kind_plain_machine, NS, "harry", NULL, &error));
    json_object_put(put(&lull_kind_pod, "{'apiVersion':'v1','kind':'Pod'," OWNER(ON(
                                            "'persistentVolumeClaim':{'claimName':'restore-u-back-data'}"))));
    ck_assert_msg(lull_restore_work_drop(&tools, restore, content, &error), "%s",
                  error ? error->message : "");
    ck_assert_uint_eq(count(&lull_kind_data_volume), 1);
    ck_assert_uint_eq(count(&lull_csi_kind_claim), 1);
}
END_TEST

START_TEST(a_restore_that_is_cancelled_ends_soon)
{
    const LullRestoreTools tools = {.store = &played.base};
    g_autoptr(GCancellable) cancel = g_cancellable_new();
    g_autoptr(GError) error = NULL;

    played.provision = NEVER;
    put_vm("");
    make_objects("larry", "");
    g_cancellable_cancel(cancel);
    ck_assert(!lull_restore_work_run(&tools, restore, content, NULL, NULL, cancel, &error));
    ck_assert(g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED));
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* R32: what there is of the name that the copy would have, and the name that it has then. "VM": the uid of
 * the machine. */
static const struct {
    const char *target, *owner, *data;
    const char *name;
} revisions[] = {
    {"larry", NULL, NULL, "larry-small-1"},
    {"harry", NULL, NULL, "harry-small-1"},
    {"larry", NULL, "1", "larry-small-1"},
    {"larry", "VM", "1", "larry-small-1"},
    {"larry", "VM", "2", "restore-u-back-instancetype"},
    {"larry", "other", "1", "restore-u-back-instancetype"},
    {"harry", NULL, "2", "restore-u-back-instancetype"},
};

START_TEST(the_instance_type_comes_back_and_belongs_to_the_machine)
{
    const char *target = revisions[_i].target;
    g_autofree char *usual = g_strconcat(target, "-small-1", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;
    g_autoptr(LullJson) revision = NULL;

    if (g_str_equal(target, "larry"))
        put_vm(VOLUME_OF("root"));
    vm = get(&lull_kind_vm, target);
    put_revision("snap-small-1", "u-snap", "1");
    if (revisions[_i].data)
        put_revision(usual,
                     g_strcmp0(revisions[_i].owner, "VM") == 0 ? lull_meta_uid(vm) : revisions[_i].owner,
                     revisions[_i].data);
    make_objects(target, "");
    ask_for_instance_type();
    ck_assert_msg(run(&error), "%s", error ? error->message : "");
    check_restored(target);
    lull_json_put(vm);
    vm = get(&lull_kind_vm, target);
    ck_assert_str_eq(lull_json_string(lull_json_at(vm, "spec", "instancetype", NULL), "revisionName", ""),
                     revisions[_i].name);
    revision = get(&lull_kind_revision, revisions[_i].name);
    ck_assert_str_eq(lull_meta_controller(revision), lull_meta_uid(vm));
    ck_assert_int_eq(lull_json_int(lull_json_object(revision, "data"), "spec", 0), 1);
}
END_TEST

START_TEST(an_instance_type_that_is_lost_leaves_the_machine_as_it_is)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    put_vm("");
    make_objects("larry", "");
    ask_for_instance_type();
    ck_assert(!run(&error));
    ck_assert_str_eq(error->message, "Unable to find ControllerRevision " NS "/snap-small-1");
    vm = get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

/* @owner: uid of what controls it; NULL: nobody does. */
static void
put_data_volume(const char *name, const char *owner)
{
    g_autofree char *owners = g_strdup_printf(
        ",'ownerReferences':[{'apiVersion':'x/v1','kind':'X','name':'x','controller':true,'uid':'%s'}]",
        owner ? owner : "");
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'cdi.kubevirt.io/v1beta1','kind':'DataVolume','metadata':{'name':'%s',"
                        "'namespace':'" NS "'%s},'spec':{}}",
                        name, owner ? owners : "");

    json_object_put(put(&lull_kind_data_volume, text));
}

/* On a DataVolume of its own, which @owner has ("VM": the machine); with a template of it or without. */
static void
put_templated_vm(const char *owner, gboolean with_template)
{
    g_autoptr(LullJson) vm = NULL;

    put_vm(VOLUME_OF("root") ",{'name':'data','dataVolume':{'name':'data-claim'}}");
    if (with_template)
        do_patch(&lull_kind_plain_machine, NS, "larry", LULL_PATCH_OBJECT,
                 "{'spec':{'dataVolumeTemplates':[{'metadata':{'name':'data-claim'}}]}}");
    vm = get(&lull_kind_vm, "larry");
    put_data_volume("data-claim", g_strcmp0(owner, "VM") == 0 ? lull_meta_uid(vm) : owner);
    json_object_put(put(&lull_kind_restore,
                        "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineRestore',"
                        "'metadata':{'name':'back','namespace':'" NS "'},'spec':{'target':{'apiGroup':"
                        "'kubevirt.io','kind':'VirtualMachine','name':'larry'},"
                        "'virtualMachineSnapshotName':'snap'}}"));
}

/* R16, R17, R21: wherever it dies. */
START_TEST(a_template_gets_a_data_volume_of_the_cut_and_the_one_that_it_had_goes)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) made = NULL, claim = NULL, vm = NULL, old = NULL, noted = NULL;

        put_templated_vm("VM", TRUE);
        make_objects("larry", "");
        use_template();
        played.dies_at = at;
        played.does_it = _i;
        alive = run(&error);
        ck_assert_msg(alive || lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
        g_clear_error(&error);
        played.dies_at = 0;
        noted = get(&lull_kind_restore, "back");
        if (lull_json_at(noted, "status", NULL)) /* as whoever comes next sees it */
            lull_json_copy(lull_json_object(restore, "status"), lull_json_object(noted, "status"),
                           "deletedDataVolumes");
        ck_assert_msg(run(&error), "killed at %u: %s", at, error ? error->message : "");
        vm = get(&lull_kind_vm, "larry");
        made = get(&lull_kind_data_volume, "restore-u-back-data");
        claim = get(&lull_csi_kind_claim, "restore-u-back-data");
        old = get(&lull_kind_data_volume, "data-claim");
        ck_assert(lull_restore_made(restore, vm));
        ck_assert_str_eq(lull_meta_annotation(made, "cdi.kubevirt.io/storage.prePopulated"), "true");
        ck_assert_str_eq(lull_meta_annotation(claim, "cdi.kubevirt.io/storage.populatedFor"),
                         "restore-u-back-data");
        ck_assert_str_eq(lull_meta_controller(claim), "");
        ck_assert_ptr_null(old);
        tear_down();
        set_up();
    }
}
END_TEST

static const struct {
    const char *owner;
    gboolean with_template, noted; /* by an earlier try */
    const char *left_out;          /* a volume that the snapshot lacks; NULL: none */
    gboolean goes;
} old_data_volumes[] = {
    {"VM", TRUE, FALSE, NULL, TRUE},
    {NULL, TRUE, FALSE, NULL, FALSE}, /* orphaned on purpose */
    {"u-other", TRUE, FALSE, NULL, FALSE},
    {"VM", FALSE, TRUE, NULL, FALSE}, /* taken out of the templates since it was noted */
    {"VM", TRUE, TRUE, "{'name':'more','dataVolume':{'name':'data-claim'}}", FALSE},
    {"VM", TRUE, TRUE, "{'name':'more','persistentVolumeClaim':{'claimName':'data-claim'}}", FALSE},
};

START_TEST(a_data_volume_goes_only_where_it_is_the_machines_that_has_no_use_for_it)
{
    LullJson *volumes = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) old = NULL, noted = NULL;

    put_templated_vm(old_data_volumes[_i].owner, old_data_volumes[_i].with_template);
    make_objects("larry", "");
    use_template();
    if (old_data_volumes[_i].noted) {
        do_patch(&lull_kind_restore, NS, "back", LULL_PATCH_STATUS,
                 "{'status':{'deletedDataVolumes':['data-claim']}}");
        lull_json_take(lull_json_object(restore, "status"), "deletedDataVolumes", json("['data-claim']"));
    }
    volumes = lull_json_array(
        lull_json_at(content, "spec", "source", "virtualMachine", "spec", "template", "spec", NULL),
        "volumes");
    if (old_data_volumes[_i].left_out)
        json_object_array_add(volumes, json(old_data_volumes[_i].left_out));
    ck_assert_msg(run(&error), "%s", error ? error->message : "");
    old = get(&lull_kind_data_volume, "data-claim");
    ck_assert_int_eq(old == NULL, old_data_volumes[_i].goes);
    noted = get(&lull_kind_restore, "back");
    if (old_data_volumes[_i].noted)
        ck_assert_ptr_null(lull_json_array(lull_json_object(noted, "status"), "deletedDataVolumes"));
}
END_TEST

START_TEST(what_the_machine_had_stays_until_the_new_data_are_there)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) old = NULL, noted = NULL, vm = NULL;

    played.provision = CONSUMED;
    put_templated_vm("VM", TRUE);
    make_objects("larry", "");
    use_template();
    ck_assert_msg(run(&error), "%s", error ? error->message : "");
    vm = get(&lull_kind_vm, "larry");
    ck_assert(lull_restore_made(restore, vm));
    old = get(&lull_kind_data_volume, "data-claim");
    ck_assert_ptr_nonnull(old);
    noted = get(&lull_kind_restore, "back");
    ck_assert_ptr_null(lull_json_array(lull_json_object(noted, "status"), "deletedDataVolumes"));
}
END_TEST

/* Its claim is there by then: from there on its deletion waits. */
START_TEST(a_snapshot_that_vanished_while_its_claim_was_made_is_missed)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) vm = NULL;

    played.provision = CONSUMED;
    played.loses_snapshots = TRUE;
    put_vm("");
    make_objects("larry", "");
    ck_assert(!run(&error));
    ck_assert_str_eq(error->message, "missing volumeSnapshot vs-root");
    vm = get(&lull_kind_vm, "larry");
    ck_assert(!lull_restore_made(restore, vm));
}
END_TEST

START_TEST(data_volumes_of_a_restore_that_is_given_up_go)
{
    const LullRestoreTools tools = {.store = &played.base};
    gboolean done = FALSE;

    for (guint at = 1; !done; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) vm = NULL;

        make_objects("harry", "");
        use_template();
        played.dies_at = at;
        done = run(NULL);
        played.dies_at = 0;
        ck_assert(lull_restore_work_drop(&tools, restore, content, &error));
        vm = get(&lull_kind_vm, "harry");
        ck_assert_uint_eq(count(&lull_csi_kind_claim), vm ? 2 : 0);
        ck_assert_uint_eq(count(&lull_kind_data_volume), vm ? 1 : 0);
        tear_down();
        set_up();
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-work");
    TCase *tcase = tcase_create("restore-work");

    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, a_machine_comes_back_as_it_was_on_claims_that_are_its_own, 0, 2);
    tcase_add_loop_test(tcase, a_machine_that_is_not_there_is_made_and_does_not_run, 0, 2);
    tcase_add_loop_test(tcase, a_restore_that_was_killed_goes_on_where_it_was, 0, 4);
    tcase_add_loop_test(tcase, a_snapshot_without_volumes_brings_the_machine_back, 0, 2);
    tcase_add_test(tcase, a_restore_that_is_done_writes_nothing_again);
    tcase_add_test(tcase, a_server_that_drops_where_the_data_come_from_is_found_out);
    tcase_add_test(tcase, a_volume_that_was_there_before_is_not_taken_for_the_data);
    tcase_add_test(tcase, what_holds_a_claim_up_is_told_in_the_provisioners_words);
    tcase_add_test(tcase, a_claim_that_waits_for_its_first_consumer_is_not_waited_for);
    tcase_add_test(tcase, a_claim_that_somebody_has_is_neither_taken_nor_touched);
    tcase_add_test(tcase, a_patch_that_does_not_apply_fails_before_anything_is_made);
    tcase_add_test(tcase, a_machine_that_is_there_and_is_not_is_not_made_for_ever);
    tcase_add_test(tcase, a_restore_that_is_given_up_leaves_nothing_that_nobody_uses);
    tcase_add_loop_test(tcase, a_restore_that_is_given_up_leaves_what_somebody_uses, 0, G_N_ELEMENTS(users));
    tcase_add_test(tcase, a_data_volume_that_somebody_uses_stays_with_its_claim);
    tcase_add_test(tcase, a_restore_that_is_cancelled_ends_soon);
    tcase_add_loop_test(tcase, the_instance_type_comes_back_and_belongs_to_the_machine, 0,
                        G_N_ELEMENTS(revisions));
    tcase_add_loop_test(tcase, a_template_gets_a_data_volume_of_the_cut_and_the_one_that_it_had_goes, 0, 2);
    tcase_add_loop_test(tcase, a_data_volume_goes_only_where_it_is_the_machines_that_has_no_use_for_it, 0,
                        G_N_ELEMENTS(old_data_volumes));
    tcase_add_test(tcase, what_the_machine_had_stays_until_the_new_data_are_there);
    tcase_add_test(tcase, a_snapshot_that_vanished_while_its_claim_was_made_is_missed);
    tcase_add_test(tcase, data_volumes_of_a_restore_that_is_given_up_go);
    tcase_add_test(tcase, an_instance_type_that_is_lost_leaves_the_machine_as_it_is);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
