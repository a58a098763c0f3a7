/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/storage/orphan.h"

#include "tests/lib/check-main.h"

#define OURS   "6f1c2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"
#define OTHERS "7a7a2f2e-0f0a-4f0e-9d0b-3a7a3c1d2e4f"

/* When attempt 3 of ours is about to begin. */
static const struct {
    const char *name;
    const char *attempt; /* NULL: the folder is gone */
    gboolean is;
} jobs[] = {
    {OTHERS ".attempt-1", "{}", FALSE},
    {OTHERS ".attempt-1", NULL, TRUE},
    {OTHERS ".attempt-1", "{\"failed\": true}", TRUE},
    {OTHERS ".attempt-1", "{\"copied\": true}", TRUE},
    {OURS ".attempt-1", "{}", TRUE},
    {OURS ".attempt-3", "{}", TRUE},
    {OURS ".attempt-4", "{}", FALSE},
    {OURS ".attempt-x", "{}", FALSE},
};

START_TEST(a_job_that_no_attempt_needs_any_more_is_an_orphan)
{
    g_autoptr(LullJson) attempt = jobs[_i].attempt ? lull_json_parse(jobs[_i].attempt, -1, NULL) : NULL;

    ck_assert(lull_orphan_is(jobs[_i].name, attempt, OURS, 3) == jobs[_i].is);
}
END_TEST

static Suite *
make_suite(void)
{
    Suite *suite = suite_create("storage/orphan");
    TCase *cases = tcase_create("orphan");

    tcase_add_loop_test(cases, a_job_that_no_attempt_needs_any_more_is_an_orphan, 0, G_N_ELEMENTS(jobs));
    suite_add_tcase(suite, cases);
    return suite;
}

LULL_CHECK_MAIN(make_suite)
