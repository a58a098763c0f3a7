/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "coordinator/metrics/metrics.h"

/* All figures that there may be: name, type and labels, a line each. */
int
main(void)
{
    static const char *const types[] = {"counter", "gauge", "histogram"};
    guint n = 0;
    const LullFamily *families = lull_metrics_families(&n);

    for (guint i = 0; i < n; i++) {
        (void)printf("%s\t%s\t", families[i].name, types[families[i].type]);
        for (guint j = 0; families[i].labels[j]; j++)
            (void)printf("%s%s", j ? " " : "", families[i].labels[j]);
        (void)printf("\n");
    }
    return fflush(stdout) != 0;
}
