/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/restore-machine.h"

#include <string.h>

#include "coordinator/cluster/restore-plan.h"
#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

/* The machine that a restore brings back; cases are those of docs/compatibility.md. */

/* By KubeVirt's rule, of the name "larry". */
#define UUID_OF_LARRY "7fc91a6e-3385-5749-addf-690bfd75fd60"

#define RUNS "'runStrategy':'Always'"

static LullJson *
restore_json(const char *target, const char *more)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'name':'back','namespace':'shop','uid':'u-back'},"
                        "'spec':{'target':{'apiGroup':'kubevirt.io','kind':'VirtualMachine','name':'%s'},"
                        "'virtualMachineSnapshotName':'snap'%s}}",
                        target, more);

    return json(text);
}

/* @spec: members of the machine's, @domain: of its domain. */
static LullJson *
content_json(const char *spec, const char *domain)
{
    g_autofree char *text = g_strdup_printf(
        "{'metadata':{'name':'c','namespace':'shop','uid':'u-c'},'spec':{'source':{'virtualMachine':{"
        "'metadata':{'name':'larry','namespace':'shop','uid':'u-larry','labels':{'app':'shop'},"
        "'annotations':{'note':'then'}},'spec':{%s,"
        "'dataVolumeTemplates':[{'metadata':{'name':'larry-data'},'spec':{'pvc':{}}}],"
        "'template':{'spec':{'domain':{'cpu':{'cores':4}%s},'volumes':["
        "{'name':'root','persistentVolumeClaim':{'claimName':'root-claim'}},"
        "{'name':'data','dataVolume':{'name':'larry-data'}},"
        "{'name':'logs','dataVolume':{'name':'logs-dv','hotpluggable':true}},"
        "{'name':'scratch','persistentVolumeClaim':{'claimName':'scratch-claim'}},"
        "{'name':'init','cloudInitNoCloud':{'userData':'#'}},"
        "{'name':'dump','memoryDump':{'claimName':'dump-claim'}}]}}}}},"
        "'volumeBackups':[{'volumeName':'root','volumeSnapshotName':'vs-root',"
        "'persistentVolumeClaim':{'metadata':{'name':'root-claim'}}},"
        "{'volumeName':'data','volumeSnapshotName':'vs-data',"
        "'persistentVolumeClaim':{'metadata':{'name':'larry-data'}}},"
        "{'volumeName':'logs','volumeSnapshotName':'vs-logs',"
        "'persistentVolumeClaim':{'metadata':{'name':'logs-dv'}}}]}}",
        spec, domain);

    return json(text);
}

/* The target as it is now. */
static LullJson *
vm_json(const char *spec)
{
    g_autofree char *text =
        g_strdup_printf("{'apiVersion':'kubevirt.io/v1','kind':'VirtualMachine','metadata':{'name':'larry',"
                        "'namespace':'shop','uid':'u-larry','labels':{'app':'now'},'resourceVersion':'7'},"
                        "'spec':{%s,'dataVolumeTemplates':[{'metadata':{'name':'larry-data'}},"
                        "{'metadata':{'name':'added-since'}}],'template':{'spec':{'domain':{}}}},"
                        "'status':{'ready':false}}",
                        spec);

    return json(text);
}

static LullJson *
bring_back(const char *target, const char *more, LullJson *take_content, LullJson *take_vm, GError **error)
{
    g_autoptr(LullJson) restore = restore_json(target, more);
    g_autoptr(LullJson) content = take_content;
    g_autoptr(LullJson) vm = take_vm;
    g_autoptr(LullJson) plan = lull_restore_plan(restore, content);

    return lull_restore_machine(restore, content, plan, vm, error);
}

static LullJson *
usual(const char *target, gboolean is_there)
{
    g_autoptr(GError) error = NULL;
    LullJson *machine =
        bring_back(target, "", content_json(RUNS, ""), is_there ? vm_json(RUNS) : NULL, &error);

    ck_assert_no_error(error);
    return machine;
}

static LullJson *
domain_of(LullJson *machine)
{
    return lull_json_at(machine, "spec", "template", "spec", "domain", NULL);
}

START_TEST(what_was_captured_stands_in_place_of_the_spec_and_nothing_else_changes)
{
    g_autoptr(LullJson) machine = usual("larry", TRUE);
    LullJson *meta = lull_json_object(machine, "metadata");

    ck_assert_int_eq(lull_json_int(lull_json_object(domain_of(machine), "cpu"), "cores", 0), 4);
    ck_assert_str_eq(lull_json_string(lull_json_object(meta, "labels"), "app", ""), "now");
    ck_assert_str_eq(lull_meta_uid(machine), "u-larry");
    ck_assert_str_eq(lull_meta_annotation(machine, "restore.kubevirt.io/lastRestoreUID"), "back-u-back");
    ck_assert_ptr_null(lull_meta_annotation(machine, "note"));
}
END_TEST

/* R24 */
START_TEST(a_new_machine_has_labels_and_annotations_of_the_old_one_and_does_not_run)
{
    g_autoptr(LullJson) machine = usual("moe", FALSE);
    LullJson *meta = lull_json_object(machine, "metadata");

    ck_assert_str_eq(lull_meta_name(machine), "moe");
    ck_assert_str_eq(lull_meta_namespace(machine), "shop");
    ck_assert_ptr_null(lull_meta_uid(machine));
    ck_assert_str_eq(lull_json_string(lull_json_object(meta, "labels"), "app", ""), "shop");
    ck_assert_str_eq(lull_meta_annotation(machine, "note"), "then");
    ck_assert_str_eq(lull_meta_annotation(machine, "restore.kubevirt.io/lastRestoreUID"), "back-u-back");
    ck_assert_str_eq(lull_json_string(lull_json_object(machine, "spec"), "runStrategy", ""), "Halted");
}
END_TEST

static const struct {
    const char *target;
    const char *annotations; /* of what was captured */
    const char *origin;      /* of what is made; NULL: it is no machine that was lost */
} origins[] = {
    {"larry", "", "u-larry"},
    {"larry", "'restore.lull.dev/original-uid':'u-first'", "u-first"},
    {"moe", "'restore.lull.dev/original-uid':'u-first'", NULL},
};

START_TEST(a_machine_that_was_lost_is_known_as_what_it_was)
{
    g_autofree char *annotations = g_strdup_printf("{%s}", origins[_i].annotations);
    g_autoptr(LullJson) machine = NULL;
    LullJson *content = content_json(RUNS, "");

    lull_json_take(lull_json_at(content, "spec", "source", "virtualMachine", "metadata", NULL), "annotations",
                   json(annotations));
    machine = bring_back(origins[_i].target, "", content, NULL, NULL);
    ck_assert_pstr_eq(lull_meta_annotation(machine, "restore.lull.dev/original-uid"), origins[_i].origin);
}
END_TEST

static const struct {
    const char *captured, *live; /* live NULL: it is not there */
    const char *strategy;        /* NULL: none */
    gboolean by_running;
} strategies[] = {
    {RUNS, "'runStrategy':'Manual'", "Manual", FALSE}, /* R11 */
    {"'running':true", "'runStrategy':'Manual'", "Manual", FALSE},
    {RUNS, "'running':true", NULL, TRUE},
    {RUNS, NULL, "Halted", FALSE},
    {"'running':true", NULL, NULL, TRUE},
};

START_TEST(whether_it_runs_is_not_restored)
{
    g_autoptr(LullJson) machine = bring_back("larry", "", content_json(strategies[_i].captured, ""),
                                             strategies[_i].live ? vm_json(strategies[_i].live) : NULL, NULL);
    LullJson *spec = lull_json_object(machine, "spec");

    ck_assert_pstr_eq(lull_json_string(spec, "runStrategy", NULL), strategies[_i].strategy);
    ck_assert(json_object_object_get_ex(spec, "running", NULL) == strategies[_i].by_running);
    ck_assert(!lull_json_bool(spec, "running", FALSE));
}
END_TEST

/* R35 for the dump */
START_TEST(volumes_are_those_that_the_restore_made_and_others_stay)
{
    g_autoptr(LullJson) machine = usual("larry", TRUE);
    LullJson *inner = lull_json_at(machine, "spec", "template", "spec", NULL);
    LullJson *templates = lull_json_array(lull_json_object(machine, "spec"), "dataVolumeTemplates");
    g_autoptr(LullJson) wanted = json(
        "[{'name':'root','persistentVolumeClaim':{'claimName':'restore-u-back-root'}},"
        "{'name':'data','dataVolume':{'name':'restore-u-back-data'}},"
        "{'name':'logs','persistentVolumeClaim':{'claimName':'restore-u-back-logs','hotpluggable':true}},"
        "{'name':'scratch','persistentVolumeClaim':{'claimName':'scratch-claim'}},"
        "{'name':'init','cloudInitNoCloud':{'userData':'#'}}]");

    ck_assert_msg(lull_json_equal(lull_json_array(inner, "volumes"), wanted), "%s",
                  lull_json_to_line(lull_json_array(inner, "volumes")));
    ck_assert_uint_eq(json_object_array_length(templates), 1);
    ck_assert_str_eq(lull_meta_name(json_object_array_get_idx(templates, 0)), "restore-u-back-data");
}
END_TEST

START_TEST(in_place_the_volumes_are_as_they_were)
{
    g_autoptr(LullJson) content = content_json(RUNS, "");
    LullJson *old =
        lull_json_at(content, "spec", "source", "virtualMachine", "spec", "template", "spec", NULL);
    g_autoptr(LullJson) machine = bring_back("larry", ",'volumeRestorePolicy':'InPlace'",
                                             json_object_get(content), vm_json(RUNS), NULL);
    LullJson *now = lull_json_array(lull_json_at(machine, "spec", "template", "spec", NULL), "volumes");

    for (size_t i = 0; i < 2; i++)
        ck_assert(lull_json_equal(json_object_array_get_idx(now, i),
                                  json_object_array_get_idx(lull_json_array(old, "volumes"), i)));
}
END_TEST

static const struct {
    const char *domain, *target, *uuid; /* uuid NULL: none */
} firmware[] = {
    {"", "larry", UUID_OF_LARRY},                     /* R18 */
    {",'firmware':{'uuid':'mine'}", "larry", "mine"}, /* R18 */
    {",'firmware':{'serial':'s'}", "larry", UUID_OF_LARRY},
    {"", "moe", NULL},
};

START_TEST(a_machine_that_comes_back_under_its_name_has_the_firmware_uuid_that_it_had)
{
    g_autoptr(LullJson) machine =
        bring_back(firmware[_i].target, "", content_json(RUNS, firmware[_i].domain), NULL, NULL);

    ck_assert_pstr_eq(lull_json_string(lull_json_object(domain_of(machine), "firmware"), "uuid", NULL),
                      firmware[_i].uuid);
}
END_TEST

#define PATCH(text) ",'patches':[" text "]"

/* R25 */
START_TEST(a_new_machine_is_patched)
{
    g_autoptr(LullJson) machine = bring_back(
        "moe",
        PATCH("'{\\'op\\':\\'add\\',\\'path\\':\\'/spec/mac\\',\\'value\\':\\'52:54:00:00:00:01\\'}',"
              "'{\\'op\\':\\'replace\\',\\'path\\':\\'/metadata/labels/app\\',\\'value\\':\\'new, too\\'}'"),
        content_json(RUNS, ""), NULL, NULL);

    ck_assert_str_eq(lull_json_string(lull_json_object(machine, "spec"), "mac", ""), "52:54:00:00:00:01");
    ck_assert_str_eq(lull_json_string(lull_json_at(machine, "metadata", "labels", NULL), "app", ""),
                     "new, too");
}
END_TEST

START_TEST(one_that_is_there_is_not_patched)
{
    g_autoptr(LullJson) machine =
        bring_back("larry", PATCH("'{\\'op\\':\\'add\\',\\'path\\':\\'/spec/mac\\',\\'value\\':\\'x\\'}'"),
                   content_json(RUNS, ""), vm_json(RUNS), NULL);

    ck_assert_ptr_null(lull_json_string(lull_json_object(machine, "spec"), "mac", NULL));
}
END_TEST

#define IDENTITY                                                                                             \
    ",'firmware':{'uuid':'u','serial':'s','bootloader':{'bios':{}}},'devices':{'interfaces':["               \
    "{'name':'a','macAddress':'52:54:00:00:00:0A','bridge':{}},{'name':'b','macAddress':'52:54:00:00:00:0b'" \
    "},"                                                                                                     \
    "{'name':'c'}]}"
#define SET(path, value)                                                                                  \
    "'{\\'op\\':\\'replace\\',\\'path\\':\\'/spec/template/spec/domain/" path "\\',\\'value\\':\\'" value \
    "\\'}'"

/* What it is known by is its own, but for what was asked for; under its own name it is what it was. */
static const struct {
    const char *target, *more, *domain;
} identities[] = {
    {"larry", "", "{'cpu':{'cores':4}" IDENTITY "}"},
    {"moe", "",
     "{'cpu':{'cores':4},'firmware':{'bootloader':{'bios':{}}},'devices':{'interfaces':[{'name':'a','bridge':"
     "{}},"
     "{'name':'b'},{'name':'c'}]}}"},
    {"moe",
     PATCH(SET("devices/interfaces/0/macAddress", "52:54:00:00:00:0f") "," SET("firmware/serial", "t")),
     "{'cpu':{'cores':4},'firmware':{'serial':'t','bootloader':{'bios':{}}},'devices':{'interfaces':[{'name':"
     "'a',"
     "'macAddress':'52:54:00:00:00:0f','bridge':{}},{'name':'b'},{'name':'c'}]}}"},
    /* those of another interface are still the old machine's */
    {"moe", PATCH(SET("devices/interfaces/0/macAddress", "52:54:00:00:00:0B")),
     "{'cpu':{'cores':4},'firmware':{'bootloader':{'bios':{}}},'devices':{'interfaces':[{'name':'a','bridge':"
     "{}},"
     "{'name':'b'},{'name':'c'}]}}"},
};

/* R25 */
START_TEST(a_copy_is_known_by_other_addresses_and_numbers_than_what_it_is_a_copy_of)
{
    g_autoptr(LullJson) machine =
        bring_back(identities[_i].target, identities[_i].more, content_json(RUNS, IDENTITY), NULL, NULL);
    g_autoptr(LullJson) expected = json(identities[_i].domain);

    ck_assert_msg(lull_json_equal(domain_of(machine), expected), "%s", lull_json_to_line(domain_of(machine)));
}
END_TEST

#define OP(op, path, value, more) \
    "'{\\'op\\':\\'" op "\\',\\'path\\':\\'" path "\\',\\'value\\':\\'" value "\\'" more "}'"

static const char *const wrong[] = {
    PATCH("'{'"),
    PATCH("'[]'"),
    PATCH("'{\\'op\\':\\'remove\\',\\'path\\':\\'/spec/none\\'}'"),
    /* what an API server's rules let through, which do not read them */
    PATCH(OP("replace", "/metadata/namespace", "victim", ",\\'x\\':{\\'path\\':\\'/spec/a\\'}")),
    PATCH(OP("replace", "/spec/a", "victim", ",\\'path\\':\\'/metadata/namespace\\'")),
    PATCH(OP("replace", "/metadata/name", "other", ",\\'x\\':{\\'path\\':\\'/spec/a\\'}")),
    PATCH(OP("replace", "", "no machine", ",\\'x\\':{\\'path\\':\\'/spec/a\\'}")),
    PATCH(OP("add", "/metadata/ownerReferences", "x", ",\\'x\\':{\\'path\\':\\'/spec/a\\'}")),
    PATCH(OP("add", "/status", "x", ",\\'x\\':{\\'path\\':\\'/spec/a\\'}")),
    PATCH(OP("move", "/spec/a", "x", ",\\'from\\':\\'/metadata/name\\'")),
    ",'patches':[{'op':'replace','path':'/metadata/name','value':'x'}]",
};

START_TEST(patches_that_do_not_apply_are_refused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) machine = bring_back("moe", wrong[_i], content_json(RUNS, ""), NULL, &error);

    ck_assert_ptr_null(machine);
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_msg(g_str_has_prefix(error->message, "spec.patches"), "%s", error->message);
}
END_TEST

/* So many faults that no more are told. */
START_TEST(patches_are_looked_at_whatever_else_is_wrong)
{
    g_autoptr(GString) more = g_string_new(",'volumeRestoreOverrides':[{}");
    g_autoptr(GError) error = NULL;
    g_autoptr(LullJson) machine = NULL;

    for (guint i = 0; i < 200; i++)
        g_string_append(more, ",{}");
    g_string_append(more, "]" PATCH(OP("replace", "/metadata/name", "other", "")));
    machine = bring_back("moe", more->str, content_json(RUNS, ""), NULL, &error);
    ck_assert_ptr_null(machine);
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(data_volumes_that_came_since_are_surplus)
{
    g_autoptr(LullJson) vm = vm_json(RUNS);
    g_autoptr(LullJson) in_place = bring_back("larry", ",'volumeRestorePolicy':'InPlace'",
                                              content_json(RUNS, ""), json_object_get(vm), NULL);
    g_autoptr(LullJson) random = bring_back("larry", "", content_json(RUNS, ""), json_object_get(vm), NULL);
    g_autoptr(LullJson) one = lull_restore_surplus(vm, in_place);
    g_autoptr(LullJson) both = lull_restore_surplus(vm, random);

    ck_assert_str_eq(lull_json_to_line(one), "[\"added-since\"]");
    ck_assert_str_eq(lull_json_to_line(both), "[\"larry-data\",\"added-since\"]");
}
END_TEST

START_TEST(a_volume_that_the_snapshot_lacks_is_left_alone)
{
    g_autoptr(LullJson) content = content_json(RUNS, "");
    g_autoptr(LullJson) machine = bring_back("larry", "", json_object_get(content), vm_json(RUNS), NULL);
    g_autoptr(LullJson) names = lull_restore_left_alone(content, machine);

    ck_assert_str_eq(lull_json_to_line(names), "[\"scratch\"]");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("restore-machine");
    TCase *tcase = tcase_create("restore-machine");

    tcase_add_test(tcase, what_was_captured_stands_in_place_of_the_spec_and_nothing_else_changes);
    tcase_add_test(tcase, a_new_machine_has_labels_and_annotations_of_the_old_one_and_does_not_run);
    tcase_add_loop_test(tcase, a_machine_that_was_lost_is_known_as_what_it_was, 0, G_N_ELEMENTS(origins));
    tcase_add_loop_test(tcase, whether_it_runs_is_not_restored, 0, G_N_ELEMENTS(strategies));
    tcase_add_test(tcase, volumes_are_those_that_the_restore_made_and_others_stay);
    tcase_add_test(tcase, in_place_the_volumes_are_as_they_were);
    tcase_add_loop_test(tcase, a_machine_that_comes_back_under_its_name_has_the_firmware_uuid_that_it_had, 0,
                        G_N_ELEMENTS(firmware));
    tcase_add_test(tcase, a_new_machine_is_patched);
    tcase_add_test(tcase, one_that_is_there_is_not_patched);
    tcase_add_loop_test(tcase, a_copy_is_known_by_other_addresses_and_numbers_than_what_it_is_a_copy_of, 0,
                        G_N_ELEMENTS(identities));
    tcase_add_loop_test(tcase, patches_that_do_not_apply_are_refused, 0, G_N_ELEMENTS(wrong));
    tcase_add_test(tcase, patches_are_looked_at_whatever_else_is_wrong);
    tcase_add_test(tcase, data_volumes_that_came_since_are_surplus);
    tcase_add_test(tcase, a_volume_that_the_snapshot_lacks_is_left_alone);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
