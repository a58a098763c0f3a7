/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "coordinator/model/annotation.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define SNAPSHOT &lull_kind_snapshot
#define RESTORE  &lull_kind_restore

static const struct {
    const LullKind *kind;
    const char *name, *value;
    const char *fault; /* how it begins; NULL: none */
} rows[] = {
    {SNAPSHOT, "lull.dev/require", "app", NULL},
    {SNAPSHOT, "lull.dev/require", "crash", NULL},
    {SNAPSHOT, "lull.dev/require", "flying", "\"flying\" is none of app, fs, crash"},
    {SNAPSHOT, "lull.dev/require", "", "\"\" is none of app, fs, crash"},
    {SNAPSHOT, "lull.dev/require", "stopped", "\"stopped\" is none of"},
    {SNAPSHOT, "lull.dev/exclude-volumes", "", NULL},
    {SNAPSHOT, "lull.dev/exclude-volumes", "vdb", NULL},
    {SNAPSHOT, "lull.dev/exclude-volumes", "vdb, vdc", NULL},
    {SNAPSHOT, "lull.dev/exclude-volumes", "vdb,,vdc", "\"vdb,,vdc\" is no list"},
    {SNAPSHOT, "lull.dev/exclude-volumes", " ", "\" \" is no list"},
    {SNAPSHOT, "lull.dev/quiesce-report", "whatever it was", NULL},
    {SNAPSHOT, "lull.dev/progress", "", NULL},
    {SNAPSHOT, "lull.dev/requires", "fs",
     "unknown annotation: VirtualMachineSnapshot has lull.dev/require, lull.dev/exclude-volumes, and the "
     "coordinator's own lull.dev/quiesce-report, lull.dev/progress"},
    {SNAPSHOT, "lull.dev/Require", "fs", "unknown annotation"},
    {SNAPSHOT, "lull.dev/", "fs", "unknown annotation"},
    {SNAPSHOT, "lull.dev/start-target", "true", "unknown annotation"},
    {RESTORE, "lull.dev/start-target", "failed: no memory", NULL},
    {RESTORE, "lull.dev/require", "fs",
     "unknown annotation: VirtualMachineRestore has the coordinator's own lull.dev/progress, "
     "lull.dev/start-target"},
    {&lull_kind_content, "lull.dev/policy", "{}", NULL},
    {&lull_kind_content, "lull.dev/require", "fs", "unknown annotation"},
    {&lull_kind_event, "lull.dev/require", "fs", "unknown annotation: Event has none"},
};

START_TEST(every_kind_has_annotations_of_its_own)
{
    g_autofree char *fault = lull_annotation_fault(rows[_i].kind, rows[_i].name, rows[_i].value);

    if (!rows[_i].fault)
        ck_assert_msg(!fault, "%s", fault);
    else
        ck_assert_msg(fault && g_str_has_prefix(fault, rows[_i].fault), "%s", fault);
}
END_TEST

START_TEST(the_table_says_what_it_must)
{
    for (const LullAnnotation *row = lull_annotations(); row->name; row++) {
        ck_assert(g_str_has_prefix(row->name, LULL_ANNOTATION_PREFIX));
        ck_assert_ptr_nonnull(row->kinds[0]);
        ck_assert_ptr_null(row->kinds[G_N_ELEMENTS(row->kinds) - 1]);
        ck_assert_msg(row->by_user || !row->values, "%s", row->name);
        for (const LullAnnotation *other = lull_annotations(); other < row; other++)
            ck_assert_str_ne(other->name, row->name);
    }
}
END_TEST

START_TEST(a_list_of_names_has_an_end)
{
    g_autoptr(GString) text = g_string_new("v0");
    g_auto(GStrv) most = NULL;
    g_auto(GStrv) empty = lull_annotation_names("");

    for (int i = 1; i < LULL_ANNOTATION_MAX_NAMES; i++)
        g_string_append_printf(text, ", v%d", i);
    most = lull_annotation_names(text->str);
    ck_assert_uint_eq(g_strv_length(most), LULL_ANNOTATION_MAX_NAMES);
    ck_assert_str_eq(most[LULL_ANNOTATION_MAX_NAMES - 1], "v255");
    g_string_append(text, ",more");
    ck_assert_ptr_null(lull_annotation_names(text->str));
    ck_assert_ptr_null(empty[0]);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("annotation");
    TCase *tcase = tcase_create("annotation");

    tcase_add_loop_test(tcase, every_kind_has_annotations_of_its_own, 0, G_N_ELEMENTS(rows));
    tcase_add_test(tcase, the_table_says_what_it_must);
    tcase_add_test(tcase, a_list_of_names_has_an_end);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
