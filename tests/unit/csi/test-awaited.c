/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/awaited.h"

#include "coordinator/model/meta.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define CLAIM(more, kind, from, phase)                                                           \
    "{'metadata':{'name':'claim'" more "},'spec':{'dataSource':{'kind':'" kind "','name':'" from \
    "'}},'status':{"                                                                             \
    "'phase':'" phase "'}}"

static const struct {
    const char *claims;
    gboolean awaited;
} cases[] = {
    {"[]", FALSE},
    {"[" CLAIM("", "VolumeSnapshot", "a", "Pending") "]", TRUE},
    {"[" CLAIM("", "VolumeSnapshot", "b", "Pending") "]", TRUE},
    {"[{'metadata':{'name':'claim'},'spec':{'dataSource':{'kind':'VolumeSnapshot','name':'a'}}}]", TRUE},
    {"[" CLAIM("", "VolumeSnapshot", "a", "Bound") "," CLAIM("", "VolumeSnapshot", "b", "Pending") "]", TRUE},
    {"[" CLAIM("", "VolumeSnapshot", "a", "Bound") "]", FALSE},
    {"[" CLAIM("", "VolumeSnapshot", "other", "Pending") "]", FALSE},
    {"[" CLAIM("", "PersistentVolumeClaim", "a", "Pending") "]", FALSE},
    {"[" CLAIM(",'deletionTimestamp':'2026-01-01T00:00:00Z'", "VolumeSnapshot", "a", "Pending") "]", FALSE},
    {"[{'metadata':{'name':'claim'}}]", FALSE},
};

START_TEST(a_claim_that_is_yet_to_be_filled_is_found)
{
    g_autoptr(LullJson) snapshots = json("[{'metadata':{'name':'a'}},{'metadata':{'name':'b'}}]");
    g_autoptr(LullJson) claims = json(cases[_i].claims);
    LullJson *found = lull_csi_awaiting(claims, snapshots);

    ck_assert_pstr_eq(found ? lull_meta_name(found) : NULL, cases[_i].awaited ? "claim" : NULL);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("awaited");
    TCase *tcase = tcase_create("awaited");

    tcase_add_loop_test(tcase, a_claim_that_is_yet_to_be_filled_is_found, 0, G_N_ELEMENTS(cases));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
