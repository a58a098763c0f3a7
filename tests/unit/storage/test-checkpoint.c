/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/checkpoint.h"

#include "tests/lib/check-main.h"

START_TEST(only_a_bitmap_with_a_size_can_be_relied_on)
{
    g_autoptr(GHashTable) sizes = lull_checkpoint_sizes_of(
        "<domaincheckpoint><name>c</name><disks>"
        "<disk name='vda' checkpoint='bitmap' bitmap='c' size='131072'/>"
        "<disk name='vdb' checkpoint='bitmap' bitmap='c'/><disk name='vdc' checkpoint='no'/>"
        "<disk name='vdd' checkpoint='bitmap' size='-1'/><disk name='vde' checkpoint='bitmap' size='0'/>"
        "</disks><domain><devices><disk name='vdf' size='1'/></devices></domain></domaincheckpoint>");
    const gint64 *size = g_hash_table_lookup(sizes, "vda");

    ck_assert_uint_eq(g_hash_table_size(sizes), 2);
    ck_assert(size && *size == 131072);
    ck_assert(g_hash_table_contains(sizes, "vde"));
}
END_TEST

static const char *const nonsense[] = {"", "<domaincheckpoint", "<!DOCTYPE d []><d><disks/></d>", "<d/>"};

START_TEST(nonsense_has_no_sizes)
{
    g_autoptr(GHashTable) sizes = lull_checkpoint_sizes_of(nonsense[_i]);

    ck_assert_uint_eq(g_hash_table_size(sizes), 0);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/checkpoint");
    TCase *cases = tcase_create("checkpoint");

    tcase_add_test(cases, only_a_bitmap_with_a_size_can_be_relied_on);
    tcase_add_loop_test(cases, nonsense_has_no_sizes, 0, G_N_ELEMENTS(nonsense));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
