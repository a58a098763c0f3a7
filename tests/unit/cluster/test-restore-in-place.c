/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <glib/gstdio.h>
#include <string.h>

#include "coordinator/cluster/machine-volumes.h"
#include "coordinator/cluster/restore-plan.h"
#include "coordinator/cluster/restore-swap.h"
#include "coordinator/cluster/restore-work.h"
#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status.h"
#include "coordinator/model/meta.h"
#include "coordinator/storage/csi/kinds.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* Restores in place on a store whose claims and volumes go on as a cluster's do: claims are bound, by name
 * too, and a volume whose claim is gone goes with it, unless it is retained. The handle of a volume says what
 * is on it: "old-root", or the VolumeSnapshot that it was made of, "vs-root". Cases are those of
 * docs/compatibility.md. */

#define NS      "shop"
#define DRIVER  "csi.example"
#define RECLAIM "persistentVolumeReclaimPolicy"

static const char *const volumes[] = {"root", "data"};

typedef struct {
    LullStore base;
    LullStore *inner;
    gboolean late;         /* WaitForFirstConsumer */
    gboolean terminating;  /* the name space */
    gboolean makes_again;  /* somebody makes claims again that are gone */
    gboolean starts;       /* the machine is started once the first volume is held */
    guint calls, dies_at;  /* from that call on nothing is answered; 0: never */
    gboolean by_write;     /* of calls only writes count: between two of them all is the same */
    gboolean does_it;      /* the call that it dies at is still done */
    guint writes, removed; /* claims: of the machine's */
} Played;

static char *directory;
static Played played;
static LullJson *restore, *content;

static gboolean
is_alive(gboolean is_write, GError **error)
{
    played.calls += is_write || !played.by_write ? 1 : 0;
    if (!played.dies_at || played.calls < played.dies_at)
        return TRUE;
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the API server is away");
    return FALSE;
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
    return played.does_it && played.calls == played.dies_at;
}

static const char *
place_of(const LullKind *kind, const char *ns)
{
    return kind->cluster_scoped ? "default" : ns;
}

static LullJson *
get(const LullKind *kind, const char *name)
{
    return lull_store_get(played.inner, kind, place_of(kind, NS), name, NULL);
}

static LullJson *
list(const LullKind *kind)
{
    return lull_store_list(played.inner, kind, NULL, NULL, NULL);
}

static void
do_patch(const LullKind *kind, const char *name, LullPatchTarget target, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) patch = json(text);
    g_autoptr(LullJson) after =
        lull_store_patch(played.inner, kind, place_of(kind, NS), name, target, patch, &error);

    ck_assert_no_error(error);
}

static void
put(const LullKind *kind, const char *text)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) object = json(text);
    g_autoptr(LullJson) made = lull_store_create(played.inner, kind, object, &error);
    LullJson *status = lull_json_object(object, "status");
    g_autofree char *patch = status ? g_strdup_printf("{\"status\":%s}", lull_json_to_line(status)) : NULL;

    ck_assert_no_error(error);
    if (patch)
        do_patch(kind, lull_meta_name(made), LULL_PATCH_STATUS, patch);
}

/* What the controller of volumes and a provisioner do. */

static void
put_volume(const char *name, const char *data, LullJson *claim)
{
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'v1','kind':'PersistentVolume','metadata':{'name':'%s','annotations':{"
                        "'pv.kubernetes.io/provisioned-by':'" DRIVER "'}},'spec':{'csi':{'driver':'" DRIVER
                        "','volumeHandle':'%s'},'" RECLAIM "':'Delete','claimRef':{'namespace':'" NS
                        "','name':'%s','uid':'%s'}}}",
                        name, data, lull_meta_name(claim), lull_meta_uid(claim));

    put(&lull_csi_kind_volume, text);
}

static void
bind(LullJson *claim, const char *volume)
{
    g_autofree char *named = g_strdup_printf("{'spec':{'volumeName':'%s'}}", volume);
    g_autofree char *bound = g_strdup_printf("{'spec':{'claimRef':{'uid':'%s'}}}", lull_meta_uid(claim));

    do_patch(&lull_csi_kind_volume, volume, LULL_PATCH_OBJECT, bound);
    do_patch(&lull_csi_kind_claim, lull_meta_name(claim), LULL_PATCH_OBJECT, named);
    do_patch(&lull_csi_kind_claim, lull_meta_name(claim), LULL_PATCH_STATUS, "{'status':{'phase':'Bound'}}");
}

static LullJson *
claim_ref(LullJson *volume)
{
    return lull_json_at(volume, "spec", "claimRef", NULL);
}

static const char *
volume_name(LullJson *claim)
{
    return lull_json_string(lull_json_object(claim, "spec"), "volumeName", "");
}

/* It waits for a claim of that name, and nobody else has asked for another one. */
static gboolean
waits_for(LullJson *volume, LullJson *claim)
{
    return !*lull_json_string(claim_ref(volume), "uid", "") &&
           g_strcmp0(lull_json_string(claim_ref(volume), "name", ""), lull_meta_name(claim)) == 0 &&
           (!*volume_name(claim) || g_strcmp0(volume_name(claim), lull_meta_name(volume)) == 0);
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
            bind(claim, lull_meta_name(volume));
            return;
        }
    }
    if (played.late || *volume_name(claim))
        return;
    put_volume(name, source, claim);
    bind(claim, name);
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
settle(void)
{
    g_autoptr(LullJson) all = list(&lull_csi_kind_volume);
    g_autoptr(LullJson) claims = list(&lull_csi_kind_claim);
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

static LullJson *
after_write(LullJson *take_result, GError **error)
{
    settle();
    if (!played.dies_at || played.calls < played.dies_at)
        return take_result;
    lull_json_put(take_result);
    g_clear_error(error);
    g_set_error(error, LULL_ERROR, LULL_ERROR_LOST, "the answer was lost");
    return NULL;
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
    made = lull_store_create(played.inner, kind, object, error);
    if (made && kind == &lull_kind_data_volume)
        do_patch(kind, lull_meta_name(made), LULL_PATCH_STATUS, "{'status':{'phase':'Succeeded'}}");
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
        do_patch(&lull_kind_plain_machine, "larry", LULL_PATCH_STATUS,
                 "{'status':{'printableStatus':'Running'}}");
    return after_write(made, error);
}

static gboolean
played_remove(LullStore *store, const LullKind *kind, const char *ns, const char *name, const char *uid,
              GError **error)
{
    g_autoptr(LullJson) none = NULL;
    const gboolean of_machine = g_str_has_suffix(name, "-claim");

    if (!writes(error) || !lull_store_remove(played.inner, kind, place_of(kind, ns), name, uid, error))
        return FALSE;
    played.removed += of_machine ? 1 : 0;
    if (of_machine && played.makes_again) {
        g_autofree char *text = g_strdup_printf(
            "{'apiVersion':'v1','kind':'PersistentVolumeClaim','metadata':{'name':'%s','namespace':'" NS
            "'},'spec':{'storageClassName':'fast'}}",
            name);

        put(&lull_csi_kind_claim, text);
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

static const LullStoreOps played_ops = {.get = played_get,
                                        .list = played_list,
                                        .create = played_create,
                                        .patch = played_patch,
                                        .remove = played_remove,
                                        .watch = played_watch};

/* A machine with two volumes, and a snapshot of it. */

static char *
claim_text(const char *volume)
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

    put(&lull_csi_kind_snapshot, text);
    put(&lull_csi_kind_content, behind);
}

static void
put_claim(const char *volume)
{
    g_autofree char *text = claim_text(volume);
    g_autofree char *claim_name = g_strconcat(volume, "-claim", NULL);
    g_autofree char *name = g_strconcat("pv-", volume, NULL);
    g_autofree char *data = g_strconcat("old-", volume, NULL);
    g_autoptr(LullJson) claim = NULL;

    put(&lull_csi_kind_claim, text);
    claim = get(&lull_csi_kind_claim, claim_name);
    put_volume(name, data, claim);
    bind(claim, name);
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

    put(&lull_kind_plain_machine, text);
}

static void
make_content(void)
{
    g_autofree char *root = claim_text("root");
    g_autofree char *data = claim_text("data");
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'c','namespace':'" NS
        "'},'spec':{'source':{'virtualMachine':{'metadata':{'name':"
        "'larry','uid':'u-larry'},'spec':{" MACHINE "}}},'volumeBackups':[{'volumeName':'root',"
        "'volumeSnapshotName':'vs-root','persistentVolumeClaim':%s},{'volumeName':'data',"
        "'volumeSnapshotName':'vs-data','persistentVolumeClaim':%s}]}}",
        4, root, data);

    content = json(text);
    restore = json("{'metadata':{'name':'back','namespace':'" NS
                   "','uid':'u-back'},'spec':{'target':{'name':'larry'},'volumeRestorePolicy':'InPlace'}}");
    lull_json_take(lull_json_ensure(restore, "status"), "restores", lull_restore_plan(restore, content));
}

static void
set_up(void)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;

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
}

static void
begin_anew(void)
{
    const gboolean late = played.late;

    tear_down();
    set_up();
    played.late = late;
}

static gboolean
run(GError **error)
{
    const LullRestoreTools tools = {.store = &played.base, .patience = G_USEC_PER_SEC};

    return lull_restore_work_run(&tools, restore, content, FALSE, NULL, NULL, NULL, error);
}

static gboolean
drop(GError **error)
{
    const LullRestoreTools tools = {.store = &played.base};

    return lull_restore_work_drop(&tools, restore, content, error);
}

/* What there is. */

static guint
count(const LullKind *kind)
{
    g_autoptr(LullJson) all = list(kind);

    return (guint)json_object_array_length(lull_json_array(all, "items"));
}

static gboolean
has_volume(const char *data)
{
    g_autoptr(LullJson) all = list(&lull_csi_kind_volume);
    LullJson *rows = lull_json_array(all, "items");

    for (size_t i = 0; i < json_object_array_length(rows); i++)
        if (g_str_equal(
                lull_json_string(lull_json_at(json_object_array_get_idx(rows, i), "spec", "csi", NULL),
                                 "volumeHandle", ""),
                data))
            return TRUE;
    return FALSE;
}

static gboolean
is_written(void)
{
    g_autoptr(LullJson) vm = get(&lull_kind_vm, "larry");

    return vm && lull_restore_made(restore, vm);
}

/* What is on the claim of that volume; NULL: it has none. */
static char *
data_of(const char *volume)
{
    g_autofree char *name = g_strconcat(volume, "-claim", NULL);
    g_autoptr(LullJson) claim = get(&lull_csi_kind_claim, name);
    g_autoptr(LullJson) bound = claim ? get(&lull_csi_kind_volume, volume_name(claim)) : NULL;

    return g_strdup(lull_json_string(lull_json_at(bound, "spec", "csi", NULL), "volumeHandle", NULL));
}

static gboolean
all_have(const char *prefix)
{
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *data = data_of(volumes[i]);
        g_autofree char *wanted = g_strconcat(prefix, volumes[i], NULL);

        if (g_strcmp0(data, wanted) != 0)
            return FALSE;
    }
    return TRUE;
}

/* At any moment: the old data, until the machine is written; and where a claim has gone, the new ones. */
static void
check_whole(guint at)
{
    for (gsize i = 0; i < G_N_ELEMENTS(volumes); i++) {
        g_autofree char *old = g_strconcat("old-", volumes[i], NULL);
        g_autofree char *new = g_strconcat("vs-", volumes[i], NULL);
        g_autofree char *data = data_of(volumes[i]);

        ck_assert_msg((is_written() && !played.late) || has_volume(old), "killed at %u: %s is gone", at, old);
        ck_assert_msg(g_strcmp0(data, old) == 0 || played.late || has_volume(new), "killed at %u: no %s", at,
                      new);
    }
}

/* No volume is held, no claim marked, nothing else is there. Where the new data are yet to come the old ones
 * are kept. */
static void
check_clean(guint at)
{
    const char *policy = played.late && is_written() ? "Retain" : "Delete";
    g_autoptr(LullJson) all = list(&lull_csi_kind_volume);
    g_autoptr(LullJson) claims = list(&lull_csi_kind_claim);
    LullJson *rows = lull_json_array(all, "items"), *made = lull_json_array(claims, "items");

    ck_assert_msg(json_object_array_length(made) == 2, "killed at %u: %zu claims", at,
                  json_object_array_length(made));
    ck_assert_msg(json_object_array_length(rows) == 2, "killed at %u: %zu volumes", at, json_object_array_length(rows));
    for (size_t i = 0; i < json_object_array_length(rows); i++) {
        LullJson *volume = json_object_array_get_idx(rows, i);

        ck_assert_str_eq(lull_json_string(lull_json_object(volume, "spec"), RECLAIM, ""), policy);
        ck_assert_ptr_null(lull_meta_annotation(volume, LULL_SWAP_RECORD));
        ck_assert_ptr_null(lull_json_at(volume, "metadata", "labels", LULL_SWAP_LABEL, NULL));
    }
    for (size_t i = 0; i < json_object_array_length(made); i++)
        ck_assert_ptr_null(lull_meta_annotation(json_object_array_get_idx(made, i), LULL_SWAP_REPLACED));
}

static void
check_restored(guint at)
{
    g_autoptr(LullJson) vm = get(&lull_kind_vm, "larry");

    ck_assert_msg(all_have("vs-"), "killed at %u", at);
    ck_assert(is_written());
    ck_assert_int_eq(
        lull_json_int(lull_json_at(vm, "spec", "template", "spec", "domain", "cpu", NULL), "cores", 0), 4);
    check_clean(at);
}

START_TEST(new_data_get_the_names_of_the_old)
{
    g_autoptr(GError) error = NULL;

    ck_assert_msg(run(&error), "%s", error ? error->message : "");
    check_restored(0);
    played.writes = 0;
    ck_assert(run(&error));
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

/* What whoever compares it with what he had written looks at. */
START_TEST(a_claim_is_as_the_one_that_it_replaces_was)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) claim = NULL;
    g_autoptr(LullJson) old = NULL;
    g_autoptr(LullJson) vm = NULL;

    do_patch(
        &lull_csi_kind_claim, "root-claim", LULL_PATCH_OBJECT,
        "{'metadata':{'labels':{'since':'yes'},'finalizers':null},'spec':{'dataSource':{'name':'golden'},"
        "'resources':{'requests':{'storage':'3Gi'}}}}");
    old = get(&lull_csi_kind_claim, "root-claim");
    ck_assert_msg(run(&error), "%s", error ? error->message : "");
    claim = get(&lull_csi_kind_claim, "root-claim");
    vm = get(&lull_kind_vm, "larry");
    ck_assert_str_ne(lull_meta_uid(claim), lull_meta_uid(old));
    json_object_object_del(lull_json_object(old, "spec"), "volumeName");
    json_object_object_del(lull_json_object(claim, "spec"), "volumeName");
    ck_assert(lull_json_equal(lull_json_object(claim, "spec"), lull_json_object(old, "spec")));
    ck_assert_str_eq(lull_meta_annotation(claim, "written"), "by hand");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "metadata", "labels", NULL), "since", ""), "yes");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "metadata", "labels", NULL), "app", ""), "x");
    ck_assert(lull_restore_made(restore, claim));
    ck_assert_str_eq(lull_meta_controller(claim), lull_meta_uid(vm));
}
END_TEST

/* Before a write or after it, and at each read: whoever comes next goes on. */
START_TEST(one_that_was_killed_goes_on_and_old_or_new_data_are_whole)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;

        played.late = _i / 2;
        played.by_write = _i > 0;
        played.dies_at = at;
        played.does_it = _i % 2;
        alive = run(&error);
        ck_assert_msg(alive || lull_error_is(error, LULL_ERROR_LOST), "%s", error->message);
        g_clear_error(&error);
        played.dies_at = 0;
        check_whole(at);
        ck_assert_msg(run(&error), "killed at %u: %s", at, error ? error->message : "");
        if (played.late)
            check_clean(at);
        else
            check_restored(at);
        ck_assert_uint_lt(at, 400);
        begin_anew();
    }
}
END_TEST

static void
give_up(guint at)
{
    g_autoptr(GError) error = NULL;
    gboolean dropped = FALSE;

    for (guint tries = 0; !dropped && tries < 10; tries++) {
        g_clear_error(&error);
        dropped = drop(&error);
    }
    ck_assert_msg(dropped, "killed at %u: %s", at, error ? error->message : "");
}

/* All is as it was, or all is restored; also where who gives it up is killed himself. */
START_TEST(one_that_is_given_up_leaves_the_old_data_or_the_new_never_some_of_each)
{
    gboolean alive = FALSE, taken_back = FALSE, finished = FALSE;

    for (guint at = 1; !alive; at++) {
        played.by_write = TRUE;
        played.dies_at = at;
        played.does_it = _i % 2;
        alive = run(NULL);
        if (_i / 2) {
            played.does_it = at % 3 == 0;
            played.dies_at = played.calls + 1 + at * 7 % 12;
            (void)drop(NULL);
            check_whole(at);
        }
        played.dies_at = 0;
        give_up(at);
        if (is_written()) {
            check_restored(at);
        } else {
            ck_assert_msg(all_have("old-"), "killed at %u", at);
            check_clean(at);
        }
        taken_back |= !is_written();
        finished |= is_written() && !alive;
        played.writes = 0;
        give_up(at);
        ck_assert_uint_eq(played.writes, 0);
        begin_anew();
    }
    ck_assert(taken_back && finished);
}
END_TEST

/* As when somebody has deleted it: the claims are whole all the same, and no machine is made. */
START_TEST(one_whose_machine_is_gone_meanwhile_leaves_no_claim_out)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        played.by_write = TRUE;
        played.dies_at = at;
        alive = run(NULL);
        played.dies_at = 0;
        if (!alive && !is_written()) {
            ck_assert(lull_store_remove(played.inner, &lull_kind_plain_machine, NS, "larry", NULL, NULL));
            give_up(at);
            ck_assert_msg(all_have("old-") || all_have("vs-"), "killed at %u", at);
            check_clean(at);
            ck_assert_uint_eq(count(&lull_kind_plain_machine), 0);
            give_up(at);
            ck_assert_msg(all_have("old-") || all_have("vs-"), "killed at %u", at);
        }
        begin_anew();
    }
}
END_TEST

/* What the machine was like nobody knows any more; what its data were is noted. */
START_TEST(one_whose_snapshot_is_gone_meanwhile_leaves_no_claim_out)
{
    gboolean alive = FALSE, finished = FALSE;

    for (guint at = 1; !alive; at++) {
        played.by_write = TRUE;
        played.dies_at = at;
        alive = run(NULL);
        played.dies_at = 0;
        if (!is_written()) {
            lull_json_put(g_steal_pointer(&content));
            give_up(at);
            ck_assert_msg(all_have("old-") || all_have("vs-"), "killed at %u", at);
            finished |= all_have("vs-");
            check_clean(at);
            ck_assert(!is_written());
        }
        begin_anew();
    }
    ck_assert(finished);
}
END_TEST

/* Nothing can be made there any more, and nothing is to be left behind. */
START_TEST(one_whose_name_space_goes_lets_go_of_all_volumes)
{
    gboolean alive = FALSE, hopeless = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(LullJson) claim = NULL;

        played.by_write = TRUE;
        played.dies_at = at;
        alive = run(NULL);
        played.dies_at = 0;
        claim = get(&lull_csi_kind_claim, "root-claim");
        played.terminating = TRUE;
        if (!alive && !claim) {
            hopeless = TRUE;
            give_up(at);
            settle();
            ck_assert(!has_volume("old-root"));
            ck_assert(!has_volume("vs-root"));
        }
        begin_anew();
    }
    ck_assert(hopeless);
}
END_TEST

START_TEST(what_others_have_is_not_replaced)
{
    static const char *const users[] = {
        "{'apiVersion':'v1','kind':'Pod','metadata':{'name':'user','namespace':'" NS
        "'},'spec':{'volumes':[{'persistentVolumeClaim':{'claimName':'data-claim'}}]},'status':{'phase':"
        "'Running'}}",
        "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'user','namespace':'" NS
        "'},'spec':{'template':{'spec':{'volumes':[{'name':'x','persistentVolumeClaim':{'claimName':"
        "'data-claim'}}]}}}}",
        "{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'user','namespace':'" NS
        "'},'spec':{'template':{'spec':{'volumes':[{'name':'x','dataVolume':{'name':'data-claim'}}]}}}}"};
    g_autoptr(GError) error = NULL;

    put(_i == 0 ? &lull_kind_pod : &lull_kind_plain_machine, users[_i]);
    ck_assert(!run(&error));
    ck_assert_error(error, LULL_ERROR_BUSY);
    ck_assert_msg(strstr(error->message, " user ") != NULL, "%s", error->message);
    ck_assert_uint_eq(played.writes, 0);
    ck_assert(all_have("old-"));
}
END_TEST

START_TEST(a_claim_that_belongs_to_somebody_else_is_not_replaced)
{
    g_autoptr(GError) error = NULL;

    do_patch(&lull_csi_kind_claim, "data-claim", LULL_PATCH_OBJECT,
             "{'metadata':{'ownerReferences':[{'apiVersion':'apps/v1','kind':'StatefulSet','name':'s','uid':"
             "'u-s','controller':true}]}}");
    ck_assert(!run(&error));
    ck_assert_msg(strstr(error->message, "does not belong to vm larry") != NULL, "%s", error->message);
    ck_assert_uint_eq(played.writes, 0);
}
END_TEST

START_TEST(all_snapshots_are_looked_at_before_anything_goes)
{
    g_autoptr(GError) error = NULL;

    played.late = _i;
    ck_assert(lull_store_remove(played.inner, &lull_csi_kind_snapshot, NS, "vs-data", NULL, NULL));
    ck_assert(!run(&error));
    ck_assert_str_eq(error->message, "missing volumeSnapshot vs-data");
    ck_assert_uint_eq(played.writes, 0);
    ck_assert(all_have("old-"));
}
END_TEST

START_TEST(a_machine_that_is_started_meanwhile_keeps_what_it_has)
{
    g_autoptr(GError) error = NULL;

    played.starts = TRUE;
    ck_assert(!run(&error));
    ck_assert_msg(strstr(error->message, "was started") != NULL, "%s", error->message);
    ck_assert(all_have("old-"));
    ck_assert_uint_eq(played.removed, 0);
    give_up(0);
    ck_assert(all_have("old-"));
    check_clean(0);
}
END_TEST

/* As those do who keep a cluster as it is written down: theirs gets the new data. */
START_TEST(a_claim_that_somebody_makes_again_has_the_new_data)
{
    g_autoptr(GError) error = NULL;

    played.makes_again = TRUE;
    ck_assert_msg(run(&error), "%s", error ? error->message : "");
    check_restored(0);
}
END_TEST

/* One that the machine had lost. */
START_TEST(a_claim_that_is_not_there_is_made)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;

        ck_assert(lull_store_remove(played.inner, &lull_csi_kind_claim, NS, "data-claim", NULL, NULL));
        settle();
        played.by_write = TRUE;
        played.dies_at = at;
        played.does_it = at % 2;
        alive = run(NULL);
        played.dies_at = 0;
        if (_i) {
            give_up(at);
            if (!is_written()) {
                ck_assert_uint_eq(count(&lull_csi_kind_claim), 1);
                ck_assert_uint_eq(count(&lull_csi_kind_volume), 1);
            }
        } else {
            ck_assert_msg(run(&error), "%s", error ? error->message : "");
            check_restored(at);
        }
        begin_anew();
    }
}
END_TEST

/* R13. @has: the machine has it as a template's, else it is made beside it. */
static void
use_data_volume(gboolean is_template)
{
    LullJson *spec = lull_json_at(content, "spec", "source", "virtualMachine", "spec", NULL);
    LullJson *rows = lull_json_array(lull_json_at(spec, "template", "spec", NULL), "volumes");
    LullJson *backups = lull_json_array(lull_json_object(content, "spec"), "volumeBackups");
    LullJson *claim = lull_json_object(json_object_array_get_idx(backups, 1), "persistentVolumeClaim");
    LullJson *volume = json_object_array_get_idx(rows, 1);
    static const char owned[] = "{'metadata':{'ownerReferences':[{'apiVersion':'cdi.kubevirt.io/v1beta1',"
                                "'kind':'DataVolume','name':'data-claim','uid':'u-dv','controller':true}]}}";
    g_autoptr(LullJson) owners = json(owned);

    lull_json_copy(lull_json_ensure(claim, "metadata"), lull_json_object(owners, "metadata"),
                   "ownerReferences");
    do_patch(&lull_csi_kind_claim, "data-claim", LULL_PATCH_OBJECT, owned);
    json_object_object_del(volume, "persistentVolumeClaim");
    lull_json_take(volume, "dataVolume", json("{'name':'data-claim'}"));
    if (is_template)
        lull_json_take(spec, "dataVolumeTemplates", json("[{'metadata':{'name':'data-claim'},'spec':{}}]"));
    put(&lull_kind_data_volume,
        "{'apiVersion':'cdi.kubevirt.io/v1beta1','kind':'DataVolume','metadata':{"
        "'name':'data-claim','namespace':'" NS "'},'spec':{},'status':{'phase':'Succeeded'}}");
    lull_json_take(lull_json_ensure(restore, "status"), "restores", lull_restore_plan(restore, content));
}

START_TEST(a_data_volume_keeps_its_name_and_nothing_else_fills_its_claim)
{
    gboolean alive = FALSE;

    for (guint at = 1; !alive; at++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(LullJson) before = NULL, claim = NULL, data_volume = NULL, vm = NULL;
        LullJson *rows = NULL;

        use_data_volume(_i % 2);
        played.by_write = TRUE;
        played.dies_at = at;
        played.does_it = _i / 2;
        alive = run(&error);
        g_clear_error(&error);
        played.dies_at = 0;
        check_whole(at);
        before = get(&lull_kind_data_volume, "data-claim");
        ck_assert(played.removed == 0 || lull_meta_annotation(before, LULL_CDI_PREPOPULATED));
        ck_assert_msg(run(&error), "killed at %u: %s", at, error ? error->message : "");
        check_restored(at);
        claim = get(&lull_csi_kind_claim, "data-claim");
        data_volume = get(&lull_kind_data_volume, "data-claim");
        vm = get(&lull_kind_vm, "larry");
        ck_assert_str_eq(lull_meta_uid(data_volume), lull_meta_uid(before));
        ck_assert_str_eq(lull_meta_annotation(claim, LULL_CDI_POPULATED_FOR), "data-claim");
        ck_assert_str_eq(lull_meta_controller(claim), "");
        rows = lull_json_array(lull_json_at(vm, "spec", "template", "spec", NULL), "volumes");
        ck_assert_str_eq(
            lull_json_string(lull_json_object(json_object_array_get_idx(rows, 1), "dataVolume"), "name", ""),
            "data-claim");
        begin_anew();
    }
}
END_TEST

/* A class that gives no volume before: what is made of a snapshot that stays until it is used. */
START_TEST(a_claim_that_waits_for_its_first_consumer_is_made_of_its_snapshot_and_that_is_said)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) claim = NULL;
    g_autoptr(LullJson) told = NULL;
    g_autofree char *late = NULL;

    played.late = TRUE;
    put(&lull_kind_restore,
        "{'apiVersion':'snapshot.kubevirt.io/"
        "v1beta1','kind':'VirtualMachineRestore','metadata':{'name':'back',"
        "'namespace':'" NS "'},'spec':{'target':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':"
        "'larry'},'virtualMachineSnapshotName':'snap','volumeRestorePolicy':'InPlace'}}");
    ck_assert_msg(run(&error), "%s", error ? error->message : "");
    ck_assert(is_written());
    check_clean(0);
    claim = get(&lull_csi_kind_claim, "data-claim");
    ck_assert_str_eq(lull_json_string(lull_json_at(claim, "spec", "dataSource", NULL), "name", ""),
                     "vs-data");
    ck_assert_str_eq(volume_name(claim), "");
    told = get(&lull_kind_restore, "back");
    late = lull_restore_late(told);
    ck_assert_str_eq(late, "root (what it had before stays on volume pv-root), "
                           "data (what it had before stays on volume pv-data)");
}
END_TEST

/* It was said before what is to become of it without a claim. */
START_TEST(a_volume_that_was_to_be_kept_is_kept)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) kept = NULL;

    do_patch(&lull_csi_kind_volume, "pv-root", LULL_PATCH_OBJECT, "{'spec':{'" RECLAIM "':'Retain'}}");
    ck_assert(run(&error));
    ck_assert(all_have("vs-"));
    kept = get(&lull_csi_kind_volume, "pv-root");
    ck_assert_str_eq(lull_json_string(lull_json_object(kept, "spec"), RECLAIM, ""), "Retain");
    ck_assert_ptr_null(lull_meta_annotation(kept, LULL_SWAP_RECORD));
    ck_assert(!has_volume("old-data"));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-in-place");
    TCase *tcase = tcase_create("restore-in-place");

    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, new_data_get_the_names_of_the_old);
    tcase_add_test(tcase, a_claim_is_as_the_one_that_it_replaces_was);
    tcase_add_loop_test(tcase, one_that_was_killed_goes_on_and_old_or_new_data_are_whole, 0, 4);
    tcase_add_loop_test(tcase, one_that_is_given_up_leaves_the_old_data_or_the_new_never_some_of_each, 0, 4);
    tcase_add_test(tcase, one_whose_machine_is_gone_meanwhile_leaves_no_claim_out);
    tcase_add_test(tcase, one_whose_snapshot_is_gone_meanwhile_leaves_no_claim_out);
    tcase_add_test(tcase, one_whose_name_space_goes_lets_go_of_all_volumes);
    tcase_add_loop_test(tcase, what_others_have_is_not_replaced, 0, 3);
    tcase_add_test(tcase, a_claim_that_belongs_to_somebody_else_is_not_replaced);
    tcase_add_loop_test(tcase, all_snapshots_are_looked_at_before_anything_goes, 0, 2);
    tcase_add_test(tcase, a_machine_that_is_started_meanwhile_keeps_what_it_has);
    tcase_add_test(tcase, a_claim_that_somebody_makes_again_has_the_new_data);
    tcase_add_loop_test(tcase, a_claim_that_is_not_there_is_made, 0, 2);
    tcase_add_loop_test(tcase, a_data_volume_keeps_its_name_and_nothing_else_fills_its_claim, 0, 4);
    tcase_add_test(tcase, a_claim_that_waits_for_its_first_consumer_is_made_of_its_snapshot_and_that_is_said);
    tcase_add_test(tcase, a_volume_that_was_to_be_kept_is_kept);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
