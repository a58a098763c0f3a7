/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/cli/manifest.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define SNAPSHOT(name)                           \
    "apiVersion: snapshot.kubevirt.io/v1beta1\n" \
    "kind: VirtualMachineSnapshot\n"             \
    "metadata:\n"                                \
    "  name: " name "\n"                         \
    "spec:\n"                                    \
    "  source:\n"                                \
    "    apiGroup: kubevirt.io\n"                \
    "    kind: VirtualMachine\n"                 \
    "    name: larry\n"
#define RESTORE(name)                            \
    "apiVersion: snapshot.kubevirt.io/v1beta1\n" \
    "kind: VirtualMachineRestore\n"              \
    "metadata:\n"                                \
    "  name: " name "\n"                         \
    "spec:\n"                                    \
    "  target:\n"                                \
    "    apiGroup: kubevirt.io\n"                \
    "    kind: VirtualMachine\n"                 \
    "    name: larry\n"                          \
    "  virtualMachineSnapshotName: snap-larry\n"

static void
refused(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) entries = lull_apply_parse("f.yaml", text, strlen(text), &lull_apply_host, &error);

    ck_assert_ptr_null(entries);
    ck_assert_error(error, LULL_ERROR_INVALID);
    ck_assert_msg(g_str_has_prefix(error->message, message), "\"%s\" instead of \"%s\"", error->message,
                  message);
}

START_TEST(snapshots_and_restores_in_one_file_are_all_taken)
{
    const char *text = "---\n" SNAPSHOT("snap-larry") "  failureDeadline: 1m\n---\n" RESTORE("restore-larry");
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) entries = lull_apply_parse("f.yaml", text, strlen(text), &lull_apply_host, &error);

    ck_assert_no_error(error);
    ck_assert_uint_eq(entries->len, 2);
    ck_assert_ptr_eq(((LullApplyEntry *)entries->pdata[0])->kind, &lull_kind_snapshot);
    ck_assert_ptr_eq(((LullApplyEntry *)entries->pdata[1])->kind, &lull_kind_restore);
    ck_assert_str_eq(((LullApplyEntry *)entries->pdata[1])->place, "f.yaml:13");
}
END_TEST

START_TEST(fault_is_named_with_its_line_and_field)
{
    refused(SNAPSHOT("snap") "  failureDeadline: 5 minutes\n", "f.yaml:10: spec.failureDeadline: ");
    refused(SNAPSHOT("snap") "  failurDeadline: 5m\n", "f.yaml:10: spec.failurDeadline: ");
    refused(SNAPSHOT("snap") "  failureDeadline: [5m]\n", "f.yaml:10: spec.failureDeadline: ");
    refused(SNAPSHOT("Snap_Larry"), "f.yaml:4: metadata.name: ");
    refused(SNAPSHOT("7"), "f.yaml:4: metadata.name: ");
    refused(SNAPSHOT("snap") "---\n" SNAPSHOT("snap2") "  deletionPolicy: Burn\n",
            "f.yaml:20: document 2: spec.deletionPolicy: ");
    refused("apiVersion: v1\nkind: Pod\n", "f.yaml:2: kind: \"Pod\" of \"v1\" cannot be applied");
    refused("kind: VirtualMachineSnapshot\n", "f.yaml:1: apiVersion: required");
    refused("- 1\n- 2\n", "f.yaml:1: not an object");
    refused("a: b: c\n", "f.yaml:1: ");
    refused("# nothing\n", "f.yaml: there is no object in it");
}
END_TEST

START_TEST(all_faults_of_all_documents_are_told_at_once)
{
    const char *text = SNAPSHOT("A") "  nonsense: 1\n---\n" RESTORE("b") "  patches: 7\n";
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) lines = NULL;

    ck_assert_ptr_null(lull_apply_parse("f", text, strlen(text), &lull_apply_host, &error));
    lines = g_strsplit(error->message, "\n", 0);
    ck_assert_uint_eq(g_strv_length(lines), 3);
    ck_assert_ptr_nonnull(strstr(lines[2], "document 2: spec.patches: "));
}
END_TEST

START_TEST(what_stands_beside_the_schema_is_checked_too)
{
    refused("apiVersion: snapshot.kubevirt.io/v1beta1\nkind: VirtualMachineSnapshot\nmetadata:\n  name: s\n"
            "  annotations:\n    lull.dev/require: best\nspec:\n  source: {apiGroup: kubevirt.io, kind: "
            "VirtualMachine, "
            "name: larry}\n",
            "f.yaml:6: metadata.annotations[lull.dev/require]: \"best\" is none of app, fs, crash");
    refused(
        "apiVersion: snapshot.kubevirt.io/v1beta1\nkind: VirtualMachineSnapshot\nmetadata:\n  name: s\n"
        "  namespace: prod\nspec:\n  source: {apiGroup: kubevirt.io, kind: VirtualMachine, name: larry}\n",
        "f.yaml:5: metadata.namespace: a plain host has one namespace only");
    refused(SNAPSHOT("twin") "---\n" SNAPSHOT("twin"),
            "f.yaml:14: document 2: metadata.name: snapshot/twin is there already, at f.yaml:1");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("manifest");
    TCase *tests = tcase_create("all");

    tcase_add_test(tests, snapshots_and_restores_in_one_file_are_all_taken);
    tcase_add_test(tests, fault_is_named_with_its_line_and_field);
    tcase_add_test(tests, all_faults_of_all_documents_are_told_at_once);
    tcase_add_test(tests, what_stands_beside_the_schema_is_checked_too);
    suite_add_tcase(suite, tests);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
