/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */

/* JSON: what is read is written and read back as the same; patches give documents; what makes one out of
 * another does. A zero byte parts two documents. */
#include <string.h>

#include "coordinator/model/json-patch.h"
#include "protocol/json.h"
#include "tests/fuzz/fuzz.h"

static LullJson *
read_one(const uint8_t *data, size_t size)
{
    g_autoptr(GError) error = NULL;
    LullJson *value = lull_json_parse((const char *)data, (gssize)size, &error);

    FUZZ_MUST(!value == !!error);
    return value;
}

/* Strictly JSON, and the same from then on: a number beyond 64 bits may change, but once. */
static void
write_and_read_back(LullJson *value)
{
    json_tokener *strict = json_tokener_new_ex(LULL_JSON_MAX_DEPTH);
    g_autofree char *line = g_strdup(lull_json_to_line(value));
    g_autoptr(LullJson) again = lull_json_parse(line, -1, NULL);
    g_autoptr(LullJson) copy = lull_json_dup(value);
    g_autoptr(LullJson) strictly = NULL;
    g_autoptr(LullJson) third = NULL;

    json_tokener_set_flags(strict, JSON_TOKENER_STRICT);
    strictly = json_tokener_parse_ex(strict, line, (int)strlen(line) + 1);
    FUZZ_MUST(strictly && json_tokener_get_error(strict) == json_tokener_success);
    json_tokener_free(strict);
    FUZZ_MUST(lull_json_equal(value, copy));
    FUZZ_MUST(again);
    third = lull_json_parse(lull_json_to_line(again), -1, NULL);
    FUZZ_MUST(third && g_str_equal(lull_json_to_line(again), lull_json_to_line(third)));
}

static void
patch(LullJson *document, LullJson *other)
{
    g_autoptr(LullJson) before = lull_json_dup(document);
    g_autoptr(LullJson) merged = lull_json_merge_patch(document, other);
    g_autoptr(LullJson) patched = lull_json_patch_apply(document, other, NULL);

    FUZZ_MUST(lull_json_equal(document, before));
    if (json_object_is_type(document, json_type_object) && json_object_is_type(merged, json_type_object)) {
        g_autoptr(LullJson) difference = lull_json_diff(document, merged);
        g_autoptr(LullJson) again = lull_json_merge_patch(document, difference);
        g_autoptr(LullJson) rest = lull_json_diff(again, merged);

        FUZZ_MUST(json_object_object_length(rest) == 0);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *gap = size ? memchr(data, 0, size) : NULL;
    g_autoptr(LullJson) one = read_one(data, gap ? (size_t)(gap - data) : size);
    g_autoptr(LullJson) two = gap ? read_one(gap + 1, size - (size_t)(gap + 1 - data)) : NULL;

    if (one)
        write_and_read_back(one);
    if (one && two)
        patch(one, two);
    return 0;
}
