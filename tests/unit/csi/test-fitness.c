/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/fitness.h"

#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define FIT (-1)

static void
check(gboolean fit, const GError *error, int expected, const char *what)
{
    ck_assert_msg(fit == (expected == FIT), "%s: %s", what, error ? error->message : "fit");
    if (expected != FIT)
        ck_assert_error(error, expected);
}

START_TEST(only_a_claim_that_is_bound_and_stays_is_fit)
{
    static const struct {
        const char *claim;
        int expected;
    } cases[] = {
        {"{'metadata':{'name':'c'},'spec':{'volumeName':'v'},'status':{'phase':'Bound'}}", FIT},
        {"{'metadata':{'name':'c'},'spec':{},'status':{'phase':'Bound'}}", LULL_ERROR_BUSY},
        {"{'metadata':{'name':'c'},'spec':{},'status':{'phase':'Pending'}}", LULL_ERROR_BUSY},
        {"{'metadata':{'name':'c'},'spec':{}}", LULL_ERROR_BUSY},
        {"{'metadata':{'name':'c'},'spec':{'volumeName':'v'},'status':{'phase':'Lost'}}", LULL_ERROR_INVALID},
        {"{'metadata':{'name':'c','deletionTimestamp':'2026-01-01T00:00:00Z'},'spec':{'volumeName':'v'},"
         "'status':{'phase':'Bound'}}",
         LULL_ERROR_INVALID},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) claim = json(cases[i].claim);
        g_autoptr(GError) error = NULL;
        const gboolean fit = lull_csi_claim_is_fit(claim, NULL, &error);

        check(fit, error, cases[i].expected, cases[i].claim);
    }
}
END_TEST

START_TEST(only_the_claim_that_is_meant_is_fit_and_not_the_next_by_its_name)
{
    g_autoptr(LullJson) claim =
        json("{'metadata':{'name':'c','uid':'u'},'spec':{'volumeName':'v'},'status':{'phase':'Bound'}}");
    g_autoptr(GError) error = NULL;

    ck_assert(lull_csi_claim_is_fit(claim, "u", &error));
    ck_assert(!lull_csi_claim_is_fit(claim, "before", &error));
    ck_assert_error(error, LULL_ERROR_INVALID);
}
END_TEST

START_TEST(only_a_volume_of_csi_that_is_this_claims_is_fit)
{
    static const struct {
        const char *volume;
        int expected;
    } cases[] = {
        {"{'metadata':{'name':'v'},'spec':{'csi':{'driver':'d'},'claimRef':{'uid':'u'}}}", FIT},
        {"{'metadata':{'name':'v'},'spec':{'csi':{'driver':'d'},'claimRef':{'uid':'x'}}}",
         LULL_ERROR_INVALID},
        {"{'metadata':{'name':'v'},'spec':{'csi':{'driver':'d'}}}", LULL_ERROR_INVALID},
        {"{'metadata':{'name':'v'},'spec':{'csi':{'driver':''},'claimRef':{'uid':'u'}}}", LULL_ERROR_INVALID},
        {"{'metadata':{'name':'v'},'spec':{'nfs':{},'claimRef':{'uid':'u'}}}", LULL_ERROR_INVALID},
        {"{'metadata':{'name':'v','deletionTimestamp':'2026-01-01T00:00:00Z'},"
         "'spec':{'csi':{'driver':'d'},'claimRef':{'uid':'u'}}}",
         LULL_ERROR_INVALID},
    };
    g_autoptr(LullJson) claim = json("{'metadata':{'name':'c','uid':'u'}}");

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) volume = json(cases[i].volume);
        g_autoptr(GError) error = NULL;
        const gboolean fit = lull_csi_volume_is_fit(claim, volume, &error);

        check(fit, error, cases[i].expected, cases[i].volume);
    }
}
END_TEST

START_TEST(all_that_are_needed_must_fit_into_each_quota)
{
    static const struct {
        const char *hard, *used;
        guint n;
        int expected;
    } cases[] = {
        {"10", "8", 2, FIT},
        {"10", "8", 3, LULL_ERROR_NO_SPACE},
        {"10", "12", 1, LULL_ERROR_NO_SPACE},
        {"0", "0", 1, LULL_ERROR_NO_SPACE},
        {"1k", "998", 2, FIT},
        {"1k", "1k", 1, LULL_ERROR_NO_SPACE},
        {"2M", "1999k", 1000, FIT},
        {"2M", "1999k", 1001, LULL_ERROR_NO_SPACE},
        {"many", "8", 1, FIT},
        {"10x", "10", 1, FIT},
        {"", "8", 1, FIT},
    };

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *text = g_strdup_printf(
            "[{'metadata':{'name':'pods'},'status':{'hard':{'pods':'1'},'used':{'pods':'1'}}},"
            "{'metadata':{'name':'cuts'},'status':{"
            "'hard':{'count/volumesnapshots.snapshot.storage.k8s.io':'%s'},"
            "'used':{'count/volumesnapshots.snapshot.storage.k8s.io':'%s'}}}]",
            cases[i].hard, cases[i].used);
        g_autoptr(LullJson) quotas = json(text);
        g_autoptr(GError) error = NULL;
        const gboolean fit = lull_csi_quotas_are_fit(quotas, cases[i].n, &error);

        check(fit, error, cases[i].expected, text);
    }
}
END_TEST

#define NOW "2026-03-01T12:00:00Z"

START_TEST(a_lease_that_is_long_over_says_that_nobody_would_cut)
{
    static const struct {
        const char *leases;
        int expected;
    } cases[] = {
        {"[]", FIT},
        {"[{'metadata':{'name':'someone-else'},'spec':{'renewTime':'2020-01-01T00:00:00.000000Z'}}]", FIT},
        {"[{'metadata':{'name':'snapshot-controller-leader'},'spec':{'holderIdentity':'a',"
         "'leaseDurationSeconds':15,'renewTime':'2026-03-01T11:59:00.123456Z'}}]",
         FIT},
        {"[{'metadata':{'name':'snapshot-controller-leader'},'spec':{'holderIdentity':'a',"
         "'leaseDurationSeconds':15,'renewTime':'2026-03-01T12:10:00.000000Z'}}]",
         FIT},
        {"[{'metadata':{'name':'snapshot-controller-leader'},'spec':{'holderIdentity':'a',"
         "'leaseDurationSeconds':15,'renewTime':'2026-03-01T11:50:00.000000Z'}}]",
         LULL_ERROR_BUSY},
        {"[{'metadata':{'name':'snapshot-controller-leader'},'spec':{'holderIdentity':'',"
         "'leaseDurationSeconds':1,'renewTime':'2026-03-01T12:00:00.000000Z'}}]",
         LULL_ERROR_BUSY},
        {"[{'metadata':{'name':'external-snapshotter-leader-dir-csi-lull-dev'},'spec':{'holderIdentity':'a',"
         "'leaseDurationSeconds':15,'renewTime':'2026-03-01T11:50:00.000000Z'}}]",
         LULL_ERROR_BUSY},
        {"[{'metadata':{'name':'external-snapshotter-leader-other-csi'},'spec':{'holderIdentity':'a',"
         "'leaseDurationSeconds':15,'renewTime':'2026-03-01T11:50:00.000000Z'}}]",
         FIT},
        {"[{'metadata':{'name':'snapshot-controller-leader','namespace':'gone'},'spec':{'holderIdentity':'a',"
         "'leaseDurationSeconds':15,'renewTime':'2025-03-01T11:50:00.000000Z'}},"
         "{'metadata':{'name':'snapshot-controller-leader','namespace':'here'},'spec':{'holderIdentity':'b',"
         "'leaseDurationSeconds':15,'renewTime':'2026-03-01T11:59:55.000000Z'}}]",
         FIT},
    };
    gint64 now = 0;

    ck_assert(lull_clock_parse(NOW, &now));
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) leases = json(cases[i].leases);
        g_autoptr(GError) error = NULL;
        const gboolean fit = lull_csi_leases_are_fit(leases, "dir.csi.lull.dev", now, &error);

        check(fit, error, cases[i].expected, cases[i].leases);
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("fitness");
    TCase *tcase = tcase_create("fitness");

    tcase_add_test(tcase, only_a_claim_that_is_bound_and_stays_is_fit);
    tcase_add_test(tcase, only_the_claim_that_is_meant_is_fit_and_not_the_next_by_its_name);
    tcase_add_test(tcase, only_a_volume_of_csi_that_is_this_claims_is_fit);
    tcase_add_test(tcase, all_that_are_needed_must_fit_into_each_quota);
    tcase_add_test(tcase, a_lease_that_is_long_over_says_that_nobody_would_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
