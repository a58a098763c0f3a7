/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <libvirt/libvirt.h>

#include "coordinator/guest/elsewhere.h"
#include "protocol/error.h"
#include "tests/lib/check-main.h"

static const struct {
    gboolean found;
    int state, reason;
    LullGuestFate here, moves; /* of a host's domain, and of a launcher's */
} fates[] = {
    {FALSE, 0, 0, LULL_GUEST_ENDED, LULL_GUEST_AWAY},
    {TRUE, VIR_DOMAIN_RUNNING, VIR_DOMAIN_RUNNING_MIGRATED, LULL_GUEST_HERE, LULL_GUEST_HERE},
    {TRUE, VIR_DOMAIN_PAUSED, VIR_DOMAIN_PAUSED_MIGRATION, LULL_GUEST_HERE, LULL_GUEST_HERE},
    {TRUE, VIR_DOMAIN_NOSTATE, 0, LULL_GUEST_HERE, LULL_GUEST_HERE},
    {TRUE, VIR_DOMAIN_CRASHED, VIR_DOMAIN_CRASHED_PANICKED, LULL_GUEST_ENDED, LULL_GUEST_ENDED},
    {TRUE, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_MIGRATED, LULL_GUEST_AWAY, LULL_GUEST_AWAY},
    {TRUE, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_SHUTDOWN, LULL_GUEST_ENDED, LULL_GUEST_ENDED},
    {TRUE, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_DESTROYED, LULL_GUEST_ENDED, LULL_GUEST_ENDED},
    {TRUE, VIR_DOMAIN_SHUTOFF, VIR_DOMAIN_SHUTOFF_UNKNOWN, LULL_GUEST_ENDED, LULL_GUEST_ENDED},
};

START_TEST(one_that_migrated_has_not_ended)
{
    ck_assert_int_eq(lull_guest_fate_of(fates[_i].found, fates[_i].state, fates[_i].reason, FALSE),
                     fates[_i].here);
    ck_assert_int_eq(lull_guest_fate_of(fates[_i].found, fates[_i].state, fates[_i].reason, TRUE),
                     fates[_i].moves);
}
END_TEST

/* What it is told of, and answers: an error's code, or -1. */
static gboolean
unfreeze(gpointer data, const char *ns, const char *name, gint64 patience, GError **error)
{
    const int code = *(const int *)data;

    ck_assert_str_eq(ns, "shop");
    ck_assert_str_eq(name, "larry");
    ck_assert_int_gt(patience, 0);
    if (code >= 0)
        g_set_error(error, LULL_ERROR, code, "not today");
    return code < 0;
}

START_TEST(who_knows_where_it_is_thaws_it)
{
    static const int codes[] = {-1, LULL_ERROR_NOT_FOUND, LULL_ERROR_CONFLICT, LULL_ERROR_TIMED_OUT,
                                LULL_ERROR_FAILED};

    for (gsize i = 0; i < G_N_ELEMENTS(codes); i++) {
        const LullFreezeApi api = {.unfreeze = unfreeze, .data = (gpointer)&codes[i]};
        const LullGuestElsewhere elsewhere = {&api, "shop", "larry"};
        g_autoptr(GError) error = NULL;

        ck_assert_int_eq(lull_guest_thaw_elsewhere(&elsewhere, &error), codes[i] < 0);
        if (codes[i] >= 0)
            ck_assert_msg(lull_error_is(error, codes[i]), "%s", error->message);
    }
}
END_TEST

START_TEST(where_nobody_knows_that_is_said_and_what_to_do)
{
    const LullFreezeApi api = {.unfreeze = unfreeze};
    const LullGuestElsewhere nobody[] = {{NULL, "shop", "larry"}, {&api, NULL, "larry"}};

    for (gsize i = 0; i < G_N_ELEMENTS(nobody); i++) {
        g_autoptr(GError) error = NULL;

        ck_assert(!lull_guest_thaw_elsewhere(&nobody[i], &error));
        ck_assert(lull_error_is(error, LULL_ERROR_LOST));
        ck_assert_ptr_nonnull(strstr(error->message, "virsh domfsthaw"));
    }
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("elsewhere");
    TCase *tcase = tcase_create("elsewhere");

    tcase_add_loop_test(tcase, one_that_migrated_has_not_ended, 0, G_N_ELEMENTS(fates));
    tcase_add_test(tcase, who_knows_where_it_is_thaws_it);
    tcase_add_test(tcase, where_nobody_knows_that_is_said_and_what_to_do);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
