/* SPDX-FileCopyrightText: The Lull authors
 * SPDX-License-Identifier: Apache-2.0
 */
#include "coordinator/model/host-patch.h"

#include <string.h>

#define MAX_SERIAL 64
#define INTERFACES "/spec/template/spec/domain/devices/interfaces/"
#define ADDRESS    "/macAddress"
#define SERIAL     "/spec/template/spec/domain/firmware/serial"

gboolean
lull_host_patch_is_address(const char *path, guint64 *ret_number)
{
    const char *digits = path + strlen(INTERFACES);
    char *end = NULL;

    if (!g_str_has_prefix(path, INTERFACES) || !g_ascii_isdigit(*digits))
        return FALSE;
    *ret_number = g_ascii_strtoull(digits, &end, 10);
    return g_str_equal(end, ADDRESS);
}

static gboolean
is_mac(const char *text)
{
    for (guint i = 0; i < 17; i++)
        if (i % 3 == 2 ? text[i] != ':' : !g_ascii_isxdigit(text[i]))
            return FALSE;
    return text[17] == '\0' && !(g_ascii_xdigit_value(text[1]) & 1);
}

static gboolean
is_serial(const char *text)
{
    const gsize length = strlen(text);

    for (gsize i = 0; i < length; i++)
        if (!g_ascii_isprint(text[i]))
            return FALSE;
    return length > 0 && length <= MAX_SERIAL;
}

static char *
check_patch(LullJson *patch)
{
    const char *op = lull_json_string(patch, "op", "");
    const char *path = lull_json_string(patch, "path", "");
    const char *value = lull_json_string(patch, "value", "");
    const gboolean serial = g_str_equal(path, SERIAL);
    guint64 number = 0;

    if (!serial && !lull_host_patch_is_address(path, &number))
        return g_strdup_printf("%.128s cannot be patched on a plain host, only " INTERFACES "N" ADDRESS
                               " and " SERIAL " can: change the rest once the VM is there (virsh edit)",
                               path);
    if (!g_str_equal(op, "add") && !g_str_equal(op, "replace"))
        return g_strdup_printf("%.128s: on a plain host it can be added or replaced, nothing else", path);
    if (serial ? !is_serial(value) : !is_mac(value))
        return g_strdup_printf("%.128s: its value is no %s", path,
                               serial ? "serial number of 1 to 64 printable characters"
                                      : "address of one machine, as 52:54:00:12:34:56");
    return NULL;
}

char *
lull_host_patches_check(LullJson *patches)
{
    for (size_t i = 0; patches && i < json_object_array_length(patches); i++) {
        const char *text = json_object_get_string(json_object_array_get_idx(patches, i));
        g_autoptr(LullJson) patch = text ? lull_json_parse(text, -1, NULL) : NULL;
        g_autofree char *problem = json_object_is_type(patch, json_type_object)
                                       ? check_patch(patch)
                                       : g_strdup("it is no JSON patch");

        if (problem)
            return g_strdup_printf("spec.patches[%zu]: %s", i, problem);
    }
    return NULL;
}
