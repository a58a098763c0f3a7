/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* Requests to the agent: the envelope, the arguments, and the answer that echoes what came. */
#include <string.h>

#include "protocol/command.h"
#include "tests/fuzz/fuzz.h"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(LullJson) message = lull_json_parse((const char *)data, (gssize)size, NULL);
    g_autoptr(GError) error = NULL;
    g_autofree char *answer = NULL;
    LullRequest request = {NULL};
    const LullCommandSpec *spec;

    if (!message)
        return 0;
    if (!lull_request_read(message, &request, &error)) {
        FUZZ_MUST(error);
        answer = lull_reply_error("GenericError", error->message, &request);
    } else {
        spec = lull_command_find(request.name);
        if (spec)
            (void)lull_command_check(spec, request.arguments, &error);
        answer = lull_reply_error("CommandNotFound", request.name, &request);
    }
    FUZZ_MUST(g_str_has_suffix(answer, "\n") && strchr(answer, '\n') == answer + strlen(answer) - 1);
    return 0;
}
