/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/csi/identity.h"

#include "tests/lib/check-main.h"
#include "tests/lib/objects.h"

static LullJson *
snapshot_of(const char *uid)
{
    g_autofree char *text = g_strdup_printf("{'metadata':{'name':'vs','uid':'%s'}}", uid);

    return json(text);
}

static LullJson *
content_of(const char *uid, const char *of, const char *driver, const char *source, const char *handle)
{
    g_autofree char *text =
        g_strdup_printf("{'metadata':{'uid':'%s'},'spec':{'driver':'%s','volumeSnapshotRef':{'uid':'%s'},"
                        "'source':%s},'status':{'snapshotHandle':'%s'}}",
                        uid, driver, of, source, handle);

    return json(text);
}

START_TEST(only_the_very_snapshot_is_the_one_that_was_cut)
{
    g_autoptr(LullJson) self = lull_csi_identity_new("vs-1", "vsc-1", "dir", "h-1");
    g_autoptr(LullJson) same = snapshot_of("vs-1");
    g_autoptr(LullJson) again = snapshot_of("vs-2");
    g_autoptr(LullJson) nameless = snapshot_of("");
    g_autoptr(LullJson) nothing = json("{}");

    ck_assert(lull_csi_identity_has_snapshot(self, same));
    ck_assert(!lull_csi_identity_has_snapshot(self, again));
    ck_assert(!lull_csi_identity_has_snapshot(NULL, same));
    ck_assert(!lull_csi_identity_has_snapshot(nothing, nameless));
    ck_assert(!lull_csi_identity_has_snapshot(nothing, nothing));
}
END_TEST

#define OF_A_VOLUME "{'volumeHandle':'vol-1'}"
#define IMPORTED    "{'snapshotHandle':'h-1'}"

START_TEST(a_content_is_the_cut_if_it_was_there_then_or_imports_its_handle)
{
    static const struct {
        const char *uid, *of, *driver, *source, *handle;
        gboolean is;
    } cases[] = {
        {"vsc-1", "vs-1", "dir", OF_A_VOLUME, "h-1", TRUE},
        {"vsc-1", "vs-1", "dir", OF_A_VOLUME, "h-2", FALSE}, /* another one stands behind it */
        {"vsc-1", "vs-1", "dir", OF_A_VOLUME, "", FALSE},    /* nothing does */
        {"vsc-2", "vs-1", "dir", OF_A_VOLUME, "h-2", FALSE}, /* forced away, and cut again */
        {"vsc-2", "vs-1", "dir", OF_A_VOLUME, "h-1", FALSE}, /* which may be so by the same handle */
        {"vsc-2", "vs-1", "dir", IMPORTED, "h-1", TRUE},     /* as backups bring it back */
        {"vsc-2", "vs-1", "dir", IMPORTED, "h-2", FALSE},    /* it says one thing, and is another */
        {"vsc-2", "vs-1", "other", IMPORTED, "h-1", FALSE},  /* handles are each driver's own */
        {"vsc-1", "vs-2", "dir", OF_A_VOLUME, "h-1", FALSE}, /* it is another's */
    };
    g_autoptr(LullJson) self = lull_csi_identity_new("vs-1", "vsc-1", "dir", "h-1");

    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(LullJson) content =
            content_of(cases[i].uid, cases[i].of, cases[i].driver, cases[i].source, cases[i].handle);

        ck_assert_msg(lull_csi_identity_has_content(self, "vs-1", content) == cases[i].is, "%u", (guint)i);
        ck_assert(!lull_csi_identity_has_content(NULL, "vs-1", content));
    }
    ck_assert(!lull_csi_identity_has_content(self, "vs-1", NULL));
}
END_TEST

START_TEST(what_backups_bring_back_is_of_another_snapshot)
{
    g_autoptr(LullJson) self = lull_csi_identity_new("vs-1", "vsc-1", "dir", "h-1");
    g_autoptr(LullJson) snapshot = snapshot_of("vs-9");
    g_autoptr(LullJson) content = content_of("vsc-9", "vs-9", "dir", IMPORTED, "h-1");

    ck_assert(!lull_csi_identity_has_snapshot(self, snapshot));
    ck_assert(lull_csi_identity_has_content(self, "vs-9", content));
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("identity");
    TCase *tcase = tcase_create("identity");

    tcase_add_test(tcase, only_the_very_snapshot_is_the_one_that_was_cut);
    tcase_add_test(tcase, a_content_is_the_cut_if_it_was_there_then_or_imports_its_handle);
    tcase_add_test(tcase, what_backups_bring_back_is_of_another_snapshot);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
