/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/guest/reach.h"
#include "tests/lib/check-main.h"

/* Of libvirt's mock driver, which always has it. */
#define URI    "test:///default"
#define DOMAIN "6695eb01-f6a4-8304-79aa-97f2502e193f"

static void
setup(void)
{
    lull_reach_stand_alone();
}

START_TEST(test_a_domain_is_reached_and_kept_until_it_is_closed)
{
    LullReach reach = {.uri = URI, .uid = DOMAIN};
    LullDomain *found = NULL;

    ck_assert(lull_reach_open(&reach));
    found = reach.domain;
    ck_assert(lull_reach_open(&reach));
    ck_assert_ptr_eq(reach.domain, found);
    lull_reach_close(&reach);
    ck_assert(!reach.domain && !reach.connection);
    ck_assert(lull_reach_open(&reach));
    lull_reach_close(&reach);
}
END_TEST

START_TEST(test_one_that_libvirt_does_not_know_is_gone)
{
    LullReach reach = {.uri = URI, .uid = "00000000-0000-0000-0000-000000000000"};

    ck_assert(!lull_reach_open(&reach));
    ck_assert(lull_reach_is_gone(&reach));
    lull_reach_close(&reach);
}
END_TEST

START_TEST(test_one_is_not_gone_because_libvirt_is_away)
{
    LullReach reach = {.uri = "test:///nowhere/at/all.xml", .uid = DOMAIN};

    ck_assert(!lull_reach_open(&reach));
    ck_assert(!lull_reach_is_gone(&reach));
    lull_reach_close(&reach);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("reach");
    TCase *tcase = tcase_create("reach");

    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, test_a_domain_is_reached_and_kept_until_it_is_closed);
    tcase_add_test(tcase, test_one_that_libvirt_does_not_know_is_gone);
    tcase_add_test(tcase, test_one_is_not_gone_because_libvirt_is_away);
    suite_add_tcase(suite, tcase);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
