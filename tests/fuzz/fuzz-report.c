/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Reports as people are shown them. */
#include "coordinator/cli/page.h"
#include "coordinator/cli/report-read.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autofree char *text = g_strndup((const char *)data, size);
    g_autoptr(GError) error = NULL;
    g_autoptr(LullReport) report = lull_report_read(text, &error);
    g_autoptr(LullJson) object = lull_json_parse("{\"metadata\":{\"name\":\"n\"}}", -1, NULL);
    g_autofree char *page =
        lull_page_of_snapshot(object, report, error ? error->message : NULL, lull_machine_words(FALSE), 0);

    FUZZ_MUST(!report == !!error);
    FUZZ_MUST(page && g_utf8_validate(page, -1, NULL));
    for (const char *each = page; *each; each++)
        FUZZ_MUST(*each == '\n' || !g_ascii_iscntrl(*each));
    if (report)
        FUZZ_MUST(report->filesystems->len <= LULL_REPORT_MAX_ROWS &&
                  report->writers->len <= LULL_REPORT_MAX_ROWS);
    return 0;
}
