/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/check.h"
#include "coordinator/model/kind.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* Each row changes a good object by a merge patch. */

static LullJson *
good_object(const LullKind *kind)
{
    if (kind == &lull_kind_snapshot)
        return snapshot_json("snap-larry", "");
    if (kind == &lull_kind_restore)
        return json("{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineRestore','metadata':"
                    "{'name':'restore-larry'},'spec':{'target':{'apiGroup':'kubevirt.io','kind':"
                    "'VirtualMachine','name':'larry'},'virtualMachineSnapshotName':'snap-larry'}}");
    return json(
        "{'apiVersion':'snapshot.kubevirt.io/v1beta1','kind':'VirtualMachineSnapshotContent','metadata':"
        "{'name':'content'},'spec':{'virtualMachineSnapshotName':'snap-larry','source':"
        "{'virtualMachine':{'metadata':{'name':'larry'},'spec':{'anything':[{'goes':1}]}}},"
        "'volumeBackups':[{'volumeName':'rootdisk','persistentVolumeClaim':{'metadata':{},'spec':{}},"
        "'volumeSnapshotName':'v'}]}}");
}

#define SNAPSHOT &lull_kind_snapshot
#define CONTENT  &lull_kind_content
#define RESTORE  &lull_kind_restore

static const struct {
    const LullKind *kind;
    const char *patch;
} good[] = {
    {SNAPSHOT, "{}"},
    {SNAPSHOT, "{'apiVersion':'snapshot.kubevirt.io/v1alpha1'}"},
    {SNAPSHOT, "{'spec':{'failureDeadline':'1m','deletionPolicy':'Retain'}}"},
    {SNAPSHOT, "{'spec':{'failureDeadline':60}}"},
    {SNAPSHOT, "{'spec':{'failureDeadline':'0'}}"},
    {SNAPSHOT, "{'spec':{'failureDeadline':'-1.5h'}}"},
    {SNAPSHOT, "{'metadata':{'name':'','generateName':'snap-'}}"},
    {SNAPSHOT,
     "{'metadata':{'labels':{'a.org/b':'c','d':''},'annotations':{'lull.dev/require':'fs',"
     "'lull.dev/exclude-volumes':'vdb, vdc','lull.dev/quiesce-report':'any text','example.org/x':'y'}}}"},
    {SNAPSHOT, "{'metadata':{'ownerReferences':[{'apiVersion':'v1','kind':'X','name':'x','uid':'u'}]}}"},
    {SNAPSHOT,
     "{'status':{'phase':'InProgress','conditions':[{'type':'Ready','status':'True','reason':'Ready'}],"
     "'snapshotVolumes':{'includedVolumes':['a'],'excludedVolumes':[]},'error':{'message':'x'},"
     "'sourceIndications':[{'indication':'Online','message':'m'}],'indications':['Online'],"
     "'creationTime':'2026-01-01T00:00:00Z','readyToUse':true,'sourceUID':'u'}}"},
    {CONTENT, "{}"},
    {CONTENT,
     "{'status':{'readyToUse':true,'volumeSnapshotStatus':[{'volumeSnapshotName':'v','readyToUse':true}]}}"},
    {RESTORE, "{}"},
    {RESTORE, "{'spec':{'targetReadinessPolicy':'WaitEventually','volumeRestorePolicy':'InPlace',"
              "'volumeOwnershipPolicy':'None'}}"},
    {RESTORE, "{'spec':{'volumeOwnershipPolicy':'VM'}}"},
    {RESTORE, "{'spec':{'volumeRestoreOverrides':[{'volumeName':'a','restoreName':'b'},{'volumeName':'c',"
              "'labels':{'a':'b'}},{'volumeName':'d','annotations':{}}]}}"},
    {RESTORE,
     "{'spec':{'patches':['{\\'op\\':\\'replace\\',\\'path\\':\\'/spec/a\\',\\'value\\':\\'00:11:22\\'}',"
     "'{\\'op\\':\\'remove\\',\\'path\\':\\'/metadata/labels/x\\'}',"
     "'{\\'op\\':\\'add\\',\\'path\\':\\'/metadata/annotations/k\\',\\'value\\':{\\'a\\':[1,2]}}']}}"},
    {RESTORE, "{'status':{'complete':false,'restores':[{'volumeName':'a','persistentVolumeClaim':'b',"
              "'volumeSnapshotName':'c'}],'deletedDataVolumes':['x'],'restoreTime':'2026-01-01T00:00:00Z'}}"},
};

START_TEST(a_good_object_is_taken)
{
    g_autoptr(LullJson) base = good_object(good[_i].kind);
    g_autoptr(LullJson) patch = json(good[_i].patch);
    g_autoptr(LullJson) object = lull_json_merge_patch(base, patch);
    g_autoptr(GError) error = NULL;

    ck_assert_msg(lull_kind_validate(good[_i].kind, object, NULL, TRUE, &error), "%s: %s", good[_i].patch,
                  error ? error->message : "");
}
END_TEST

static const struct {
    const LullKind *kind;
    const char *patch, *field, *says;
} bad[] = {
    {SNAPSHOT, "{'apiVersion':'snapshot.kubevirt.io/v2'}", "apiVersion", "snapshot.kubevirt.io/v1beta1"},
    {SNAPSHOT, "{'apiVersion':null}", "apiVersion", "snapshot.kubevirt.io/v1alpha1"},
    {SNAPSHOT, "{'kind':'Pod'}", "kind", "expected VirtualMachineSnapshot, got \"Pod\""},
    {SNAPSHOT, "{'unheardOf':1}", "unheardOf", "unknown field"},
    {SNAPSHOT, "{'metadata':null}", "metadata", "required"},
    {SNAPSHOT, "{'metadata':'x'}", "metadata", "expected an object, got a string"},
    {SNAPSHOT, "{'metadata':{'name':null}}", "metadata.name", "name or generateName is required"},
    {SNAPSHOT, "{'metadata':{'name':''}}", "metadata.name", "name or generateName is required"},
    {SNAPSHOT, "{'metadata':{'name':7}}", "metadata.name", "expected a string, got a number"},
    {SNAPSHOT, "{'metadata':{'name':'Snap_Larry'}}", "metadata.name", "\"Snap_Larry\" is no name"},
    {SNAPSHOT, "{'metadata':{'name':null,'generateName':'A-'}}", "metadata.generateName", "is no name"},
    {SNAPSHOT, "{'metadata':{'name':'a\\u0000b'}}", "metadata.name", "zero byte"},
    {SNAPSHOT, "{'metadata':{'labels':{'a':'b\\u0000'}}}", "metadata.labels[\"a\"]", "zero byte"},
    {SNAPSHOT, "{'metadata':{'namespace':'a.b'}}", "metadata.namespace", "is no namespace"},
    {SNAPSHOT, "{'metadata':{'Labels':{}}}", "metadata.Labels", "did you mean labels?"},
    {SNAPSHOT, "{'metadata':{'labels':{'a':true}}}", "metadata.labels[\"a\"]",
     "expected a string, got a boolean"},
    {SNAPSHOT, "{'metadata':{'labels':{'a b':'c'}}}", "metadata.labels", "\"a b\" is no key"},
    {SNAPSHOT, "{'metadata':{'labels':{'a':'b c'}}}", "metadata.labels", "\"b c\" is no value of label a"},
    {SNAPSHOT, "{'metadata':{'annotations':{'/':''}}}", "metadata.annotations", "is no key"},
    {SNAPSHOT, "{'metadata':{'annotations':{'lull.dev/require':'flying'}}}",
     "metadata.annotations[lull.dev/require]", "\"flying\" is none of app, fs, crash"},
    {SNAPSHOT, "{'metadata':{'annotations':{'lull.dev/requires':'fs'}}}",
     "metadata.annotations[lull.dev/requires]", "unknown annotation"},
    {RESTORE, "{'metadata':{'annotations':{'lull.dev/exclude-volumes':'vdb'}}}",
     "metadata.annotations[lull.dev/exclude-volumes]", "unknown annotation"},
    {SNAPSHOT, "{'metadata':{'finalizers':['']}}", "metadata.finalizers", "is no finalizer"},
    {SNAPSHOT, "{'metadata':{'finalizers':[1]}}", "metadata.finalizers[0]", "expected a string"},
    {SNAPSHOT, "{'metadata':{'ownerReferences':[{'kind':'X'}]}}", "metadata.ownerReferences[0].uid",
     "required"},
    {SNAPSHOT, "{'spec':null}", "spec", "required"},
    {SNAPSHOT, "{'spec':[]}", "spec", "expected an object, got a list"},
    {SNAPSHOT, "{'spec':{'source':null}}", "spec.source", "required"},
    {SNAPSHOT, "{'spec':{'source':'larry'}}", "spec.source", "expected an object, got a string"},
    {SNAPSHOT, "{'spec':{'source':{'apiGroup':null}}}", "spec.source.apiGroup", "missing apiGroup"},
    {SNAPSHOT, "{'spec':{'source':{'apiGroup':'apps'}}}", "spec.source.apiGroup", "invalid apiGroup"},
    {SNAPSHOT, "{'spec':{'source':{'kind':null}}}", "spec.source.kind", "required"},
    {SNAPSHOT, "{'spec':{'source':{'kind':'Pod'}}}", "spec.source.kind", "invalid kind"},
    {SNAPSHOT, "{'spec':{'source':{'name':''}}}", "spec.source.name", "must not be empty"},
    {SNAPSHOT, "{'spec':{'source':{'namespace':'x'}}}", "spec.source.namespace", "unknown field"},
    {SNAPSHOT, "{'spec':{'FailureDeadline':'1m'}}", "spec.FailureDeadline", "did you mean failureDeadline?"},
    {SNAPSHOT, "{'spec':{'failureDeadline':'5 minutes'}}", "spec.failureDeadline",
     "\"5 minutes\" is no duration"},
    {SNAPSHOT, "{'spec':{'failureDeadline':{}}}", "spec.failureDeadline", "expected a duration"},
    {SNAPSHOT, "{'spec':{'deletionPolicy':'delete'}}", "spec.deletionPolicy",
     "deletion policy \"delete\" doesn't exist: expected one of Delete, Retain"},
    {SNAPSHOT, "{'status':{'phase':'Done'}}", "status.phase", "phase \"Done\" doesn't exist"},
    {SNAPSHOT, "{'status':{'creationTime':'yesterday'}}", "status.creationTime", "\"yesterday\" is no time"},
    {SNAPSHOT, "{'status':{'readyToUse':'yes'}}", "status.readyToUse",
     "expected true or false, got a string"},
    {SNAPSHOT, "{'status':{'conditions':[{'status':'True'}]}}", "status.conditions[0].type", "required"},
    {SNAPSHOT, "{'status':{'conditions':{}}}", "status.conditions", "expected a list, got an object"},
    {SNAPSHOT, "{'status':{'indications':[1]}}", "status.indications[0]", "expected a string"},
    {CONTENT, "{'spec':{'source':null}}", "spec.source", "required"},
    {CONTENT, "{'spec':{'volumeBackups':[{'volumeName':'a'}]}}",
     "spec.volumeBackups[0].persistentVolumeClaim", "required"},
    {CONTENT, "{'spec':{'source':{'virtualMachine':{'more':1}}}}", "spec.source.virtualMachine.more",
     "unknown"},
    {RESTORE, "{'spec':{'target':null}}", "spec.target", "required"},
    {RESTORE, "{'spec':{'target':{'apiGroup':null}}}", "spec.target.apiGroup", "missing apiGroup"},
    {RESTORE, "{'spec':{'target':{'kind':'Pod'}}}", "spec.target.kind", "invalid kind"},
    {RESTORE, "{'spec':{'target':{'name':'../larry'}}}", "spec.target.name",
     "\"../larry\" is no name (DNS-1123 subdomain)"},
    {RESTORE, "{'spec':{'target':{'name':'New VM'}}}", "spec.target.name", "\"New VM\" is no name"},
    {RESTORE, "{'spec':{'target':{'name':'a/b'}}}", "spec.target.name", "is no name"},
    {RESTORE, "{'spec':{'target':{'name':''}}}", "spec.target.name", "empty"},
    {RESTORE, "{'spec':{'virtualMachineSnapshotName':null}}", "spec.virtualMachineSnapshotName", "required"},
    {RESTORE, "{'spec':{'virtualMachineSnapshotName':''}}", "spec.virtualMachineSnapshotName", "empty"},
    {RESTORE, "{'spec':{'targetReadinessPolicy':'Later'}}", "spec.targetReadinessPolicy",
     "expected one of WaitGracePeriod, StopTarget, FailImmediate, WaitEventually"},
    {RESTORE, "{'spec':{'volumeRestorePolicy':'bogus'}}", "spec.volumeRestorePolicy",
     "volume restore policy \"bogus\" doesn't exist"},
    {RESTORE, "{'spec':{'volumeOwnershipPolicy':'bogus'}}", "spec.volumeOwnershipPolicy",
     "volume ownership policy \"bogus\" doesn't exist"},
    {RESTORE, "{'spec':{'volumeRestoreOverrides':[{'restoreName':'b'}]}}",
     "spec.volumeRestoreOverrides[0].volumeName", "must provide a volume name"},
    {RESTORE, "{'spec':{'volumeRestoreOverrides':[{'volumeName':'b'}]}}", "spec.volumeRestoreOverrides[0]",
     "must provide at least one overriden field"},
    {RESTORE, "{'spec':{'volumeRestoreOverrides':['x']}}", "spec.volumeRestoreOverrides[0]",
     "expected an object"},
    {RESTORE, "{'spec':{'patches':['{']}}", "spec.patches[0]", "patch format is not valid"},
    {RESTORE, "{'spec':{'patches':['[]']}}", "spec.patches[0]", "patch format is not valid"},
    {RESTORE, "{'spec':{'patches':[{}]}}", "spec.patches[0]", "expected a string"},
    {RESTORE, "{'spec':{'patches':['{\\'op\\':\\'set\\',\\'path\\':\\'/spec/a\\'}']}}", "spec.patches[0]",
     "op must be one of"},
    {RESTORE, "{'spec':{'patches':['{\\'op\\':\\'add\\',\\'path\\':\\'/metadata\\'}']}}", "spec.patches[0]",
     "patching is valid only for elements under /spec/ only: \"/metadata\""},
    {RESTORE, "{'spec':{'patches':['{\\'op\\':\\'add\\',\\'path\\':\\'/metadata/name\\'}']}}",
     "spec.patches[0]", "patching is valid only"},
    {RESTORE, "{'spec':{'patches':['{\\'op\\':\\'add\\',\\'path\\':\\'/status/ready\\'}']}}",
     "spec.patches[0]", "patching is valid only"},
    {RESTORE, "{'spec':{'patches':['{\\'op\\':\\'add\\'}']}}", "spec.patches[0]", "patching is valid only"},
    {RESTORE,
     "{'spec':{'patches':['{\\'op\\':\\'move\\',\\'path\\':\\'/spec/a\\',\\'from\\':\\'/kind\\'}']}}",
     "spec.patches[0]", "\"/kind\""},
};

START_TEST(a_wrong_object_is_refused_by_the_fields_name)
{
    g_autoptr(LullJson) base = good_object(bad[_i].kind);
    g_autoptr(LullJson) patch = json(bad[_i].patch);
    g_autoptr(LullJson) object = lull_json_merge_patch(base, patch);
    g_autoptr(LullJson) causes = lull_kind_check(bad[_i].kind, object, NULL, TRUE);
    gboolean found = FALSE;

    ck_assert_msg(causes != NULL, "%s was taken", bad[_i].patch);
    for (size_t i = 0; i < json_object_array_length(causes); i++) {
        LullJson *cause = json_object_array_get_idx(causes, i);
        found |= g_str_equal(lull_json_string(cause, "field", ""), bad[_i].field) &&
                 strstr(lull_json_string(cause, "message", ""), bad[_i].says) &&
                 g_str_has_prefix(lull_json_string(cause, "reason", ""), "FieldValue");
    }
    ck_assert_msg(found, "%s: %s", bad[_i].patch, lull_json_to_line(causes));
}
END_TEST

START_TEST(a_target_that_was_taken_once_does_not_hold_its_restore_back)
{
    g_autoptr(LullJson) object = good_object(RESTORE);

    lull_json_set_string(lull_json_at(object, "spec", "target", NULL), "name", "Old One");
    ck_assert(!lull_kind_validate(RESTORE, object, NULL, TRUE, NULL));
    ck_assert(lull_kind_validate(RESTORE, object, object, TRUE, NULL));
}
END_TEST

START_TEST(the_first_cause_is_the_error)
{
    g_autoptr(LullJson) object = snapshot_json("snap", "");
    g_autoptr(GError) error = NULL;
    lull_json_set_string(lull_json_object(object, "spec"), "failureDeadline", "5 minutes");
    lull_json_set_string(lull_json_object(object, "spec"), "deletionPolicy", "x");

    ck_assert(!lull_kind_validate(SNAPSHOT, object, NULL, TRUE, &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert(g_str_has_prefix(error->message, "spec.failureDeadline: \"5 minutes\" is no duration"));
}
END_TEST

START_TEST(unknown_fields_pass_where_they_may)
{
    g_autoptr(LullJson) object = snapshot_json("snap", "");
    lull_json_set_string(lull_json_object(object, "spec"), "unheardOf", "x");
    lull_json_set_string(object, "unheardOf", "x");

    ck_assert(lull_kind_validate(SNAPSHOT, object, NULL, FALSE, NULL));
    ck_assert(!lull_kind_validate(SNAPSHOT, object, NULL, TRUE, NULL));
}
END_TEST

START_TEST(causes_are_bounded_and_safe_to_show)
{
    g_autoptr(LullJson) object = snapshot_json("snap", "");
    LullJson *spec = lull_json_object(object, "spec");
    g_autofree char *endless = g_strnfill(100000, 'x');
    lull_json_set_string(spec, "evil\033[2J", "x");
    lull_json_set_string(spec, endless, "x");
    lull_json_set_string(spec, "deletionPolicy", endless);
    for (int i = 0; i < 100; i++) {
        g_autofree char *key = g_strdup_printf("f%d", i);
        lull_json_set_string(spec, key, "x");
    }
    g_autoptr(LullJson) causes = lull_kind_check(SNAPSHOT, object, NULL, TRUE);

    ck_assert_uint_eq(json_object_array_length(causes), LULL_KIND_MAX_CAUSES);
    ck_assert_uint_lt(strlen(lull_json_to_line(causes)), 4096);
    ck_assert_ptr_null(strstr(lull_json_to_line(causes), "u001b"));
}
END_TEST

START_TEST(what_may_be_anything_may_not_be_endlessly_deep)
{
    g_autoptr(LullJson) object = good_object(CONTENT);
    LullJson *vm = lull_json_at(object, "spec", "source", "virtualMachine", NULL);
    LullJson *inner = json_object_new_object();
    for (int i = 0; i < 40; i++) {
        LullJson *outer = json_object_new_array();
        json_object_array_add(outer, inner);
        inner = outer;
    }
    lull_json_take(vm, "spec", inner);
    g_autoptr(GError) error = NULL;

    ck_assert(!lull_kind_validate(CONTENT, object, NULL, TRUE, &error));
    ck_assert(g_str_has_prefix(error->message, "spec.source.virtualMachine.spec: nested deeper"));
}
END_TEST

START_TEST(annotations_end_at_256_kib)
{
    g_autoptr(LullJson) object = snapshot_json("snap", "");
    g_autofree char *large = g_strnfill(256 * 1024, 'x');
    g_autoptr(GError) error = NULL;
    lull_json_set_string(lull_json_ensure(lull_json_object(object, "metadata"), "annotations"), "a", large);

    ck_assert(!lull_kind_validate(SNAPSHOT, object, NULL, TRUE, &error));
    ck_assert(g_str_has_prefix(error->message, "metadata.annotations: "));
}
END_TEST

/* As many of one entry. */
static LullJson *
restore_with(const char *field, LullJson *take_entry, guint count)
{
    LullJson *object = good_object(RESTORE);
    LullJson *list = json_object_new_array();

    for (guint i = 0; i < count; i++)
        json_object_array_add(list, json_object_get(take_entry));
    lull_json_take(lull_json_object(object, "spec"), field, list);
    json_object_put(take_entry);
    return object;
}

static LullJson *
patch_of(gsize size)
{
    g_autofree char *filled = g_strnfill(size, 'x');
    g_autofree char *start =
        g_strdup_printf("{\"op\":\"add\",\"path\":\"/spec/a\",\"value\":\"%s\"}", filled);

    return json_object_new_string(start);
}

START_TEST(a_restore_has_bounds)
{
    const gsize room =
        LULL_RESTORE_MAX_PATCH - strlen("{\"op\":\"add\",\"path\":\"/spec/a\",\"value\":\"\"}");
    g_autoptr(LullJson) many = restore_with("patches", patch_of(1), LULL_RESTORE_MAX_PATCHES);
    g_autoptr(LullJson) long_one = restore_with("patches", patch_of(room), 1);
    g_autoptr(LullJson) too_many = restore_with("patches", patch_of(1), LULL_RESTORE_MAX_PATCHES + 1);
    g_autoptr(LullJson) too_long = restore_with("patches", patch_of(room + 1), 1);
    g_autoptr(LullJson) overrides = restore_with(
        "volumeRestoreOverrides", json("{'volumeName':'a','labels':{}}"), LULL_RESTORE_MAX_OVERRIDES + 1);
    g_autoptr(GError) error = NULL;

    ck_assert(lull_kind_validate(RESTORE, many, NULL, TRUE, NULL));
    ck_assert(lull_kind_validate(RESTORE, long_one, NULL, TRUE, NULL));
    ck_assert(!lull_kind_validate(RESTORE, too_many, NULL, TRUE, &error));
    ck_assert_str_eq(error->message, "spec.patches: too many: at most 64");
    g_clear_error(&error);
    ck_assert(!lull_kind_validate(RESTORE, too_long, NULL, TRUE, &error));
    ck_assert_str_eq(error->message, "spec.patches[0]: too long: at most 16384 characters");
    g_clear_error(&error);
    ck_assert(!lull_kind_validate(RESTORE, overrides, NULL, TRUE, &error));
    ck_assert_str_eq(error->message, "spec.volumeRestoreOverrides: too many: at most 256");
}
END_TEST

START_TEST(an_annotation_that_was_there_before_passes)
{
    g_autoptr(LullJson) old =
        snapshot_json("snap", ",'annotations':{'lull.dev/require':'flying','lull.dev/a':''}");
    g_autoptr(LullJson) same = lull_json_dup(old);
    g_autoptr(LullJson) less = snapshot_json("snap", ",'annotations':{'lull.dev/a':'','b':'c'}");
    g_autoptr(LullJson) other = snapshot_json("snap", ",'annotations':{'lull.dev/require':'slow'}");
    g_autoptr(GError) error = NULL;

    ck_assert(lull_kind_validate(SNAPSHOT, same, old, TRUE, NULL));
    ck_assert(lull_kind_validate(SNAPSHOT, less, old, TRUE, NULL));
    ck_assert(!lull_kind_validate(SNAPSHOT, other, old, TRUE, &error));
    ck_assert(
        g_str_has_prefix(error->message, "metadata.annotations[lull.dev/require]: \"slow\" is none of"));
}
END_TEST

START_TEST(no_object_at_all_is_refused)
{
    g_autoptr(LullJson) list = json("[]");

    ck_assert(!lull_kind_validate(SNAPSHOT, list, NULL, TRUE, NULL));
    ck_assert(!lull_kind_validate(SNAPSHOT, NULL, NULL, TRUE, NULL));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("validate");
    TCase *tcase = tcase_create("validate");

    tcase_add_loop_test(tcase, a_good_object_is_taken, 0, G_N_ELEMENTS(good));
    tcase_add_loop_test(tcase, a_wrong_object_is_refused_by_the_fields_name, 0, G_N_ELEMENTS(bad));
    tcase_add_test(tcase, a_target_that_was_taken_once_does_not_hold_its_restore_back);
    tcase_add_test(tcase, the_first_cause_is_the_error);
    tcase_add_test(tcase, unknown_fields_pass_where_they_may);
    tcase_add_test(tcase, causes_are_bounded_and_safe_to_show);
    tcase_add_test(tcase, what_may_be_anything_may_not_be_endlessly_deep);
    tcase_add_test(tcase, annotations_end_at_256_kib);
    tcase_add_test(tcase, a_restore_has_bounds);
    tcase_add_test(tcase, an_annotation_that_was_there_before_passes);
    tcase_add_test(tcase, no_object_at_all_is_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
