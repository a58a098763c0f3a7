/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <check.h>
#include <stdlib.h>

/* Every unit test program is one suite: LULL_CHECK_MAIN(suite) with a function that makes it.
 * Output is TAP for meson; CK_FORK=no is honoured for sanitizers and debuggers. */
#define LULL_CHECK_MAIN(make_suite)            \
    int main(void)                             \
    {                                          \
        return lull_check_run((make_suite)()); \
    }

/* For a program that has more to do in its main. Takes @suite. */
static inline int
lull_check_run(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    int failed = 0;

    srunner_set_tap(runner, "-");
    srunner_run_all(runner, CK_SILENT);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
