/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Heads of requests on their way through the proxy: what is passed on is one head, by any reading. */
#include <string.h>

#include "coordinator/cli/http-head.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_auto(LullHttpHead) head = {NULL};
    g_autoptr(GError) error = NULL;
    const char *end;

    if (!lull_http_head_translate((const char *)data, size, "/secret", &head, &error)) {
        FUZZ_MUST(error && !head.head);
        return 0;
    }
    end = strstr(head.head, "\r\n\r\n");
    FUZZ_MUST(end && !end[4]);
    FUZZ_MUST(!head.chunked || !head.body);
    for (const char *each = head.head; *each; each++)
        FUZZ_MUST((*each == '\n') == (each > head.head && each[-1] == '\r'));
    return 0;
}
