/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* YAML to JSON, back and to JSON again; and what somebody applies. */
#include <string.h>

#include "coordinator/cli/manifest.h"
#include "coordinator/yaml/read.h"
#include "coordinator/yaml/write.h"
#include "tests/fuzz/fuzz.h"

static void
write_and_read_back(LullJson *value)
{
    g_autofree char *text = lull_yaml_write(value, NULL);
    g_autoptr(GPtrArray) again = text ? lull_yaml_read(text, strlen(text), NULL) : NULL;

    if (!again) /* aliases made it too large, or a text has no place in YAML */
        return;
    FUZZ_MUST(again->len == 1);
    FUZZ_MUST(lull_json_equal(((LullYamlDocument *)g_ptr_array_index(again, 0))->value, value));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) documents = lull_yaml_read((const char *)data, size, &error);
    g_autoptr(GError) wrong = NULL;
    g_autoptr(GPtrArray) entries =
        lull_apply_parse("file.yaml", (const char *)data, size, &lull_apply_host, &wrong);

    FUZZ_MUST(!documents == !!error);
    FUZZ_MUST(!entries == !!wrong);
    for (guint i = 0; documents && i < documents->len; i++) {
        const LullYamlDocument *document = g_ptr_array_index(documents, i);

        FUZZ_MUST(document->value && document->line > 0);
        (void)lull_yaml_line_of(document, "spec.source.name");
        write_and_read_back(document->value);
    }
    return 0;
}
