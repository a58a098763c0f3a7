/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-plan.h"

#include <string.h>

#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* What is made of a snapshot, by names; cases are those of docs/compatibility.md. */

#define UID "0b0ac0de-0000-4000-8000-000000000001"

static LullJson *
restore_json(const char *more)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'back','namespace':'shop','uid':'" UID "'},"
                        "'spec':{'target':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'larry'},"
                        "'virtualMachineSnapshotName':'snap'%s}}",
                        more);

    return json(text);
}

static LullJson *
vm_json(void)
{
    return json("{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine',"
                "'metadata':{'name':'larry','namespace':'shop','uid':'u-larry'}}");
}

/* A claim, a DataVolume of a template, one that is none's, and a dump of memory. @claim: members of the first
 * claim's metadata, @spec: of its spec. */
static LullJson *
content_json(const char *claim, const char *spec)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'c','namespace':'shop','uid':'u-c'},"
        "'spec':{'virtualMachineSnapshotName':'snap',"
        "'source':{'virtualMachine':{'metadata':{'name':'larry','namespace':'shop','uid':'u-larry'},'spec':{"
        "'dataVolumeTemplates':[{'metadata':{'name':'larry-data'}}],"
        "'template':{'spec':{'volumes':["
        "{'name':'root','persistentVolumeClaim':{'claimName':'root-claim'}},"
        "{'name':'data','dataVolume':{'name':'larry-data'}},"
        "{'name':'logs','dataVolume':{'name':'logs-dv'}},"
        "{'name':'dump','memoryDump':{'claimName':'dump-claim'}}]}}}}},"
        "'volumeBackups':["
        "{'volumeName':'root','volumeSnapshotName':'vs-root','persistentVolumeClaim':{"
        "'metadata':{'name':'root-claim'%s},'spec':{'accessModes':['ReadWriteOnce'],"
        "'resources':{'requests':{'storage':'1Gi'}},'storageClassName':'fast','volumeMode':'Block'%s}}},"
        "{'volumeName':'data','volumeSnapshotName':'vs-data','persistentVolumeClaim':{"
        "'metadata':{'name':'larry-data'},'spec':{}}},"
        "{'volumeName':'logs','volumeSnapshotName':'vs-logs','persistentVolumeClaim':{"
        "'metadata':{'name':'logs-dv','ownerReferences':[{'kind':'DataVolume','name':'logs-dv',"
        "'apiVersion':'cdi.kubevirt.io/v1beta1','uid':'u-logs','controller':true}]},'spec':{}}},"
        "{'volumeName':'dump','volumeSnapshotName':'vs-dump','persistentVolumeClaim':{"
        "'metadata':{'name':'dump-claim'},'spec':{}}}]}}",
        claim, spec);

    return json(text);
}

static LullJson *
snapshot_of(const char *size)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'vs-root'},'status':{'restoreSize':'%s'}}", size);

    return json(text);
}

static const char *
text_at(LullJson *claim, const char *member, const char *key)
{
    return lull_json_string(lull_json_at(claim, "metadata", member, NULL), key, NULL);
}

/* "volume=claim<snapshot", with "@data volume" where one adopts it. */
static char *
plan_line(const char *more, LullJson *take_content)
{
    g_autoptr(LullJson) restore = restore_json(more);
    g_autoptr(LullJson) content = take_content;
    g_autoptr(LullJson) plan = lull_restore_plan(restore, content);
    GString *line = g_string_new(NULL);

    for (size_t i = 0; i < json_object_array_length(plan); i++) {
        LullJson *entry = json_object_array_get_idx(plan, i);
        const char *adopted_by = lull_json_string(entry, "dataVolumeName", NULL);

        g_string_append_printf(line, "%s%s=%s<%s%s%s", i ? " " : "",
                               lull_json_string(entry, "volumeName", NULL),
                               lull_json_string(entry, "persistentVolumeClaim", NULL),
                               lull_json_string(entry, "volumeSnapshotName", NULL), adopted_by ? "@" : "",
                               adopted_by ? adopted_by : "");
    }
    return g_string_free(line, FALSE);
}

#define OF(volume) "restore-" UID "-" volume

static const struct {
    const char *more, *plan;
} plans[] = {
    {"",
     "root=" OF("root") "<vs-root data=" OF("data") "<vs-data@" OF("data") " logs=" OF("logs") "<vs-logs"},
    {",'volumeRestorePolicy':'RandomizeNames'",
     "root=" OF("root") "<vs-root data=" OF("data") "<vs-data@" OF("data") " logs=" OF("logs") "<vs-logs"},
    {",'volumeRestorePolicy':'InPlace'",
     "root=root-claim<vs-root data=larry-data<vs-data@larry-data logs=logs-dv<vs-logs@logs-dv"},
    {",'volumeRestorePolicy':'PrefixTargetName'",
     "root=larry-root<vs-root data=larry-data<vs-data@larry-data logs=larry-logs<vs-logs"},
    {",'volumeRestorePolicy':'InPlace','volumeRestoreOverrides':[{'volumeName':'root','restoreName':'mine'}]",
     "root=mine<vs-root data=larry-data<vs-data@larry-data logs=logs-dv<vs-logs@logs-dv"},
    /* the DataVolume keeps the claim of its name */
    {",'volumeRestorePolicy':'InPlace','volumeRestoreOverrides':[{'volumeName':'logs','restoreName':'mine'}]",
     "root=root-claim<vs-root data=larry-data<vs-data@larry-data logs=mine<vs-logs"},
    {",'volumeRestoreOverrides':[{'volumeName':'data','restoreName':'other'}]",
     "root=" OF("root") "<vs-root data=other<vs-data@other logs=" OF("logs") "<vs-logs"},
};

/* R14, R15, R16, R35 */
START_TEST(claims_are_named_by_the_policy_and_a_dump_of_memory_has_none)
{
    g_autofree char *line = plan_line(plans[_i].more, content_json("", ""));

    ck_assert_str_eq(line, plans[_i].plan);
}
END_TEST

START_TEST(names_that_are_too_long_are_shortened_and_stay_apart)
{
    g_autoptr(LullJson) content = content_json("", "");
    g_auto(GStrv) names = g_new0(char *, 3);

    for (gsize i = 0; i < 2; i++) {
        g_autoptr(LullJson) restore = restore_json(",'volumeRestorePolicy':'PrefixTargetName'");
        g_autoptr(LullJson) plan = NULL;
        g_autofree char *target =
            g_strdup_printf("a-machine-whose-name-is-as-long-as-names-of-machines-are-%zu", i);

        lull_json_set_string(lull_json_at(restore, "spec", "target", NULL), "name", target);
        plan = lull_restore_plan(restore, content);
        names[i] =
            g_strdup(lull_json_string(json_object_array_get_idx(plan, 0), "persistentVolumeClaim", NULL));
        ck_assert_uint_eq(strlen(names[i]), 63);
        ck_assert(g_str_has_suffix(names[i], "-root"));
    }
    ck_assert_str_ne(names[0], names[1]);
}
END_TEST

/* The attempt that counts made them. */
START_TEST(data_come_from_the_attempt_that_counts)
{
    g_autoptr(LullJson) content = content_json("", "");
    g_autofree char *line = NULL;

    lull_json_set_string(lull_json_ensure(lull_json_object(content, "metadata"), "annotations"),
                         "lull.dev/attempt", "{\"stage\":\"sealed\",\"number\":2,\"content\":\"u-c\"}");
    line = plan_line("", json_object_get(content));
    ck_assert_msg(strstr(line, "<vs-root.2 ") != NULL, "%s", line);
}
END_TEST

static LullJson *
claim_of(const char *more, const char *metadata, const char *size, gboolean vm_is_there, guint volume)
{
    g_autoptr(LullJson) restore = restore_json(more);
    g_autoptr(LullJson) content = content_json(metadata, "");
    g_autoptr(LullJson) plan = lull_restore_plan(restore, content);
    g_autoptr(LullJson) snapshot = snapshot_of(size);
    g_autoptr(LullJson) vm = vm_is_there ? vm_json() : NULL;
    LullJson *claim =
        lull_restore_claim(restore, content, json_object_array_get_idx(plan, volume), snapshot, vm);

    ck_assert_ptr_nonnull(claim);
    return claim;
}

/* R7 */
START_TEST(a_claim_is_made_from_the_snapshot_of_its_volume)
{
    g_autoptr(LullJson) claim = claim_of("", "", "1Gi", TRUE, 0);
    g_autoptr(LullJson) spec = json("{'accessModes':['ReadWriteOnce'],"
                                    "'resources':{'requests':{'storage':'1Gi'}},"
                                    "'storageClassName':'fast','volumeMode':'Block',"
                                    "'dataSource':{'apiGroup':'snapshot.storage.k8s.io',"
                                    "'kind':'VolumeSnapshot','name':'vs-root'},"
                                    "'dataSourceRef':{'apiGroup':'snapshot.storage.k8s.io',"
                                    "'kind':'VolumeSnapshot','name':'vs-root'}}");

    ck_assert_str_eq(lull_meta_name(claim), OF("root"));
    ck_assert_str_eq(lull_meta_namespace(claim), "shop");
    ck_assert_msg(lull_json_equal(lull_json_object(claim, "spec"), spec), "%s", lull_json_to_line(claim));
    ck_assert_str_eq(text_at(claim, "annotations", "restore.kubevirt.io/name"), "back");
    ck_assert_str_eq(text_at(claim, "annotations", "restore.kubevirt.io/lastRestoreUID"), "back-" UID);
    ck_assert_str_eq(text_at(claim, "labels", "restore.kubevirt.io/source-vm-name"), "larry");
    ck_assert_str_eq(text_at(claim, "labels", "restore.kubevirt.io/source-vm-namespace"), "shop");
}
END_TEST

static const struct {
    const char *restore_size, *request;
} sizes[] = {
    {"2Gi", "2Gi"},   /* R8 */
    {"512Mi", "1Gi"}, /* R9 */
    {"1073741825", "1073741825"},
    {"1024Mi", "1Gi"}, /* the same */
    {"", "1Gi"},       /* not told */
    {"a lot", "1Gi"},
};

#define LONG_NAME "a-machine-whose-name-is-longer-than-what-there-is-room-for-in-a-label-of-its-claims"

START_TEST(claims_of_a_machine_with_a_long_name_are_labelled_and_found)
{
    g_autoptr(LullJson) restore = restore_json("");
    g_autoptr(LullJson) content = content_json("", "");
    g_autoptr(LullJson) snapshot = json("{'metadata':{'name':'vs-root'}}");
    g_autoptr(LullJson) plan = NULL;
    g_autoptr(LullJson) claim = NULL;
    g_autofree char *selector = NULL;
    g_autofree char *wanted = NULL;
    const char *label = NULL;

    lull_json_set_string(lull_json_at(content, "spec", "source", "virtualMachine", "metadata", NULL), "name",
                         LONG_NAME);
    plan = lull_restore_plan(restore, content);
    claim = lull_restore_claim(restore, content, json_object_array_get_idx(plan, 0), snapshot, NULL);
    label = text_at(claim, "labels", "restore.kubevirt.io/source-vm-name");
    ck_assert_uint_eq(strlen(label), 63);
    selector = lull_restore_selector(content);
    wanted = g_strconcat("restore.kubevirt.io/source-vm-name=", label, NULL);
    ck_assert_str_eq(selector, wanted);
}
END_TEST

START_TEST(a_claim_is_as_large_as_it_was_or_as_a_copy_needs)
{
    g_autoptr(LullJson) claim = claim_of("", "", sizes[_i].restore_size, TRUE, 0);

    ck_assert_str_eq(
        lull_json_string(lull_json_at(claim, "spec", "resources", "requests", NULL), "storage", ""),
        sizes[_i].request);
}
END_TEST

/* R37 */
START_TEST(what_was_written_about_the_old_claim_is_not_said_of_the_new_one)
{
    g_autoptr(LullJson) claim =
        claim_of("",
                 ",'labels':{'app':'shop','persistent-state-for':'larry'},'annotations':{'note':'kept',"
                 "'pv.kubernetes.io/bind-completed':'yes','volume.kubernetes.io/selected-node':'a',"
                 "'volume.beta.kubernetes.io/storage-provisioner':'x','k8s.io/CloneOf':'true',"
                 "'k8s.io/CloneRequest':'a/b','cdi.kubevirt.io/storage.populatedFor':'x',"
                 "'cdi.kubevirt.io/storage.contentType':'kubevirt'}",
                 "1Gi", TRUE, 0);

    ck_assert_str_eq(text_at(claim, "labels", "app"), "shop");
    ck_assert_ptr_null(text_at(claim, "labels", "persistent-state-for"));
    ck_assert_str_eq(text_at(claim, "annotations", "note"), "kept");
    ck_assert_str_eq(text_at(claim, "annotations", "cdi.kubevirt.io/storage.contentType"), "kubevirt");
    ck_assert_int_eq(json_object_object_length(lull_json_at(claim, "metadata", "annotations", NULL)), 4);
}
END_TEST

/* R15 */
START_TEST(labels_and_annotations_may_be_overridden_but_not_those_it_is_known_by)
{
    g_autoptr(LullJson) claim =
        claim_of(",'volumeRestoreOverrides':[{'volumeName':'root','labels':{'app':'new',"
                 "'restore.kubevirt.io/source-vm-name':'no'},'annotations':{'note':'new',"
                 "'restore.kubevirt.io/lastRestoreUID':'no'}}]",
                 ",'labels':{'app':'old'},'annotations':{'note':'old','more':'old'}", "1Gi", TRUE, 0);

    ck_assert_str_eq(text_at(claim, "labels", "app"), "new");
    ck_assert_str_eq(text_at(claim, "annotations", "note"), "new");
    ck_assert_str_eq(text_at(claim, "annotations", "more"), "old");
    ck_assert_str_eq(text_at(claim, "labels", "restore.kubevirt.io/source-vm-name"), "larry");
    ck_assert_str_eq(text_at(claim, "annotations", "restore.kubevirt.io/lastRestoreUID"), "back-" UID);
}
END_TEST

#define BY_VM ",'ownerReferences':[{'kind':'VirtualMachine','name':'larry','uid':'u-larry'}]"

static const struct {
    const char *more, *metadata;
    gboolean vm_is_there;
    guint volume;
    const char *owner, *owned_later_by, *adopted_by;
} owners[] = {
    {"", "", TRUE, 0, "u-larry", NULL, NULL},                              /* R12 */
    {",'volumeOwnershipPolicy':'Vm'", "", TRUE, 0, "u-larry", NULL, NULL}, /* R12 */
    {",'volumeOwnershipPolicy':'None'", "", TRUE, 0, NULL, NULL, NULL},    /* R12 */
    {"", "", FALSE, 0, NULL, NULL, NULL},                                  /* R38 */
    {"", BY_VM, FALSE, 0, NULL, "back", NULL},                             /* R24 */
    {"", ",'ownerReferences':[{'kind':'VirtualMachine','name':'larry','uid':'u-other'}]", FALSE, 0, NULL,
     NULL, NULL},
    {",'volumeOwnershipPolicy':'None'", BY_VM, FALSE, 0, NULL, NULL, NULL},
    {"", "", TRUE, 1, NULL, NULL, OF("data")}, /* R16 */
    {",'volumeOwnershipPolicy':'None'", "", TRUE, 1, NULL, NULL, OF("data")},
    {"", "", TRUE, 2, "u-larry", NULL, NULL},
    {",'volumeRestorePolicy':'InPlace'", "", TRUE, 2, NULL, NULL, "logs-dv"}, /* R13 */
};

START_TEST(a_claim_belongs_to_whom_the_policy_says)
{
    g_autoptr(LullJson) claim =
        claim_of(owners[_i].more, owners[_i].metadata, "1Gi", owners[_i].vm_is_there, owners[_i].volume);
    const char *owner = lull_meta_controller(claim);

    ck_assert_pstr_eq(*owner ? owner : NULL, owners[_i].owner);
    ck_assert_pstr_eq(text_at(claim, "annotations", "restore.kubevirt.io/owned-by-vm"),
                      owners[_i].owned_later_by);
    ck_assert_pstr_eq(text_at(claim, "annotations", "cdi.kubevirt.io/storage.populatedFor"),
                      owners[_i].adopted_by);
}
END_TEST

START_TEST(a_claim_whose_source_was_dropped_is_told)
{
    static const char *const members[] = {"dataSource", "dataSourceRef"};
    g_autoptr(LullJson) sent = claim_of("", "", "1Gi", TRUE, 0);

    ck_assert_ptr_null(lull_restore_claim_problem(sent, sent));
    for (gsize i = 0; i < G_N_ELEMENTS(members); i++) {
        g_autoptr(LullJson) answered = lull_json_dup(sent);
        g_autoptr(LullJson) of_another = lull_json_dup(sent);
        g_autofree char *dropped = NULL, *other = NULL;

        json_object_object_del(lull_json_object(answered, "spec"), members[i]);
        dropped = lull_restore_claim_problem(answered, sent);
        ck_assert_msg(dropped && strstr(dropped, "VolumeSnapshot vs-root"), "%s", dropped);
        lull_json_set_string(lull_json_at(of_another, "spec", members[i], NULL), "name", "other");
        other = lull_restore_claim_problem(of_another, sent);
        ck_assert_ptr_nonnull(other);
    }
}
END_TEST

START_TEST(what_a_restore_has_made_is_known_by_its_uid)
{
    g_autoptr(LullJson) restore = restore_json("");
    g_autoptr(LullJson) claim = claim_of("", "", "1Gi", TRUE, 0);

    ck_assert(lull_restore_made(restore, claim));
    lull_json_set_string(lull_json_object(restore, "metadata"), "uid", "another");
    ck_assert(!lull_restore_made(restore, claim));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-plan");
    TCase *tcase = tcase_create("restore-plan");

    tcase_add_loop_test(tcase, claims_are_named_by_the_policy_and_a_dump_of_memory_has_none, 0,
                        G_N_ELEMENTS(plans));
    tcase_add_test(tcase, names_that_are_too_long_are_shortened_and_stay_apart);
    tcase_add_test(tcase, data_come_from_the_attempt_that_counts);
    tcase_add_test(tcase, a_claim_is_made_from_the_snapshot_of_its_volume);
    tcase_add_test(tcase, claims_of_a_machine_with_a_long_name_are_labelled_and_found);
    tcase_add_loop_test(tcase, a_claim_is_as_large_as_it_was_or_as_a_copy_needs, 0, G_N_ELEMENTS(sizes));
    tcase_add_test(tcase, what_was_written_about_the_old_claim_is_not_said_of_the_new_one);
    tcase_add_test(tcase, labels_and_annotations_may_be_overridden_but_not_those_it_is_known_by);
    tcase_add_loop_test(tcase, a_claim_belongs_to_whom_the_policy_says, 0, G_N_ELEMENTS(owners));
    tcase_add_test(tcase, a_claim_whose_source_was_dropped_is_told);
    tcase_add_test(tcase, what_a_restore_has_made_is_known_by_its_uid);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
