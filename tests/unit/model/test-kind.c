/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#include "coordinator/model/kind.h"

static int n_kinds;

static const LullKind *
kind_at(int i)
{
    return lull_kinds()[i];
}

START_TEST(a_kind_is_found_by_plural_and_by_either_version)
{
    const LullKind *kind = kind_at(_i);
    g_autofree char *stored = lull_kind_api_version(kind);
    g_autofree char *other = g_strdup_printf("%s/%s", kind->group, kind->other_version);

    ck_assert_ptr_eq(lull_kind_by_plural(kind->group, kind->plural), kind);
    ck_assert_ptr_eq(lull_kind_by_name(stored, kind->kind), kind);
    ck_assert_ptr_eq(lull_kind_by_name(other, kind->kind), kind->other_version ? kind : NULL);
}
END_TEST

START_TEST(what_is_not_served_is_not_found)
{
    ck_assert_ptr_null(lull_kind_by_plural("kubevirt.io", "virtualmachinesnapshots"));
    ck_assert_ptr_null(lull_kind_by_plural("snapshot.kubevirt.io", "pods"));
    ck_assert_ptr_null(lull_kind_by_name("snapshot.kubevirt.io/v2", "VirtualMachineSnapshot"));
    ck_assert_ptr_null(lull_kind_by_name("snapshot.kubevirt.io/v1beta1", "Pod"));
    ck_assert_ptr_null(lull_kind_by_name("snapshot.kubevirt.io", "VirtualMachineSnapshot"));
    ck_assert_ptr_null(lull_kind_by_name("snapshot.kubevirt.io/", "VirtualMachineSnapshot"));
    ck_assert_ptr_null(lull_kind_by_name(NULL, NULL));
}
END_TEST

/* The schemas that are published come from these rows. */
static void
check_rows(const LullField *fields, const char *path)
{
    for (const LullField *field = fields; field && field->name; field++) {
        g_autofree char *below = g_strconcat(path, ".", field->name, NULL);
        ck_assert_msg(field->doc && g_str_has_suffix(field->doc, ".") && g_ascii_isupper(field->doc[0]),
                      "%s: a sentence of documentation", below);
        ck_assert_msg(!field->values || field->type == LULL_FIELD_STRING, "%s: values of a string", below);
        ck_assert_msg((field->type != LULL_FIELD_OBJECT) || field->fields, "%s: an object has fields", below);
        for (const LullField *other = fields; other < field; other++)
            ck_assert_str_ne(other->name, field->name);
        check_rows(field->fields, below);
    }
}

START_TEST(every_field_is_documented_and_well_formed)
{
    check_rows(kind_at(_i)->spec, "spec");
    check_rows(kind_at(_i)->status, "status");
    check_rows(lull_kind_meta_fields, "metadata");
}
END_TEST

/* Where a column's path leads there is a field. */
START_TEST(every_column_shows_a_field)
{
    const LullKind *kind = kind_at(_i);

    for (const LullColumn *column = kind->columns; column->name; column++) {
        g_auto(GStrv) steps = g_strsplit(column->path + 1, ".", -1);
        const LullField *fields = g_str_equal(steps[0], "spec")       ? kind->spec
                                  : g_str_equal(steps[0], "metadata") ? lull_kind_meta_fields
                                                                      : kind->status;
        ck_assert_int_eq(column->path[0], '.');
        for (guint i = 1; fields && steps[i]; i++) {
            while (fields->name && !g_str_equal(fields->name, steps[i]))
                fields++;
            ck_assert_msg(fields->name != NULL, "%s of %s", column->path, kind->kind);
            fields = fields->fields;
        }
    }
}
END_TEST

START_TEST(only_the_machines_are_a_view)
{
    for (int i = 0; i < n_kinds; i++) {
        ck_assert_int_eq(kind_at(i)->read_only, kind_at(i) == &lull_kind_vm);
        ck_assert_int_eq(kind_at(i)->spec_fixed, kind_at(i) != &lull_kind_vm);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("kind");
    TCase *tcase = tcase_create("kind");

    while (lull_kinds()[n_kinds])
        n_kinds++;
    tcase_add_loop_test(tcase, a_kind_is_found_by_plural_and_by_either_version, 0, n_kinds);
    tcase_add_test(tcase, what_is_not_served_is_not_found);
    tcase_add_loop_test(tcase, every_field_is_documented_and_well_formed, 0, n_kinds);
    tcase_add_loop_test(tcase, every_column_shows_a_field, 0, n_kinds);
    tcase_add_test(tcase, only_the_machines_are_a_view);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
