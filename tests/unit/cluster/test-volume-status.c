/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/volume-status.h"

#include "coordinator/cluster/volume-class.h"
#include "coordinator/cluster/volume-status-decide.h"
#include "coordinator/model/meta.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* A cluster that has what a test says: objects by "PLURAL/NS/NAME". */
typedef struct {
    LullStore base;
    LullJson *objects;
    guint patches;
    gboolean changed; /* by somebody else, since it was read */
    gboolean bare;    /* without VolumeSnapshots */
} Played;

static Played played;

static LullJson *
played_get(LullStore *store, const LullKind *kind, const char *ns, const char *name, GError **error)
{
    g_autofree char *key = g_strconcat(kind->plural, "/", ns ? ns : "", "/", name, NULL);
    LullJson *object = lull_json_object(played.objects, key);

    if (object)
        return lull_json_dup(object);
    g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "%s", key);
    return NULL;
}

static LullJson *
played_list(LullStore *store, const LullKind *kind, const char *ns, const LullListOptions *options,
            GError **error)
{
    g_autofree char *prefix = g_strconcat(kind->plural, "/", ns, NULL);
    LullJson *list = NULL;
    LullJson *items = NULL;

    if (played.bare && g_str_equal(kind->plural, "volumesnapshotclasses")) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_NOT_FOUND, "the server could not find that");
        return NULL;
    }
    list = json_object_new_object();
    items = json_object_new_array();
    lull_json_take(list, "items", items);
    json_object_object_foreach(played.objects, key, object)
    {
        if (g_str_has_prefix(key, prefix))
            json_object_array_add(items, lull_json_dup(object));
    }
    return list;
}

static LullJson *
played_patch(LullStore *store, const LullKind *kind, const char *ns, const char *name, LullPatchTarget target,
             LullJson *patch, GError **error)
{
    g_autofree char *key = g_strconcat(kind->plural, "/", ns, "/", name, NULL);
    LullJson *object = lull_json_object(played.objects, key);
    LullJson *rows = NULL;

    ck_assert_int_eq(target, LULL_PATCH_STATUS);
    ck_assert_str_eq(lull_meta_version(patch), lull_meta_version(object));
    if (played.changed) {
        g_set_error(error, LULL_ERROR, LULL_ERROR_CONFLICT, "changed");
        return NULL;
    }
    played.patches++;
    ck_assert_int_eq(json_object_object_length(lull_json_object(patch, "status")), 1);
    ck_assert(json_object_object_get_ex(lull_json_object(patch, "status"), "volumeSnapshotStatuses", &rows));
    if (rows)
        lull_json_take(lull_json_ensure(object, "status"), "volumeSnapshotStatuses", lull_json_dup(rows));
    else
        json_object_object_del(lull_json_object(object, "status"), "volumeSnapshotStatuses");
    return lull_json_dup(object);
}

static const LullStoreOps played_ops = {.get = played_get, .list = played_list, .patch = played_patch};

static void
add(const char *key, const char *text)
{
    lull_json_take(played.objects, key, json(text));
}

static void
setup(void)
{
    played = (Played){.base.ops = &played_ops, .objects = json_object_new_object()};
}

static void
teardown(void)
{
    json_object_put(played.objects);
}

#define VM(volumes, more)                                                                              \
    "{'metadata':{'name':'larry','namespace':'shop','resourceVersion':'7'},'spec':{" more              \
    "'template':{'spec':{'domain':{'devices':{'tpm':{'persistent':true}}},'volumes':[" volumes "]}}}," \
    "'status':{'ready':true}}"

#define DISK "{'name':'disk','persistentVolumeClaim':{'claimName':'root'}}"

static void
add_class(const char *name, const char *driver)
{
    g_autofree char *key = g_strconcat("volumesnapshotclasses//", name, NULL);
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'%s'},'driver':'%s'}", name, driver);

    add(key, text);
}

/* A claim "root" of StorageClass "fast", bound to a volume of driver "d". */
static void
add_disk(void)
{
    add("storageclasses//fast", "{'metadata':{'name':'fast'},'provisioner':'d'}");
    add("persistentvolumes//pv",
        "{'metadata':{'name':'pv'},'spec':{'csi':{'driver':'d'},'claimRef':{'uid':'u'}}}");
    add("persistentvolumeclaims/shop/root",
        "{'metadata':{'name':'root','namespace':'shop','uid':'u'},'spec':{'storageClassName':'fast',"
        "'volumeName':'pv'},'status':{'phase':'Bound'}}");
}

static LullPass
look(void)
{
    LullVolumeStatuses statuses = {&played.base};
    g_autoptr(GError) error = NULL;
    LullPass pass = {0};

    ck_assert(lull_volume_status_pass(&statuses, "shop", "larry", &pass, &error));
    ck_assert_no_error(error);
    return pass;
}

/* What the machine says of a volume: why not, "" where it can be snapshotted, NULL where it says nothing. */
static const char *
said_of(const char *volume)
{
    LullJson *vm = lull_json_object(played.objects, "virtualmachines/shop/larry");
    LullJson *rows = lull_json_array(lull_json_object(vm, "status"), "volumeSnapshotStatuses");

    for (size_t i = 0; rows && i < json_object_array_length(rows); i++) {
        LullJson *row = json_object_array_get_idx(rows, i);

        if (!g_str_equal(lull_json_string(row, "name", ""), volume))
            continue;
        ck_assert_int_ne(lull_json_bool(row, "enabled", FALSE),
                         lull_json_string(row, "reason", NULL) != NULL);
        return lull_json_string(row, "reason", "");
    }
    return NULL;
}

#define NO_CLASS "No VolumeSnapshotClass: Volume snapshots are not configured for this StorageClass"

START_TEST(s49_each_type_of_volume_says_whether_it_can_be_saved)
{
    add("virtualmachines/shop/larry",
        VM(DISK ",{'name':'dump','memoryDump':{'claimName':'root'}},{'name':'gone','persistentVolumeClaim':"
                "{'claimName':'gone'}},{'name':'image','containerDisk':{}},{'name':'over','ephemeral':{"
                "'persistentVolumeClaim':{'claimName':'root'}}}",
           ""));
    add_disk();
    add_class("c", "d");
    add("persistentvolumeclaims/shop/keep",
        "{'metadata':{'name':'keep','namespace':'shop','uid':'u','labels':{'persistent-state-for':'larry'}},"
        "'spec':{'storageClassName':'fast','volumeName':'pv'},'status':{'phase':'Bound'}}");
    look();
    ck_assert_str_eq(said_of("disk"), "");
    ck_assert_str_eq(said_of("dump"), "");
    ck_assert_str_eq(said_of("gone"), "PVC not found");
    ck_assert_str_eq(said_of("image"), "Snapshot is not supported for this volumeSource type [image]");
    ck_assert_str_eq(said_of("over"), "Snapshot is not supported for this volumeSource type [over]");
    ck_assert_str_eq(said_of("persistent-state-for-larry"), "");
}
END_TEST

START_TEST(s49_without_a_class_or_with_too_many_it_says_so)
{
    add("virtualmachines/shop/larry", VM(DISK, ""));
    add_disk();
    look();
    ck_assert_str_eq(said_of("disk"), NO_CLASS " [fast] [disk]");
    ck_assert_str_eq(said_of("persistent-state-for-larry"), "PVC not found");
    add_class("c", "d");
    add_class("of-another", "e");
    look();
    ck_assert_str_eq(said_of("disk"), "");
    add_class("c2", "d");
    look();
    ck_assert(g_str_has_prefix(said_of("disk"), "2 matching VolumeSnapshotClasses for fast"));
    add("storageprofiles//fast", "{'metadata':{'name':'fast'},'status':{'snapshotClass':'c2'}}");
    look();
    ck_assert_str_eq(said_of("disk"), "");
}
END_TEST

START_TEST(a_cluster_without_volume_snapshots_has_no_class)
{
    add("virtualmachines/shop/larry", VM(DISK, ""));
    add_disk();
    played.bare = TRUE;
    look();
    ck_assert_str_eq(said_of("disk"), NO_CLASS " [fast] [disk]");
}
END_TEST

#define DATA "{'name':'disk','dataVolume':{'name':'made'}}"

/* What is told of a claim that is yet to be made, and by whom. */
static const struct {
    const char *data_volume; /* NULL: not there */
    const char *templates;
    const char *reason;
} yet[] = {
    {NULL, "", "PVC not found"},
    {"{'spec':{'storage':{}}}", "", "PVC not found"},
    {"{'spec':{'pvc':{'storageClassName':'fast'}}}", "", ""},
    {"{'spec':{'storage':{'storageClassName':'fast'}}}", "", ""},
    {"{'spec':{'pvc':{}}}",
     "'dataVolumeTemplates':[{'metadata':{'name':'other'}},{'metadata':{'name':'made'},'spec':{'pvc':{"
     "'storageClassName':'fast'}}}],",
     ""},
    {NULL,
     "'dataVolumeTemplates':[{'metadata':{'name':'made'},'spec':{'storage':{'storageClassName':'fast'}}}],",
     ""},
    {"{'spec':{'pvc':{'storageClassName':'slow'}}}",
     "'dataVolumeTemplates':[{'metadata':{'name':'made'},'spec':{'pvc':{'storageClassName':'fast'}}}],",
     NO_CLASS " [slow] [disk]"},
};

START_TEST(s51_a_volume_that_is_yet_to_be_made_has_the_class_it_is_to_have)
{
    g_autofree char *vm = g_strdup_printf(
        "{'metadata':{'name':'larry','namespace':'shop','resourceVersion':'7'},'spec':{%s'template':{'spec':"
        "{'volumes':[" DATA "]}}}}",
        yet[_i].templates);

    add("virtualmachines/shop/larry", vm);
    add("storageclasses//fast", "{'metadata':{'name':'fast'},'provisioner':'d'}");
    if (yet[_i].data_volume)
        add("datavolumes/shop/made", yet[_i].data_volume);
    add_class("c", "d");
    look();
    ck_assert_str_eq(said_of("disk"), yet[_i].reason);
}
END_TEST

START_TEST(what_is_said_already_is_not_written_again)
{
    add("virtualmachines/shop/larry", VM(DISK, ""));
    add_disk();
    ck_assert(look().acted);
    ck_assert_int_eq(played.patches, 1);
    ck_assert(!look().acted);
    add_class("of-another", "e");
    ck_assert(!look().acted);
    add_class("c", "d");
    ck_assert(look().acted);
    ck_assert_int_eq(played.patches, 2);
}
END_TEST

START_TEST(a_machine_without_volumes_says_nothing)
{
    add("virtualmachines/shop/larry",
        "{'metadata':{'name':'larry','namespace':'shop','resourceVersion':'7'}}");
    ck_assert(!look().acted);
    add("virtualmachines/shop/larry",
        "{'metadata':{'name':'larry','namespace':'shop','resourceVersion':'7'},'status':{"
        "'volumeSnapshotStatuses':[{'name':'disk','enabled':true}]}}");
    ck_assert(look().acted);
    ck_assert_ptr_null(said_of("disk"));
    ck_assert(!look().acted);
}
END_TEST

START_TEST(one_that_is_gone_or_going_is_left_alone)
{
    ck_assert(!look().acted);
    add("virtualmachines/shop/larry",
        "{'metadata':{'name':'larry','namespace':'shop','deletionTimestamp':'2026-01-01T00:00:00Z'},'spec':{"
        "'template':{'spec':{'volumes':[" DISK "]}}}}");
    ck_assert(!look().acted);
    ck_assert_int_eq(played.patches, 0);
}
END_TEST

START_TEST(where_kubevirts_controller_lives_nothing_is_written)
{
    g_autofree char *now = lull_clock_format(lull_clock_realtime());
    g_autofree char *lease = g_strdup_printf(
        "{'metadata':{'name':'virt-controller','namespace':'kubevirt'},'spec':{'holderIdentity':'vc-1',"
        "'leaseDurationSeconds':15,'renewTime':'%s'}}",
        now);
    LullPass pass;

    add("virtualmachines/shop/larry", VM(DISK, ""));
    add("leases/kubevirt/virt-controller", lease);
    pass = look();
    ck_assert(!pass.acted && pass.again_usec > 0);
    ck_assert_int_eq(played.patches, 0);
    json_object_object_del(played.objects, "leases/kubevirt/virt-controller");
    ck_assert(look().acted);
}
END_TEST

START_TEST(what_somebody_has_changed_meanwhile_is_looked_at_again)
{
    LullVolumeStatuses statuses = {&played.base};
    g_autoptr(GError) error = NULL;
    LullPass pass = {0};

    add("virtualmachines/shop/larry", VM(DISK, ""));
    played.changed = TRUE;
    ck_assert(!lull_volume_status_pass(&statuses, "shop", "larry", &pass, &error));
    ck_assert_error(error, LULL_ERROR_CONFLICT);
}
END_TEST

START_TEST(s50_every_class_and_its_own_claims_are_news_to_a_machine)
{
    static const char *const wanted[] = {"volumesnapshotclasses//*",
                                         "storageprofiles//*",
                                         "storageclasses//*",
                                         "persistentvolumeclaims/shop/*",
                                         "persistentvolumeclaims/shop/root",
                                         "datavolumes/shop/root"};
    g_autoptr(LullJson) vm = json(VM(DISK ",{'name':'image','containerDisk':{}}", ""));
    g_auto(GStrv) refs = lull_volume_status_refs(vm);

    ck_assert_int_eq(g_strv_length(refs), G_N_ELEMENTS(wanted));
    for (gsize i = 0; i < G_N_ELEMENTS(wanted); i++)
        ck_assert_msg(g_strv_contains((const char *const *)refs, wanted[i]), "%s", wanted[i]);
}
END_TEST

START_TEST(it_is_written_only_if_it_differs_and_is_nobody_elses)
{
    for (guint bits = 0; bits < 8; bits++) {
        const LullVolumeStatusView view = {
            .exists = (bits & 1) != 0, .differs = (bits & 2) != 0, .kubevirt = (bits & 4) != 0};
        const LullVolumeStatusStep step = lull_volume_status_decide(&view);

        ck_assert_int_eq(step.verb == LULL_VOLUME_STATUS_WRITE, bits == 3);
        ck_assert_int_eq(step.again_usec > 0, bits == 7);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("volume-status");
    TCase *tcase = tcase_create("volume-status");

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, s49_each_type_of_volume_says_whether_it_can_be_saved);
    tcase_add_test(tcase, s49_without_a_class_or_with_too_many_it_says_so);
    tcase_add_test(tcase, a_cluster_without_volume_snapshots_has_no_class);
    tcase_add_loop_test(tcase, s51_a_volume_that_is_yet_to_be_made_has_the_class_it_is_to_have, 0,
                        G_N_ELEMENTS(yet));
    tcase_add_test(tcase, what_is_said_already_is_not_written_again);
    tcase_add_test(tcase, a_machine_without_volumes_says_nothing);
    tcase_add_test(tcase, one_that_is_gone_or_going_is_left_alone);
    tcase_add_test(tcase, where_kubevirts_controller_lives_nothing_is_written);
    tcase_add_test(tcase, what_somebody_has_changed_meanwhile_is_looked_at_again);
    tcase_add_test(tcase, s50_every_class_and_its_own_claims_are_news_to_a_machine);
    tcase_add_test(tcase, it_is_written_only_if_it_differs_and_is_nobody_elses);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
