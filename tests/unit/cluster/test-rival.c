/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/cluster/rival.h"
#include "protocol/clock.h"
#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

#define OWN "snapshot.lull.dev"
#define KV  "snapshot.kubevirt.io"
#define NOW "2026-01-01T00:10:00.000000Z"

#define LEASE(ns, name, holder, renewed)                                                     \
    "{'metadata':{'namespace':'" ns "','name':'" name "'},'spec':{'holderIdentity':'" holder \
    "','leaseDurationSeconds':15,'renewTime':'" renewed "'}}"

static char *
find(const char *lease, const char *group)
{
    g_autofree char *text = g_strdup_printf("[{},7,null,%s]", lease);
    g_autoptr(LullJson) leases = json(text);
    gint64 now = 0;

    ck_assert(lull_clock_parse(NOW, &now));
    return lull_rival_find(leases, group, "lull", now);
}

static const struct {
    const char *lease;
    const char *group;
    const char *told; /* NULL: nothing */
} rows[] = {
    {LEASE("kubevirt", "virt-controller", "vc-1", "2026-01-01T00:09:55.000000Z"), KV, "held by vc-1"},
    {LEASE("kubevirt", "virt-controller", "vc-1", "2026-01-01T00:09:55.000000Z"), KV,
     "--api-group=snapshot.lull.dev"},
    {LEASE("kubevirt", "virt-controller", "vc-1", "2026-01-01T00:09:55.000000Z"), OWN, NULL},
    /* its clock is ahead, or behind; or it is long gone */
    {LEASE("kubevirt", "virt-controller", "vc-1", "2026-01-01T00:15:00.000000Z"), KV, "held by vc-1"},
    {LEASE("kubevirt", "virt-controller", "vc-1", "2026-01-01T00:09:00.000000Z"), KV, "held by vc-1"},
    {LEASE("kubevirt", "virt-controller", "vc-1", "2026-01-01T00:08:00.000000Z"), KV, NULL},
    {LEASE("kubevirt", "virt-controller", "", "2026-01-01T00:09:55.000000Z"), KV, NULL},
    {LEASE("kubevirt", "virt-controller", "vc-1", "soon"), KV, NULL},
    {LEASE("kubevirt", "virt-operator", "vc-1", "2026-01-01T00:09:55.000000Z"), KV, NULL},
    /* another of us */
    {LEASE("elsewhere", "coordinator." OWN, "c", "2026-01-01T00:09:55.000000Z"), OWN, "lease elsewhere/"},
    {LEASE("elsewhere", "coordinator." OWN, "c", "2026-01-01T00:09:55.000000Z"), KV, NULL},
    {LEASE("lull", "coordinator." OWN, "c", "2026-01-01T00:09:55.000000Z"), OWN, NULL},
};

START_TEST(test_who_lives_and_has_the_group_is_a_rival)
{
    g_autofree char *told = find(rows[_i].lease, rows[_i].group);

    if (rows[_i].told)
        ck_assert_msg(told && strstr(told, rows[_i].told), "%s", told ? told : "nothing");
    else
        ck_assert_msg(!told, "%s", told);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("rival");
    TCase *tcase = tcase_create("rival");

    tcase_add_loop_test(tcase, test_who_lives_and_has_the_group_is_a_rival, 0, G_N_ELEMENTS(rows));
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
