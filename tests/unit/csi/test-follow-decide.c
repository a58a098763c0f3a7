/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/follow-decide.h"

#include "coordinator/storage/csi/identity.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(LullCsiFollowed, lull_csi_followed_clear)

/* One VolumeSnapshot, by a number below N_SORTS. */
#define N_SORTS 8

static LullCsiFollowed
row_of(const char *name, guint sort)
{
    return (LullCsiFollowed){.name = (char *)name,
                             .there = (sort & 1) != 0,
                             .ready = (sort & 2) != 0,
                             .error = sort & 4 ? (char *)"no room" : NULL};
}

START_TEST(all_ready_is_ready_and_one_missing_is_missing)
{
    for (guint i = 0; i < N_SORTS * N_SORTS; i++) {
        const LullCsiFollowed rows[] = {row_of("a", i % N_SORTS), row_of("b", i / N_SORTS)};
        const gboolean missing = !rows[0].there || !rows[1].there;
        const guint ready =
            (rows[0].there && rows[0].ready ? 1 : 0) + (rows[1].there && rows[1].ready ? 1 : 0);
        g_autofree char *problem = NULL;
        guint permille = 0;
        const LullCsiState state = lull_csi_follow_decide(rows, 2, &permille, &problem);

        ck_assert_int_eq(state, missing ? LULL_CSI_MISSING : ready == 2 ? LULL_CSI_READY : LULL_CSI_UNREADY);
        ck_assert_uint_eq(permille, ready * 500);
        if (state == LULL_CSI_READY)
            ck_assert_ptr_null(problem);
    }
}
END_TEST

START_TEST(a_content_without_volumes_is_ready)
{
    g_autofree char *problem = NULL;
    guint permille = 0;

    ck_assert_int_eq(lull_csi_follow_decide(NULL, 0, &permille, &problem), LULL_CSI_READY);
    ck_assert_uint_eq(permille, 1000);
}
END_TEST

START_TEST(what_is_wrong_is_told_in_the_words_that_clients_know)
{
    const LullCsiFollowed gone[] = {row_of("a", 0), row_of("b", 3), row_of("c", 7 - 1)};
    const LullCsiFollowed wrong[] = {row_of("a", 3), row_of("b", 5), row_of("c", 5)};
    g_autofree char *first = NULL;
    g_autofree char *second = NULL;
    guint permille = 0;

    ck_assert_int_eq(lull_csi_follow_decide(gone, 3, &permille, &first), LULL_CSI_MISSING);
    ck_assert_str_eq(first, "VolumeSnapshots (a,c) missing");
    ck_assert_int_eq(lull_csi_follow_decide(wrong, 3, &permille, &second), LULL_CSI_UNREADY);
    ck_assert_str_eq(second, "VolumeSnapshot b error: no room");
}
END_TEST

#define VERY "'metadata':{'uid':'vs-1'}"

START_TEST(a_snapshot_says_whether_it_is_there_and_ready)
{
    static const struct {
        const char *snapshot;
        gboolean there, ready;
        const char *error;
    } cases[] = {
        {"{" VERY "}", TRUE, FALSE, NULL},
        {"{" VERY ",'status':{'readyToUse':false}}", TRUE, FALSE, NULL},
        {"{" VERY ",'status':{'readyToUse':true}}", TRUE, TRUE, NULL},
        {"{" VERY ",'status':{'readyToUse':'true'}}", TRUE, FALSE, NULL},
        {"{" VERY ",'status':{'readyToUse':false,'error':{'message':'x'}}}", TRUE, FALSE, "x"},
        {"{'metadata':{'uid':'vs-1','deletionTimestamp':'2026-01-01T00:00:00Z'},'status':{'readyToUse':true}"
         "}",
         FALSE, TRUE, NULL},
        {"{'metadata':{'uid':'vs-2'},'status':{'readyToUse':true}}", FALSE, TRUE, NULL}, /* made again */
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) snapshot = json(cases[i].snapshot);
        g_auto(LullCsiFollowed) row = {.name = g_strdup("a"),
                                       .identity = lull_csi_identity_new("vs-1", "vsc-1", "dir", "h-1"),
                                       .there = !cases[i].there};

        ck_assert(lull_csi_followed_see(&row, snapshot));
        ck_assert_int_eq(row.there, cases[i].there);
        ck_assert_int_eq(row.ready, cases[i].ready);
        ck_assert(g_strcmp0(row.error, cases[i].error) == 0);
        ck_assert(!lull_csi_followed_see(&row, snapshot)); /* nothing new */
        ck_assert_int_eq(lull_csi_followed_see(&row, NULL),
                         cases[i].there || cases[i].ready || cases[i].error);
        ck_assert(!row.there);
    }
}
END_TEST

START_TEST(what_nobody_knows_to_be_cut_is_missing)
{
    g_autoptr(LullJson) object =
        json("{'apiVersion':'snapshot.lull.dev/v1beta1','metadata':{'name':'c','namespace':'shop','uid':'u'},"
             "'spec':{'volumeBackups':[{'volumeName':'root','volumeSnapshotName':'a',"
             "'persistentVolumeClaim':{'metadata':{'name':'root'}}},{'volumeName':'data',"
             "'volumeSnapshotName':'b','persistentVolumeClaim':{'metadata':{'name':'data'}}}]}}");
    g_autoptr(LullCsiContent) content = lull_csi_content_new(object, NULL);
    g_autoptr(LullJson) cuts = json("{'root':{'snapshot':'vs-1'}}");
    g_autoptr(LullJson) snapshot = json("{" VERY ",'status':{'readyToUse':true}}");
    g_autoptr(GArray) rows = lull_csi_followed_new(content, 2, cuts);
    g_autofree char *problem = NULL;
    guint permille = 0;

    for (guint i = 0; i < rows->len; i++)
        (void)lull_csi_followed_see(&g_array_index(rows, LullCsiFollowed, i), snapshot);
    ck_assert_int_eq(
        lull_csi_follow_decide((LullCsiFollowed *)(gpointer)rows->data, rows->len, &permille, &problem),
        LULL_CSI_MISSING);
    ck_assert_str_eq(problem, "VolumeSnapshots (b.2) missing");
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("follow-decide");
    TCase *tcase = tcase_create("follow-decide");

    tcase_add_test(tcase, all_ready_is_ready_and_one_missing_is_missing);
    tcase_add_test(tcase, a_content_without_volumes_is_ready);
    tcase_add_test(tcase, what_is_wrong_is_told_in_the_words_that_clients_know);
    tcase_add_test(tcase, a_snapshot_says_whether_it_is_there_and_ready);
    tcase_add_test(tcase, what_nobody_knows_to_be_cut_is_missing);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
